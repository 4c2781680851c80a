"""Pictures of pages with what was found on them, read back by libpng, which octavo-raster decodes PNG with."""
import io
import json
import os
import random
import re
import resource
import struct
import subprocess
import zipfile

import pytest

from octavo import BIN, LETTER, ROOT, octavo, require_models
from server import Server, is_problem
from test_pdf import ask, box, line, made, result, scan, sealed
from test_raster import SANITIZED, Raster, first_page, png, pnm, tiff, tiff_page

COLUMNS = ROOT / "tests" / "samples" / "columns.pdf"
HEAD = struct.Struct("<IIQ")
LINE = (0x00, 0xa0, 0xe0)


def colours():
    """The colour of each type of region, out of the table that they are made from."""
    table = (ROOT / "src" / "table" / "region_types.def").read_text()
    found = re.findall(r'^REGION_TYPE\(\w+, "(\w+)", 0x([0-9a-f]{6}), [01]\)$', table, re.MULTILINE)
    return {word: tuple(bytes.fromhex(colour)) for word, colour in found}


COLOURS = colours()


def show(document, pages, granted=0):
    """([(page, PNG)], None) of a document with results of these pages; (None, the answer) if it fails."""
    written, answer = made("picture", document, pages, granted)
    if written is None:
        return None, answer
    pictures, file = [], io.BytesIO(written)
    while head := file.read(HEAD.size):
        number, whole, length = HEAD.unpack(head)
        assert whole == 0
        pictures.append((number, file.read(length)))
    return pictures, None


def region(kind, *corners):
    return {"type": kind, "score": 0.9, "polygon": box(*corners)}


# octavo-raster

@pytest.mark.parametrize("kind", COLOURS)
def test_regions_have_their_colour_all_around(kind):
    page = result([], width=400, height=300)
    page["regions"] = [region(kind, 50, 60, 350, 250)]
    (number, picture), = show(pnm([[200] * 400] * 300), [page])[0]
    assert number == 1
    _, shown = first_page(picture)
    assert (shown.width, shown.height, shown.channels) == (400, 300, 3)
    for at in ((50, 150), (350, 150), (200, 60), (200, 250), (50, 60), (350, 250)):
        assert shown.at(*at) == COLOURS[kind], at
    for at in ((200, 150), (10, 10), (47, 150), (353, 150), (200, 253)):
        assert shown.at(*at) == (200, 200, 200), at


def test_lines_are_outlined_slanted_ones_too():
    page = result([line("level", box(20, 20, 120, 40)), line("slanted", [[20, 60], [120, 160], [110, 170], [10, 70]])],
                  width=200, height=200)
    shown = first_page(show(pnm([[255] * 200] * 200), [page])[0][0][1])[1]
    for at in ((70, 20), (20, 30), (120, 30), (70, 40), (70, 110), (60, 120)):
        assert shown.at(*at) == LINE, at
    assert shown.at(70, 30) == shown.at(70, 100) == shown.at(65, 115) == (255, 255, 255)


def test_regions_are_numbered_in_reading_order():
    """The number stands on the region's first corner, white on its colour, in squares of a pixel."""
    page = result([], width=400, height=300)
    page["regions"] = [region("text", 10, 200, 390, 290)] + 9 * [region("title", 10, 100, 390, 150)]
    shown = first_page(show(pnm([[128] * 400] * 300), [page])[0][0][1])[1]

    def label(left, top, width):
        return ["".join("#" if shown.at(x, y) == (255, 255, 255) else "." for x in range(left, left + width))
                for y in range(top, top + 7)]
    assert label(10, 193, 7) == [".......", "...#...", "..##...", "...#...", "...#...", "..###..", "......."]
    assert label(10, 93, 11)[1:6] == ["...#..###..", "..##..#.#..", "...#..#.#..", "...#..#.#..", "..###.###.."]
    assert shown.at(10, 193) == COLOURS["text"] and shown.at(10, 93) == COLOURS["title"]


