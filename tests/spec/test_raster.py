"""octavo-raster, spoken to as octavo does: formats, sizes, orientation, transparency, limits, and its end."""
import array
import fcntl
import json
import mmap
import os
import socket
import struct
import subprocess
import time
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
RASTER = Path(os.environ.get("OCTAVO_BIN", ROOT / "build" / "bin")) / "octavo-raster"
SAMPLES = ROOT / "tests" / "samples"
CORPUS = ROOT.parent / "shared" / "corpus"
CHILD_SOCKET = 3
# Instrumented programs are neither bounded in memory nor kept silent.
SANITIZED = RASTER.exists() and any(name in RASTER.read_bytes() for name in (b"__asan_init", b"__tsan_init"))
F_GET_SEALS, ALL_SEALS = 1034, 0xF

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not there")


class Page:
    """A page bitmap out of an answer and its descriptor."""

    def __init__(self, answer, fd):
        self.width, self.height, self.channels = answer["width"], answer["height"], answer["channels"]
        self.dpi, self.warnings = answer["dpi"], answer["warnings"]
        assert fcntl.fcntl(fd, F_GET_SEALS) & ALL_SEALS == ALL_SEALS
        assert os.fstat(fd).st_size == self.width * self.height * self.channels
        with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as view:
            self.pixels = bytes(view)
        os.close(fd)

    def at(self, x, y):
        """The value of a grey pixel, or the three of a coloured one."""
        start = (y * self.width + x) * self.channels
        values = tuple(self.pixels[start:start + self.channels])
        return values[0] if self.channels == 1 else values

    def rows(self):
        stride = self.width * self.channels
        return [self.pixels[i:i + stride] for i in range(0, len(self.pixels), stride)]


class Raster:
    """A running octavo-raster and our end of its socket."""

    def __init__(self):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.process = subprocess.Popen([RASTER], stdin=subprocess.DEVNULL, close_fds=False,
                                        preexec_fn=lambda: os.dup2(theirs.fileno(), CHILD_SOCKET))
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        try:
            assert self.process.wait(timeout=10) == 0
        finally:
            self.process.kill()
            self.process.wait()

    def send(self, text, fds=()):
        socket.send_fds(self.socket, [text], list(fds))

    def hear(self):
        text, fds, _, _ = socket.recv_fds(self.socket, 65536, 1)
        return (json.loads(text) if text else None), (fds[0] if fds else None)

    def open_fd(self, fd, dpi=0, max_pages=1000, max_pixels=100 << 20):
        body = {"op": "open", "dpi": dpi, "max_pages": max_pages, "max_pixels": max_pixels}
        self.send(json.dumps(body).encode(), [fd])
        return self.hear()[0]

    def open(self, document, **limits):
        """document: bytes or a path."""
        if isinstance(document, bytes):
            fd = os.memfd_create("document")
            os.write(fd, document)
        else:
            fd = os.open(document, os.O_RDONLY)
        try:
            return self.open_fd(fd, **limits)
        finally:
            os.close(fd)

    def page(self, number=1, **more):
        """A Page, or the answer that says why there is none."""
        self.send(json.dumps({"op": "page", "page": number, **more}).encode())
        answer, fd = self.hear()
        assert answer["page"] == number
        return Page(answer, fd) if answer["op"] == "page" else answer


def first_page(document, **limits):
    """(what open answered, the first page) of a document that opens."""
    with Raster() as raster:
        opened = raster.open(document, **limits)
        assert opened["op"] == "opened", opened
        return opened, raster.page()


def refusal(document, **limits):
    """The error word with which a document is refused, on opening or for its first page."""
    with Raster() as raster:
        answer = raster.open(document, **limits)
        if answer["op"] == "opened":
            answer = raster.page()
            assert isinstance(answer, dict), "it was read"
            assert answer["op"] == "page_failed"
        return answer["error"]


