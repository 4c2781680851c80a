"""The life of the worker: pages that kill it, hangs, idleness, deadlines; every way leaves a balanced ledger."""
import json
import os
import re
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest

from octavo import BIN, LETTER, ROOT, octavo, pdf, png, require_models, wait_for
from test_kill import RASTER, WORKER, Run, is_alive

BALANCED = "the ledger is balanced"


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()


@pytest.fixture
def leaf(tmp_path):
    path = tmp_path / "leaf.png"
    path.write_bytes(png(200, 100))
    return path


def start(out, *arguments):
    return Run("-v", "-f", "text,json", "-o", out, "--dump-dir", out / "dumps", *arguments)


def finish(run, status):
    """Waits for the end; whatever has happened, nothing is charged then."""
    assert run.finish() == status, run.texts()
    assert any(BALANCED in text for text in run.texts()), run.texts()


def largest_page(pid):
    """Bytes of the largest bitmap that is mapped in this process."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return 0
    spans = [line.split()[0].split("-") for line in maps.splitlines() if "memfd:octavo-page" in line]
    return max((int(end, 16) - int(begin, 16) for begin, end in spans), default=0)


def workers_of(run):
    """The pids of all its workers that live."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        name, state, parent = text[text.index("(") + 1:text.rindex(")")], *text[text.rindex(")") + 2:].split()[:2]
        if name == WORKER and int(parent) == run.process.pid and state not in "ZX":
            found.append(int(stat.parent.name))
    return found


def test_page_that_kills_its_worker_twice_fails_alone(leaf, tmp_path):
    """Page 2 is the tall one: every worker that has it in its hands is killed."""
    book = tmp_path / "book.pdf"
    text = pdf(3)
    second = text.index(b"400 200", text.index(b"400 200") + 1)
    book.write_bytes(text[:second] + b"400 990" + text[second + 7:])
    run = start(tmp_path, "--jobs", "1", "--dpi", "200", book, leaf)
    deaths = 0
    while run.process.poll() is None:
        worker = run.children().get(WORKER)
        if worker and largest_page(worker) > 2_500_000:
            os.kill(worker, signal.SIGKILL)
            wait_for(lambda pid=worker: not is_alive(pid))
            deaths += 1
        time.sleep(0.001)
    finish(run, 1)
    assert deaths == 2
    failed = [text for text in run.texts() if "twice with this page in hand" in text]
    assert len(failed) == 1 and failed[0].startswith(f"octavo: {book}: page 2: "), run.texts()
    result = json.loads((tmp_path / "book.json").read_text())
    assert [page["number"] for page in result["pages"]] == [1, 3] and result["complete"] is False
    assert (tmp_path / "leaf.txt").exists()
    obituaries = [text for text in run.texts() if "page 2 of" in text and "was killed" in text]
    assert len(obituaries) == 2 and len(list((tmp_path / "dumps").glob("*-worker.json"))) == 2


def test_worker_that_hangs_is_noticed_and_replaced(tmp_path):
    run = start(tmp_path, LETTER)
    worker = run.wait_for_child(WORKER)
    wait_for(lambda: largest_page(worker) > 0)
    os.kill(worker, signal.SIGSTOP)
    stopped = time.monotonic()
    finish(run, 0)
    assert 9 < run.answer_after(stopped, "did not answer for 10 s") < 14
    assert not is_alive(worker)
    assert (tmp_path / "letter.txt").read_text() == octavo("ocr", LETTER).stdout


@pytest.mark.parametrize("engine, keeps_much", [("openvino", True), ("onnxruntime", False)])
def test_worker_without_models_leaves_if_much_is_left(tmp_path, engine, keeps_much):
    """After many shapes OpenVINO keeps a hundred megabytes when the last model has gone; ONNX Runtime keeps little."""
    samples = sorted((ROOT / "tests/samples").glob("*.[jp][pn]g")) + [ROOT / "tests/samples/columns.pdf"]
    pipe, out = tmp_path / "names", tmp_path / "out"
    os.mkfifo(pipe)
    run = start(out, "--engine", engine, "--model-idle", "1", "--worker-idle", "600", "--files-from", pipe)
    with open(pipe, "w", buffering=1) as names:
        print(*samples, sep="\n", file=names)
        wait_for(lambda: len(list(out.glob("*.json"))) == len(samples), 60)
        if keeps_much:
            wait_for(lambda: not run.children(), 10)
        else:
            time.sleep(4)
            assert run.children().get(WORKER)
        print(samples[0], file=names)
    finish(run, 0)


def test_idle_worker_leaves_and_the_next_document_starts_it_again(leaf, tmp_path):
    """Through a pipe that stays open; when nothing is to be done only the front is left, and it is small."""
    pipe, out = tmp_path / "names", tmp_path / "out"
    os.mkfifo(pipe)
    run = start(out, "--worker-idle", "1", "--timing", "--files-from", pipe)
    with open(pipe, "w", buffering=1) as names:
        for number in (1, 2):
            document = tmp_path / f"{number}.png"
            shutil.copy(leaf if number == 1 else LETTER, document)
            print(f"\n{document}", file=names)
            wait_for(lambda path=out / f"{number}.json": path.exists())
            worker = run.children().get(WORKER)
            assert worker
            wait_for(lambda: not run.children(), 5)
            assert not is_alive(worker)
            rollup = Path(f"/proc/{run.process.pid}/smaps_rollup").read_text()
            if "asan" not in str(BIN):
                assert int(re.search(r"Pss: +(\d+) kB", rollup)[1]) < 30000
        print(tmp_path / "missing.png", file=names)
        print(leaf, file=names)
    finish(run, 1)
    assert "Workshop" in (out / "2.txt").read_text() and (out / "leaf.json").exists()
    assert any("2 left idle" in text for text in run.texts()), run.texts()
    assert any("missing.png: the file cannot be opened" in text for text in run.texts())


