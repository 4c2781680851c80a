"""Running a command, measuring its process tree, and scoring the text that it wrote."""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import place


def run(argv, env=None, sampled=False):
    """Runs argv to its end and returns its figures; what it prints is shown only where it fails.

    Plain: wall_s, cpu_s, status. Sampled: peak_pss_mb, status; no times, since treemem.py reads the page tables of the
    whole tree every 20 ms, which holds up a process that maps and unmaps much (RapidOCR takes half as long again).
    """
    argv = [str(word) for word in argv]
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "env": {**os.environ, **(env or {})}}
        figures = (sample if sampled else clock)(argv, streams)
        if figures["status"] != 0:
            log.seek(0)
            print(f"status {figures['status']}: {' '.join(argv)[:200]}\n{log.read()[-2000:]}", file=sys.stderr)
    return figures


def clock(argv, streams):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    status = subprocess.run(argv, check=False, **streams).returncode
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3), "status": status}


def sample(argv, streams):
    with tempfile.NamedTemporaryFile("r") as file:
        subprocess.run([sys.executable, place.TREEMEM, "-o", file.name, *argv], check=False, **streams)
        figures = json.load(file)
    return {key: figures[key] for key in ("peak_pss_mb", "status")}


def part(items, share):
    """A share of a list, evenly spread over it; never nothing."""
    count = max(1, round(len(items) * share))
    return [items[i * len(items) // count] for i in range(min(count, len(items)))]


def fresh_folder(path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def truth_folder(documents, path):
    """A folder that holds the text truth of these documents alone."""
    fresh_folder(path)
    for document in documents:
        truth = place.truth_of(document)
        (path / truth.name).symlink_to(truth)
    return path


def score(truth, output):
    """CER and word F1 of the texts in output against truth's, in all and per document; {} without textscore.py."""
    if not place.have_shared():
        return {}
    command = [sys.executable, place.TEXTSCORE, "--fold", "--dir", truth, output]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    scores = {name: (float(cer), float(f1), int(length))
              for name, cer, f1, length in (line.split("\t") for line in lines)}
    cer, f1, _ = scores.pop("TOTAL")
    return {"cer": cer, "f1": f1, "documents": scores}


class System:
    """One way to read the work: a name, a command and the folder that it fills with texts."""

    def __init__(self, name, argv, out, env=None, baseline=None, after=None):
        self.name, self.argv, self.out, self.env = name, argv, out, env
        self.baseline = baseline or name  # the system that its ratios are taken against
        self.after = after  # called with folder and figures after each timed run; what it returns is kept in the row

    def run(self, sampled=False):
        fresh_folder(self.out)
        return run(self.argv, self.env, sampled)


def compare(systems, repeat, truth, with_peak=True):
    """A row per system: figures of repeat timed runs, all systems in turn (A B A B), score of the last one, and peak.

    The peak is from a further run of each (see run()); it is None if not wanted, and without treemem.py.
    """
    rows = {system.name: {"system": system.name, "baseline": system.baseline, "runs": []} for system in systems}
    for number in range(repeat):
        for system in systems:
            figures = system.run()
            rows[system.name]["runs"].append(figures)
            rows[system.name] |= system.after(system.out, figures) if system.after else {}
            print(f"  {system.name}, run {number + 1} of {repeat}: {figures['wall_s']:.1f} s", flush=True)
    for system in systems:
        rows[system.name] |= score(truth, system.out)
        sampled = system.run(sampled=True) if with_peak and place.have_shared() else {"peak_pss_mb": None}
        rows[system.name]["peak_pss_mb"] = sampled["peak_pss_mb"]
        print(f"  {system.name}: peak {sampled['peak_pss_mb'] or '-'} MB", flush=True)
    return list(rows.values())
