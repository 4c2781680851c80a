"""The benchmark is run by hand; here only that its scripts are sound and that its verdicts say what was measured."""
import pathlib
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))

import report


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
