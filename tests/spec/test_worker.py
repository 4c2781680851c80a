"""octavo-worker on its own socket, and the two engines beside each other: real models, real pages."""
import array
import fcntl
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import struct
import subprocess
import time

import pytest

from octavo import BIN, ROOT, wait_for

SAMPLES = ROOT / "tests" / "samples"
RUNTIME = pathlib.Path(os.environ.get("OCTAVO_RUNTIME", ROOT / "runtime"))
ENGINES = [name for name in ("openvino", "onnxruntime") if (RUNTIME / "engines" / name).is_dir()]
ADD_SEALS, ALL_SEALS = 1033, 0xF


class Worker:
    """A worker and our end of its socket."""

    def __init__(self, **environment):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        end = fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD, 10)
        self.process = subprocess.Popen([BIN / "octavo-worker"], env={**os.environ, **environment}, pass_fds=[3],
                                        stderr=subprocess.PIPE, preexec_fn=lambda: os.dup2(end, 3))
        os.close(end)
        theirs.close()

    def send(self, body, fd=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.socket.sendmsg([data], rights)

    def receive(self, quiet=False):
        """The next message, and the JSON in its descriptor; "quiet" comes between and counts only where asked for."""
        data, rights, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(4))
        while not quiet and json.loads(data)["op"] == "quiet":
            data, rights, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(4))
        value = None
        for _, _, packed in rights:
            with os.fdopen(struct.unpack("i", packed[:4])[0], "rb") as file:
                file.seek(0)
                value = json.load(file)
        return json.loads(data), value

    def ask(self, body, fd=None):
        self.send(body, fd)
        return self.receive()

    def end(self):
        self.socket.close()
        status = self.process.wait(30)
        return status, self.process.stderr.read().decode()


@pytest.fixture
def worker():
    started = Worker()
    yield started
    started.socket.close()
    started.process.kill()
    started.process.wait()
    started.process.stderr.close()


def memory(data, sealed=True):
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    if sealed:
        fcntl.fcntl(fd, ADD_SEALS, ALL_SEALS)
    return fd


def read(width, height, channels=1, **more):
    return {"op": "read", "id": 5, "page": 1, "width": width, "height": height, "channels": channels, "dpi": 0, **more}


def test_a_blank_page_has_no_lines(worker):
    ready, _ = worker.ask({"op": "setup", "engine": ENGINES[0], "threads": 2})
    assert ready["op"] == "ready" and ready["engine"] == ENGINES[0] and re.match(r"\d+\.\d+", ready["engine_version"])
    for width, height in ((640, 480), (1, 1), (3000, 2), (2, 3000), (4000, 4000)):
        answer, page = worker.ask(read(width, height), memory(b"\xff" * (width * height)))
        assert answer == {"op": "page", "id": 5}, answer
        assert page["lines"] == [] and page["width"] == width
    status, _ = worker.end()
    assert status == 0


def test_what_is_wrong_with_a_page_is_told_and_the_next_one_is_read(worker):
    worker.send(read(10, 10), memory(b"\xff" * 100))
    early, _ = worker.receive()
    assert early["op"] == "page_failed" and early["error"] == "protocol"
    assert worker.ask({"op": "setup", "engine": ENGINES[0], "threads": 1})[0]["op"] == "ready"
    bad = [
        (read(10, 10), memory(b"\xff" * 99)),                  # too short
        (read(10, 10), memory(b"\xff" * 101)),                 # too long
        (read(10, 10), memory(b"\xff" * 100, sealed=False)),   # its sender could shrink it
        (read(10, 10), None),
        (read(0, 10), memory(b"\xff")),
        (read(1 << 30, 1 << 30), memory(b"\xff")),
        (read(10, 10, channels=4), memory(b"\xff" * 400)),
        ({"op": "read", "id": 5}, memory(b"\xff")),
    ]
    for body, fd in bad:
        answer, _ = worker.ask(body, fd)
        assert answer["op"] == "page_failed" and answer["id"] == 5 and answer["detail"], (body, answer)
    assert worker.ask(read(10, 10), memory(b"\xff" * 100))[0]["op"] == "page"


