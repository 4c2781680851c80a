"""The sample documents that the repository ships are read, on each engine, almost without an error."""
import subprocess

import pytest

from octavo import ROOT, octavo

DOCUMENTS = sorted(path for path in (ROOT / "tests" / "samples").iterdir() if path.suffix != ".txt")
NO_ENGINE = 69


def edit_distance(left, right):
    """Levenshtein's, row by row."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


def plain(text):
    """What counts of a text: not how blanks and lines are set, nor which form of quotes or full stops."""
    for fancy, simple in (("\u2019", "'"), ("\u2018", "'"), ("，", ","), ("：", ":"), ("！", "!"), ("？", "?")):
        text = text.replace(fancy, simple)
    return "".join(text.split())


@pytest.fixture(scope="module", params=["openvino", "onnxruntime"])
def readings(request, tmp_path_factory):
    """Name -> text of each sample, from one run over all."""
    folder = tmp_path_factory.mktemp(request.param)
    run = octavo("ocr", "--engine", request.param, "-o", folder, *DOCUMENTS, timeout=300)
    if run.returncode == NO_ENGINE:
        pytest.skip(run.stderr.strip())
    assert run.returncode == 0, run.stderr
    return {path.name: (folder / path.stem).with_suffix(".txt").read_text() for path in DOCUMENTS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_text_is_right(readings, path):
    truth, text = plain(path.with_suffix(".gt.txt").read_text()), plain(readings[path.name])
    assert edit_distance(truth, text) <= 0.02 * len(truth), readings[path.name]


def test_pages_are_parted_by_form_feeds(readings):
    assert readings["columns.pdf"].count("\f") == 1
    assert all("\f" not in readings[path.name] for path in DOCUMENTS if path.suffix != ".pdf")


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_lines_on_their_head_are_read(engine, tmp_path):
    """Where nobody turns the page first."""
    sample, turned = ROOT / "tests" / "samples" / "columns.pdf", tmp_path / "turned.pdf"
    subprocess.run(["qpdf", "--rotate=+180", sample, turned], check=True)
    run = octavo("ocr", "--engine", engine, "--orient", "off", turned)
    if run.returncode == NO_ENGINE:
        pytest.skip(run.stderr.strip())
    truth = plain(sample.with_suffix(".gt.txt").read_text())
    assert edit_distance(truth, plain(run.stdout)) <= 0.02 * len(truth), run.stdout