def test_what_stands_over_the_edge_is_drawn_on_it():
    page = result([line("", box(-50, -50, 900, 900)) | {"text": "wide"}], width=200, height=100)
    page["regions"] = [region("table", -1e9, 0, 1e9, 100)]
    shown = first_page(show(pnm([[255] * 200] * 100), [page])[0][0][1])[1]
    assert shown.at(0, 50) == shown.at(199, 50) == shown.at(100, 99) == COLOURS["table"]


def test_all_pages_in_their_colours_and_sizes():
    document = tiff([tiff_page(30, 20, 8, bytes([7]) * 600), tiff_page(50, 60, 8, bytes([99]) * 3000)])
    pictures, _ = show(document, [result([], 1, 30, 20) | {"regions": []}, result([], 2, 50, 60) | {"regions": []}])
    assert [number for number, _ in pictures] == [1, 2]
    shown = [first_page(picture)[1] for _, picture in pictures]
    assert [(one.width, one.height) for one in shown] == [(30, 20), (50, 60)]
    assert [set(one.pixels) for one in shown] == [{7}, {99}]


def test_a_page_that_was_read_smaller_is_marked_where_it_is():
    page = result([], width=200, height=150)
    page["regions"] = [region("text", 25, 30, 175, 125)]
    shown = first_page(show(pnm([[200] * 400] * 300), [page])[0][0][1])[1]
    assert (shown.width, shown.height) == (400, 300) and shown.at(50, 150) == shown.at(350, 150) == COLOURS["text"]


def test_what_cannot_be_shown_is_told():
    page = sealed(json.dumps(result([])).encode())
    with Raster() as raster:
        assert raster.open(pnm([[0] * 200] * 100))["op"] == "opened"
        assert ask(raster, {"op": "write", "what": "music"}, os.memfd_create("output"))["error"] == "protocol"
        assert ask(raster, {"op": "write", "what": "picture"}, os.open("/dev/full", os.O_WRONLY))["op"] == "written"
        answer = ask(raster, {"op": "text"}, page)
    assert (answer["op"], answer["error"], answer["detail"]) == ("write_failed", "output", "No space left on device")


@pytest.mark.skipif(SANITIZED, reason="memory is not bounded")
def test_more_memory_is_asked_for():
    large, page = tiff([tiff_page(3000, 2000, 8, bytes(6000000))]), result([], width=3000, height=2000)
    answer = show(large, [page], granted=4 << 20)[1]
    assert answer["op"] == "write_needs" and answer["bytes"] > 6000000
    assert show(large, [page], granted=answer["bytes"] + (1 << 20))[0]


# octavo ocr

