"""kill -9 of any of the processes at any moment: a clear answer within a second, nothing hangs, nothing is left."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from octavo import BIN, octavo, pdf, png, require_models

PAGES = 6
RASTER, WORKER = "octavo-raster", "octavo-worker"
random_moments = random.Random(1501)


class Run:
    """A running octavo, its children, and when it said what."""

    def __init__(self, *arguments, before=()):
        self.process = subprocess.Popen([*before, BIN / "octavo", "ocr", *map(str, arguments)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True)
        self.lines = []
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()
        self.seen = set()

    def listen(self):
        for line in self.process.stderr:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def children(self):
        """Name -> pid of the children that live; the last of each name."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text()
            except OSError:
                continue  # it has just ended
            name, state, parent = text[text.index("(") + 1:text.rindex(")")], *text[text.rindex(")") + 2:].split()[:2]
            if int(parent) == self.process.pid and state not in "ZX":
                found[name] = int(stat.parent.name)
                self.seen.add(found[name])
        return found

    def wait_for_child(self, name, other_than=None):
        """The pid of a child of this name, as soon as there is one; None if octavo ends before."""
        while self.process.poll() is None:
            pid = self.children().get(name)
            if pid and pid != other_than:
                return pid
        return None

    def kill(self, name):
        """Kills the child of this name; the moment, None if there is none."""
        pid = self.children().get(name)
        if pid is None:
            return None
        moment = time.monotonic()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        return moment

    def finish(self):
        """Waits for the end; the exit status. No child outlives octavo by more than a second."""
        status = self.process.wait(120)
        self.listener.join(10)
        deadline = time.monotonic() + 1
        while any(is_alive(pid) for pid in self.seen):
            assert time.monotonic() < deadline, "a child is left"
            time.sleep(0.01)
        return status

    def texts(self):
        return [text for _, text in self.lines]

    def answer_after(self, moment, words):
        """Seconds from moment to the first line with these words."""
        return next((when - moment for when, text in self.lines if words in text), None)


