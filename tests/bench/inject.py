"""One step of one process fails (tests/fault): what Octavo makes of it."""
import dataclasses
import os
import pathlib
import re
import subprocess
import tempfile

import place
import told

LIBRARY = place.BINARIES.parent / "tests/fault/libfault.so"
FRONT, WORKER, RASTER = "octavo", "octavo-worker", "octavo-raster"
KINDS = {FRONT: ("alloc", "large", "call"), RASTER: ("alloc", "large", "call"),
         WORKER: ("alloc", "large", "call", "engine")}
SECONDS = 60  # a run takes one or two on an idle machine; longer than any limit of its own
ENDED = "out of memory for a small allocation, ending this process"  # base/memory.h
REPORT = re.compile(r"Sanitizer|runtime error:|Assertion|stack smashing|double free|corrupted")


@dataclasses.dataclass
class Verdict:
    """What came of one fault. step: what failed, None if there were fewer steps; problems: what should not be."""
    step: str | None
    status: int | None
    lines: list
    problems: list

    @property
    def survived(self):
        return self.status == 0


def environment(program, kind, number, log):
    """The environment of a run in which this step fails."""
    asan = os.environ.get("ASAN_OPTIONS", "")
    return {**os.environ, "LD_PRELOAD": str(LIBRARY), "OCTAVO_FAULT": f"{program}:{kind}:{number}",
            "OCTAVO_FAULT_LOG": str(log), "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0".lstrip(":")}


def left_running(log):
    """Names of living processes of a run, known by their environment."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(log).encode() in (folder / "environ").read_bytes():
                found.append((folder / "comm").read_text().strip())
        except OSError:
            pass  # it has just ended, or is not ours
    return [name for name in found if name.startswith("octavo")]


def judge(status, text, lines, wanted):
    """What is wrong with the end of a run: status and lines must say whether the text is all there."""
    problems = [line for line in lines if REPORT.search(line)]
    if status is None:
        return [*problems, f"no end after {SECONDS} s"]
    if status == 0:
        return problems + ([] if text == wanted else ["status 0, but another text"])
    if not 0 < status < 128:
        problems.append(f"octavo itself ended with {status}")
    elif not told.failures(lines) and not any(ENDED in line for line in lines):
        problems.append(f"status {status} without a clear line")
    held = told.ledger_at_end(lines)
    return problems + ([f"the ledger ends with {held:.0f} bytes"] if held else [])


def run(program, kind, number, argv, wanted):
    """Runs argv with the number-th step of program failing; wanted: the text that a good run prints."""
    with tempfile.TemporaryDirectory(prefix="octavo-fault-") as folder:
        log = pathlib.Path(folder) / "step"
        with subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment(program, kind, number, log)) as process:
            try:
                out, err = process.communicate(timeout=SECONDS)
                status = process.returncode
            except subprocess.TimeoutExpired:
                process.kill()
                (out, err), status = process.communicate(), None
        lines = err.decode(errors="replace").splitlines()
        problems = judge(status, out.decode(errors="replace"), lines, wanted)
        left = left_running(log) if status is not None else []
        problems += [f"left running: {' '.join(left)}"] if left else []
        return Verdict(log.read_text() if log.exists() else None, status, lines, problems)


def numbers(dense, growth):
    """1, 2, ... dense, then each so many times the last."""
    number = 0
    while True:
        number = number + 1 if number < dense else max(number + 1, int(number * growth))
        yield number


def sweep(program, kind, argv, wanted, dense, growth):
    """(number, verdict) of ever later steps, until there is none left to fail: that last one is in it, too."""
    for number in numbers(dense, growth):
        verdict = run(program, kind, number, argv, wanted)
        yield number, verdict
        if verdict.step is None:
            return


def good_text(argv):
    """What a run prints in which nothing fails."""
    return subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=True, timeout=10 * SECONDS).stdout