def test_a_worker_at_rest_says_so(worker):
    assert worker.ask({"op": "setup", "engine": ENGINES[0], "threads": 2})[0]["op"] == "ready"
    heaps = []
    for _ in range(6):
        assert worker.ask(read(300, 200), memory(b"\xff" * 60000))[0]["op"] == "page"
        quiet, _ = worker.receive(quiet=True)
        assert quiet["op"] == "quiet" and quiet["handles"] == 0 and quiet["deficit"] == 0
        heaps.append(quiet["heap"])
    grown = [after - before for before, after in zip(heaps, heaps[1:])]
    assert statistics.median(grown) < 1000, grown  # the first page of each thread leaves what its engine needs there
    wait_for(lambda: worker.ask({"op": "ping"})[0] == {"op": "pong", "busy": 0})


def test_a_worker_without_models_says_what_is_left(worker):
    assert worker.ask({"op": "setup", "engine": ENGINES[0], "threads": 2, "model_idle": 1})[0]["op"] == "ready"
    assert worker.ask(read(300, 200), memory(b"\xff" * 60000))[0]["op"] == "page"
    emptied, _ = worker.receive()
    assert emptied["op"] == "emptied" and 0 < emptied["left"] < 1 << 30


def test_the_plan_follows_the_memory(worker):
    ready, _ = worker.ask({"op": "setup", "engine": "onnxruntime", "threads": 2})
    assert ready["plan"] == {"engine": "onnxruntime", "threads": 2, "tiles": 1, "swapping": False, "reduced": False}
    assert 0 < ready["floor"] <= ready["comfort"]
    less, _ = worker.ask({"op": "plan", "bytes": ready["floor"] - 20_000_000})
    assert less["op"] == "plan" and less["plan"]["reduced"] and less["floor"] <= ready["floor"] - 20_000_000
    _, page = worker.ask(read(300, 200), memory(b"\xff" * 60000))
    assert page["plan"] == less["plan"]
    none, _ = worker.ask({"op": "plan", "bytes": 1_000_000})
    assert none["op"] == "plan_failed" and none["error"] == "no_memory" and re.search(r"\d", none["detail"])
    again, _ = worker.ask({"op": "plan", "bytes": ready["comfort"]})
    assert again["plan"] == ready["plan"]
    assert worker.ask({"op": "plan", "bytes": 0})[0]["error"] == "protocol"


def test_too_little_memory_is_refused_at_setup(worker):
    answer, _ = worker.ask({"op": "setup", "engine": ENGINES[0], "threads": 1, "bytes": 20_000_000})
    assert answer["op"] == "failed" and answer["error"] == "no_memory" and "20" in answer["detail"], answer


def test_models_are_unloaded_on_request_and_loaded_again(worker):
    assert worker.ask({"op": "setup", "engine": ENGINES[0], "threads": 1})[0]["op"] == "ready"
    pixels = b"\xff" * 60000
    assert worker.ask(read(300, 200), memory(pixels))[0]["op"] == "page"
    relieved, _ = worker.ask({"op": "relieve", "step": "unload"})
    assert relieved["op"] == "relieved" and relieved["bytes"] > 20_000_000
    assert worker.ask({"op": "relieve", "step": "trim"})[0] == {"op": "relieved", "step": "trim", "bytes": 0}
    assert worker.ask(read(300, 200), memory(pixels))[0]["op"] == "page"


def test_pages_are_cancelled(worker):
    assert worker.ask({"op": "setup", "engine": ENGINES[0], "threads": 1})[0]["op"] == "ready"
    for number in range(8):
        worker.send({**read(1000, 1000), "id": number}, memory(b"\xff" * 1000000))
    for number in range(7, 0, -1):
        worker.send({"op": "cancel", "id": number})
    worker.send({"op": "cancel", "id": 99})
    answers = {answer["id"]: answer for answer in (worker.receive()[0] for _ in range(8))}
    assert answers[0]["op"] == "page" and answers[7] == {"op": "page_failed", "id": 7, "error": "interrupted",
                                                         "detail": "cancelled"}
    assert sum(answer["op"] == "page_failed" for answer in answers.values()) >= 5
    assert worker.ask(read(10, 10), memory(b"\xff" * 100))[0]["op"] == "page"


