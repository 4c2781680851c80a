"""Figures: cut out of their pages by octavo-raster, beside Markdown in folders and archives, within HTML. They are read back by libpng,
which octavo-raster decodes PNG with, and compared with the page."""
import base64
import io
import json
import os
import random
import re
import resource
import struct
import subprocess
import urllib.parse
import zipfile

import pytest

from octavo import LETTER, ROOT, linked_models, octavo, real, require_models
from server import Server
from test_layout_models import graph
from test_paddlex import peak_of, read
from test_pdf import box, made, result
from test_raster import SANITIZED, first_page, png, pnm, tiff, tiff_page

SIDEWAYS = ROOT / "tests" / "samples" / "sideways.png"
HEAD = struct.Struct("<IIQ")
IMAGE, TEXT, FORMULA, SEAL, CHART = 1, 2, 7, 16, 18  # of PP-DocLayout-S
LINK = re.compile(r"^!\[(\w+)\]\((.*)\)$", re.MULTILINE)
WITHIN = re.compile(r'^<p><img alt="(\w+)" src="data:image/png;base64,([^"]*)"></p>\n', re.MULTILINE)


def region(kind, *corners, **more):
    return {"type": kind, "score": 0.9, "polygon": box(*corners), **more}


def page_with(regions, number=1, width=60, height=40, angle=0):
    return result([], number, width, height, angle=angle) | {"regions": regions}


def cut(document, pages, granted=0):
    """({(page, region): PNG}, None) of a document with results of these pages; (None, the answer) if it fails."""
    written, answer = made("figure", document, pages, granted)
    if written is None:
        return None, answer
    figures, file = {}, io.BytesIO(written)
    while head := file.read(HEAD.size):
        page, number, length = HEAD.unpack(head)
        figures[page, number] = file.read(length)
    return figures, None


def shades(width, height, seed=7):
    row = random.Random(seed)
    return [[row.randrange(256) for _ in range(width)] for _ in range(height)]


def pixels(picture):
    """Rows of (red, green, blue) of a file's first page."""
    shown = first_page(picture)[1]
    channels = [shown.pixels[i::shown.channels] for i in range(shown.channels)]
    flat = list(zip(*channels)) if shown.channels == 3 else [(grey, grey, grey) for grey in channels[0]]
    return [flat[start:start + shown.width] for start in range(0, len(flat), shown.width)]


def grey(rows):
    return [[(value, value, value) for value in row] for row in rows]


def part(rows, left, top, right, bottom):
    return [row[left:right] for row in rows[top:bottom]]


# octavo-raster

def test_figures_are_the_pixels_of_their_regions():
    rows = shades(60, 40)
    regions = [region("text", 0, 0, 60, 40), region("figure", 10, 5, 30, 25), region("chart", 30.5, 20.2, 41.5, 39.5),
               region("seal", 59, 39, 60, 40), region("equation", 0, 30, 60, 31), region("table", 1, 1, 9, 9),
               region("equation", 0, 20, 60, 30, latex="x")]
    figures, _ = cut(pnm(rows), [page_with(regions)])
    assert {key: pixels(figure) for key, figure in figures.items()} == {
        (1, 2): grey(part(rows, 10, 5, 30, 25)), (1, 3): grey(part(rows, 30, 20, 42, 40)),
        (1, 4): grey([[rows[39][59]]]), (1, 5): grey(part(rows, 0, 30, 60, 31))}


