"""What the scenarios share: the program, running it, the corpus, small documents of our own making."""
import json
import os
import struct
import subprocess
import tempfile
import time
import zlib
from pathlib import Path

import pytest

from paper import pdf_of

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(os.environ.get("OCTAVO_BIN", ROOT / "build" / "bin"))
INSTRUMENTED = any(word in str(BIN) for word in ("asan", "tsan"))
os.environ["OCTAVO_CONFIG"] = os.devnull  # not what whoever runs the tests has configured
STATE = tempfile.TemporaryDirectory(prefix="octavo-test-state-", dir="/var/tmp")  # /tmp is watched by test_kill.py
os.environ["XDG_STATE_HOME"] = STATE.name  # nor what was learned outside of them
LETTER = ROOT / "tests" / "samples" / "letter.png"
real = pytest.mark.skipif(INSTRUMENTED, reason="the memory of an instrumented program says nothing")


def octavo(*arguments, stdin=subprocess.DEVNULL, timeout=120, **options):
    """Runs octavo and returns what it did, texts decoded."""
    return subprocess.run([BIN / "octavo", *map(str, arguments)], stdin=stdin, capture_output=True, text=True,
                          timeout=timeout, check=False, **options)


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def require_models():
    """Skips where nothing can be read: no engine, no models."""
    run = octavo("doctor")
    if run.returncode == 69:
        pytest.skip(run.stdout.strip().splitlines()[-1] if run.stdout else run.stderr.strip())
    assert run.returncode == 0, run.stderr


def linked_models(folder):
    """The installed models as links in a new folder, to which others may be added; the folder."""
    folder.mkdir(parents=True)
    for path in (ROOT / "runtime" / "models").iterdir():
        (folder / path.name).symlink_to(path)
    return folder


def schema():
    return json.loads((ROOT / "docs" / "result.schema.json").read_text())


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, grey=255):
    """The bytes of a PNG in one shade."""
    rows = (b"\0" + bytes([grey]) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
            png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b""))


def tiff(sizes):
    """The bytes of a grey TIFF whose pages have these sizes; all share the 10 000 white pixels of the first."""
    body = b"II*\0" + struct.pack("<I", 8 + 10000) + b"\xff" * 10000
    for number, (width, height) in enumerate(sizes, 1):
        fields = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height),
                  (279, width * height)]
        body += struct.pack("<H", len(fields))
        body += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
        body += struct.pack("<I", len(body) + 4 if number < len(sizes) else 0)
    return body


def pdf(pages):
    """The bytes of a PDF with so many pages, each with a line of large text."""
    return pdf_of([f"BT /F 36 Tf 50 100 Td (Page number {number}) Tj ET" for number in range(1, pages + 1)], 400, 200)
