"""Tesseract as the engine: what it reads, what is said where it or a language is missing, how it shares its memory."""
import json
import os
import re
import shutil

import pytest

from octavo import LETTER, ROOT, octavo
from server import Server
from test_samples import edit_distance, plain

SAMPLES = ROOT / "tests" / "samples"
READABLE = [SAMPLES / name for name in ("letter.png", "columns.pdf", "sideways.png")]


def tesseract(*arguments, **options):
    return octavo("ocr", "--engine", "tesseract", *arguments, **options)


@pytest.fixture(scope="module", autouse=True)
def installed():
    run = octavo("doctor", "--engine", "tesseract")
    if run.returncode == 69:
        pytest.skip((run.stdout or run.stderr).strip().splitlines()[-1])


@pytest.fixture(scope="module")
def readings(tmp_path_factory):
    """Name -> result of each, from one run on two threads, and what it said."""
    folder = tmp_path_factory.mktemp("read")
    run = tesseract("--threads", 2, "--timing", "--words", "-f", "text,json", "-o", folder, *READABLE, timeout=300)
    assert run.returncode == 0, run.stderr
    return folder, run.stderr


def result_of(readings, path):
    return json.loads((readings[0] / path.stem).with_suffix(".json").read_text())


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.name)
def test_text_is_right(readings, path):
    truth = plain(path.with_suffix(".gt.txt").read_text())
    text = plain((readings[0] / path.stem).with_suffix(".txt").read_text())
    assert edit_distance(truth, text) <= 0.02 * len(truth), text


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.name)
def test_words_lie_on_the_page(readings, path):
    result = result_of(readings, path)
    assert re.fullmatch(r"tesseract 5\.\S+", result["engine"])
    for page in result["pages"]:
        assert page["plan"]["engine"] == "tesseract" and page["timings"]["read"]["runs"] == 1
        assert [line["row"] for line in page["lines"]] == sorted(line["row"] for line in page["lines"])
        for line in page["lines"]:
            assert " ".join(word["text"] for word in line["words"]) == line["text"]
            assert 0.5 <= line["score"] <= 1
            for part in [line, *line["words"]]:
                assert all(0 <= x <= page["width"] and 0 <= y <= page["height"] for x, y in part["polygon"])


def test_nothing_stays_charged(readings):
    assert re.search(r"charged .* at most, 0 bytes at the end", readings[1]), readings[1]


def test_one_thread_reads_the_same(readings):
    run = tesseract("--threads", 1, "-f", "json", "--words", LETTER)
    assert run.returncode == 0, run.stderr
    page, first = json.loads(run.stdout)["pages"][0], result_of(readings, LETTER)["pages"][0]
    assert page["lines"] == first["lines"] and page["plan"]["threads"] == 1


def test_too_little_memory_is_refused_with_figures():
    run = tesseract("--memory", "64M", LETTER)
    assert run.returncode == 1 and re.search(r"needs [\d.]+ MB at the least, [\d.]+ MB are available", run.stderr)


def test_tables_take_its_lines():
    run = tesseract("--layout", "auto", "-f", "markdown", SAMPLES / "table.png")
    assert run.returncode == 0, run.stderr
    if "needs ONNX Runtime" in run.stderr:
        pytest.skip("no ONNX Runtime")
    assert "| Sheet | Weight | Reams | Price |" in run.stdout and "| A4 cream | 100g | 35 | 7.20 |" in run.stdout


@pytest.mark.parametrize("languages, status, words", [
    ("eng+xyz", 69, 'has no language "xyz" in '),
    ("osd", 69, 'has no language "osd" in '),
    ("eng+", 64, '"eng+" is no list of at most 16 languages'),
    ("../../../etc/passwd", 64, "is no list of at most 16 languages"),
])
def test_languages_that_are_not_there(languages, status, words):
    run = tesseract("--lang", languages, LETTER)
    assert run.returncode == status and words in run.stderr and not run.stdout
    assert status != 69 or "only " in run.stderr and "eng" in run.stderr.split("only ")[1]


def test_without_language_data(tmp_path):
    run = tesseract(LETTER, env={**os.environ, "TESSDATA_PREFIX": str(tmp_path)})
    assert run.returncode == 69 and "Tesseract has no language data" in run.stderr


def runtime_without(tmp_path, *, library=None):
    """A runtime folder with neither engines nor models; library: what stands where Tesseract's would."""
    (tmp_path / "models").mkdir()
    (tmp_path / "engines" / "tesseract").mkdir(parents=True)
    if library is not None:
        (tmp_path / "engines" / "tesseract" / "libtesseract.so.5").write_bytes(library)
    return {**os.environ, "OCTAVO_RUNTIME": str(tmp_path)}


def test_a_library_that_cannot_be_loaded(tmp_path):
    environment = runtime_without(tmp_path, library=b"no library")
    run = tesseract(LETTER, env=environment)
    assert run.returncode == 69 and "Tesseract 5 cannot be used" in run.stderr and "libtesseract5" in run.stderr
    engines = json.loads(octavo("doctor", "--json", env=environment).stdout)["engines"]
    told = next(engine for engine in engines if engine["name"] == "tesseract")
    assert not told["installed"] and "libtesseract.so.5" in told["reason"]


def test_it_needs_no_neural_engine(tmp_path, readings):
    run = tesseract("-f", "json", "--words", LETTER, env=runtime_without(tmp_path))
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["pages"][0]["lines"] == result_of(readings, LETTER)["pages"][0]["lines"]


def test_models_lists_the_languages():
    models = {model["id"]: model for model in json.loads(octavo("models", "--json").stdout)}
    english = models["tesseract-eng"]
    assert english["role"] == "read" and english["installed"] and os.path.getsize(english["file"]) == english["bytes"]
    assert re.search(r"^ *tesseract-eng +read +Tesseract +[\d.]+ MB +installed$", octavo("models").stdout, re.MULTILINE)


def test_a_language_of_ones_own(tmp_path):
    english = next(model["file"] for model in json.loads(octavo("models", "--json").stdout) if model["id"] == "tesseract-eng")
    (tmp_path / "tessdata").mkdir()
    shutil.copy(english, tmp_path / "tessdata" / "own.traineddata")
    (tmp_path / "tessdata" / "bad.traineddata").write_bytes(b"no language")
    assert "Little Dolphin" in tesseract("--models", tmp_path, "--lang", "own", "--orient", "off", LETTER).stdout
    run = tesseract("--models", tmp_path, "--lang", "bad", "--orient", "off", LETTER)
    assert run.returncode == 69 and "cannot load bad from" in run.stderr


def test_a_server_unloads_it_and_reads_the_same(tmp_path):
    with Server(tmp_path, "--engine", "tesseract", "--lang", "eng") as server:
        texts = []
        for _ in range(2):
            task = server.wait_for_end(server.submit(LETTER.read_bytes()))
            assert task["state"] == "done" and task["engine"].startswith("tesseract 5"), task
            texts.append(server.get(f"/v1/tasks/{task['id']}/result", headers={"Accept": "text/plain"}).text)
            model = next(model for model in server.get("/v1/models").json["models"] if model["role"] == "read")
            assert model["id"] == "tesseract-eng" and model["state"] == "ready" and model["charged"] > 5000000
            answer = server.request("POST", "/v1/models/tesseract-eng/unload")
            assert answer.status == 200, answer
        model = next(model for model in server.get("/v1/models").json["models"] if model["role"] == "read")
        assert model["state"] == "absent" and model["charged"] == 0 and model["unloads"] == 2
    assert texts[0] == texts[1] and "Little Dolphin" in texts[0]
