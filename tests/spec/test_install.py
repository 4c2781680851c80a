"""What `make install` copies works from where it is, wherever that is moved."""
import os
import subprocess

import pytest

from octavo import BIN, LETTER, ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A prefix with everything in it, under a folder as packagers use it, then moved."""
    stage = tmp_path_factory.mktemp("stage")
    subprocess.run(["meson", "install", "-C", BIN.parent, "--no-rebuild", "--quiet"], check=True, timeout=120,
                   capture_output=True, env={**os.environ, "DESTDIR": str(stage)})
    prefix = tmp_path_factory.mktemp("moved") / "octavo"
    next(stage.rglob("bin")).parent.rename(prefix)
    return prefix


def run(prefix, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "OCTAVO_RUNTIME"}
    return subprocess.run([prefix / "bin" / "octavo", *arguments], capture_output=True, text=True, timeout=120,
                          env=environment, cwd="/", check=False)


def test_it_reads(installed):
    reading = run(installed, "ocr", LETTER)
    assert reading.returncode == 0, reading.stderr
    assert "Workshop of the Little Dolphin" in reading.stdout


def test_nothing_but_programs_engines_models_and_catalog(installed):
    top = {str(path.relative_to(installed)) for path in (*installed.glob("bin/*"), *installed.glob("*/octavo/*"))}
    assert top == {"bin/octavo", "bin/octavo-raster", "bin/octavo-worker", "share/octavo/catalog.yaml",
                   "lib/octavo/engines", "lib/octavo/models"}


def test_missing_models_are_named(installed):
    """The installed tree is used, not the build tree: without its models nothing can be read."""
    models, away = installed / "lib" / "octavo" / "models", installed / "away"
    models.rename(away)
    try:
        reading = run(installed, "ocr", LETTER)
    finally:
        away.rename(models)
    assert reading.returncode == 69 and "model" in reading.stderr


def test_make_names_its_targets():
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("make ", "make run", "make samples", "make test", "make bench", "make install PREFIX=", "make clean"):
        assert target in listed
