"""Searchable PDFs, written by octavo-raster and by octavo, looked at with programs that are not ours."""
import fcntl
import json
import math
import os
import re
import resource
import struct
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from octavo import BIN, LETTER, octavo, require_models
from server import Server, is_problem
from test_raster import (ALL_SEALS, GREY, SAMPLES, SANITIZED, Raster, bmp, exif_block, first_page, gif, pdf,
                         pdf_page, png, pnm, tiff, tiff_page)

FONT = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
F_ADD_SEALS = 1033
XHTML = "{http://www.w3.org/1999/xhtml}"


def line(text, quad, **more):
    """A line of a page's result without words: corners clockwise from where the text begins."""
    return {"text": text, "score": 1, "polygon": quad, "angle": 0, "block": 0, "row": 0, "region": 0, **more}


def box(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def result(lines, number=1, width=200, height=100, dpi=72, angle=0):
    return {"number": number, "width": width, "height": height, "dpi": dpi, "angle": angle, "lines": lines,
            "regions": [{"type": "text", "score": 0, "polygon": box(0, 0, width, height)}], "timings": {}}


def sealed(text):
    fd = os.memfd_create("text", os.MFD_ALLOW_SEALING)
    os.write(fd, text)
    fcntl.fcntl(fd, F_ADD_SEALS, ALL_SEALS)
    return fd


def ask(raster, body, fd=None):
    raster.send(json.dumps(body).encode(), [] if fd is None else [fd])
    if fd is not None:
        os.close(fd)
    return raster.hear()[0]


def made(what, document, pages, granted=0, shrink=None):
    """(the bytes, the answer) of what the raster makes of a document with results of these pages; no bytes: it fails."""
    output = os.memfd_create("output")
    with Raster() as raster:
        assert raster.open(document)["op"] == "opened"
        if shrink:
            raster.page(shrink=shrink)
        answer = ask(raster, {"op": "write", "what": what, "bytes": granted}, os.dup(output))
        for page in pages:
            assert answer["op"] == "written", answer
            answer = ask(raster, {"op": "text"}, sealed(json.dumps(page).encode()))
        if answer["op"] == "written":
            answer = ask(raster, {"op": "finish"})
    os.lseek(output, 0, os.SEEK_SET)
    with os.fdopen(output, "rb") as file:
        return file.read() if answer["op"] == "finished" else None, answer


def write(document, pages=(), granted=0, shrink=None):
    """(the PDF, its warnings); (None, the answer) if it fails. shrink: the first page was drawn so before."""
    written, answer = made("pdf", document, pages, granted, shrink)
    return written, answer if written is None else answer["warnings"]


def tool(*arguments):
    run = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, (arguments, run.stdout, run.stderr)
    return run.stdout


@pytest.fixture
def checked(tmp_path):
    """Writes a PDF to a file that qpdf has nothing to say against."""
    def save(document, password=""):
        path = tmp_path / "written.pdf"
        path.write_bytes(document)
        assert "No syntax or stream encoding errors" in tool("qpdf", f"--password={password}", "--check", path)
        return path
    return save


def words_of(path, *options):
    """(text, left, top, right, bottom) of the words that pdftotext finds on all pages, in points."""
    tree = ElementTree.fromstring(tool("pdftotext", "-bbox", *options, path, "-"))
    return [(word.text, *(float(word.get(edge)) for edge in ("xMin", "yMin", "xMax", "yMax")))
            for word in tree.iter(f"{XHTML}word")]


def sizes_of(path):
    tree = ElementTree.fromstring(tool("pdftotext", "-bbox", path, "-"))
    return [(round(float(page.get("width"))), round(float(page.get("height")))) for page in tree.iter(f"{XHTML}page")]


def near(place, other, points=1):
    return all(abs(a - b) <= points for a, b in zip(place, other))


def print_in(left, top, right, bottom):
    """Where the letters of a line are that lies in this box, which reaches beyond them."""
    beside, above = min(0.2 * (bottom - top), (right - left) / 8), 0.075 * (bottom - top)
    return left + beside, top + above, right - beside, bottom - above


def raw_text(path):
    return tool("pdftotext", "-raw", path, "-").replace("\f", "").split("\n")


def raw_text_of(path, number):
    return tool("pdftotext", "-raw", "-f", number, "-l", number, path, "-").strip()


def without_marks(text):
    """Without the characters by which pdftotext tells directions."""
    return re.sub("[\u202a-\u202e]", "", text)


# Pictures

COLOURS = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (9, 99, 199)]]
RGB = [bytes(sum(row, ())) for row in COLOURS]
GREY_ROWS = [bytes(row) for row in GREY]
RAMP = bytes((7 * x + 13 * y) % 251 for y in range(40) for x in range(40))
FAX = b"".join(((1 << 300) - 1 << 200 + y**5 % 61 % 3 + y // 5).to_bytes(100, "big") for y in range(600))
NOISE = bytes((x * x * 31 + y * 17 + x * y) % 256 for y in range(60) for x in range(90))




def pixels_in(path, folder):
    """Rows of the first picture in a PDF, as bytes of red, green and blue, or of bits that are 1 for black."""
    tool("pdfimages", path, folder / "picture")
    magic, size, data = next(folder.glob("picture-000.p*")).read_bytes().split(b"\n", 2)
    width, height = map(int, size.split())
    data = data.split(b"\n", 1)[1] if magic == b"P6" else data
    stride = 3 * width if magic == b"P6" else (width + 7) // 8
    return [data[stride * y:stride * (y + 1)] for y in range(height)]


def thrice(row):
    return b"".join(bytes([value] * 3) for value in row)


@pytest.mark.parametrize("document, rows", [
    (png(3, 2, 8, 0, GREY_ROWS), [thrice(row) for row in GREY]),
    (png(2, 2, 8, 2, RGB), RGB),
    (png(2, 2, 8, 3, [b"\0\1", b"\2\3"], [(b"PLTE", b"".join(RGB))]), RGB),
    (png(9, 2, 1, 0, [b"\xaa\x80", b"\xf0\0"]), [b"\x55\x7f", b"\x0f\xff"]),
    (png(3, 2, 8, 4, [bytes(sum(([v, 255] for v in row), [])) for row in GREY]), [thrice(row) for row in GREY]),
    (bmp(COLOURS), RGB),
    (gif([[0, 1, 2], [3, 2, 1]], [(0, 0, 0), (255, 0, 0), (0, 255, 0), (255, 255, 255)]),
     [b"\0\0\0\xff\0\0\0\xff\0", b"\xff\xff\xff\0\xff\0\xff\0\0"]),
    (pnm(GREY), [thrice(row) for row in GREY]),
    (tiff([tiff_page(40, 40, 8, RAMP)]), [thrice(RAMP[40 * y:40 * y + 40]) for y in range(40)]),
    (tiff([tiff_page(30, 60, 8, NOISE, photometric=2, samples=3)]), [NOISE[90 * y:90 * y + 90] for y in range(60)]),
    (tiff([tiff_page(17, 3, 1, b"\xaa\x55\x80\xff\xff\x80\0\x01\0", photometric=0)]),
     [b"\xaa\x55\xff", b"\xff\xff\xff", b"\0\x01\x7f"]),
    (tiff([tiff_page(800, 600, 1, FAX, photometric=0)]), [FAX[100 * y:100 * y + 100] for y in range(600)]),
], ids=["png", "png-rgb", "png-palette", "png-1", "png-alpha", "bmp", "gif", "pnm", "grey", "rgb", "bits", "fax"])
def test_pictures_keep_their_pixels(checked, tmp_path, document, rows):
    written, warnings = write(document)
    assert not warnings
    assert pixels_in(checked(written), tmp_path) == rows
    assert (b"CCITTFaxDecode" in written) == (rows[-1] == FAX[-100:])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_kept_and_turned(checked, orientation):
    photo = (SAMPLES / "receipt.jpg").read_bytes()
    block = b"Exif\0\0" + exif_block(orientation)
    marked = photo[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + photo[2:]
    written, _ = write(marked)
    checked(written)
    assert marked in written
    before, after = first_page(marked)[1], first_page(written)[1]
    assert (after.width, after.height) == (before.width, before.height)
    sample = [abs(a - b) for a, b in zip(before.pixels[::97], after.pixels[::97])]
    assert sum(sample) / len(sample) < 4


def test_each_page_of_a_tiff_has_its_own_size_and_text(checked):
    document = tiff([tiff_page(width, 100, 8, bytes([255]) * width * 100, t282=(5, [150 | 1 << 32]), t296=(3, [2]))
                     for width in (300, 200, 150)])
    pages = [result([line("first", box(30, 20, 130, 40))], width=300, dpi=150),
             result([line("third", box(75, 50, 125, 70))], number=3, width=150, dpi=150)]
    path = checked(write(document, pages)[0])
    assert sizes_of(path) == [(144, 48), (96, 48), (72, 48)]
    (first, *place), (third, *other) = words_of(path)
    assert (first, third) == ("first", "third")
    assert near(place, print_in(14.4, 9.6, 62.4, 19.2)) and near(other, print_in(36, 24, 60, 33.6))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("arithmetic", [False, True], ids=["kept", "packed"])
def test_a_photo_that_was_read_smaller_is_as_large_as_ever(checked, tmp_path, orientation, arithmetic):
    photo = (SAMPLES / "receipt.jpg").read_bytes()
    if arithmetic: # which PDF does not have: it is decoded, to whatever these bytes then say
        photo = photo.replace(b"\xff\xc0\0\x11", b"\xff\xc9\0\x11")
    block = b"Exif\0\0" + exif_block(orientation)
    photo = photo[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + photo[2:]
    whole = first_page(photo)[1]
    for shrink in (1, 2, 4):
        width, height = -(-whole.width // shrink), -(-whole.height // shrink)
        read = result([line("word", [[x / shrink, y / shrink] for x, y in box(100, 100, 300, 140)])], width=width,
                      height=height, dpi=200 / shrink)
        path = checked(write(photo, [read], shrink=shrink)[0])
        assert sizes_of(path) == [(round(whole.width * 0.36), round(whole.height * 0.36))]
        assert near(words_of(path)[0][1:], print_in(36, 36, 108, 50.4), 2)
        assert re.search(rf" image +{whole.width if orientation == 1 else whole.height} ", tool("pdfimages", "-list", path))


def test_a_page_of_unknown_resolution_is_as_long_as_a_sheet(checked):
    path = checked(write(pnm([[255] * 40] * 80), [result([line("word", box(10, 40, 30, 50))], width=40, height=80, dpi=0)])[0])
    assert sizes_of(path) == [(421, 842)]
    assert near(words_of(path)[0][1:], print_in(105, 421, 316, 526))


def test_a_page_that_lies_on_its_side_is_shown_upright(checked):
    """Its picture is as it came; /Rotate says how to look at it."""
    page = result([line("word", [[20, 10], [20, 60], [8, 60], [8, 10]])], width=100, height=100, angle=90)
    path = checked(write(pnm([[255] * 100] * 100), [page])[0])
    assert re.search(r"rot: +270\n", tool("pdfinfo", "-l", 1, path)) and near(words_of(path)[0][1:], print_in(10, 80, 60, 92))


def test_a_page_that_is_missing_is_told_when_all_is_written(checked):
    """It is before one that has text: the warning does not come with the last answer by itself."""
    document = tiff([tiff_page(40, 40, 8, b"", t259=(3, [9999])), tiff_page(40, 40, 8, RAMP)])
    written, warnings = write(document, [result([], number=2, width=40, height=40)])
    assert len(sizes_of(checked(written))) == 1
    assert len(warnings) == 1 and warnings[0].startswith("page 1 is missing: ")


# Text

@pytest.mark.parametrize("text", [
    "Größe, déjà vu: ½ ﬁ ﬂ", "漢字 仮名 한국어", "(a\\b) ) (", "\u2028x \u0d0d\u0a0d", "𝔄 😀 𠮷 😀", "\u05e9\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0643", "\u05d1\u05b0\u05e8\u05b5\u05d0", "\U00010800\U00010801",
], ids=["latin", "cjk", "escapes", "controls", "beyond", "hebrew", "arabic", "marks", "cypriot"])
def test_text_comes_back(checked, text):
    words, at = [], 10
    for word in text.split(" "):
        words.append({"text": word, "score": 1, "polygon": box(at, 20, at + 8 * len(word), 32)})
        at += 8 * (len(word) + 1)
    page = result([line(text, box(10, 20, at, 32), words=words)], width=300)
    path = checked(write(pdf_page("", "/MediaBox[0 0 300 100]"), [page])[0])
    found = sorted(without_marks(tool("pdftotext", "-raw", path, "-")).split())
    assert found == sorted(text.split())


@pytest.mark.parametrize("gap", [1, 8])
def test_lines_of_words_from_right_to_left(checked, gap):
    """The first word is the rightmost one. There is white between them, though no blank is written; numbers stay."""
    texts, right, words = ["\u05e9\u05dc\u05d5\u05dd", "\u05d12026\u05d0", "\u05e2\u05d5\u05dc\u05dd", "\u05d0\u05d1\u05d2"], 220, []
    for text in texts:
        words.append({"text": text, "score": 1, "polygon": box(right - 8 * len(text), 20, right, 32)})
        right -= 8 * len(text) + gap
    page = result([line(" ".join(texts), box(right, 20, 220, 32), words=words)], width=300)
    path = checked(write(pdf_page("", "/MediaBox[0 0 300 100]"), [page])[0])
    assert without_marks(tool("pdftotext", path, "-")).split() == texts
    for (_, left, _, end, _), word in zip(words_of(path, "-raw"), words, strict=True):
        assert near((left, end), (word["polygon"][0][0], word["polygon"][1][0]), 4), word


def test_characters_without_blanks_between_them_stay_together(checked):
    words = [{"text": c, "score": 1, "polygon": box(20 + 14 * i, 20, 30 + 14 * i, 30)} for i, c in enumerate("小书可以")]
    path = checked(write(pdf_page(""), [result([line("小书可以", box(20, 20, 72, 30), words=words)])])[0])
    assert raw_text(path)[0] == "小书可以"


def test_lines_come_in_reading_order(checked):
    columns = [line(f"{column}{row}", box(left, 10 + 20 * row, left + 60, 22 + 20 * row))
               for column, left in (("left", 10), ("right", 100)) for row in range(3)]
    path = checked(write(pdf_page(""), [result(columns)])[0])
    assert raw_text(path)[:6] == ["left0", "left1", "left2", "right0", "right1", "right2"]


@pytest.mark.parametrize("texts, fonts", [
    (["It’s 5 € – größer"], {"TrueType"}), (["ω and □ are guests"], {"TrueType"}), (["漢字仮名"], {"CID TrueType"}),
    (["Latin", "漢字仮名"], {"TrueType", "CID TrueType"}), (["a soft\u00adhyphen"], {"TrueType"}),
    ([f"letter {chr(0x391 + 2 * i)}" for i in range(34)], {"TrueType", "CID TrueType"}),
], ids=["latin", "guests", "others", "both", "soft hyphen", "too many guests"])
def test_latin_text_takes_codes_of_one_byte(checked, texts, fonts):
    lines = [line(text, box(10, 10 + 20 * row, 10 + 7 * len(text), 22 + 20 * row)) for row, text in enumerate(texts)]
    path = checked(write(pdf_page("", "/MediaBox[0 0 300 700]"), [result(lines, width=300, height=700)])[0])
    assert raw_text(path)[:len(texts)] == texts
    table = tool("pdffonts", path).splitlines()
    kind = slice(table[0].index("type"), table[0].index("encoding"))
    assert {row[kind].strip() for row in table[2:]} == fonts


def printed(rows):
    """Lines of words as wide as a proportional font makes them."""
    words = "minimal wills fit in the illicit mammoth window at little tests of swimming rooms".split()
    for row in range(rows):
        at, boxes = 20, []
        for word in (words * 2)[row % len(words):][:9]:
            wide = sum(3.1 if letter in "ijlft" else 8.9 if letter in "mw" else 6 for letter in word)
            boxes.append({"text": word, "score": 1, "polygon": box(at, 20 + 15 * row, at + wide, 32 + 15 * row)})
            at += wide + 3.4
        yield line(" ".join(each["text"] for each in boxes), box(20, 20 + 15 * row, at - 3.4, 32 + 15 * row), words=boxes)


def test_words_of_print_lie_near_their_places_and_take_little(checked):
    lines, document = list(printed(40)), pdf_page("", "/MediaBox[0 0 500 700]")
    written, _ = write(document, [result(lines, width=500, height=700)])
    path = checked(written)
    wanted = [word for one in lines for word in one["words"]]
    found = words_of(path, "-raw")
    assert [word[0] for word in found] == [word["text"] for word in wanted]
    for (_, left, _, right, _), word in zip(found, wanted):
        assert near((left, right), (word["polygon"][0][0], word["polygon"][1][0]), 0.4 * 12), word
    assert len(written) - len(document) < 1000 + 2 * len(wanted)


# PDF files

def test_columns_are_told_apart(checked):
    """Boxes that nearly meet: the print between them is further apart."""
    columns = [line(f"{column}{row}", box(left, 10 + 13 * row, left + 85, 22 + 13 * row))
               for column, left in (("left", 10), ("right", 101)) for row in range(6)]
    path = checked(write(pdf_page(""), [result(columns)])[0])
    assert tool("pdftotext", path, "-").split() == [f"{column}{row}" for column in ("left", "right") for row in range(6)]


@pytest.mark.parametrize("extra, width, height, options", [
    ("", 200, 100, []), ("/Rotate 90", 100, 200, []), ("/Rotate 180", 200, 100, []), ("/Rotate -90", 100, 200, []),
    ("/CropBox[20 10 140 90]", 120, 80, ["-cropbox"]), ("/CropBox[20 10 140 90]/Rotate 270", 80, 120, ["-cropbox"]),
    ("/MediaBox[-50 -20 150 80]", 200, 100, []),
], ids=["plain", "90", "180", "270", "crop", "crop-270", "origin"])
@pytest.mark.parametrize("dpi", [72, 200])
def test_words_are_where_they_are_seen(checked, extra, width, height, options, dpi):
    scale = dpi / 72
    page = result([line("word", [[x * scale, y * scale] for x, y in box(30, 20, 70, 32)])], dpi=dpi,
                  width=round(width * scale), height=round(height * scale))
    document = pdf_page("0 0 50 50 re f", extra)
    written = write(document, [page])[0]
    path = checked(written)
    assert written.startswith(document)
    (text, *place), = words_of(path, *options)
    assert text == "word" and near(place, print_in(30, 20, 70, 32))
    assert first_page(written, dpi=150)[1].pixels == first_page(document, dpi=150)[1].pixels


@pytest.mark.parametrize("angle", [0, 10, 90, 180, 270])
def test_slanted_lines(checked, angle):
    """Begin and end of a line of two words, whatever its direction is."""
    turn = complex(math.cos(math.radians(angle)), math.sin(math.radians(angle)))

    def place(x, y):
        corner = complex(100, 100) + turn * complex(x, y)
        return [corner.real, corner.imag]

    def quad(left, right):
        return [place(left, 0), place(right, 0), place(right, 10), place(left, 10)]
    words = [{"text": "begin", "score": 1, "polygon": quad(0, 30)}, {"text": "end", "score": 1, "polygon": quad(40, 60)}]
    page = result([line("begin end", quad(0, 60), words=words, angle=angle if angle <= 180 else angle - 360)], height=200)
    path = checked(write(pdf_page("", "/MediaBox[0 0 200 200]"), [page])[0])
    assert sorted(word[0] for word in words_of(path)) == ["begin", "end"]
    for (text, *found), (left, right) in zip(words_of(path), ((0, 30), (40, 60))):
        corners = quad(left, right)
        middle = [sum(point[axis] for point in corners) / 4 for axis in (0, 1)]
        assert near([(found[0] + found[2]) / 2, (found[1] + found[3]) / 2], middle, 4), text


def test_words_of_sloping_lines_stay_whole(checked):
    slope = [[20, 20], [170, 38], [169, 48], [19, 30]]
    path = checked(write(pdf_page(""), [result([line("characteristically", slope)])])[0])
    (text, left, top, right, bottom), = words_of(path)
    assert text == "characteristically" and near([(left + right) / 2, (top + bottom) / 2], (94.5, 34))


RESOURCES = "/Resources<</Font<</F 5 0 R>>>>"
SHOWN = pdf_page("BT /F 20 Tf 20 50 Td (Visible) Tj ET", RESOURCES, [FONT])


def test_text_that_is_there_is_not_added_again(checked):
    page = result([line("Visible", box(20, 33, 86, 52)), line("drawn", box(120, 33, 170, 52))])
    path = checked(write(SHOWN, [page])[0])
    assert sorted(word[0] for word in words_of(path)) == ["Visible", "drawn"]
    assert write(SHOWN, [result(page["lines"][:1])])[0] == SHOWN


CYRILLIC = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Differences[65/afii10017/afii10018/afii10019]>>>>"
NOTHING = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Differences[65/uni0003]>>>>"
COVERED = "q 200 0 0 100 0 0 cm BI /W 1 /H 1 /CS/G /BPC 8 ID \xff EI Q"


def own_text(shown, font=FONT, mode=0, after=""):
    return pdf_page(f"BT /F 20 Tf {mode} Tr 20 50 Td ({shown}) Tj ET {after}", RESOURCES, [font])


@pytest.mark.parametrize("document", [
    own_text("Uhrhakd"), own_text("Visib1e", mode=3), own_text("Visib1e", after=COVERED), own_text("AAAAA", NOTHING, mode=3),
], ids=["other letters", "unseen", "covered", "control characters"])
def test_text_that_is_wrong_is_replaced(checked, document):
    """It is drawn as before, but says nothing any more."""
    page = result([line("Visible", box(20, 33, 86, 52))])
    written, _ = write(document, [page])
    assert written.startswith(document)
    assert [word[0] for word in words_of(checked(written))] == ["Visible"]
    assert first_page(written)[1].pixels == first_page(document)[1].pixels
    assert write(written, [page])[0] == written


@pytest.mark.parametrize("document, read, score, kept", [
    (own_text("Visib1e"), "Visible", 1, "Visib1e"),
    (own_text("Uhrhakd"), "Visible", 0.8, "Uhrhakd"),
    (own_text("ABC", CYRILLIC), "XYZ", 1, "АБВ"),
], ids=["seen", "read with little confidence", "another script"])
def test_text_that_may_be_right_is_kept(document, read, score, kept, checked):
    page = result([line(read, box(20, 33, 66, 52), score=score)])
    assert tool("pdftotext", "-raw", checked(write(document, [page])[0]), "-").split() == [kept]


def test_written_again_nothing_is_added():
    page = result([line("word", box(30, 20, 70, 32))])
    once, _ = write(pdf_page(""), [page])
    assert write(once, [page])[0] == once


@pytest.mark.parametrize("texts", [("Γλώσσα κείμενο 漢", "латиница 字 текст"), ("ω is first", "□ and Ж next"),
                                   ("plain", "漢字仮名"), ("漢字仮名", "plain")], ids=["wide", "guests", "latin", "others"])
def test_text_of_earlier_runs_is_kept_where_pages_share_resources(checked, texts):
    """Each run has fonts of its own, which must not take the names of those before."""
    document = pdf(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R 4 0 R 5 0 R]/Count 3/MediaBox[0 0 300 100]"
                    "/Resources 6 0 R>>", *["<</Type/Page/Parent 2 0 R>>"] * 3, "<<>>"])
    for number, text in enumerate((*texts, texts[0]), start=1):
        page = result([line(text, box(10, 20, 10 + 8 * len(text), 32))], number=number, width=300)
        document, warnings = write(document, [page])
        assert not warnings
    path = checked(document)
    assert [raw_text_of(path, n) for n in (1, 2, 3)] == [[*texts, texts[0]][n] for n in range(3)]
    again = result([line(texts[0], box(10, 20, 10 + 8 * len(texts[0]), 32))], width=300)
    assert write(document, [again])[0] == document


def test_pages_without_a_result_stay_as_they_are(checked):
    document = pdf(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2/MediaBox[0 0 200 100]"
                    "/Resources<</Font<</F 6 0 R>>>>>>", "<</Type/Page/Parent 2 0 R/Contents 5 0 R>>",
                    "<</Type/Page/Parent 2 0 R/Contents[5 0 R]>>", ("", b"BT /F 9 Tf 9 9 Td (shared) Tj ET"), FONT])
    written, _ = write(document, [result([line("second", box(30, 20, 70, 32))], number=2)])
    path = checked(written)
    assert [tool("pdftotext", "-raw", "-f", n, "-l", n, path, "-").split() for n in (1, 2)] == [["shared"], ["second", "shared"]]


@pytest.mark.parametrize("options", [["--object-streams=generate"], ["--linearize"], ["--encrypt", "", "owner", "256", "--"],
                                     ["--encrypt", "", "owner", "128", "--use-aes=n", "--", "--allow-weak-crypto"]],
                         ids=["streams", "linear", "aes", "rc4"])
def test_files_as_others_write_them(checked, tmp_path, options):
    (tmp_path / "plain.pdf").write_bytes(SHOWN)
    weak = [option for option in options if option == "--allow-weak-crypto"]
    tool("qpdf", *weak, tmp_path / "plain.pdf", *[option for option in options if option not in weak], tmp_path / "other.pdf")
    other = (tmp_path / "other.pdf").read_bytes()
    written, _ = write(other, [result([line("added", box(120, 33, 170, 52))])])
    assert written.startswith(other)
    assert sorted(word[0] for word in words_of(checked(written))) == ["Visible", "added"]


def test_a_damaged_file_is_written_anew(checked):
    for broken in (SHOWN[:-60], b"junk\n" * 9 + SHOWN):
        written, _ = write(broken, [result([line("added", box(120, 33, 170, 52))])])
        assert sorted(word[0] for word in words_of(checked(written))) == ["Visible", "added"]
        written, _ = write(broken, [])
        assert written != broken and [word[0] for word in words_of(checked(written))] == ["Visible"]


def test_signatures_are_told_of():
    signed = pdf(["<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R]/SigFlags 3>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
                  "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Annots[5 0 R]/Contents 4 0 R>>", ("", b""),
                  "<</Type/Annot/Subtype/Widget/FT/Sig/T(s)/Rect[0 0 0 0]/V<</Type/Sig/Filter/Adobe.PPKLite"
                  "/SubFilter/adbe.pkcs7.detached/ByteRange[0 1 2 3]/Contents<00>>>>>"])
    assert write(signed, [result([line("added", box(120, 33, 170, 52))])])[1] == [
        "it was signed: its signatures do not vouch for the text that was added"]
    assert write(signed) == (signed, [])


# What can go wrong

def test_what_cannot_be_written_is_told():
    with Raster() as raster:
        assert raster.open(SHOWN)["op"] == "opened"
        assert ask(raster, {"op": "finish"})["error"] == "protocol"
        assert ask(raster, {"op": "write"})["error"] == "protocol"
        assert ask(raster, {"op": "write", "what": "pdf"}, os.open("/dev/full", os.O_WRONLY))["op"] == "written"
        assert ask(raster, {"op": "text"}, sealed(b"{}"))["error"] == "protocol"
        assert ask(raster, {"op": "text"}, sealed(json.dumps(result([], number=2)).encode()))["error"] == "page_range"
        answer = ask(raster, {"op": "finish"})
    assert (answer["op"], answer["error"], answer["detail"]) == ("write_failed", "output", "No space left on device")


@pytest.mark.skipif(SANITIZED, reason="memory is not bounded")
def test_more_memory_is_asked_for():
    large = tiff([tiff_page(3000, 2000, 8, bytes(6000000))])
    answer = write(large, [result([], width=3000, height=2000)], granted=4 << 20)[1]
    assert answer["op"] == "write_needs" and answer["bytes"] > 6000000
    assert write(large, [result([], width=3000, height=2000)], granted=answer["bytes"])[0]


@pytest.mark.skipif(SANITIZED, reason="memory is not bounded")
@pytest.mark.parametrize("document", [SHOWN, png(3, 2, 8, 0, GREY_ROWS)], ids=["pdf", "picture"])
def test_more_memory_is_asked_for_a_long_text(document):
    """However little was granted, it is not the end of the process: tried ever closer to what is just enough."""
    texts = [line(f"a line of text, number {number}", box(10, number % 90, 190, 9 + number % 90)) for number in range(20000)]
    little, enough = 1 << 20, 100 << 20
    assert write(document, [result(texts)], granted=enough)[0]
    while enough - little > 128 << 10:
        granted = (little + enough) // 2
        written, answer = write(document, [result(texts)], granted=granted)
        assert written or (answer["op"] == "write_needs" and answer["bytes"] > granted)
        little, enough = (little, granted) if written else (granted, enough)


# octavo ocr

@pytest.fixture(scope="module")
def ocred(tmp_path_factory):
    """The folder with PDF, text and JSON of a picture, and of a scan of two pages that lie in a PDF."""
    require_models()
    folder = tmp_path_factory.mktemp("ocred")
    (folder / "scan.pdf").write_bytes(scan(2))
    run = octavo("ocr", "--words", "-f", "pdf,text,json", "-o", folder / "out", LETTER, folder / "scan.pdf")
    assert run.returncode == 0 and not run.stderr, run.stderr
    return folder / "out"


def scan(pages, more=()):
    """A PDF with the picture of the letter on each of its pages, A5."""
    picture = LETTER.read_bytes()
    width, height, depth, colour = struct.unpack(">IIBB", picture[16:26])
    data, at = b"", 8
    while at < len(picture):
        length, = struct.unpack(">I", picture[at:at + 4])
        data += picture[at + 8:at + 8 + length] if picture[at + 4:at + 8] == b"IDAT" else b""
        at += 12 + length
    kids = " ".join(f"{5 + i} 0 R" for i in range(pages))
    image = (f"/Type/XObject/Subtype/Image/Width {width}/Height {height}/BitsPerComponent {depth}/ColorSpace/Device"
             f"{'RGB' if colour == 2 else 'Gray'}/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors "
             f"{3 if colour == 2 else 1}/BitsPerComponent {depth}/Columns {width}>>", data)
    return pdf(["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {pages}/MediaBox[0 0 420 595]"
                "/Resources<</XObject<</I 3 0 R>>>>>>", image, ("", b"q 420 0 0 595 0 0 cm /I Do Q"),
                *["<</Type/Page/Parent 2 0 R/Contents 4 0 R>>"] * pages, *more])


@pytest.mark.parametrize("name, bytes_before", [("letter", LETTER.stat().st_size), ("scan", len(scan(2)))])
def test_what_was_read_can_be_found(ocred, name, bytes_before):
    path = ocred / f"{name}.pdf"
    assert "No syntax or stream encoding errors" in tool("qpdf", "--check", path)
    assert path.stat().st_size <= 1.1 * bytes_before
    words = (ocred / f"{name}.txt").read_text().split()
    assert len(words) > 90 and tool("pdftotext", "-raw", path, "-").split() == words


def test_words_lie_where_they_were_read(ocred):
    page = json.loads((ocred / "letter.json").read_text())["pages"][0]
    scale = 72 / page["dpi"] if page["dpi"] else 842 / max(page["width"], page["height"])
    read = [word for line in page["lines"] for word in line["words"]]
    found = words_of(ocred / "letter.pdf")
    assert [word[0] for word in found] == [word["text"] for word in read]
    for (_, left, top, right, bottom), word in zip(found, read):
        (x0, y0), _, (x1, y1), _ = word["polygon"]
        assert near((left, top, right, bottom), (x0 * scale, y0 * scale, x1 * scale, y1 * scale),
                    max(4, (y1 - y0) * scale / 3)), word


def test_standard_output_and_pages(tmp_path):
    require_models()
    run = subprocess.run([BIN / "octavo", "ocr", "-f", "pdf", "--pages", "2", "-"], input=scan(2), capture_output=True,
                         check=False)
    assert run.returncode == 0 and not run.stderr and run.stdout.startswith(scan(2))
    (tmp_path / "out.pdf").write_bytes(run.stdout)
    assert [len(tool("pdftotext", "-f", n, "-l", n, tmp_path / "out.pdf", "-").split()) > 90 for n in (1, 2)] == [False, True]


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory has no bound")
def test_a_raster_that_dies_writing_costs_the_pdf_only(tmp_path):
    """It is killed for writing a file larger than the limit, which all bitmaps keep."""
    require_models()
    (tmp_path / "large.pdf").write_bytes(scan(1, [("", bytes(12 << 20))]))
    limit = 8 << 20
    run = octavo("ocr", "-f", "text,pdf", "-o", tmp_path / "out", tmp_path / "large.pdf",
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert run.returncode == 1 and "octavo-raster was killed by signal 25" in run.stderr, run
    assert os.listdir(tmp_path / "out") == ["large.txt"]


def test_no_place_for_the_pdf(tmp_path):
    require_models()
    run = octavo("ocr", "-f", "pdf", LETTER, env=dict(os.environ, TMPDIR=str(tmp_path / "none")))
    assert run.returncode == 73 and "none: No such file or directory" in run.stderr and not run.stdout, run


# octavo serve

def test_of_a_cancelled_task_there_is_none(tmp_path):
    require_models()
    with Server(tmp_path / "data") as server:
        task = server.submit(scan(30), "?pdf=1&png=1&figures=1")
        server.wait_until(task, lambda state: state["pages_done"] >= 1)
        assert server.request("POST", f"/v1/tasks/{task}/cancel").status == 200
        for kind in ("pdf", "png,zip"):
            is_problem(server.get(f"/v1/tasks/{task}/result?format={kind}"), 404, "not_found")
        assert not any(path.name == task for name in ("pdfs", "pictures", "figures") for path in (tmp_path / "data" / name).iterdir())


def test_server_gives_what_was_asked_for(tmp_path, checked):
    require_models()
    with Server(tmp_path / "data") as server:
        at_once = server.request("POST", "/v1/ocr?format=pdf", LETTER.read_bytes())
        assert at_once.status == 200 and at_once.headers["Content-Type"] == "application/pdf"
        words = tool("pdftotext", "-raw", checked(at_once.body), "-").split()
        assert len(words) > 90
        asked, plain = server.submit(scan(4), "?pdf=1"), server.submit(LETTER.read_bytes())
        server.wait_until(asked, lambda state: state["pages_done"] >= 1)
        server.kill()
        server.start()
        assert server.wait_for_end(asked)["state"] == server.wait_for_end(plain)["state"] == "done"
        answer = server.get(f"/v1/tasks/{asked}/result", headers={"Accept": "application/pdf"})
        assert answer.status == 200 and answer.body.startswith(scan(4))
        assert tool("pdftotext", "-raw", checked(answer.body), "-").split() == 4 * words
        assert "pdf=1" in is_problem(server.get(f"/v1/tasks/{plain}/result?format=pdf"), 404, "not_found")
        assert "whole documents" in is_problem(server.get(f"/v1/tasks/{asked}/pages/1?format=pdf"), 400, "bad_request")
        kept = tmp_path / "data" / "pdfs"
        assert [path.name for path in kept.iterdir()] == [asked]
        assert server.request("DELETE", f"/v1/tasks/{asked}").status in (200, 204) and not list(kept.iterdir())
