"""Tesseract as the engine: what it reads, what is said where it or a language is missing, how it shares its memory."""
import json
import os
import re
import shutil

import pytest

from octavo import LETTER, ROOT, octavo, require_models
from paper import pdf_of
from server import Server, is_problem
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


def test_a_word_that_cannot_be_read_takes_no_line_along(tmp_path):
    """Bars of many heights: Tesseract is so unsure of them that its mean of the line is worth nothing."""
    pages = []
    for count, width, step in [(20, 3, 5), (14, 4, 7), (12, 3, 6)]:
        parts = [f"BT /F 16 Tf 40 {y} Td (One month sees) Tj ET" for y in (100, 50)]
        parts += [f"{160 + i * step} 100 {width} {4 + i * 7 % 9} re f" for i in range(count)]
        pages.append(" ".join(parts))
    (tmp_path / "bars.pdf").write_bytes(pdf_of(pages, 400, 140))
    run = tesseract("--layout", "off", tmp_path / "bars.pdf")
    assert run.returncode == 0 and run.stdout.count("One month sees") == 6, run.stdout


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
    ("eng+", 64, "--lang eng+: it is no list of at most 16 languages: eng or eng+deu is expected"),
    ("../../../etc/passwd", 64, "is no list of at most 16 languages"),
])
def test_languages_that_are_not_there(languages, status, words):
    run = tesseract("--lang", languages, LETTER)
    assert run.returncode == status and words in run.stderr and not run.stdout
    assert status != 69 or "only " in run.stderr and "eng" in run.stderr.split("only ")[1]


MISSING = 'Tesseract has no language "xyz" in '
NAMED = [(["--lang", "eng+xyz"], {}, "--lang"), ([], {"OCTAVO_TESSERACT_LANGUAGES": "xyz"}, "OCTAVO_TESSERACT_LANGUAGES")]


@pytest.mark.parametrize("arguments, variables, name", NAMED, ids=["flag", "environment"])
def test_a_language_that_is_named_and_missing_is_told(arguments, variables, name):
    require_models()
    environment = {**os.environ, **variables}
    run = octavo("ocr", *arguments, LETTER, env=environment)
    assert run.returncode == 0 and "Little Dolphin" in run.stdout
    assert run.stderr.startswith(f"octavo: {name}: {MISSING}") and run.stderr.count("\n") == 1
    assert run.stderr.endswith(": install it, or take one of them; documents are read without it\n")
    assert not octavo("ocr", "-q", *arguments, LETTER, env=environment).stderr
    run = octavo("doctor", *arguments, env=environment)
    assert run.returncode == 0 and run.stdout.splitlines()[-1].startswith(f"{name}: {MISSING}")
    told = json.loads(octavo("doctor", "--json", *arguments, env=environment).stdout)["verdict"]
    assert told["ready"] and told["language"].startswith(f"{name}: {MISSING}")


def test_the_preset_language_may_be_missing(tmp_path):
    require_models()
    environment = {**os.environ, "TESSDATA_PREFIX": str(tmp_path)}
    assert not octavo("ocr", LETTER, env=environment).stderr
    run = octavo("ocr", "--lang", "eng", LETTER, env=environment)
    assert run.stderr.startswith("octavo: --lang: Tesseract has no language data: install that of "), run.stderr


def test_a_server_tells_what_language_is_missing(tmp_path):
    with Server(tmp_path, "--lang", "xyz") as server:
        assert server.get("/healthz").status == 200
    lines = [json.loads(line) for line in server.log]
    told = [line["level"] for line in lines if line["message"].startswith("--lang: " + MISSING)]
    assert told == ["warning"], server.log


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


# Beside another engine


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """A server whose own engine is another one."""
    require_models()
    with Server(tmp_path_factory.mktemp("beside") / "data", "--layout", "off", "--orient", "off") as server:
        yield server


def text_model(server):
    return next((model for model in server.get("/v1/models").json["models"] if model["id"] == "tesseract-eng"), None)


