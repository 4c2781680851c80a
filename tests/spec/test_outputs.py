"""The formats, of real runs, read by parsers and against schemas that are not ours."""
import csv
import json
import os
import pty
import re
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile

import jsonschema
import openpyxl
import pytest

from octavo import BIN, LETTER, ROOT, octavo, require_models, schema

COLUMNS = ROOT / "tests" / "samples" / "columns.pdf"
SIDEWAYS = ROOT / "tests" / "samples" / "sideways.png"
ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"
HTML = "{http://www.w3.org/1999/xhtml}"
PAGE = "{http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15}"
PAGE_SCHEMA = ROOT / "runtime" / "schemas" / "page.xsd"
TABLE = ROOT / "tests" / "samples" / "table.png"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder with all formats of three documents."""
    require_models()
    folder = tmp_path_factory.mktemp("outputs")
    run = octavo("ocr", "--words", "-f", "text,json,hocr,alto,page,csv,xlsx", "-o", folder, LETTER, COLUMNS, SIDEWAYS, TABLE)
    assert run.returncode == 0, run.stderr
    return folder


def words_of_json(result):
    return [word for page in result["pages"] for line in page["lines"] for word in line["words"]]


@pytest.mark.parametrize("name", ["letter", "columns", "sideways"])
def test_all_formats_have_the_same_words(written, name):
    result = json.loads((written / f"{name}.json").read_text())
    jsonschema.validate(result, schema())
    words = [word["text"] for word in words_of_json(result)]
    assert len(words) > 20
    assert words == (written / f"{name}.txt").read_text().split()
    hocr = ElementTree.parse(written / f"{name}.hocr")
    assert ["".join(word.itertext()) for word in hocr.iter(f"{HTML}span") if word.get("class") == "ocrx_word"] == words
    alto = ElementTree.parse(written / f"{name}.alto.xml")
    assert [word.get("CONTENT") for word in alto.iter(f"{ALTO}String")] == words
    assert len(list(alto.iter(f"{ALTO}Page"))) == len(result["pages"])


@pytest.mark.parametrize("name", ["letter", "columns", "sideways"])
def test_words_lie_within_their_lines_and_do_not_overlap(written, name):
    for page in json.loads((written / f"{name}.json").read_text())["pages"]:
        for line in page["lines"]:
            for axis in (0, 1):
                corners = [point[axis] for point in line["polygon"]]
                inner = [point[axis] for word in line["words"] for point in word["polygon"]]
                assert min(corners) - 0.2 <= min(inner) and max(inner) <= max(corners) + 0.2
            for left, right in zip(line["words"], line["words"][1:]):
                start = line["polygon"][0]
                way = [abs(word["polygon"][i][0] - start[0]) + abs(word["polygon"][i][1] - start[1])
                       for word, i in ((left, 0), (left, 1), (right, 0), (right, 1))]
                assert way[0] < way[1] <= way[2] + 0.3 and way[2] < way[3], (left, right)


def test_hocr_places_are_on_the_page(written):
    pages = [page for page in ElementTree.parse(written / "columns.hocr").iter(f"{HTML}div")
             if page.get("class") == "ocr_page"]
    assert len(pages) == 2
    for page in pages:
        _, _, width, height = map(int, page.get("title").split(";")[0].split()[1:])
        for part in page.iter():
            left, top, right, bottom = map(int, part.get("title").split(";")[0].split()[1:])
            assert 0 <= left < right <= width and 0 <= top < bottom <= height
        lines = [line.get("title") for line in page.iter() if line.get("class") == "ocr_line"]
        assert lines and all("; baseline " in title for title in lines)
    ids = [part.get("id") for part in ElementTree.parse(written / "columns.hocr").iter() if part.get("id")]
    assert len(ids) == len(set(ids))


def test_json_has_words_only_when_they_are_asked_for(tmp_path):
    require_models()
    run = octavo("ocr", "-f", "json,hocr", "-o", tmp_path, LETTER)
    assert run.returncode == 0, run.stderr
    result = json.loads((tmp_path / "letter.json").read_text())
    assert all("words" not in line for page in result["pages"] for line in page["lines"])
    assert "ocrx_word" in (tmp_path / "letter.hocr").read_text()


def test_alto_is_valid(written):
    files = sorted(written.glob("*.alto.xml"))
    assert len(files) == 4
    schema_file = ROOT / "tests" / "spec" / "alto.xsd"
    run = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", schema_file, *files], capture_output=True, text=True,
                         check=False)
    assert run.returncode == 0, run.stderr


def test_page_xml_is_valid_and_has_the_same_words(written):
    """A file for each page, by number where there are several."""
    files = sorted(written.glob("*.page.xml"))
    assert [one.name for one in files] == ["columns-1.page.xml", "columns-2.page.xml", "letter.page.xml",
                                           "sideways.page.xml", "table.page.xml"]
    assert PAGE_SCHEMA.exists(), "run tools/setup test"
    run = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", PAGE_SCHEMA, *files], capture_output=True,
                         text=True, check=False)
    assert run.returncode == 0, run.stderr
    results = [json.loads((written / f"{name}.json").read_text()) for name in ("columns", "letter", "sideways", "table")]
    for file, page in zip(files, [page for result in results for page in result["pages"]]):
        root = ElementTree.parse(file).getroot()
        words = [word.find(f"{PAGE}TextEquiv/{PAGE}Unicode").text for word in root.iter(f"{PAGE}Word")]
        assert words == [word["text"] for line in page["lines"] for word in line["words"]]
        order = [one.get("regionRef") for one in root.iter(f"{PAGE}RegionRefIndexed")]
        regions = [part.get("id") for part in root.find(f"{PAGE}Page") if part.tag.endswith("Region")]
        assert order == regions and len(regions) == len(page["regions"])
    table = ElementTree.parse(written / "table.page.xml").find(f".//{PAGE}TableRegion")
    assert (table.get("rows"), table.get("columns")) == ("5", "4")


def test_tables_are_the_same_as_csv_and_as_workbook(written):
    region, = [region for region in json.loads((written / "table.json").read_text())["pages"][0]["regions"]
               if region["type"] == "table"]
    table = region["table"]
    cells = [["" for _ in range(table["columns"])] for _ in range(table["rows"])]
    for cell in table["cells"]:
        cells[cell["row"]][cell["column"]] = cell["text"]
    assert cells[0] == ["Sheet", "Weight", "Reams", "Price"]
    text = (written / "table.csv").read_bytes().decode()
    assert list(csv.reader(text.splitlines())) == cells and text.count("\r\n") == len(cells)
    sheet, = openpyxl.load_workbook(written / "table.xlsx")
    assert sheet.title == "Table 1, page 1"
    values = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert [[str(value) for value in row[:3]] for row in values] == [row[:3] for row in cells]
    assert [f"{row[3]:.2f}" for row in values[1:]] == [row[3] for row in cells[1:]]
    assert {cell.number_format for cell in sheet["D"][1:]} == {"0.00"}
    assert (written / "letter.csv").read_bytes() == b""
    assert openpyxl.load_workbook(written / "letter.xlsx").sheetnames == ["No tables"]


def test_zip_is_one_file_for_all_formats(written, tmp_path):
    run = octavo("ocr", "--words", "-f", "text,json,xlsx,zip", "-o", tmp_path, TABLE)
    assert run.returncode == 0, run.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["table.zip"]
    with zipfile.ZipFile(tmp_path / "table.zip") as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["table.json", "table.txt", "table.xlsx"]
        for name in ("table.txt", "table.xlsx"):
            assert archive.read(name) == (written / name).read_bytes()
        assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)


def test_several_pages_are_several_files():
    run = octavo("ocr", "-f", "page", "--timing", COLUMNS)
    assert (run.returncode, run.stdout) == (64, "")
    assert re.search(r"\n +pages +0 in 0 files", run.stderr), run.stderr  # refused before any was read
    assert "the result would be several files: page: one for each of 2 pages; add zip to the formats" in run.stderr
    one = octavo("ocr", "-f", "page", "--pages", "2", COLUMNS)
    assert one.returncode == 0 and ElementTree.fromstring(one.stdout.encode()).tag == f"{PAGE}PcGts"


@pytest.mark.parametrize("formats, extension", [("xlsx", "xlsx"), ("text,zip", "zip")])
@pytest.mark.parametrize("command", [["ocr", LETTER], ["result", "0123456789abcdefghjkmnpqrs"]])
def test_nothing_binary_goes_to_a_terminal(command, formats, extension):
    master, slave = pty.openpty()
    run = subprocess.run([BIN / "octavo", command[0], "-f", formats, command[1]], stdout=slave, stderr=subprocess.PIPE,
                         stdin=subprocess.DEVNULL, text=True, timeout=60, check=False)
    os.close(slave)
    os.close(master)
    assert run.returncode == 64
    assert f"{extension} is no text for a terminal: write it to a file with -o" in run.stderr