# Pictures and documents by hand. The picture: 3 x 2 pixels, grey values that tell the corners apart.

GREY = [[0, 80, 160], [40, 120, 255]]


def pnm(rows):
    return b"P5 %d %d 255\n" % (len(rows[0]), len(rows)) + bytes(sum(rows, []))


def png(width, height, depth, colour, rows, chunks=()):
    """rows: bytes of each row; chunks: (name, data) to stand before the pixels."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(*c) for c in chunks)
            + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) + chunk(b"IEND", b""))


def bmp(rows):
    """24 bits, rows from the bottom, blue first, padded to four bytes."""
    width, height = len(rows[0]), len(rows)
    lines = [b"".join(bytes((b, g, r)) for r, g, b in row) for row in reversed(rows)]
    data = b"".join(line + b"\0" * (-len(line) % 4) for line in lines)
    return (b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(data), 7874, 7874, 0, 0) + data)


def gif(rows, palette, transparent=None, frames=1):
    """Two bits a pixel; LZW with a clear code before each pixel, so that codes never grow beyond three bits."""
    width, height = len(rows[0]), len(rows)
    codes = [code for value in sum(rows, []) for code in (4, value)] + [5]
    bits = sum(code << 3 * i for i, code in enumerate(codes))
    data = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    control = b"" if transparent is None else b"\x21\xf9\4\1\0\0" + bytes([transparent]) + b"\0"
    frame = (control + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2"
             + bytes([len(data)]) + data + b"\0")
    return (b"GIF89a" + struct.pack("<HHBBB", width, height, 0x81, 0, 0)
            + b"".join(bytes(colour) for colour in palette) + frame * frames + b";")


def tiff(pages, big=False):
    """pages: (tags as {number: (type, values)}, pixel bytes); little-endian, one strip each."""
    size = {3: 2, 4: 4, 5: 8, 16: 8}
    word, head = (8, 8) if big else (4, 2)
    out = bytearray(b"II+\0\x08\0\0\0" if big else b"II*\0")
    link = len(out)
    out += bytes(word)
    for tags, pixels in pages:
        tags = {**tags, 273: (4, [len(out)]), 279: (4, [len(pixels)])}
        out += pixels + bytes(len(pixels) % 2)
        placed = {}
        for number, (kind, values) in tags.items():
            data = b"".join(value.to_bytes(size[kind], "little") for value in values)
            if len(data) > word:
                placed[number] = len(out)
                out += data
            else:
                placed[number] = int.from_bytes(data, "little")
        out[link:link + word] = len(out).to_bytes(word, "little")
        out += len(tags).to_bytes(head, "little")
        for number in sorted(tags):
            kind, values = tags[number]
            out += struct.pack("<HH", number, kind) + len(values).to_bytes(word, "little")
            out += placed[number].to_bytes(word, "little")
        link = len(out)
        out += bytes(word)
    return bytes(out)


def tiff_page(width, height, bits, pixels, photometric=1, samples=1, **more):
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * samples), 259: (3, [1]), 262: (3, [photometric]),
            277: (3, [samples]), 278: (4, [height])}
    tags.update({int(key[1:]): value for key, value in more.items()})
    return tags, pixels


def pdf(objects, root="1 0 R", header=b"%PDF-1.7\n", trailer=""):
    """objects: bodies of objects 1, 2, ...; str or (dictionary, stream bytes)."""
    out, offsets = bytearray(header), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        if isinstance(body, tuple):
            text, stream = body
            body = f"<<{text} /Length {len(stream)}>>\nstream\n".encode() + stream + b"\nendstream"
        else:
            body = body.encode()
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += f"trailer\n<</Size {len(objects) + 1} /Root {root} {trailer}>>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def pdf_page(content, page="", more=(), count=1):
    """One page of 200 x 100 points; more objects are numbered from 5."""
    return pdf(["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[3 0 R]/Count {count}>>",
                f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R {page}>>",
                ("", content.encode()), *more])


# Formats

@pytest.mark.parametrize("document, name", [
    (pnm(GREY), "pnm"),
    (b"P2\n# plain\n3 2 255\n0 80 160\n40 120 255\n", "pnm"),
    (png(3, 2, 8, 0, [bytes(row) for row in GREY]), "png"),
    (png(3, 2, 16, 0, [bytes(sum(([v, 7] for v in row), [])) for row in GREY]), "png"),
    (png(3, 2, 8, 3, [b"\0\1\2", b"\3\4\5"],
         [(b"PLTE", bytes(sum(([v] * 3 for v in sum(GREY, [])), [])))]), "png"),
    (png(3, 2, 8, 2, [bytes(sum(([v] * 3 for v in row), [])) for row in GREY]), "png"),
    (bmp([[(v, v, v) for v in row] for row in GREY]), "bmp"),
    (tiff([tiff_page(3, 2, 8, bytes(sum(GREY, [])))]), "tiff"),
    (tiff([tiff_page(3, 2, 8, bytes(sum(GREY, [])))], big=True), "tiff"),
    (tiff([tiff_page(3, 2, 16, bytes(sum(([0, v] for row in GREY for v in row), [])))]), "tiff"),
], ids=["pgm", "plain-pgm", "png", "png-16", "png-palette", "png-rgb", "bmp", "tiff", "bigtiff", "tiff-16"])
def test_grey_pictures_are_one_channel(document, name):
    opened, page = first_page(document)
    assert (opened["format"], opened["pages"], page.channels) == (name, 1, 1)
    assert [list(row) for row in page.rows()] == GREY


def test_colours_keep_their_places():
    rows = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]]
    for document in (bmp(rows), gif([[0, 1], [2, 3]], sum(rows, []))):
        _, page = first_page(document)
        assert [[page.at(x, y) for x in range(2)] for y in range(2)] == rows


def test_bilevel_tiff_is_black_on_white():
    white_is_zero, black_is_zero = 0, 1
    for photometric, bits in ((white_is_zero, b"\x80\x00"), (black_is_zero, b"\x7f\xff")):
        _, page = first_page(tiff([tiff_page(8, 2, 1, bits, photometric)]))
        assert list(page.rows()[0]) == [0] + [255] * 7
        assert list(page.rows()[1]) == [255] * 8


def test_16_bit_colour_tiff():
    pixels = struct.pack("<6H", 0xFFFF, 0, 0, 0, 0, 0xFFFF)
    _, page = first_page(tiff([tiff_page(2, 1, 16, pixels, photometric=2, samples=3)]))
    assert (page.at(0, 0), page.at(1, 0)) == ((255, 0, 0), (0, 0, 255))


def test_pages_of_a_tiff_in_any_order():
    document = tiff([tiff_page(2, 1, 8, bytes([10 * n, 0])) for n in range(25)])
    with Raster() as raster:
        assert raster.open(document)["pages"] == 25
        for number in (25, 1, 13, 13):
            assert raster.page(number).at(0, 0) == 10 * (number - 1)


def test_a_cut_picture_is_read_with_a_warning():
    whole, pixels = bmp([[(1, 2, 3), (4, 5, 6)]] * 4), bytes(range(8))
    damaged = ["the picture is damaged: parts of it may be missing"]
    for document, width, warnings in ((whole, 2, []), (whole[:-9], 2, damaged), (tiff([tiff_page(2, 4, 8, pixels)]), 2, []),
                                      (tiff([tiff_page(900, 4, 8, pixels)]), 900, damaged)):
        _, page = first_page(document)
        assert (page.width, page.height) == (width, 4) and page.warnings == warnings, document


def test_circular_tiff_ends():
    document = bytearray(tiff([tiff_page(2, 1, 8, b"\x05\x06"), tiff_page(2, 1, 8, b"\x07\x08")]))
    document[-4:] = document[4:8]
    opened, page = first_page(bytes(document))
    assert opened["pages"] == 2 and opened["warnings"] and page.at(1, 0) == 6


def test_fax_rows_get_the_height_they_had_on_paper():
    resolution = {"t282": (5, [204 | 1 << 32]), "t283": (5, [98 | 1 << 32]), "t296": (3, [2])}
    _, page = first_page(tiff([tiff_page(8, 2, 1, b"\x00\xff", **resolution)]))
    assert (page.width, page.height, page.dpi) == (8, 4, 204)
    assert [row[0] for row in page.rows()] == [0, 0, 255, 255]


def test_only_the_first_frame_of_a_gif():
    opened, page = first_page(gif([[0, 1], [2, 3]], [(9, 9, 9), (99, 99, 99), (0, 0, 0), (255, 255, 255)], frames=500))
    assert opened["pages"] == 1 and list(page.pixels) == [9, 99, 0, 255]


def test_resolution_comes_from_the_file():
    _, page = first_page(png(3, 2, 8, 0, [bytes(row) for row in GREY], [(b"pHYs", struct.pack(">IIB", 11811, 11811, 1))]))
    assert page.dpi == 300
    assert first_page(pnm(GREY))[1].dpi == 0


# Orientation

def turned(rows, orientation):
    """What Exif 2.3 says of each value of tag 0x0112."""
    mirror = [row[::-1] for row in rows]
    columns = [list(column) for column in zip(*rows)]
    return {1: rows, 2: mirror, 3: mirror[::-1], 4: rows[::-1], 5: columns, 6: [row[::-1] for row in columns],
            7: [row[::-1] for row in columns][::-1], 8: columns[::-1]}[orientation]


def exif_block(orientation):
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations(orientation):
    rows = [bytes(row) for row in GREY]
    as_png = png(3, 2, 8, 0, rows, [(b"eXIf", exif_block(orientation))])
    as_tiff = tiff([tiff_page(3, 2, 8, b"".join(rows), t274=(3, [orientation]))])
    for document in (as_png, as_tiff):
        assert [list(row) for row in first_page(document)[1].rows()] == turned(GREY, orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_photo(orientation):
    photo = (SAMPLES / "receipt.jpg").read_bytes()
    block = b"Exif\0\0" + exif_block(orientation)
    marked = photo[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + photo[2:]
    plain, page = first_page(photo)[1], first_page(marked)[1]
    step = plain.channels
    pixels = [[row[i:i + step] for i in range(0, len(row), step)] for row in plain.rows()]
    assert page.rows() == [b"".join(row) for row in turned(pixels, orientation)]


def test_nonsense_orientation_is_upright():
    rows = [bytes(row) for row in GREY]
    for value in (0, 9, 65535):
        _, page = first_page(png(3, 2, 8, 0, rows, [(b"eXIf", exif_block(value))]))
        assert [list(row) for row in page.rows()] == GREY


# Smaller, for lack of memory


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photo_is_drawn_smaller(orientation):
    photo = (SAMPLES / "receipt.jpg").read_bytes()
    block = b"Exif\0\0" + exif_block(orientation)
    with Raster() as raster:
        raster.open(photo[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + photo[2:])
        whole = raster.page()
        needs = {}
        for shrink in (1, 2, 4):
            page = raster.page(shrink=shrink)
            assert (page.width, page.height) == (-(-whole.width // shrink), -(-whole.height // shrink))
            assert page.warnings == ([f"drawn at 1/{shrink} of its size, to fit the memory: small text may be lost"]
                                     if shrink > 1 else [])
            assert abs(sum(page.pixels) / len(page.pixels) - sum(whole.pixels) / len(whole.pixels)) < 2
            needs[shrink] = raster.page(shrink=shrink, bytes=1)["bytes"] - (2 << 20)
        assert needs[2] * 4 == pytest.approx(needs[1], rel=0.01) and needs[4] * 16 == pytest.approx(needs[1], rel=0.02)


def test_a_page_of_a_pdf_is_drawn_at_fewer_dots():
    with Raster() as raster:
        raster.open(SAMPLES / "columns.pdf", dpi=150)
        for shrink, dpi in ((1, 150), (2, 75), (4, 72), (1, 150)):
            page = raster.page(shrink=shrink)
            assert page.dpi == dpi and page.width == pytest.approx(raster.page().width * dpi / 150, abs=2)
            assert page.warnings == ([f"drawn at {dpi} dpi instead of 150, to fit the memory: small text may be lost"]
                                     if shrink > 1 else [])


def test_what_cannot_be_drawn_smaller_is_drawn_as_it_is():
    with Raster() as raster:
        raster.open(SAMPLES / "letter.png")
        whole, page = raster.page(), raster.page(shrink=4)
        assert page.pixels == whole.pixels and page.warnings == []
        assert raster.page(shrink=4, bytes=1)["bytes"] == raster.page(bytes=1)["bytes"]
        for wrong in (0, -2, 3, 8, 1 << 40):
            assert raster.page(shrink=wrong)["error"] == "protocol"


# Transparency

@pytest.mark.parametrize("ink, ground", [(255, 0), (0, 255)])
def test_text_on_a_transparent_ground_stays_visible(ink, ground):
    rgba = png(2, 1, 8, 6, [bytes([ink, ink, ink, 255, ink, ink, ink, 0])])
    grey_alpha = png(2, 1, 8, 4, [bytes([ink, 255, 128, 0])])
    palette = png(2, 1, 8, 3, [b"\0\1"], [(b"PLTE", bytes([ink] * 3 + [128] * 3)), (b"tRNS", b"\xff\0")])
    animated = gif([[0, 1]], [(ink,) * 3, (128,) * 3, (0,) * 3, (0,) * 3], transparent=1)
    for document in (rgba, grey_alpha, palette, animated):
        assert list(first_page(document)[1].pixels) == [ink, ground]


def test_void_alpha_is_ignored():
    assert list(first_page(png(2, 1, 8, 6, [bytes([7, 7, 7, 0, 200, 200, 200, 0])]))[1].pixels) == [7, 200]


# PDF

def test_pdf_page_size_follows_the_resolution():
    _, page = first_page(pdf_page("0 0 100 50 re f"), dpi=72)
    assert (page.width, page.height, page.channels, page.dpi) == (200, 100, 1, 72)
    assert page.at(10, 90) == 0 and page.at(10, 10) == 255 and page.at(190, 90) == 255
    _, page = first_page(pdf_page("0 0 100 50 re f"), dpi=144)
    assert (page.width, page.height) == (400, 200)
    assert first_page(pdf_page(""))[1].dpi == 150


def test_pdf_colour():
    _, page = first_page(pdf_page("1 0 0 rg 0 0 100 50 re f"), dpi=72)
    assert page.channels == 3 and page.at(10, 90) == (255, 0, 0) and page.at(190, 10) == (255, 255, 255)
    assert first_page(pdf_page("0.5 0.5 0.5 rg 0 0 100 50 re f"), dpi=72)[1].channels == 1


def test_pdf_rotation_and_crop():
    _, page = first_page(pdf_page("0 0 100 50 re f", "/Rotate 90"), dpi=72)
    assert (page.width, page.height) == (100, 200) and page.at(10, 10) == 0 and page.at(90, 190) == 255
    _, page = first_page(pdf_page("0 0 100 50 re f", "/CropBox[90 40 150 100]"), dpi=72)
    assert (page.width, page.height) == (60, 60) and page.at(5, 55) == 0 and page.at(15, 55) == 255


def test_pdf_form_field_is_filled():
    appearance = ("/Type/XObject/Subtype/Form/BBox[0 0 50 20]", b"0 0 50 20 re f")
    document = pdf(["<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R]>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
                    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Annots[5 0 R]/Contents 4 0 R>>", ("", b""),
                    "<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(Ada)/F 4/Rect[100 50 150 70]/AP<</N 6 0 R>>>>",
                    appearance])
    assert first_page(document, dpi=72)[1].at(125, 40) == 0


def test_pdf_form_field_without_appearance_shows_its_value():
    document = pdf(["<</Type/Catalog/Pages 2 0 R/AcroForm<</NeedAppearances true/DA(/Helv 12 Tf 0 g)"
                    "/DR<</Font<</Helv 6 0 R>>>>/Fields[5 0 R]>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
                    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Annots[5 0 R]/Contents 4 0 R>>", ("", b""),
                    "<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(MMMM)/F 4/Rect[100 50 150 70]>>",
                    "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"])
    assert min(first_page(document, dpi=72)[1].pixels) < 100


def test_pdf_that_is_one_picture_gets_its_own_resolution():
    image = ("/Type/XObject/Subtype/Image/Width 400/Height 200/BitsPerComponent 8/ColorSpace/DeviceGray", bytes(80000))
    _, page = first_page(pdf_page("200 0 0 100 0 0 cm /I Do", "/Resources<</XObject<</I 5 0 R>>>>", [image]))
    assert (page.width, page.height, page.dpi) == (400, 200, 144)


def test_pdf_never_reads_other_files(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes([255, 0, 0]) * 4)
    image = (f"/Type/XObject/Subtype/Image/Width 2/Height 2/BitsPerComponent 8/ColorSpace/DeviceRGB/F({secret})", b"")
    _, page = first_page(pdf_page("200 0 0 100 0 0 cm /I Do", "/Resources<</XObject<</I 5 0 R>>>>", [image]), dpi=72)
    assert (255, 0, 0) not in [page.at(x, 50) for x in range(0, 200, 10)]


def test_pdf_of_many_pages_keeps_no_descriptors():
    kids = " ".join(f"{n} 0 R" for n in range(4, 104))
    document = pdf(["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count 100/MediaBox[0 0 50 50]>>",
                    "<<>>", *["<</Type/Page/Parent 2 0 R>>"] * 100])
    with Raster() as raster:
        assert raster.open(document)["pages"] == 100
        for number in range(1, 101):
            assert raster.page(number).width == 104


@pytest.mark.parametrize("count", [0, -1, 7, 1000000])
def test_pdf_that_lies_about_its_pages(count):
    with Raster() as raster:
        opened = raster.open(pdf_page("0 0 100 50 re f", count=count))
        assert opened["op"] == "opened" and opened["pages"] == 1 and opened["warnings"]


def test_large_pdf_page_is_drawn_smaller():
    document = pdf(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
                    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 14400 7200]>>"])
    _, page = first_page(document, max_pixels=1000000)
    assert 950000 < page.width * page.height <= 1000000 and page.warnings
    assert page.dpi == pytest.approx(72 * page.width / 14400, rel=0.01)


def test_damaged_pdf_is_repaired_with_a_warning():
    document = pdf_page("0 0 100 50 re f")
    for broken in (document[:document.rindex(b"xref\n0")], b"junk\n" * 100 + document, document.replace(b"xref", b"xxxx")):
        opened, page = first_page(broken, dpi=72)
        assert page.at(10, 90) == 0
    assert opened["warnings"]


# Refusals

@pytest.mark.parametrize("document, word", [
    (b"", "empty"),
    (b"just some text\n" * 100, "unsupported"),
    (b"PK\3\4" + bytes(100), "unsupported"),
    (b"%PDF-1.7\n", "corrupt"),
    (pdf(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>"]), "no_pages"),
    (pdf_page("", more=["<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>" % ("00" * 32, "11" * 32)])
     .replace(b"/Root", b"/Encrypt 5 0 R/ID[<00><00>]/Root"), "encrypted"),
    (png(1 << 20, 1 << 10, 1, 0, []), "too_large"),
    (b"P5 100000 100000 255\n", "too_large"),
    (gif([[0]], [(0, 0, 0)] * 4)[:20], "corrupt"),
    (bmp([[(0, 0, 0)]])[:20], "corrupt"),
    (tiff([tiff_page(200000, 200000, 1, b"")]), "too_large"),
    (tiff([tiff_page(3, 2, 12, bytes(9))]), "unsupported"),
    (png(3, 2, 8, 0, []).replace(zlib.compress(b""), b"\1" * 8), "corrupt"),
    (b"\xff\xd8\xff\xc2\0\x11\x08\0\x10\0\x10\3" + b"\xff\xda\0\2" * 300, "unsupported"),
], ids=["empty", "text", "zip", "pdf-header", "no-pages", "password", "png-bomb", "pnm-bomb", "gif-header", "bmp-header",
        "tiff-bomb", "tiff-12", "png-pixels", "jpeg-scans"])
def test_refusals(document, word):
    assert refusal(document) == word


def test_limits_are_kept():
    two = tiff([tiff_page(3, 2, 8, bytes(6))] * 2)
    assert refusal(two, max_pages=1) == "too_many_pages"
    assert refusal(pnm(GREY), max_pixels=5) == "too_large"
    kids = pdf(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R 3 0 R 3 0 R]/Count 3>>",
                "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"])
    assert refusal(kids, max_pages=2) == "too_many_pages"
    assert first_page(two, max_pages=0, max_pixels=6)[0]["pages"] == 2


def test_page_tree_bomb_is_answered_at_once():
    nodes = [f"<</Type/Pages/Kids[{n + 1} 0 R {n + 1} 0 R]/Count {2 ** (60 - n)}>>" for n in range(2, 60)]
    document = pdf(["<</Type/Catalog/Pages 2 0 R>>", *nodes, "<</Type/Page/MediaBox[0 0 9 9]>>"])
    start = time.monotonic()
    assert refusal(document) == "too_many_pages"
    assert time.monotonic() - start < 5


# The process

def test_pages_that_are_not_there():
    with Raster() as raster:
        assert raster.page()["error"] == "protocol"
        raster.open(pnm(GREY))
        for number in (0, 2, -1, 1 << 40):
            assert raster.page(number)["error"] == "page_range"
        assert raster.page().width == 3


@pytest.mark.parametrize("text", [b"garbage", b"[]", b"{}", b'{"op": 1}', b'{"op": "dance"}', b'{"op": "open"}',
                                  b'{"op": "open", "max_pixels": 1e30}', b"\0" * 1000, b"{" * 60000])
def test_garbage_is_answered(text):
    with Raster() as raster:
        raster.send(text)
        answer, _ = raster.hear()
        assert (answer["op"], answer["error"]) == ("failed", "protocol")
        assert raster.open(pnm(GREY))["op"] == "opened"


def test_one_document_for_each_process():
    with Raster() as raster:
        raster.open(pnm(GREY))
        assert raster.open(pnm(GREY))["error"] == "protocol"
        assert raster.page().width == 3


def test_document_from_a_pipe():
    reading, writing = os.pipe()
    with Raster() as raster:
        os.write(writing, pnm(GREY))
        os.close(writing)
        assert raster.open_fd(reading)["format"] == "pnm"
        assert [list(row) for row in raster.page().rows()] == GREY
    os.close(reading)


def test_it_is_confined():
    with Raster() as raster:
        raster.open(pnm(GREY), max_pixels=10 << 20)
        limits = Path(f"/proc/{raster.process.pid}/limits").read_text()
    value = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}
    assert int(value["Max core file size"]) <= 1
    assert int(value["Max open files"]) == 32
    if not SANITIZED:
        assert int(value["Max address space"]) == (256 << 20) + (16 * 10 << 20) + len(pnm(GREY))


def test_decoders_are_heard_not_seen():
    """What libraries print becomes a warning; nothing of it reaches standard error."""
    sample = (SAMPLES / "receipt.jpg").read_bytes()
    with Raster() as raster:
        raster.open(sample[:len(sample) // 2])
        assert raster.page().warnings
    broken_crc = png(3, 2, 8, 0, [bytes(row) for row in GREY], [(b"gAMA", b"")])
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fd = os.memfd_create("document")
    os.write(fd, broken_crc)
    with subprocess.Popen([RASTER], close_fds=False, stderr=subprocess.PIPE,
                          preexec_fn=lambda: os.dup2(theirs.fileno(), CHILD_SOCKET)) as process:
        theirs.close()
        socket.send_fds(ours, [b'{"op": "open", "max_pixels": 100}'], [fd])
        ours.send(b'{"op": "page", "page": 1}')
        ours.recv(65536)
        answer = json.loads(ours.recv(65536))
        ours.close()
        spoken = process.stderr.read()
    os.close(fd)
    assert answer["op"] == "page"
    if not SANITIZED:
        assert spoken == b"" and answer["warnings"]


# The corpus

EXPECTED = {
    "format-exif-rotated.jpg": ("jpeg", 1, 752, 306),
    "format-alpha-black.png": ("png", 1, 1890, 503),
    "format-phototest-tiff.tif": ("tiff", 1, 640, 480),
    "format-pt12-bmp.bmp": ("bmp", 1, 640, 480),
    "format-pt12-gif.gif": ("gif", 1, 640, 480),
    "format-pt12-jp2.jp2": ("jpeg2000", 1, 640, 480),
    "format-pt12-png.png": ("png", 1, 640, 480),
    "format-pt12-webp.webp": ("webp", 1, 640, 480),
    "scan-magazine-8087.tif": ("tiff", 1, 2560, 3300),
    "tiff-contract-gray-2p.tif": ("tiff", 2, 1275, 1650),
    "tiff-word-history-5p.tif": ("tiff", 5, 1654, 2339),
    "rotated-docling-90.pdf": ("pdf", 1, 1754, 1240),
    "scan-slerexe-letter.pdf": ("pdf", 1, 1240, 1754),
}


@needs_corpus
@pytest.mark.parametrize("name", EXPECTED)
def test_corpus_formats(name):
    opened, page = first_page(CORPUS / "dev" / name)
    assert (opened["format"], opened["pages"], page.width, page.height) == EXPECTED[name]
    ink = sum(1 for value in page.pixels if value < 128) / len(page.pixels)
    assert 0.001 < ink < 0.5


@needs_corpus
def test_every_document_of_the_corpus_opens():
    names = [path for path in sorted((CORPUS / "dev").iterdir()) if path.suffix not in (".txt", ".tsv", ".html")]
    assert len(names) > 50
    for path in names:
        assert first_page(path)[1].width > 0, path.name


@needs_corpus
def test_cmyk_jpeg_has_the_right_colours():
    _, page = first_page(CORPUS / "hostile" / "pillow-pil_sample_cmyk.jpg")
    red, green, blue = page.at(0, 0)
    assert red > 200 and green < 80 and blue < 80
    assert max(page.at(99, 99)) < 60


@needs_corpus
def test_all_pages_of_the_scan_stay_in_bounded_memory():
    with Raster() as raster:
        total = raster.open(CORPUS / "dev" / "large-irs-manual-scan-60p.pdf")["pages"]
        peaks = array.array("L")
        for number in range(1, total + 1):
            assert raster.page(number).width > 1000
            status = Path(f"/proc/{raster.process.pid}/status").read_text()
            peaks.append(int(status.split("VmHWM:")[1].split()[0]))
    assert total == 60 and (SANITIZED or peaks[-1] < 1.25 * peaks[4])