def test_a_request_may_want_it(beside):
    task = beside.submit(LETTER.read_bytes(), "?engine=tesseract")
    end = beside.wait_for_end(task)
    assert end["state"] == "done" and end["engine"] == "tesseract", end
    page = beside.get(f"/v1/tasks/{task}/result?format=json").json["pages"][0]
    assert page["plan"]["engine"] == "tesseract" and page["timings"]["read"]["runs"] == 1
    assert not {"detect", "recognise", "classify"} & set(page["timings"])
    truth = plain(LETTER.with_suffix(".gt.txt").read_text())
    text = plain(beside.get(f"/v1/tasks/{task}/result?format=text").text)
    assert edit_distance(truth, text) <= 0.02 * len(truth), text


def test_others_are_read_by_the_models_all_the_same(beside):
    answers = [beside.request("POST", f"/v1/ocr?engine={engine}", LETTER.read_bytes()).json
               for engine in ("tesseract", "auto", "tesseract")]
    stages = [set(answer["pages"][0]["timings"]) for answer in answers]
    assert ["read" in each for each in stages] == [True, False, True]
    assert ["recognise" in each for each in stages] == [False, True, False]
    assert answers[0]["pages"][0]["lines"] == answers[2]["pages"][0]["lines"]


def test_it_is_charged_and_unloaded_as_a_model(beside):
    assert beside.request("POST", "/v1/ocr?engine=tesseract", LETTER.read_bytes()).status == 200
    model = text_model(beside)
    assert model["state"] == "ready" and model["engine"] == "tesseract" and model["charged"] > 5000000
    charged = beside.get("/v1/memory").json["ledger"]["charged"]
    unloaded = beside.request("POST", "/v1/models/tesseract-eng/unload")
    assert unloaded.status == 200 and unloaded.json["bytes"] >= model["charged"] * 3 // 4
    assert text_model(beside)["state"] == "absent" and beside.get("/v1/memory").json["ledger"]["charged"] < charged
    assert beside.request("POST", "/v1/ocr?engine=tesseract", LETTER.read_bytes()).status == 200


def test_a_request_for_it_without_language_data(tmp_path):
    require_models()
    with Server(tmp_path / "data", environment={"TESSDATA_PREFIX": str(tmp_path)}) as server:
        answer = server.request("POST", "/v1/ocr?engine=tesseract", LETTER.read_bytes())
        assert is_problem(answer, 503, "no_engine").startswith("tesseract was asked for; what is installed is ")
        assert text_model(server) is None


# Scripts that the models do not hold

RUSSIAN = """\
Сегодня утром мы вышли из дома очень рано.
Дорога шла через лес, потом вдоль реки.
На другом берегу стояла старая мельница,
а за ней начинались поля и деревни."""


ENGLISH = """\
We left the house very early this morning.
The road led through a wood, then along the river.
An old mill stood on the other bank,
and behind it began the fields and villages."""


def printed(text, path):
    """A page of print."""
    drawing = pytest.importorskip("PIL.ImageDraw", reason="needs the package python3-pil")
    from PIL import Image, ImageFont
    try:
        font = ImageFont.truetype("DejaVuSerif.ttf", 38)
    except OSError:
        pytest.skip("needs the package fonts-dejavu-core")
    lines = text.split("\n")
    page = Image.new("L", (1240, 160 + 80 * len(lines)), 255)
    for row, line in enumerate(lines):
        drawing.Draw(page).text((90, 70 + 80 * row), line, font=font, fill=0)
    page.save(path, dpi=(150, 150))
    return path


@pytest.fixture(scope="module")
def russian(tmp_path_factory):
    """A page of print, with what it says in RUSSIAN."""
    require_models()
    if "tesseract-rus" not in octavo("models").stdout:
        pytest.skip("needs the package tesseract-ocr-rus")
    return printed(RUSSIAN, tmp_path_factory.mktemp("russian") / "page.png")


def read(path, *arguments, **options):
    run = octavo("ocr", "--orient", "off", "--layout", "off", "-f", "json", *arguments, path, **options)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)["pages"][0]


