"""Steps of each process fail, some of those that the bench `faults` goes through: a clear answer, no hang, no rest."""
import concurrent.futures
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import inject
from octavo import BIN, pdf, require_models

GROWTH = 4
CASES = [(program, kind) for program, kinds in inject.KINDS.items() for kind in kinds]

pytestmark = pytest.mark.skipif(not inject.LIBRARY.exists(), reason="libfault.so is not built")


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """(program, kind) -> the verdicts of a coarse sweep; as many side by side as there are processors."""
    require_models()
    document = tmp_path_factory.mktemp("faults") / "page.pdf"
    document.write_bytes(pdf(1))
    argv = [BIN / "octavo", "ocr", "--engine", "onnxruntime", "--page-timeout", "10", "--timing", document]
    wanted = inject.good_text(argv)
    assert "Page number 1" in wanted
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        runs = {case: pool.submit(list, inject.sweep(*case, argv, wanted, 1, GROWTH)) for case in CASES}
        return {case: run.result() for case, run in runs.items()}


@pytest.mark.parametrize("case", CASES, ids=":".join)
def test_a_step_that_fails_is_answered(verdicts, case):
    for number, verdict in verdicts[case]:
        assert not verdict.problems, (number, verdict.step, verdict.lines)


@pytest.mark.parametrize("program", inject.KINDS)
def test_steps_do_fail(verdicts, program):
    """The sweep ends because nothing is left to fail, not because nothing ever did."""
    assert any(verdict.step for _, verdict in verdicts[program, "call"])
    assert any(not verdict.survived for case in CASES if case[0] == program for _, verdict in verdicts[case])


def test_what_is_wrong_is_seen():
    clear = "octavo: a.pdf: there is not enough memory: 5 bytes were refused; free memory"
    assert inject.judge(0, "text", [], "text") == []
    assert inject.judge(1, "", [clear], "text") == []
    assert inject.judge(0, "txt", [], "text")
    assert inject.judge(1, "", ["octavo: something"], "text")
    assert inject.judge(None, "", [clear], "text")
    assert inject.judge(-6, "", [clear], "text")
    assert inject.judge(0, "text", ["==1==ERROR: AddressSanitizer: heap-use-after-free"], "text")