def test_names_from_a_file_are_read_beside_those_of_the_command_line(leaf, tmp_path):
    names = tmp_path / "names"
    names.write_text(f"{LETTER}\n\n{leaf}")  # the last line has no end
    run = octavo("ocr", "-o", tmp_path / "out", "--files-from", names, leaf)
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in (tmp_path / "out").glob("*")) == ["leaf.png.txt", "leaf.txt", "letter.txt"]
    with open(names) as stdin:
        run = octavo("ocr", "-o", tmp_path / "two", "--files-from", "-", stdin=stdin)
    assert run.returncode == 0 and len(list((tmp_path / "two").glob("*.txt"))) == 2
    run = octavo("ocr", "-o", tmp_path / "two", "--files-from", tmp_path / "none")
    assert run.returncode == 66 and "none: No such file" in run.stderr
    run = octavo("ocr", "-o", tmp_path / "two", "--files-from", tmp_path)
    assert run.returncode == 66 and f"{tmp_path}: Is a directory" in run.stderr


@pytest.mark.parametrize("names, status, read", [("", 66, []), ("missing.png\n", 66, []),
                                                 (f"{LETTER}\n{LETTER}"[:-1], 1, ["letter.txt"])])
def test_names_that_cannot_be_read_to_the_end(tmp_path, names, status, read):
    """The other end of a socket is closed before it has read all: what it had sent comes, then ECONNRESET."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(names.encode())
        theirs.sendall(b"never read")
        ours.close()
        run = octavo("ocr", "-o", tmp_path, "--files-from", "-", stdin=theirs)
    assert run.returncode == status, run.stderr
    assert run.stderr.count("-: Connection reset by peer") == 1
    assert run.stderr.count("\n") == 1 + names.count("missing")
    assert sorted(path.name for path in tmp_path.iterdir()) == read


def test_document_past_its_deadline_ends_and_others_are_read(leaf, tmp_path):
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf(400))
    begin = time.monotonic()
    run = start(tmp_path, "--deadline", "2", "--jobs", "1", book, leaf)
    finish(run, 1)
    told = [text for text in run.texts() if "2 seconds for the whole document" in text]
    assert len(told) == 1 and told[0].startswith(f"octavo: {book}: it took longer than the limit"), run.texts()
    assert time.monotonic() - begin < 8
    assert (tmp_path / "leaf.txt").exists()
    if (tmp_path / "book.json").exists():  # on a slow machine no page of it may be ready
        result = json.loads((tmp_path / "book.json").read_text())
        assert result["complete"] is False and len(result["pages"]) < 400


def test_per_task_gives_each_document_its_own_worker(tmp_path):
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.png")
        shutil.copy(LETTER, files[-1])
    run = start(tmp_path, "--per-task", "--jobs", "2", "--threads", "1", *files)
    seen, most = set(), 0
    while run.process.poll() is None:
        workers = workers_of(run)
        seen.update(workers)
        most = max(most, len(workers))
        time.sleep(0.005)
    finish(run, 0)
    assert len(seen) == 3 and most == 2
    assert len({path.with_suffix(".txt").read_text() for path in files}) == 1


def test_several_instances_read_what_one_would(tmp_path):
    files = [tmp_path / f"{name}.pdf" for name in "abc"]
    for file in files:
        file.write_bytes(pdf(3))
    run = octavo("ocr", "--timing", "--layout", "off", "-o", tmp_path / "out", *files,
                 env=dict(os.environ, OCTAVO_POOL_INSTANCES="2"))
    assert run.returncode == 0, run
    assert "2 started, 0 died" in run.stderr
    read = {file.read_text() for file in (tmp_path / "out").iterdir()}
    assert len(read) == 1 and re.findall(r"Page number \d", read.pop()) == [f"Page number {page}" for page in (1, 2, 3)]


def test_signal_writes_a_dump(tmp_path):
    pipe = tmp_path / "names"
    os.mkfifo(pipe)
    run = start(tmp_path, "--files-from", pipe)
    with open(pipe, "w"):
        for number in range(12):
            time.sleep(0.02)
            run.process.send_signal(signal.SIGUSR1)
            wait_for(lambda want=number + 1: sum("what memory was used for" in text for text in run.texts()) == want)
    finish(run, 0)
    dumps = sorted((tmp_path / "dumps").iterdir())
    assert len(dumps) == 10  # the newest are kept
    dump = json.loads(dumps[-1].read_text())
    assert set(dump) == {"version", "reason", "at", "ledger", "memory", "predictions", "recorder"}
    assert dump["reason"] == "signal" and dump["predictions"]["samples"] == 0
    assert dump["ledger"]["accounts"][0]["name"] == "front" and dump["recorder"]["counts"] and dump["memory"]["known"]
    assert run.texts()[-2].endswith(dumps[-1].name)


@pytest.mark.parametrize("victim", [WORKER, RASTER])
def test_ledger_is_balanced_after_many_deaths(leaf, tmp_path, victim):
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf(12))
    run = start(tmp_path, "--memory", "1G", book, LETTER, leaf)
    for _ in range(3):
        run.wait_for_child(victim)
        time.sleep(0.3)
        run.kill(victim)
    assert run.finish() in (0, 1)
    assert any(BALANCED in text for text in run.texts()), run.texts()


def test_ledger_is_balanced_when_it_is_interrupted(tmp_path):
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf(300))
    run = start(tmp_path, book, LETTER)
    run.wait_for_child(WORKER)
    time.sleep(1)
    run.process.send_signal(signal.SIGINT)
    finish(run, 130)
