"""Pages that lie askew or are bent: the order of what is read on them, and where it is told to be. The network is a small
graph that gives a grid as UVDoc does."""
import json
import math
import re
import statistics

import jsonschema
import pytest

from octavo import LETTER, linked_models, octavo, require_models, schema
from onnx_graph import FLOAT16, constant, model, node, value
from paper import pdf_of
from server import Server

WORDS = "alpha bravo charlie delta echo foxtrot golf hotel india juliet".split()


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()


def columns(degrees):
    """Two columns of lines, the whole page turned counterclockwise."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    lines = " ".join(f"BT /F 13 Tf {x} {620 - 18 * row} Td ({side} {word} number {row} of the page) Tj ET"
                     for x, side in ((60, "Left"), (330, "Right")) for row, word in enumerate(WORDS))
    return pdf_of([f"{cosine} {sine} {-sine} {cosine} {60 if degrees > 0 else 0} {0 if degrees > 0 else 60} cm {lines}"],
                  640, 720)


def read(path, *arguments):
    run = octavo("ocr", "--layout", "off", "--dpi", "100", "-f", "json", *arguments, path)
    assert run.returncode == 0 and run.stderr == "", run.stderr
    result = json.loads(run.stdout)
    jsonschema.validate(result, schema())
    return result["pages"][0]


def sides(page):
    return [line["text"].split()[0] for line in page["lines"]]


@pytest.mark.parametrize("degrees", [-5, 0, 5])
def test_columns_are_read_one_after_the_other_however_the_page_lies(tmp_path, degrees):
    path = tmp_path / "page.pdf"
    path.write_bytes(columns(degrees))
    page = read(path)
    assert sides(page) == ["Left"] * 10 + ["Right"] * 10
    assert [line["text"].split()[1] for line in page["lines"]] == WORDS * 2
    assert statistics.median(line["angle"] for line in page["lines"]) == pytest.approx(-degrees, abs=1)
    assert page["timings"]["detect"]["runs"] == (2 if degrees else 1)
    # The first line begins where it was drawn, though the page was turned to be read.
    turn, (x, y) = math.radians(degrees), (60, 620)
    left = (x * math.cos(turn) - y * math.sin(turn) + (60 if degrees > 0 else 0)) * 100 / 72
    bottom = (720 - (x * math.sin(turn) + y * math.cos(turn) + (60 if degrees < 0 or not degrees else 0))) * 100 / 72
    assert page["lines"][0]["polygon"][3] == pytest.approx([left, bottom], abs=12)


def test_off_leaves_the_page_as_it_is(tmp_path):
    path = tmp_path / "page.pdf"
    path.write_bytes(columns(5))
    assert read(path, "--unwarp", "off")["timings"]["detect"]["runs"] == 1


@pytest.fixture
def folder(tmp_path):
    return linked_models(tmp_path / "models")


def grid(bend, kind, channels=2):
    """Stretches the left of a page and squeezes its right by a part of its width, whatever the page."""
    places = [[x + 2 * bend * (x * x - 1) for _ in range(4) for x in (-1, -0.5, 0, 0.5, 1)],
              [y for y in (-1, -1 / 3, 1 / 3, 1) for _ in range(5)], [0] * 20]
    nodes = [node("ReduceMean", ["picture"], "grey", axes=[1, 2, 3], keepdims=1), node("Mul", ["grey", "none"], "nothing"),
             node("Add", ["grid", "nothing"], "out")]
    constants = [constant("grid", [1, channels, 4, 5], sum(places[:channels], []), kind), constant("none", [1], [0], kind)]
    return model(nodes, constants, [value("picture", ["N", 3, 712, 488], kind)],
                 [value("out", ["N", channels, 4, 5], kind)])


@pytest.mark.parametrize("kind", [1, FLOAT16], ids=["32 bits", "16 bits"])
def test_a_bent_page_is_flattened_and_its_lines_stay_where_they_are(folder, kind):
    (folder / "uvdoc.onnx").write_bytes(grid(0.06, kind))
    plain, bent = read(LETTER, "--models", folder, "--unwarp", "off"), read(LETTER, "--models", folder)
    assert "unwarp" not in plain["timings"] and bent["timings"]["unwarp"]["runs"] == 1
    by_text = {line["text"]: line["polygon"] for line in plain["lines"]}
    same = [(line["polygon"], by_text[line["text"]]) for line in bent["lines"] if line["text"] in by_text]
    assert len(same) >= 0.7 * len(by_text)
    for polygon, expected in same:
        for corner, other in zip(polygon, expected):
            assert corner == pytest.approx(other, abs=0.012 * plain["width"])


def test_a_flat_page_is_not_touched(folder):
    (folder / "uvdoc.onnx").write_bytes(grid(0.01, 1))
    bent, plain = read(LETTER, "--models", folder), read(LETTER, "--models", folder, "--unwarp", "off")
    assert bent["timings"]["unwarp"]["runs"] == 1 and bent["lines"] == plain["lines"]


def test_another_network_is_told(folder):
    (folder / "uvdoc.onnx").write_bytes(grid(0.06, 1, channels=3))
    run = octavo("ocr", "--models", folder, LETTER)
    assert run.returncode != 0 and "uvdoc-unwarp: its first output is no grid of places" in run.stderr, run.stderr


def test_on_needs_the_model(tmp_path):
    run = octavo("ocr", "--unwarp", "on", LETTER)
    assert run.returncode == 69 and "a model of role unwarp: uvdoc.onnx is not in" in run.stderr, run.stderr


def test_a_server_notes_once_that_it_does_without(tmp_path):
    with Server(tmp_path / "data", "--worker-idle", "1") as server:
        for _ in range(2):
            server.wait_for_end(server.submit(LETTER.read_bytes()))
        answer = server.request("POST", "/v1/ocr?unwarp=on", LETTER.read_bytes())
        assert answer.status == 422 and "unwarp" in answer.json["detail"], answer
        assert len([line for line in server.log if re.search("unwarp is left out unless it is asked for: .*uvdoc.onnx", line)]) == 1