def test_what_the_models_cannot_read_it_reads(russian):
    page = read(russian, "--lang", "rus")
    assert page["plan"]["engine"] == "tesseract" and {"recognise", "read"} <= set(page["timings"])
    assert page["warnings"] == ["the models were unsure of the page: Tesseract has read it too, and was surer"]
    text = plain("\n".join(line["text"] for line in page["lines"]))
    assert edit_distance(plain(RUSSIAN), text) <= 0.02 * len(RUSSIAN), text


def test_a_page_of_which_the_models_can_read_a_half(russian, tmp_path):
    both = f"{ENGLISH}\n{RUSSIAN}"
    page = read(printed(both, tmp_path / "page.png"), "--lang", "rus+eng")
    assert page["plan"]["engine"] == "tesseract"
    text = plain("\n".join(line["text"] for line in page["lines"]))
    assert edit_distance(plain(both), text) <= 0.02 * len(both), text


@pytest.mark.parametrize("arguments", [("--lang", "eng"), ("--lang", "rus", "--engine", "onnxruntime")], ids=" ".join)
def test_it_reads_nothing_again_unasked(russian, arguments):
    page = read(russian, *arguments)
    assert page["plan"]["engine"] != "tesseract" and "read" not in page["timings"] and not page["warnings"]


def test_what_the_models_can_read_stays_theirs(russian):
    page = read(LETTER, "--lang", "rus")
    assert page["plan"]["engine"] != "tesseract" and "read" not in page["timings"] and not page["warnings"]


def refusal(page):
    """What a page that the models have read says of Tesseract, which could not read it again."""
    assert page["plan"]["engine"] != "tesseract" and page["lines"] and "read" not in page["timings"]
    begin, _, why = page["warnings"][-1].partition(" it: ")
    assert begin == "the models were unsure of the page, and Tesseract could not read"
    return why


def test_no_second_reading_without_the_library(russian, tmp_path):
    environment = runtime_without(tmp_path, library=b"no library")
    (tmp_path / "models").rmdir()
    for name in ("models", "engines/openvino", "engines/onnxruntime"):
        (tmp_path / name).symlink_to(ROOT / "runtime" / name)
    page = read(russian, "--lang", "rus", env=environment)
    assert "Tesseract 5 cannot be used" in refusal(page)


@pytest.mark.parametrize(("data", "why"), [(None, 'Tesseract has no language "rus" in '), (b"no language", "cannot load rus from ")],
                         ids=["missing", "damaged"])
def test_no_second_reading_without_the_language(russian, tmp_path, data, why):
    (tmp_path / "eng.traineddata").write_bytes(b"never loaded")
    if data:
        (tmp_path / "rus.traineddata").write_bytes(data)
    page = read(russian, "--lang", "rus", env={**os.environ, "TESSDATA_PREFIX": str(tmp_path)})
    assert why in refusal(page)


def expect_of_runs(state, size):
    """Notes there that Tesseract took so many bytes for each page."""
    path = state / "octavo" / "predictions.json"
    learned = json.loads(path.read_text())
    name = "tesseract-rus/tesseract/cpu/1/run"
    learned["keys"] = [key for key in learned["keys"] if key["key"] != name]
    learned["keys"].append({"key": name, "samples": 8, "seen": [1240 * 480, size] * 8})
    path.write_text(json.dumps(learned))


def test_no_second_reading_without_the_memory(russian, tmp_path):
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    read(russian, env=environment)
    expect_of_runs(tmp_path, 2000000000)
    why = refusal(read(russian, "--lang", "rus", "--memory", "1G", env=environment))
    needed, available = map(int, re.search(r"(\d+) bytes of run are needed, (\d+) are available", why).groups())
    expect_of_runs(tmp_path, 2000000000 * (available - 10000000) // needed)  # others always hold more
    why = refusal(read(russian, "--lang", "rus", "--memory", "1G", env=environment))
    assert re.search(r"\d+ bytes of run were waited for", why), why
