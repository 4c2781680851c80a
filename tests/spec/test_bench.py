"""The benchmark is run by hand; here only that its scripts are sound and that its verdicts say what was measured."""
import itertools
import pathlib
import subprocess
import sys

import pytest

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))

import accuracy
import cgroup
import inject
import kills
import limited
import measure
import oldway
import report
import serving
import soak
import told


def test_every_script_compiles():
    scripts = [*BENCH.glob("*.py"), BENCH / "run", BENCH / "table", BENCH / "sweep"]
    for script in scripts:
        compile(script.read_text(encoding="utf-8"), str(script), "exec")


def test_scripts_explain_themselves():
    for name, argument in (("table", "--wrong"), ("sweep", ""), ("run", "--wrong")):
        done = subprocess.run([BENCH / name, argument], capture_output=True, text=True, check=False)
        assert done.returncode != 0 and f"usage: tests/bench/{name}" in done.stderr


def row(name, seconds, peak):
    return {"system": name, "baseline": "peer", "peak_pss_mb": peak,
            "runs": [{"wall_s": s, "cpu_s": s, "status": 0} for s in seconds]}


def test_ratio_is_of_medians_and_of_peaks():
    ours, peer = row("ours", [1, 2, 9], 30), row("peer", [4, 4, 4], 120)
    assert report.ratio([ours, peer], ours, "wall_s") == 0.5
    assert report.ratio([ours, peer], ours, "peak_pss_mb") == 0.25
    assert report.ratio([ours], ours, "wall_s") is None


def test_verdict_follows_from_the_figure():
    assert report.goal("time", 0.5, 0.5)["reached"] is True
    assert report.goal("time", 0.51, 0.5)["reached"] is False
    assert report.goal("F1", 0.9, 0.9, at_most=False)["reached"] is True
    assert report.goal("F1", 0.89, 0.9, at_most=False)["reached"] is False
    assert "not measured" in report.goals_table([report.goal("peak", None, 1)])


def document(name, characters, cer, f1=1, pdf_f1=1, **more):
    return {"document": name, "kind": "form", "characters": characters, "cer": cer, "f1": f1, "pdf_cer": cer,
            "pdf_f1": pdf_f1, **more}


def test_accuracy_is_weighed_by_characters():
    rows = [document("short", 100, 0.5), document("long", 900, 0.1)]
    assert accuracy.mean(rows, "cer") == pytest.approx(0.14)
    assert accuracy.mean(rows, "growth") is None and accuracy.mean([], "cer") is None


def test_accuracy_counts_what_cannot_be_read_apart():
    read, unread = document("letter", 100, 0.01), document("ko-card-terms", 900, 0.9)
    lines = accuracy.kinds_table([read], [unread])
    assert [line[:4] for line in lines[1:]] == [["form", "1", "100", "0.010"], ["all that can be read", "1", "100", "0.010"],
                                                ["not: ko-card-terms", "1", "900", "0.900"]]
    goals = {goal["goal"]: goal["reached"] for goal in accuracy.goals_of([read, unread], [read])}
    assert goals["CER of what can be read"] is True and goals["growth of a PDF, most"] is None


def test_accuracy_judges_pages_in_columns_and_pdfs_one_by_one():
    rows = [document("paper-dpr-2p", 100, 0.07, f1=0.95, pdf_f1=0.934, growth=0.2),
            document("gov-federal-register-3col", 100, 0.1, cer_put_right=0.02)]
    goals = {goal["goal"]: (goal["measured"], goal["reached"]) for goal in accuracy.goals_of(rows, rows)}
    assert goals["CER of paper-dpr-2p"] == ("0.070", False)
    assert goals["CER of gov-federal-register-3col, truth put right"] == ("0.020", True)
    assert goals["word F1 that the PDF loses"] == ("0.008", True)
    assert goals["growth of a PDF, most"] == ("0.20", False)
    assert "- PDF loses word F1: paper-dpr-2p 0.950 to 0.934" in accuracy.notes_of(rows)


def test_truth_is_put_right_line_by_line(monkeypatch):
    monkeypatch.setitem(accuracy.PUT_RIGHT, "page", [(1, 1), (4, 5), (3, 3)])
    assert accuracy.put_right("page", "head\nmark\nlast\nfirst\nsecond") == "head\nfirst\nsecond\nlast"


def test_a_part_of_the_work_is_spread_over_it():
    assert measure.part(list(range(10)), 1) == list(range(10))
    assert measure.part(list(range(10)), 0.2) == [0, 5]
    assert measure.part(list(range(10)), 0.001) == [0]