def test_a_first_page_does_not_wait_for_those_of_a_book_and_yet_their_turn_comes(worker):
    assert worker.ask({"op": "setup", "engine": ENGINES[0], "threads": 1})[0]["op"] == "ready"

    def send(number, **more):
        worker.send({**read(1000, 1000), "id": number, **more}, memory(b"\xff" * 1000000))
    send(0)
    send(1, first=False)
    for number in range(2, 32):
        send(number, first=True)
    send(32, first=False, priority=1)
    time.sleep(1.2)  # CREW_PATIENCE is 1 s
    send(33, first=True)
    order = [worker.receive()[0]["id"] for _ in range(34)]
    assert [number for number in order if 2 <= number < 32] == list(range(2, 32))
    assert order.index(32) < order.index(31) < order.index(1) < order.index(33)


@pytest.mark.parametrize("garbage", [b"nope", b"{}", b"[]", b'{"op":5}', b'{"op":"dance"}', b"\x00" * 1000, b'{"op":"setup","threads":0}',
                                     b'{"op":"setup","threads":1,"tiles":9}', b'{"op":"share"}',
                                     b'{"op":"share","what":"ledger"}', b'{"op":"share","what":"gold"}',
                                     b'{"op":"setup","engine":"none","threads":1}'])
def test_garbage_is_answered(worker, garbage):
    answer, _ = worker.ask(garbage)
    assert answer["op"] == "failed" and answer["error"] in ("protocol", "usage") and answer["detail"]
    description, value = worker.ask({"op": "describe"})
    assert description["op"] == "description" and value["models"]


def test_models_that_are_missing_or_wrong_are_named(worker, tmp_path):
    answer, _ = worker.ask({"op": "setup", "engine": ENGINES[0], "threads": 1, "models": str(tmp_path)})
    assert answer["error"] == "no_model" and "PP-OCRv6_rec_small.onnx" in answer["detail"]
    for model in (RUNTIME / "models").glob("*.onnx"):
        shutil.copy(model, tmp_path)
    victim = tmp_path / "PP-OCRv6_det_small.onnx"
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    second = Worker()
    answer, _ = second.ask({"op": "setup", "engine": ENGINES[0], "threads": 1, "models": str(tmp_path)})
    second.end()
    assert answer["error"] == "bad_model" and victim.name in answer["detail"] and "sha256" in answer["detail"]


def test_without_engines_each_reason_is_told(tmp_path):
    (tmp_path / "models").symlink_to(RUNTIME / "models")
    for engine in ("auto", "openvino", "onnxruntime"):
        lonely = Worker(OCTAVO_RUNTIME=str(tmp_path), XDG_STATE_HOME=str(tmp_path / "state"))
        answer, _ = lonely.ask({"op": "setup", "engine": engine, "threads": 1})
        lonely.end()
        assert answer["error"] == "no_engine" and "libo" in answer["detail"], answer


def test_auto_measures_once_and_takes_the_better_one(tmp_path):
    if len(ENGINES) < 2:
        pytest.skip("only one engine is installed")
    first = Worker(XDG_STATE_HOME=str(tmp_path))
    chosen = first.ask({"op": "setup", "engine": "auto", "threads": 1})[0]["engine"]
    first.end()
    record = json.loads((tmp_path / "octavo" / "engines.json").read_text())
    # OpenVINO takes twice the memory of ONNX Runtime: it must be clearly faster.
    worth = {name: taken * (1 if name == "onnxruntime" else 1.15) for name, taken in record["milliseconds"].items()}
    assert chosen == record["chosen"] == min(worth, key=worth.get)
    # A record that says otherwise is believed: it was measured on this machine.
    other = next(name for name in ENGINES if name != chosen)
    (tmp_path / "octavo" / "engines.json").write_text(json.dumps({**record, "chosen": other}))
    second = Worker(XDG_STATE_HOME=str(tmp_path))
    assert second.ask({"op": "setup", "engine": "auto", "threads": 1})[0]["engine"] == other
    second.end()
    # In little memory it keeps what threads it can, or the leaner one reads on all of them: whichever does more.
    named = Worker(XDG_STATE_HOME=str(tmp_path))
    floor = named.ask({"op": "setup", "engine": "openvino", "threads": 1, "tiles": 4})[0]["floor"]
    named.end()
    for leaner, taken, threads in ((20, "onnxruntime", 2), (26, "openvino", 1)):
        forged = {**record, "chosen": "openvino", "milliseconds": {"openvino": 10, "onnxruntime": leaner}}
        (tmp_path / "octavo" / "engines.json").write_text(json.dumps(forged))
        tight = Worker(XDG_STATE_HOME=str(tmp_path))
        ready = tight.ask({"op": "setup", "engine": "auto", "threads": 2, "tiles": 4, "bytes": floor + 5_000_000})[0]
        tight.end()
        assert ready["engine"] == ready["plan"]["engine"] == taken and ready["plan"]["threads"] == threads, ready
    # One that is damaged, or of another machine, is measured again.
    for text in ("{", json.dumps({**record, "key": "another machine", "chosen": other})):
        (tmp_path / "octavo" / "engines.json").write_text(text)
        third = Worker(XDG_STATE_HOME=str(tmp_path))
        assert third.ask({"op": "setup", "engine": "auto", "threads": 1})[0]["op"] == "ready"
        third.end()
        assert json.loads((tmp_path / "octavo" / "engines.json").read_text())["key"] == record["key"]


