"""hOCR, ALTO and words in JSON, of real runs, read by parsers that are not ours."""
import json
import xml.etree.ElementTree as ElementTree

import jsonschema
import pytest

from octavo import LETTER, ROOT, octavo, require_models, schema

COLUMNS = ROOT / "tests" / "samples" / "columns.pdf"
SIDEWAYS = ROOT / "tests" / "samples" / "sideways.png"
ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"
HTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder with all formats of three documents."""
    require_models()
    folder = tmp_path_factory.mktemp("outputs")
    run = octavo("ocr", "--words", "-f", "text,json,hocr,alto", "-o", folder, LETTER, COLUMNS, SIDEWAYS)
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