def test_failures_are_told_from_notes():
    lines = ["octavo: a/b.pdf: page 3: there is not enough memory: 5 MB are needed; free memory, lower --dpi",
             "octavo: c: d.png: the file is empty; send it again",
             "octavo: e.pdf: page 1: the decoder says: there is not enough memory",
             "octavo: no inference engine can be used: none; run tools/setup",
             "octavo: octavo-worker was killed by signal 9 (Killed); it is started again"]
    found = told.failures(lines)
    assert {file: word for file, (word, _) in found.items()} == {
        "a/b.pdf": "no_memory", "c: d.png": "empty", None: "no_engine"}
    assert found["a/b.pdf"][1] == lines[0]
    assert told.ends(lines) == {"octavo-worker": 1}


def test_figures_are_found_in_what_timing_tells():
    lines = ["  wall time          2.963 s", "  charged            611 MB at most, 17 bytes at the end",
             "  ledger and kernel  apart by 70 MB at most, by more than 64 MB and 15 % in 1 of 12 moments of rest",
             "  predictions        170 runs, actual / predicted peak: median 0.85, p99 0.97, 3 above 1"]
    assert told.ledger_at_end(lines) == 17
    assert told.ledger_at_end(lines[:1]) is None
    assert told.disagreements(lines) == (1, 12)
    assert told.disagreements(["  ledger and kernel  not compared"]) is None
    assert told.predictions(lines) == {"runs": 170, "median": 0.85, "p99": 0.97, "above": 3}
    assert told.predictions(lines[:3]) is None


def test_every_document_has_an_outcome():
    found = {"a": {"pages": [{}]}, "b": {"pages": [{}]}}
    lines = ["octavo: b: page 2: it took longer than the limit: 60 seconds; simplify it",
             "octavo: c: the file is empty; send it again"]
    assert limited.outcomes(["a", "b", "c", "d"], found, lines) == {
        "a": "read", "b": "partly", "c": "empty", "d": "unanswered"}


def test_pages_are_counted_by_plan():
    plan = {"engine": "onnxruntime", "threads": 2, "tiles": 1, "swapping": False, "reduced": True}
    assert limited.plans({"a": {"pages": [{"plan": plan}, {"plan": plan}, {}]}}) == {
        "engine onnxruntime, threads 2, tiles 1, reduced": 2, "not told": 1}


def test_slope_is_not_moved_by_single_readings():
    points = [(pages, 100 + pages / 1024) for pages in range(0, 500, 50)]
    assert abs(soak.slope_kb(points) - 1) < 1e-6
    points[4] = (200, 400)
    assert abs(soak.slope_kb(points) - 1) < 1e-6
    assert soak.slope_kb(points[:1]) is None


def test_steps_grow_after_the_dense_ones():
    assert list(itertools.islice(inject.numbers(3, 1.5), 7)) == [1, 2, 3, 4, 6, 9, 13]


def test_load_is_read_from_its_line():
    line = "requests 16 failed 1 s/request 0.51 p50 3.80 p95 5.01 peak MB 2543 after MB 900\n"
    assert oldway.load_figures(line) == {"requests": 16, "failed": 1, "seconds": 0.51, "p50": 3.8, "p95": 5.01,
                                         "peak_mb": 2543, "after_mb": 900}
    assert oldway.load_figures(line.replace("3.80", "nan").replace("5.01", "nan"))["failed"] == 1


def test_percentiles_are_of_what_was_measured():
    assert serving.percentile([3, 1, 2], 0.5) == 2
    assert serving.percentile(range(100), 0.99) == 99
    assert serving.percentile([], 0.95) is None


def test_undisturbed_and_disturbed_are_compared():
    same = {"end": "done", "text": "a", "ends": 1}
    assert kills.differences({1: ("x", same), 2: ("x", {**same, "text": "b"})}, {"x": "a"}) == [2]


def test_own_cgroup_is_found():
    v1 = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
    v2 = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
    own = "4:memory:/user/one\n1:cpu:/\n0::/two\n"
    assert str(cgroup.own_folder(own, v1, unified=False)) == "/sys/fs/cgroup/memory/user/one"
    assert str(cgroup.own_folder(own, v2, unified=True)) == "/sys/fs/cgroup/two"
    assert cgroup.own_folder(own, v2, unified=False) is None
    inner = "35 31 0:32 /user/one /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
    assert str(cgroup.own_folder(own, inner, unified=False)) == "/sys/fs/cgroup/memory"


def test_a_cgroup_limits_a_whole_tree():
    try:
        with cgroup.Group(64, "octavo-test") as group:
            hungry = [sys.executable, "-c", "bytearray(200 << 20)"]
            done = subprocess.run([str(word) for word in group.inside(["sh", "-c", '"$@"; exit 3', "sh", *hungry])],
                                  capture_output=True, check=False)
            figures = group.figures()
            assert group.try_limit(96) == 96
    except cgroup.Unavailable as reason:
        pytest.skip(str(reason))
    assert done.returncode == 3 and figures["limit_mb"] == 64
    assert figures["oom_kills"] == 1 and 32 < figures["group_peak_mb"] <= 64
    assert not group.folder.exists()
