"""`octavo doctor --dump FILE`: a dump of the flight recorder as people read it."""
import json
import re

import pytest

from octavo import octavo

DUMP = {
    "version": "0.1.0", "reason": "refusal", "at": "2026-03-04T05:06:07Z",
    "ledger": {
        "device": "cpu", "budget": 512000000, "charged": 300500000, "peak": 400000000, "lacking": 0, "overdrawn": 0,
        "seats": 4, "seats_taken": 1, "kinds": {"weights": 60000000, "run": 240500000},
        "accounts": [{"name": "worker", "pid": 4711, "seats": 1,
                      "held": {"weights": 60000000, "run": 240500000, "novelty": 1000000}}],
        "waiters": [{"name": "raster", "pid": 4712, "kind": "drawing", "bytes": 77000000, "waited": 1.25}]},
    "memory": {"tree": 310000000, "level": "high"},
    "predictions": {"samples": 110, "under": 1, "median": 0.8351, "p99": 0.9512, "histogram": []},
    "recorder": {
        "events": [
            {"at": 12.5, "process": 4711, "event": "run", "text": "det", "a": 100000000, "b": 90500000},
            {"at": 3.25, "process": 4711, "event": "load_failed", "text": "rec", "a": -2, "b": 1500000000},
            {"at": 0.001, "process": 4700, "event": "worker", "text": "killed\x1b[2J", "a": 4711, "b": 2},
            {"at": 0.00100001, "process": 4700, "event": "of_tomorrow", "text": "x", "a": 1, "b": 2}],
        "counts": {"run": 400, "evict": 0, "worker": 1}},
}


def dump(tmp_path, content):
    path = tmp_path / "dump.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def lines(run):
    """Words of each line, blanks between made alike."""
    return [re.sub(r"  +", " | ", line.strip()) for line in run.stdout.splitlines()]


def test_dump_is_told_for_people(tmp_path):
    run = octavo("doctor", "--dump", dump(tmp_path, DUMP))
    assert (run.returncode, run.stderr) == (0, "")
    told = lines(run)
    assert told[0] == "dump for refusal at 2026-03-04T05:06:07Z, octavo 0.1.0"
    for line in ("budget | 512.0 MB", "charged | 300.5 MB", "seats | 1 of 4 taken",
                 "worker | 4711 | 301.5 MB | weights 60.0 MB, run 240.5 MB",
                 "raster | 4712 | 77.0 MB | drawing | 1.250 s",
                 '{"tree":310000000,"level":"high"}',
                 "110 compared, 1 too low, actual / predicted: median 0.84, p99 0.95",
                 "run 400, worker 1", "4 events",
                 "-12.500 s | 4711 | run | det | predicted 100.0 MB, took 90.5 MB",
                 "-3.250 s | 4711 | load_failed | rec | error no_input, next try in 1.500 s",
                 r"-0.001 s | 4700 | worker | killed\x1B[2J | pid 4711, pages in hand 2",
                 "-0.001 s | 4700 | of_tomorrow | x | a 1, b 2"):
        assert line in told, run.stdout
    assert "\x1b" not in run.stdout


def test_last_events_are_shown(tmp_path):
    events = [{"at": 1000 - i, "process": 1, "event": "run", "text": f"n{i}", "a": 0, "b": 0} for i in range(1000)]
    run = octavo("doctor", "--dump", dump(tmp_path, {"reason": "signal", "recorder": {"events": events}}))
    assert run.returncode == 0
    assert "the last 200 of 1000 events" in run.stdout
    assert re.findall(r" n(\d+) ", run.stdout) == [str(i) for i in range(800, 1000)]


def test_json_gives_the_dump_back(tmp_path):
    run = octavo("doctor", "--json", "--dump", dump(tmp_path, DUMP))
    assert run.returncode == 0 and json.loads(run.stdout) == DUMP


@pytest.mark.parametrize("content", [
    {"reason": "request"},
    {"reason": "request", "ledger": None, "memory": None, "predictions": None, "recorder": None},
    {"reason": "request", "at": 7, "version": [], "ledger": [1], "memory": "x", "predictions": 5,
     "recorder": {"events": {}}},
    {"reason": "", "ledger": {"accounts": [1, None, {}, {"held": 5}], "waiters": [{}, "x"], "budget": "much"},
     "predictions": {"median": []},
     "recorder": {"events": [{}, 1, None, {"event": 3, "a": 1e300, "b": "x", "at": -1e300}], "counts": []}},
    {"reason": "request",
     "recorder": {"events": [{"event": "load_failed", "a": -1e18}, {"event": "load_failed", "a": 1e300}]}},
], ids=["bare", "null", "other types", "empty members", "absurd codes"])
def test_what_is_missing_or_odd_is_left_out(tmp_path, content):
    run = octavo("doctor", "--dump", dump(tmp_path, content))
    assert run.returncode == 0 and run.stderr == "" and run.stdout.startswith("dump for ")


@pytest.mark.parametrize("content, told", [
    (b"", "not JSON"), (b"\x00\xff\x1b[2J garbage", "not JSON"), (json.dumps(DUMP).encode()[:-40], "not JSON"),
    (b"[]", 'no "reason"'), (b"7", 'no "reason"'), (b'{"reason": 7}', 'no "reason"'), (b"{" * 5000, "not JSON"),
], ids=["empty", "garbage", "cut off", "array", "number", "wrong reason", "deep"])
def test_what_is_no_dump_is_one_clear_line(tmp_path, content, told):
    path = dump(tmp_path, content)
    run = octavo("doctor", "--dump", path)
    assert (run.returncode, run.stdout) == (64, "")
    assert len(run.stderr.splitlines()) == 1
    assert f"--dump {path}: this is no dump of Octavo" in run.stderr and told in run.stderr


def test_missing_file_is_66(tmp_path):
    run = octavo("doctor", "--dump", tmp_path / "none")
    assert (run.returncode, run.stdout) == (66, "")
    assert f"octavo: {tmp_path}/none: the file cannot be opened: No such file or directory" in run.stderr
    assert octavo("doctor", "--dump", tmp_path).returncode == 66