def is_alive(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] not in "ZX" and "(octavo" in text


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A book and a leaf, and how long reading both takes."""
    require_models()
    folder = tmp_path_factory.mktemp("kill")
    book, leaf = folder / "book.pdf", folder / "leaf.png"
    book.write_bytes(pdf(PAGES))
    leaf.write_bytes(png(200, 100))
    start = time.monotonic()
    run = octavo("ocr", "-o", folder / "whole", "--jobs", "1", book, leaf)
    assert run.returncode == 0, run.stderr
    return {"book": book, "leaf": leaf, "seconds": time.monotonic() - start,
            "text": (folder / "whole" / "book.txt").read_text()}


def start(work, out, *arguments, **options):
    return Run("-f", "text,json", "-o", out, "--jobs", "1", "--dump-dir", out / "dumps", *arguments, work["book"],
               work["leaf"], **options)


def moments(count):
    """Parts of a whole run, spread over it."""
    return [pytest.param((i + random_moments.random()) / count, id=f"{i}") for i in range(count)]


def check_raster_death(run, out, killed, work):
    """The book is given up, what was complete of it is kept, the leaf is read."""
    status = run.finish()
    assert (out / "leaf.txt").exists()
    if status == 0:  # its last page was drawn already, or it was the leaf's end
        assert (out / "book.txt").read_text() == work["text"]
        return
    assert status == 1
    assert len(run.lines) == 1, run.texts()
    assert "octavo-raster was killed by signal 9 (Killed)" in run.lines[0][1]
    assert run.lines[0][1].startswith(f"octavo: {work['book']}: ")
    assert run.lines[0][0] - killed < 1
    if (out / "book.json").exists():
        result = json.loads((out / "book.json").read_text())
        assert result["complete"] is False
        assert f"{len(result['pages'])} of {PAGES} pages are kept" in run.lines[0][1]
    else:
        assert "kept" not in run.lines[0][1] or f"0 of {PAGES} pages are kept" in run.lines[0][1]


def test_raster_killed_at_its_start(work, tmp_path):
    run = start(work, tmp_path)
    assert run.wait_for_child(RASTER)
    check_raster_death(run, tmp_path, run.kill(RASTER), work)
    assert not (tmp_path / "book.txt").exists()


@pytest.mark.parametrize("part", moments(10))
def test_raster_killed(work, tmp_path, part):
    run = start(work, tmp_path)
    time.sleep(part * work["seconds"])
    killed = run.kill(RASTER)
    if killed is None:
        assert run.finish() == 0
    elif (tmp_path / "book.txt").exists():  # it was the leaf's
        assert run.finish() in (0, 1)
        assert run.answer_after(killed, "octavo-raster was killed") is None or run.lines[0][0] - killed < 1
    else:
        check_raster_death(run, tmp_path, killed, work)


def test_raster_that_hangs_is_ended_after_its_time(work, tmp_path):
    run = start(work, tmp_path, "--page-timeout", "1")
    os.kill(run.wait_for_child(RASTER), signal.SIGSTOP)
    stopped = time.monotonic()
    assert run.finish() == 1
    assert len(run.lines) == 1, run.texts()
    assert "it took longer than the limit: 1 second" in run.lines[0][1]
    assert 0.5 < run.lines[0][0] - stopped < 2
    assert (tmp_path / "leaf.txt").exists()


def check_worker_death(run, out, killed, work):
    """All is read all the same."""
    assert run.finish() == 0, run.texts()
    assert (out / "book.txt").read_text() == work["text"]
    assert (out / "leaf.txt").exists()
    if run.lines:  # none: it was the very end
        assert re.fullmatch(r"octavo: octavo-worker was killed by signal 9 \(Killed\) .*, after \d+ pages? in \d+\.\d s, "
                            r"with \d+ MB charged; it is started again", run.texts()[0]), run.texts()
        assert re.fullmatch(r"octavo: what memory was used for is in .*-worker\.json", run.texts()[1])
        assert len(run.lines) == 2
        assert run.lines[0][0] - killed < 1


def test_worker_killed_at_its_start(work, tmp_path):
    run = start(work, tmp_path)
    assert run.wait_for_child(WORKER)
    check_worker_death(run, tmp_path, run.kill(WORKER), work)
    assert run.lines


@pytest.mark.parametrize("part", moments(10))
def test_worker_killed(work, tmp_path, part):
    run = start(work, tmp_path)
    time.sleep(part * work["seconds"])
    killed = run.kill(WORKER)
    if killed is None:
        assert run.finish() == 0
    else:
        check_worker_death(run, tmp_path, killed, work)


def test_worker_that_never_gets_ready_is_given_up(work, tmp_path):
    run = start(work, tmp_path)
    worker, killed = None, []
    while (worker := run.wait_for_child(WORKER, other_than=worker)) is not None:
        killed.append(time.monotonic())
        os.kill(worker, signal.SIGKILL)
    assert run.finish() == 1
    assert len(killed) == 5
    assert killed[1] - killed[0] < 0.25 < killed[2] - killed[1] < killed[3] - killed[2]  # it waits longer and longer
    assert run.answer_after(killed[4], "5 times in a row") < 1


@pytest.mark.parametrize("part", moments(10))
def test_front_killed(work, tmp_path, part):
    run = start(work, tmp_path)
    time.sleep(part * work["seconds"])
    run.children()
    run.process.kill()
    run.finish()
    for path in tmp_path.glob("*.txt"):  # what is there is whole
        assert path.name == "leaf.txt" or path.read_text() == work["text"]


def test_nothing_is_left_in_tmp_and_shm(work):
    """With folders of its own in the place of /tmp and /dev/shm, where the system lets us mount them."""
    place = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="octavo-test-"))
    try:
        for name in ("tmp", "shm", "out"):
            (place / name).mkdir()
        for name in ("book", "leaf"):
            shutil.copy(work[name], place)
        inside = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c",
                  f"mount --bind {place}/tmp /tmp && mount --bind {place}/shm /dev/shm && exec \"$@\"", "sh"]
        if BIN.resolve().is_relative_to("/tmp") or subprocess.run([*inside, "true"], capture_output=True).returncode:
            pytest.skip("no mounts of our own here, or the program is in /tmp itself")
        local = {"book": place / work["book"].name, "leaf": place / work["leaf"].name}
        for name in (RASTER, WORKER, "octavo", None):
            run = start(local, place / "out", before=inside)
            run.wait_for_child(RASTER)
            time.sleep(work["seconds"] / 3)
            if name == "octavo":
                run.children()
                run.process.kill()
            elif name:
                run.kill(name)
            run.finish()
            assert list((place / "tmp").iterdir()) == []
            assert list((place / "shm").iterdir()) == []
    finally:
        shutil.rmtree(place)
