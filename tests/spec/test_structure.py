"""Regions and tables over the real programs: a letter, columns, a table of our own making."""
import json
import shutil
from html.parser import HTMLParser

import jsonschema
import pytest

from octavo import LETTER, ROOT, octavo, require_models, schema
from paper import pdf_of

SAMPLES = ROOT / "tests" / "samples"
TABLE, COLUMNS = SAMPLES / "table.png", SAMPLES / "columns.pdf"
MODELS = ROOT / "runtime" / "models"
LAYOUT, STRUCTURE = MODELS / "layout_cdla.onnx", MODELS / "slanet-plus.onnx"


class Outline(HTMLParser):
    """The tables of a page as rows of texts, and every tag that was opened."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.tags, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag == "td":
            self.tables[-1][-1].append("")
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "td":
            self.tables[-1][-1][-1] += data


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()
    if not LAYOUT.exists() or not STRUCTURE.exists():
        pytest.skip("the models of layout and tables are not installed: run tools/setup")


@pytest.fixture(scope="module", params=["openvino", "onnxruntime"])
def results(request, tmp_path_factory):
    """The folder of all formats of all samples, read by each engine."""
    folder = tmp_path_factory.mktemp(request.param)
    run = octavo("ocr", "--engine", request.param, "-f", "text,json,markdown,html", "-o", folder, LETTER, COLUMNS, TABLE)
    if run.returncode == 69:
        pytest.skip(run.stderr.strip())
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return folder


def pages(folder, name):
    result = json.loads((folder / f"{name}.json").read_text())
    jsonschema.validate(result, schema())
    return result["pages"]


def test_table_is_taken_apart(results):
    outline = Outline((results / "table.html").read_text())
    assert outline.open == []
    (table,) = outline.tables
    words = [" ".join(row).split() for row in table]
    truth = [line.split() for line in (SAMPLES / "table.gt.txt").read_text().splitlines()[2:] if line]
    assert words == truth[:len(words)] and len(words) >= 5
    assert len({len(row) for row in table}) == 1 and len(table[0]) == 4
    assert [row[3] for row in table[:5]] == [line[-1] for line in truth[:5]]


def test_cells_cover_the_table(results):
    (page,) = pages(results, "table")
    (table,) = [region["table"] for region in page["regions"] if "table" in region]
    covered = sum(cell["rows"] * cell["columns"] for cell in table["cells"])
    assert covered == table["rows"] * table["columns"]
    number = next(number for number, region in enumerate(page["regions"]) if "table" in region)
    lines = [line for line in page["lines"] if line["region"] == number]
    assert [cell["text"] for cell in table["cells"]] == [line["text"] for line in lines]
    for cell, line in zip(table["cells"], lines):
        (left, top), _, (right, bottom), _ = cell["polygon"]
        x, y = (sum(values) / 4 for values in zip(*line["polygon"]))
        assert left <= x <= right and top <= y <= bottom, cell
    markdown = (results / "table.md").read_text()
    assert "| --- | --- | --- | --- |" in markdown


def test_lines_are_in_their_regions_in_order(results):
    for name in ("letter", "columns", "table"):
        for page in pages(results, name):
            numbers = [line["region"] for line in page["lines"]]
            assert numbers == sorted(numbers)
            assert all(number < len(page["regions"]) for number in numbers)
            assert page["timings"]["layout"]["runs"] == 1


def test_regions_do_not_spoil_the_order(results, tmp_path):
    """What is read with the layout off is read with it on."""
    plain = octavo("ocr", "-o", tmp_path, "-f", "text,json", LETTER, COLUMNS)
    assert plain.returncode == 0, plain.stderr
    for name in ("letter", "columns"):
        with_layout, without = ((folder / f"{name}.txt").read_text().split() for folder in (results, tmp_path))
        assert sorted(with_layout) == sorted(without)
        same = sum(a == b for a, b in zip(with_layout, without))
        assert same >= 0.9 * len(without)
    for page in json.loads((tmp_path / "columns.json").read_text())["pages"]:
        assert "layout" not in page["timings"] and len(page["regions"]) == 1
        assert page["regions"][0]["type"] == "text" and page["regions"][0]["score"] == 0


def test_a_table_is_taken_apart_without_a_model_of_tables(tmp_path, results):
    """By the white between its columns: the sample has no rulings."""
    run = octavo("ocr", "--models", models_without(tmp_path / "models", STRUCTURE), "-f", "html", TABLE)
    assert run.returncode == 0 and run.stderr.count(STRUCTURE.name) == 1
    (table,) = Outline(run.stdout).tables
    (by_model,) = Outline((results / "table.html").read_text()).tables
    assert [row[-1] for row in table] == [row[-1] for row in by_model] and len(table[0]) == 4


def ruled_page(number, rows):
    """What draws a page that a ruled table fills: a head, and under it rows of three cells that are told by their numbers."""
    drawn = ["1 w"]
    for row in range(rows + 1):
        drawn.append(f"60 {730 - 28 * row} m 540 {730 - 28 * row} l S")
    for column in range(4):
        drawn.append(f"{60 + 160 * column} 730 m {60 + 160 * column} {730 - 28 * rows} l S")
    for row in range(rows):
        for column, (head, word) in enumerate((("Part", "bolt"), ("Count", "pack"), ("Price", "cost"))):
            text = f"{word} {50 * number + row}" if row else head
            drawn.append(f"BT /F 12 Tf {70 + 160 * column} {711 - 28 * row} Td ({text}) Tj ET")
    return "\n".join(drawn)


def test_a_table_goes_on_over_the_page(tmp_path):
    path = tmp_path / "parts.pdf"
    path.write_bytes(pdf_of([ruled_page(number, 24) for number in range(2)], 600, 800))
    run = octavo("ocr", "-f", "html,json", "-o", tmp_path, path)
    assert run.returncode == 0, run.stderr
    first, second = [[region["table"] for region in page["regions"] if "table" in region]
                     for page in pages(tmp_path, "parts")]
    assert [table.get("continues") for table in first] == [True]
    assert [table.get("continued") for table in second] == [True]
    assert [table["rows"] for table in first + second] == [24, 24]
    (table,) = Outline((tmp_path / "parts.html").read_text()).tables
    assert len(table) == 47 and all(len(row) == 3 for row in table)
    numbers = [50 * number + row for number in range(2) for row in range(1, 24)]
    assert [row[0] for row in table] == ["Part"] + [f"bolt {number}" for number in numbers]


def models_without(folder, *missing):
    folder.mkdir()
    for path in MODELS.iterdir():
        if path not in missing:
            shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize("missing", [LAYOUT, STRUCTURE], ids=lambda path: path.stem)
def test_a_missing_model_is_told_or_refused(tmp_path, missing):
    folder = models_without(tmp_path / "models", missing)
    run = octavo("ocr", "--models", folder, "--layout", "on", LETTER)
    assert run.returncode == 69 and run.stdout == ""
    assert f"{missing.name} is not in {folder}" in run.stderr
    run = octavo("ocr", "--models", folder, "-f", "html", LETTER)
    assert run.returncode == 0 and "<p>" in run.stdout
    assert run.stderr.count(missing.name) == 1
    run = octavo("ocr", "--models", folder, LETTER)
    assert run.returncode == 0 and run.stderr == ""
