"""Documents made to break decoders: each ends as its manifest says, in bounded time and memory, and the rest is read.

All files of one expectation go through one run of `octavo ocr`, hence through one worker, with a good document last.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(os.environ.get("OCTAVO_BIN", ROOT / "build" / "bin"))
SHARED = ROOT.parent / "shared"
HOSTILE = SHARED / "corpus" / "hostile"
GOOD = ROOT / "tests" / "samples" / "letter.png"
TIMEOUT = {"reject": 10, "either": 5, "success": 60}  # seconds a page may take to decode; the bombs are in the middle
# Of the whole tree: engine and models, and what --max-pixels allows each raster (docs/documents.md).
PEAK_MB = 2000
MAX_PAGES = 100  # some files have 500 and more
NO_ENGINE = 69
CRASH_WORDS = ("signal", "crash", "segmentation", "assert", "abort", "unexpectedly", "sanitizer")

# What no reader can do: the manifest asks for pages that these two files do not have.
WITHOUT_A_PAGE = {"qpdf-deep-pages.pdf": "the page tree ends in a circle",
                  "qpdf-bad-content.pdf": "neither header, cross-references nor page tree are left"}

pytestmark = pytest.mark.skipif(not HOSTILE.is_dir(), reason="the corpus is not there")


def expectations():
    """Name -> "reject", "either" or "success"; a note that allows a clear refusal makes a success an either."""
    found = {}
    for line in (HOSTILE / "MANIFEST.tsv").read_text().splitlines()[1:]:
        fields = line.split("\t")
        name, expect, note = fields[0], fields[7].split("-")[0], fields[8]
        if name in WITHOUT_A_PAGE:
            expect = "reject"
        elif expect == "success" and any(words in note for words in (", or clear 4", "or 422", "or a clear")):
            expect = "either"
        found[name] = expect
    return found


EXPECT = expectations() if HOSTILE.is_dir() else {}


class Run:
    """One `octavo ocr` over files and the good document; which of them were read, and what was said of the others."""

    def __init__(self, names, timeout, folder):
        files = [HOSTILE / name for name in names] + [GOOD]
        figures = folder / "figures.json"
        command = [sys.executable, SHARED / "tools" / "treemem.py", "-o", figures, BIN / "octavo", "ocr", "-q",
                   "--page-timeout", str(timeout), "--max-pages", str(MAX_PAGES), "-f", "json", "-o", folder / "out", *files]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60 + 60 * len(names), check=False)
        if run.returncode == NO_ENGINE:
            pytest.skip(run.stderr.strip())
        self.status, self.errors = run.returncode, run.stderr.splitlines()
        self.figures = json.loads(figures.read_text())
        results = [json.loads(path.read_text()) for path in (folder / "out").glob("*.json")]
        self.read = {result["document"]["name"] for result in results}

    def errors_of(self, name):
        return [line for line in self.errors if f"{HOSTILE / name}: " in line]


@pytest.fixture(scope="module", params=["reject", "either", "success"])
def run(request, tmp_path_factory):
    names = sorted(name for name, expect in EXPECT.items() if expect == request.param)
    assert names
    result = Run(names, TIMEOUT[request.param], tmp_path_factory.mktemp(request.param))
    result.names, result.expect = names, request.param
    return result


def test_exit_status(run):
    assert run.status in {"reject": (1,), "either": (0, 1), "success": (0,)}[run.expect], run.errors


def test_each_file_ends_as_expected(run):
    wrong = {}
    for name in run.names:
        was_read, lines = str(HOSTILE / name) in run.read, run.errors_of(name)
        clear = was_read and not lines or not was_read and len(lines) == 1
        allowed = {"reject": not was_read, "either": True, "success": was_read}[run.expect]
        if not clear or not allowed:
            wrong[name] = lines
    assert not wrong


def test_nothing_speaks_of_a_crash(run):
    reasons = [line.partition(f"{HOSTILE / name}: ")[2] for name in run.names for line in run.errors_of(name)]
    assert not [reason for reason in reasons if any(word in reason.lower() for word in CRASH_WORDS)]


def test_the_good_document_is_read_after_them(run):
    assert str(GOOD) in run.read, run.errors[-1:]


def test_memory_is_bounded_and_nothing_is_left_running(run):
    assert run.figures["left_running"] == 0
    if b"__asan_init" not in (BIN / "octavo-raster").read_bytes():
        assert run.figures["peak_pss_mb"] < PEAK_MB


def test_every_file_is_in_the_manifest():
    assert {path.name for path in HOSTILE.iterdir()} - {"MANIFEST.tsv"} <= set(EXPECT)