@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The folder with the pictures and JSON of a picture and of a PDF of two pages."""
    require_models()
    folder = tmp_path_factory.mktemp("shown")
    run = octavo("ocr", "-f", "png,json,pdf", "-o", folder, LETTER, COLUMNS)
    assert run.returncode == 0 and not run.stderr, run.stderr
    return folder


def is_on_outline(one, x, y):
    """Whether a pixel is within two of the outline of a region, which is upright."""
    (left, top), _, (right, bottom), _ = one["polygon"]
    def inside(margin):
        return left - margin <= x <= right + margin and top - margin <= y <= bottom + margin
    return inside(2) and not inside(-2)


@pytest.mark.parametrize("name, files", [("letter", ["letter.png"]), ("columns", ["columns-1.png", "columns-2.png"])])
def test_each_page_is_shown_as_it_was_read(shown, name, files):
    assert sorted(one.name for one in shown.glob(f"{name}*.png")) == files
    assert (shown / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    pages = json.loads((shown / f"{name}.json").read_text())["pages"]
    for file, page in zip(files, pages):
        _, picture = first_page(shown / file)
        assert (picture.width, picture.height) == (page["width"], page["height"])
        assert page["regions"]
        for number, one in enumerate(page["regions"]):
            for (x0, y0), (x1, y1) in zip(one["polygon"], one["polygon"][1:] + one["polygon"][:1]):
                x = min(max(int((x0 + x1) / 2), 0), picture.width - 1)
                y = min(max(int((y0 + y1) / 2), 0), picture.height - 1)
                over = [COLOURS[other["type"]] for other in page["regions"][number:] if is_on_outline(other, x, y)]
                assert picture.at(x, y) in over, (file, number, one, x, y)


def test_several_pages_are_no_single_file(tmp_path):
    require_models()
    run = octavo("ocr", "-f", "png", COLUMNS)
    assert run.returncode != 0 and "png: one for each of 2 pages" in run.stderr and not run.stdout
    alone = subprocess.run([BIN / "octavo", "ocr", "-f", "png", "--pages", "2", COLUMNS], capture_output=True,
                           check=False)
    assert alone.returncode == 0 and first_page(alone.stdout)[0]["format"] == "png"
    run = octavo("ocr", "-f", "png,text,zip", "-o", tmp_path, COLUMNS)
    assert run.returncode == 0, run.stderr
    with zipfile.ZipFile(tmp_path / "columns.zip") as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["columns-1.png", "columns-2.png", "columns.txt"]
        assert first_page(archive.read("columns-2.png"))[1].pixels == first_page(alone.stdout)[1].pixels


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory has no bound")
def test_a_raster_that_dies_costs_what_it_made_only(tmp_path):
    """It is killed for writing pictures larger than the limit; the PDF, which is smaller, is made by another."""
    require_models()
    shades = random.Random(7).choices(range(192, 256), k=1200 * 1000)
    (tmp_path / "noise.png").write_bytes(png(1200, 1000, 8, 0, [bytes(shades[i:i + 1200])
                                                                for i in range(0, len(shades), 1200)]))
    limit = 1300000
    run = octavo("ocr", "-f", "text,pdf,png", "-o", tmp_path / "out", tmp_path / "noise.png",
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert run.returncode == 1 and "octavo-raster was killed by signal 25" in run.stderr, run
    assert sorted(os.listdir(tmp_path / "out")) == ["noise.pdf", "noise.txt"]


def test_a_pdf_that_fails_leaves_the_pictures(tmp_path):
    require_models()
    (tmp_path / "large.pdf").write_bytes(scan(1, [("", bytes(12 << 20))]))
    limit = 8 << 20
    run = octavo("ocr", "-f", "text,pdf,png", "-o", tmp_path / "out", tmp_path / "large.pdf",
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert run.returncode == 1 and "octavo-raster was killed by signal 25" in run.stderr, run
    assert sorted(os.listdir(tmp_path / "out")) == ["large.png", "large.txt"]


# octavo serve

def test_server_gives_what_was_asked_for(tmp_path):
    require_models()
    with Server(tmp_path / "data") as server:
        at_once = server.request("POST", "/v1/ocr?format=png", LETTER.read_bytes())
        assert at_once.status == 200 and at_once.headers["Content-Type"] == "image/png"
        letter = first_page(at_once.body)[1]
        is_problem(server.request("POST", "/v1/ocr?format=png", COLUMNS.read_bytes()), 400, "several_files")
        asked, plain = server.submit(COLUMNS.read_bytes(), "?png=1"), server.submit(LETTER.read_bytes())
        server.wait_until(asked, lambda state: state["pages_done"] >= 1)
        server.kill()
        server.start()
        assert server.wait_for_end(asked)["state"] == server.wait_for_end(plain)["state"] == "done"
        is_problem(server.get(f"/v1/tasks/{asked}/result?format=png"), 400, "several_files")
        packed = server.get(f"/v1/tasks/{asked}/result?format=png,json,zip&words=true")
        with zipfile.ZipFile(io.BytesIO(packed.body)) as archive:
            assert sorted(archive.namelist()) == ["document-1.png", "document-2.png", "document.json"]
            second = archive.read("document-2.png")
        page = server.get(f"/v1/tasks/{asked}/pages/2?format=png")
        assert page.headers["Content-Type"] == "image/png" and page.body == second
        for place in ("result", "pages/1"):
            refused = server.get(f"/v1/tasks/{plain}/{place}?format=png")
            assert "png=1" in is_problem(refused, 404, "not_found")
        kept = tmp_path / "data" / "pictures"
        assert [path.name for path in kept.iterdir()] == [asked]
        assert server.request("DELETE", f"/v1/tasks/{asked}").status in (200, 204) and not list(kept.iterdir())
    assert letter.width == struct.unpack(">I", LETTER.read_bytes()[16:20])[0]