def words(text):
    return text.split()


def run_ocr(engine, folder, files, *more):
    subprocess.run([BIN / "octavo", "ocr", "-q", "--engine", engine, "-f", "text,json", "-o", folder, *more, *files],
                   check=True, timeout=600)


def test_both_engines_give_the_same_text(tmp_path):
    """bfloat16 against float: at most one word in fifty may differ, and scores by at most 0.2 where the text is the same."""
    if len(ENGINES) < 2:
        pytest.skip("only one engine is installed")
    files = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg", ".pdf"))
    for engine in ENGINES:
        run_ocr(engine, tmp_path / engine, files)
    total = different = 0
    for path in files:
        texts = [words((tmp_path / engine / f"{path.stem}.txt").read_text()) for engine in ENGINES]
        total += len(texts[0])
        different += len(set(texts[0]) ^ set(texts[1]))
        results = [json.loads((tmp_path / engine / f"{path.stem}.json").read_text()) for engine in ENGINES]
        scores = [{line["text"]: line["score"] for page in result["pages"] for line in page["lines"]} for result in results]
        for text in scores[0].keys() & scores[1].keys():
            assert abs(scores[0][text] - scores[1][text]) < 0.2, text
    assert total > 100 and different / 2 <= total / 50, f"{different} of {total} words differ"


def test_the_older_models_read_too(tmp_path):
    run_ocr(ENGINES[0], tmp_path, [SAMPLES / "letter.png"], "--ocr-version", "PP-OCRv4")
    truth, text = words((SAMPLES / "letter.gt.txt").read_text()), words((tmp_path / "letter.txt").read_text())
    assert len(set(truth) & set(text)) > 0.8 * len(set(truth))
    unknown = subprocess.run([BIN / "octavo", "ocr", "--ocr-version", "PP-OCRv9", SAMPLES / "letter.png"],
                             capture_output=True, text=True, timeout=60)
    assert unknown.returncode == 69 and "version PP-OCRv9; it has " in unknown.stderr and "PP-OCRv4" in unknown.stderr


def test_many_threads_read_what_one_reads(tmp_path):
    files = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg"))
    for threads in ("1", "4"):
        run_ocr(ENGINES[0], tmp_path / threads, files, "--threads", threads)
    for path in files:
        name = f"{path.stem}.txt"
        assert (tmp_path / "1" / name).read_text() == (tmp_path / "4" / name).read_text()


@pytest.mark.skipif("openvino" not in ENGINES, reason="OpenVINO is not installed")
def test_first_starts_at_once_share_the_cache_of_compiled_models(tmp_path):
    """And who finds it taken for too long reads without it."""
    command = [BIN / "octavo", "ocr", "-v", "--engine", "openvino", SAMPLES / "letter.png"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    runs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(3)]
    told = [(run.communicate(timeout=120), run.returncode) for run in runs]
    assert [status for _, status in told] == [0, 0, 0], told
    assert len({text for (text, _), _ in told}) == 1 and not any("died" in errors for (_, errors), _ in told)
    locks = list(tmp_path.glob("octavo/*.lock"))
    assert {path.suffix for path in (tmp_path / "octavo").iterdir()} == {".lock", ".blob"} and len(locks) >= 3
    with next(path for path in locks if "_det_" in path.name).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and run.stdout == told[0][0][0], run.stderr