def test_what_stands_over_the_edge_ends_there_and_nothing_is_no_figure():
    rows = shades(60, 40)
    regions = [region("figure", -50, -1e30, 20, 10), region("figure", 50, 30, 1e30, 900), region("seal", 10, 10, 10, 30),
               region("chart", 10, 10, 30, 10), region("figure", 60, 0, 90, 40), region("figure", -9, 0, 0, 40),
               region("figure", 30, 20, 10, 5)]
    regions[-1]["polygon"] = [[20, 5], [30, 20], [20, 25], [10, 12]]  # askew
    figures, _ = cut(pnm(rows), [page_with(regions)])
    assert {key: pixels(figure) for key, figure in figures.items()} == {
        (1, 1): grey(part(rows, 0, 0, 20, 10)), (1, 2): grey(part(rows, 50, 30, 60, 40)),
        (1, 7): grey(part(rows, 10, 5, 30, 25))}


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_figures_of_turned_pages_stand_upright(angle):
    rows = shades(60, 40)
    figures, _ = cut(pnm(rows), [page_with([region("figure", 10, 5, 30, 12)], angle=angle)])
    upright = part(rows, 10, 5, 30, 12)
    for _ in range(angle // 90):  # a quarter turn back each
        upright = [list(column) for column in zip(*upright)][::-1]
    assert pixels(figures[1, 1]) == grey(upright)


def test_figures_have_the_colours_of_the_page():
    rows = [bytes(value for x in range(20) for value in (x * 9, y * 9, 255 - x * y // 2)) for y in range(20)]
    document = png(20, 20, 8, 2, rows)
    figures, _ = cut(document, [page_with([region("figure", 3, 4, 15, 19)], width=20, height=20)])
    assert pixels(figures[1, 1]) == part(pixels(document), 3, 4, 15, 19)


def test_figures_of_a_page_that_was_read_smaller_are_whole():
    rows = shades(60, 40)
    figures, _ = cut(pnm(rows), [page_with([region("figure", 5, 2, 15, 12)], width=30, height=20)])
    assert pixels(figures[1, 1]) == grey(part(rows, 10, 4, 30, 24))


def test_figures_come_page_by_page_as_many_as_there_are():
    document = tiff([tiff_page(60, 40, 8, bytes([shade]) * 2400) for shade in (7, 8, 9)])
    many = [region("figure", x, y, x + 1, y + 1) for y in range(40) for x in range(50)]
    figures, _ = cut(document, [page_with(many), page_with([region("text", 0, 0, 60, 40)], 2), page_with(many[:1], 3)])
    assert list(figures) == [(1, number + 1) for number in range(2000)] + [(3, 1)]
    assert pixels(figures[1, 2000]) == grey([[7]]) and pixels(figures[3, 1]) == grey([[9]])


@pytest.mark.skipif(SANITIZED, reason="memory is not bounded")
def test_memory_is_asked_for_where_there_is_a_figure():
    large = tiff([tiff_page(3000, 2000, 8, bytes(6000000))])
    plain = page_with([region("text", 0, 0, 3000, 2000)], width=3000, height=2000)
    assert cut(large, [plain], granted=4 << 20) == ({}, None)
    page = page_with([region("figure", 0, 0, 3000, 2000)], width=3000, height=2000)
    answer = cut(large, [page], granted=4 << 20)[1]
    assert answer["op"] == "write_needs" and answer["bytes"] > 6000000
    assert cut(large, [page], granted=answer["bytes"] + (1 << 20))[0]


def test_what_cannot_be_cut_is_told():
    bad = page_with([region("figure", 0, 0, 1, 1)])
    assert cut(pnm(shades(60, 40)), [bad | {"number": 2}])[1]["error"] == "page_range"
    assert cut(pnm(shades(60, 40)), [bad | {"regions": [{"type": "figure", "score": 1}]}])[1]["error"] == "protocol"


# octavo ocr

def models_that_see(folder, rows):
    """Models among which that of the layout sees these boxes on every page; the folder."""
    require_models()
    if not (ROOT / "runtime" / "engines" / "onnxruntime").exists():
        pytest.skip("ONNX Runtime is not installed: run tools/setup")
    linked_models(folder)
    (folder / "PP-DocLayout-S.onnx").write_bytes(graph(480, False, rows))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """They see a picture, a seal, a chart and a formula on every page, and text."""
    rows = [[IMAGE, 0.9, 0.1, 0.05, 0.5, 0.25], [SEAL, 0.9, 0.6, 0.05, 0.9, 0.25], [CHART, 0.9, 0.05, 0.3, 0.45, 0.5],
            [FORMULA, 0.9, 0.55, 0.3, 0.95, 0.5], [TEXT, 0.9, 0, 0.6, 1, 1]]
    return models_that_see(tmp_path_factory.mktemp("figures") / "models", rows)


def figures_of(page, rows):
    """What the figures of a page's result ought to be, in order: (type, pixels)."""
    found = []
    for one in page["regions"]:
        across, down = zip(*one["polygon"])
        if one["type"] in ("figure", "seal", "chart", "equation"):
            found.append((one["type"], part(rows, int(min(across)), int(min(down)), -int(-max(across) // 1),
                                            -int(-max(down) // 1))))
    return found


def linked(text, read):
    """The figures that Markdown links: (type, pixels); read gives the bytes of a file."""
    return [(kind, pixels(read(urllib.parse.unquote(url)))) for kind, url in LINK.findall(text)]


def within(text):
    """The figures that HTML has in it: (type, pixels)."""
    return [(kind, pixels(base64.b64decode(data, validate=True))) for kind, data in WITHIN.findall(text)]


def test_figures_stand_beside_markdown_and_within_html(models, tmp_path):
    name = "a) [b] %20 #ü"
    document = tmp_path / f"{name}.png"
    document.write_bytes(LETTER.read_bytes())
    run = octavo("ocr", "--models", models, "-f", "markdown,html,json,text", "-o", tmp_path / "out", document)
    assert run.returncode == 0, run.stderr
    assert all(" was left out: there is no model for it" in line for line in run.stderr.splitlines()), run.stderr
    text, (page,) = (tmp_path / "out" / f"{name}.md").read_text(), json.loads((tmp_path / "out" / f"{name}.json").read_text())["pages"]
    found = linked(text, lambda path: tmp_path / "out" / path)
    assert found == figures_of(page, pixels(LETTER)) and {kind for kind, _ in found} == {"figure", "seal", "chart", "equation"}
    html = (tmp_path / "out" / f"{name}.html").read_text()
    assert within(html) == found
    assert sorted(os.listdir(tmp_path / "out")) == sorted([f"{name}.html", f"{name}.json", f"{name}.md", f"{name}.txt", f"{name}_files"])
    assert len(os.listdir(tmp_path / "out" / f"{name}_files")) == 4
    for plain in (octavo("ocr", "--models", models, "-f", "markdown", document).stdout,
                  octavo("ocr", "--models", models, "-f", "markdown,html", "--no-figures", "-o", tmp_path / "plain", document)
                  and (tmp_path / "plain" / f"{name}.md").read_text()):
        assert plain and plain.split() == LINK.sub("", text).split()
    assert sorted(os.listdir(tmp_path / "plain")) == [f"{name}.html", f"{name}.md"]
    assert (tmp_path / "plain" / f"{name}.html").read_text() == WITHIN.sub("", html)


def test_figures_of_a_page_that_lies_on_its_side(models, tmp_path):
    run = octavo("ocr", "--models", models, "--orient", "on", "-f", "markdown,json", "-o", tmp_path, SIDEWAYS)
    assert run.returncode == 0, run.stderr
    (page,) = json.loads((tmp_path / "sideways.json").read_text())["pages"]
    assert page["angle"] in (90, 270)
    expected = []
    for kind, rows in figures_of(page, pixels(SIDEWAYS)):
        for _ in range(page["angle"] // 90):
            rows = [list(column) for column in zip(*rows)][::-1]
        expected.append((kind, rows))
    assert expected and linked((tmp_path / "sideways.md").read_text(), lambda path: tmp_path / path) == expected


def test_names_that_would_collide_do_not(models, tmp_path):
    for folder, shade in (("x", 10), ("y", 200)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.pnm").write_bytes(pnm([[shade] * 60] * 60))
    run = octavo("ocr", "--models", models, "-f", "markdown", "-o", tmp_path, tmp_path / "x" / "a.pnm", tmp_path / "y" / "a.pnm")
    assert run.returncode == 0, run.stderr
    for name, shade in (("a.pnm", 10), ("a.pnm~2", 200)):
        found = linked((tmp_path / f"{name}.md").read_text(), lambda path: tmp_path / path)
        assert found and {pixel for _, rows in found for row in rows for pixel in row} == {(shade,) * 3}


def test_an_archive_has_the_figures(models, tmp_path):
    (tmp_path / "a b.png").write_bytes(LETTER.read_bytes())
    for more, count in (((), 4), (("--no-figures",), 0)):
        run = octavo("ocr", "--models", models, "-f", "markdown,text,zip", "-o", tmp_path, *more, tmp_path / "a b.png")
        assert run.returncode == 0, run.stderr
        with zipfile.ZipFile(tmp_path / "a b.zip") as archive:
            assert archive.testzip() is None
            links = [urllib.parse.unquote(url) for _, url in LINK.findall(archive.read("a b.md").decode())]
            assert len(links) == count and sorted(archive.namelist()) == sorted(["a b.md", "a b.txt", *links])


def test_a_folder_that_cannot_be_is_told(models, tmp_path):
    (tmp_path / "letter_files").write_text("in the way")
    run = octavo("ocr", "--models", models, "-f", "markdown", "-o", tmp_path, LETTER)
    assert run.returncode != 0 and "letter_files is no folder" in run.stderr
    assert not (tmp_path / "letter.md").exists() and (tmp_path / "letter_files").read_text() == "in the way"


@pytest.fixture
def read_noise(tmp_path):
    """Reads a page that is one figure; a raster is killed for writing a figure of it, which is larger than the limit."""
    models, noise = models_that_see(tmp_path / "models", [[IMAGE, 0.9, 0, 0, 1, 1]]), random.Random(7).randbytes(2600 * 2000)
    (tmp_path / "noise.png").write_bytes(png(2600, 2000, 8, 0, [noise[i:i + 2600] for i in range(0, len(noise), 2600)]))
    limit = 6 << 20
    return lambda formats, file, **more: octavo(
        "ocr", "--engine", "onnxruntime", "--models", models, "-f", formats, "-o", tmp_path / "out", file, **more,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory has no bound")
def test_a_raster_that_dies_leaves_markdown_without_links(read_noise, tmp_path):
    run = read_noise("markdown", tmp_path / "noise.png")
    assert run.returncode == 0, run
    assert re.search("the figures of the pages could not be had: .*octavo-raster was killed by signal 25", run.stderr), run
    assert os.listdir(tmp_path / "out") == ["noise.md"] and not LINK.search((tmp_path / "out" / "noise.md").read_text())


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory has no bound")
def test_a_document_that_is_gone_with_its_raster_is_told(read_noise, tmp_path):
    """It came through a pipe: no other raster can write the PDF. From a file one does."""
    with subprocess.Popen(["cat", tmp_path / "noise.png"], stdout=subprocess.PIPE) as cat:
        run = read_noise("markdown,pdf", "-", stdin=cat.stdout)
    assert run.returncode == 1 and "the figures of the pages could not be had" in run.stderr, run
    assert run.stderr.count("octavo-raster was killed by signal 25") == 2, run
    assert os.listdir(tmp_path / "out") == ["stdin.md"]
    run = read_noise("markdown,pdf", tmp_path / "noise.png")
    assert run.returncode == 0 and (tmp_path / "out" / "noise.pdf").read_bytes().startswith(b"%PDF"), run


# octavo serve

def test_server_packs_the_figures_that_were_asked_for(models, tmp_path):
    with Server(tmp_path / "data", "--models", models) as server:
        asked = server.submit(LETTER.read_bytes(), "?figures=1&name=a%2Fb.png")
        plain = server.submit(LETTER.read_bytes())
        assert server.wait_for_end(asked)["state"] == server.wait_for_end(plain)["state"] == "done"
        (page,) = server.get(f"/v1/tasks/{asked}/result").json["pages"]
        expected = figures_of(page, pixels(LETTER))
        alone = server.get(f"/v1/tasks/{asked}/result?format=markdown").text
        assert alone == server.get(f"/v1/tasks/{plain}/result?format=markdown").text and not LINK.search(alone)
        assert within(server.get(f"/v1/tasks/{asked}/result?format=html").text) == expected
        for place in (f"/v1/tasks/{plain}/result", f"/v1/tasks/{asked}/pages/1"):
            assert "<img" not in server.get(f"{place}?format=html").text
        for place in (f"/v1/tasks/{asked}/result", f"/v1/tasks/{asked}/pages/1"):
            with zipfile.ZipFile(io.BytesIO(server.get(f"{place}?format=markdown,zip").body)) as archive:
                assert archive.testzip() is None and len(archive.namelist()) == 5
                assert linked(archive.read("b.md").decode(), archive.read) == expected
        with zipfile.ZipFile(io.BytesIO(server.get(f"/v1/tasks/{plain}/result?format=markdown,zip").body)) as archive:
            assert archive.namelist() == ["document.md"]
        at_once = server.request("POST", "/v1/ocr?format=markdown,json,zip&figures=1", LETTER.read_bytes())
        with zipfile.ZipFile(io.BytesIO(at_once.body)) as archive:
            assert linked(archive.read("document.md").decode(), archive.read) == expected
        at_once = server.request("POST", "/v1/ocr?format=markdown&figures=1", LETTER.read_bytes())
        assert at_once.status == 200 and at_once.text == alone
        assert within(server.request("POST", "/v1/ocr?format=html&figures=1", LETTER.read_bytes()).text) == expected
        kept = tmp_path / "data" / "figures"
        assert [path.name for path in kept.iterdir()] == [asked]
        assert server.request("DELETE", f"/v1/tasks/{asked}").status in (200, 204) and not list(kept.iterdir())


def test_archive_of_a_page_has_its_own_figures(models, tmp_path):
    document = tiff([tiff_page(100, 100, 8, bytes([shade]) * 10000) for shade in (7, 8, 9)])
    with Server(tmp_path / "data", "--models", models) as server:
        task = server.submit(document, "?figures=1")
        assert server.wait_for_end(task)["state"] == "done"
        pages = server.get(f"/v1/tasks/{task}/result").json["pages"]
        figures = {page["number"]: [f"document_files/page-{page['number']}-region-{i}.png" for i, one in enumerate(page["regions"], 1)
                                    if one["type"] in ("figure", "seal", "chart", "equation")] for page in pages}
        with zipfile.ZipFile(io.BytesIO(server.get(f"/v1/tasks/{task}/pages/2?format=markdown,zip").body)) as archive:
            assert figures[2] and archive.namelist() == ["document.md", *figures[2]]
            assert {pixel for _, rows in linked(archive.read("document.md").decode(), archive.read)
                    for row in rows for pixel in row} == {(8, 8, 8)}
        with zipfile.ZipFile(io.BytesIO(server.get(f"/v1/tasks/{task}/result?format=markdown,zip").body)) as archive:
            assert archive.namelist() == ["document.md", *figures[1], *figures[2], *figures[3]]


@real
def test_an_archive_is_never_whole_in_memory(tmp_path):
    """Figures of more than a megabyte each; noise does not get smaller."""
    models, noise = models_that_see(tmp_path / "models", [[IMAGE, 0.9, 0, 0, 1, 1]]), random.Random(7).randbytes(1000000)
    document = tiff([tiff_page(1000, 1000, 8, noise)] * 16)
    with Server(tmp_path / "data", "--models", models) as server:
        assert server.request("POST", "/v1/ocr?format=markdown", document, timeout=300).status == 200
        before = peak_of(server)
        packed = server.request("POST", "/v1/ocr?format=markdown,zip&figures=1", document, timeout=300)
        assert len(packed.body) > 20 << 20 and peak_of(server) - before < 12 << 10  # kB
        with zipfile.ZipFile(io.BytesIO(packed.body)) as archive:
            assert archive.testzip() is None and len(archive.namelist()) == 17


# PaddleX

def test_paddlex_has_the_pictures(models, tmp_path):
    with Server(tmp_path / "data", "--models", models) as server:
        (page,) = server.request("POST", "/v1/ocr?layout=on", LETTER.read_bytes()).json["pages"]
        marked = pixels(server.request("POST", "/v1/ocr?format=png", LETTER.read_bytes()).body)
        (result,) = read(server, "/layout-parsing", LETTER.read_bytes(), 1, visualize=True)["layoutParsingResults"]
        images = {path: base64.b64decode(image) for path, image in result["markdown"]["images"].items()}
        assert linked(result["markdown"]["text"], images.get) == figures_of(page, pixels(LETTER))
        assert len(images) == 4 and all(re.fullmatch(r"imgs/img_in_(image|seal|chart|formula)_box_\d+_\d+_\d+_\d+\.png", path) for path in images)
        assert pixels(base64.b64decode(result["outputImages"]["layout_det_res"])) == marked
        (plain,) = read(server, "/layout-parsing", LETTER.read_bytes(), 1)["layoutParsingResults"]
        assert plain == {key: result[key] for key in ("prunedResult", "markdown")}
        (none,) = read(server, "/layout-parsing", LETTER.read_bytes(), 1, returnMarkdownImages=False)["layoutParsingResults"]
        assert "images" not in none["markdown"] and not LINK.search(none["markdown"]["text"])
        (lines,) = read(server, "/ocr", LETTER.read_bytes(), 1, visualize="yes")["ocrResults"]
        assert pixels(base64.b64decode(lines["ocrImage"])) != pixels(LETTER)
        (lines,) = read(server, "/ocr", LETTER.read_bytes(), 1, visualize=False)["ocrResults"]
        assert set(lines) == {"prunedResult"}
