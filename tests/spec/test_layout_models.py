"""Layout models that no package ships: small graphs with the inputs and outputs of PP-DocLayout, put where the real ones
would be. Boxes are given as parts of the page, which the graph takes from the inputs that PaddleDetection asks for."""
import json

import jsonschema
import pytest

from octavo import LETTER, ROOT, linked_models, octavo, png, require_models, schema
from onnx_graph import INT32, INT64, constant, model, node, value

# Name, sides of the input, whether im_shape is asked for, columns of a box, labels of some classes.
KINDS = {
    "PP-DocLayout-S": (480, False, 6, {"text": 2, "number": 3, "formula": 7, "figure_title": 6}),
    "PP-DocLayout-M": (640, False, 6, {"text": 2, "number": 3, "formula": 7, "figure_title": 6}),
    "PP-DocLayout-L": (640, True, 6, {"text": 2, "number": 3, "formula": 7, "figure_title": 6}),
    "PP-DocLayout_plus-L": (800, True, 6, {"text": 2, "number": 3, "formula": 7, "figure_title": 6}),
    "PP-DocLayoutV2": (800, True, 8, {"text": 22, "number": 16, "formula": 5, "figure_title": 7}),
    "PP-DocLayoutV3": (800, True, 7, {"text": 22, "number": 16, "formula": 5, "figure_title": 7}),
}


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()
    if not (ROOT / "runtime" / "engines" / "onnxruntime").exists():
        pytest.skip("ONNX Runtime is not installed: run tools/setup")


def graph(side, shaped, rows, columns=None, image="image"):
    """Rows of class, score, four sides from 0 to 1, and what follows."""
    count, columns = len(rows), columns or len(rows[0])
    flat = [number for row in rows for number in row]
    nodes = [
        node("Div", ["im_shape", "scale_factor"], "size"),
        node("Gather", ["size", "sides"], "corners", axis=1),
        node("Slice", ["rows", "two", "six", "one"], "parts"),
        node("Mul", ["parts", "corners"], "pixels"),
        node("Slice", ["rows", "nought", "two", "one"], "head"),
        node("Slice", ["rows", "six", "nine", "one"], "tail"),
        node("ReduceMean", [image], "grey", keepdims=0),
        node("Mul", ["grey", "none"], "nothing"),
        node("Concat", ["head", "pixels", "tail"], "joined", axis=1),
        node("Add", ["joined", "nothing"], "fetch_0"),
        node("Identity", ["boxes"], "fetch_1"),
    ]
    constants = [constant("rows", [count, columns], flat), constant("sides", [4], [1, 0, 1, 0], INT64),
                 constant("none", [1], [0]), constant("boxes", [1], [count], INT32)]
    constants += [constant(name, [1], [number], INT64)
                  for name, number in (("nought", 0), ("one", 1), ("two", 2), ("six", 6), ("nine", 9))]
    inputs = [value("im_shape", [1, 2])] if shaped else []
    constants += [] if shaped else [constant("im_shape", [1, 2], [side, side])]
    inputs += [value(image, ["N", 3, side, side]), value("scale_factor", [1, 2])]
    return model(nodes, constants, inputs, [value("fetch_0", ["M", columns]), value("fetch_1", [1], INT32)])


@pytest.fixture
def folder(tmp_path):
    """The models that are installed, that of layout among them."""
    return linked_models(tmp_path / "models")


def read(folder, *arguments):
    """An empty page, wider than high."""
    page = folder.parent / "page.png"
    page.write_bytes(png(700, 500))
    return octavo("ocr", "--models", folder, "--layout", "on", "-f", "json", *arguments, page)


def regions(folder, *arguments):
    """Their types, scores, and their sides as parts of the page."""
    run = read(folder, *arguments)
    assert run.returncode == 0, run.stderr
    assert all(" was left out: there is no model for it" in line for line in run.stderr.splitlines()), run.stderr
    result = json.loads(run.stdout)
    jsonschema.validate(result, schema())
    page = result["pages"][0]
    return [(region["type"], region["score"],
                   [side / page[length] for point in (0, 2) for side, length in zip(region["polygon"][point], ("width", "height"))])
                  for region in page["regions"]]


@pytest.mark.parametrize("name", KINDS)
def test_boxes_become_regions(folder, name):
    side, shaped, columns, labels = KINDS[name]
    order = [[5, 0], [1, 9], [4, 0], [1, 2]] if columns == 8 else [[4], [1], [3], [2]] if columns == 7 else [[]] * 4
    rows = [[labels["number"], 0.9, 0.4, 0.95, 0.6, 0.98, *order[0]], [labels["text"], 0.8, 0.05, 0.1, 0.95, 0.5, *order[1]],
            [labels["formula"], 0.7, 0.1, 0.8, 0.9, 0.9, *order[2]], [labels["figure_title"], 0.6, 0.1, 0.6, 0.9, 0.7, *order[3]],
            [labels["text"], 0.05, 0, 0, 1, 1, *order[0]], [-1, 0.9, 0, 0, 1, 1, *order[0]], [99, 0.9, 0, 0, 1, 1, *order[0]]]
    (folder / f"{name}.onnx").write_bytes(graph(side, shaped, rows))
    found = [region for region in regions(folder, "--engine", "onnxruntime")]
    assert [(kind, score) for kind, score, _ in found] == [
        ("text", 0.8), ("figure_caption", 0.6), ("equation", 0.7), ("footer", 0.9)]
    for (_, _, sides), row in zip(found, (rows[1], rows[3], rows[2], rows[0])):
        assert sides == pytest.approx(row[2:6], abs=2e-3)


def test_no_box_is_no_region(folder):
    (folder / "PP-DocLayout-S.onnx").write_bytes(graph(480, False, [], 6))
    assert regions(folder) == []


@pytest.mark.parametrize("first", ["left", "right"])
def test_the_order_of_the_model_is_followed(folder, first):
    places = {"left": 1, "right": 2} if first == "left" else {"left": 2, "right": 1}
    rows = [[22, 0.9, 0, 0, 0.5, 1, places["left"]], [22, 0.8, 0.5, 0, 1, 1, places["right"]]]
    (folder / "PP-DocLayoutV3.onnx").write_bytes(graph(800, True, rows))
    assert [score for _, score, _ in regions(folder)] == ([0.9, 0.8] if first == "left" else [0.8, 0.9])


def test_lines_go_to_their_regions_whatever_engine_reads_them(folder):
    (folder / "PP-DocLayout-S.onnx").write_bytes(graph(480, False, [[17, 0.9, 0, 0, 1, 1]]))
    run = octavo("ocr", "--models", folder, "--layout", "on", "--engine", "openvino", "-f", "json", LETTER)
    if run.returncode == 69:
        pytest.skip(run.stderr.strip())
    assert run.returncode == 0, run.stderr
    page = json.loads(run.stdout)["pages"][0]
    (region,) = page["regions"]
    assert region["type"] == "figure_caption" and len(page["lines"]) > 5


def test_it_is_listed_without_a_hash(folder):
    (folder / "PP-DocLayout-S.onnx").write_bytes(graph(480, False, [[2, 0.9, 0, 0, 1, 1]]))
    listed = {one["id"]: one for one in json.loads(octavo("models", "--json", "--models", folder).stdout)}
    assert listed["pp-doclayout-s"]["installed"] and listed["pp-doclayout-s"]["sha256"] is None
    assert not listed["pp-doclayout-m"]["installed"] and listed["picodet-cdla-layout"]["sha256_ok"]
    lines = octavo("models", "--models", folder).stdout.splitlines()
    assert next(line for line in lines if "pp-doclayout-s" in line).rstrip().endswith("installed")


@pytest.mark.parametrize("content, told", [
    (lambda: graph(480, False, [[2, 0.9, 0, 0, 1, 1, 1, 1, 1]]), "is no table of boxes with 6 to 8 columns"),
    (lambda: graph(480, False, [[2, 0.9, 0, 0, 1, 1]], image="picture"), "asks for an input picture"),
    (lambda: b"", "PP-DocLayout-S.onnx is empty"),
    (lambda: b"no model", "not an ONNX model"),
], ids=["columns", "inputs", "empty", "garbage"])
def test_what_is_no_such_model_is_told(folder, content, told):
    (folder / "PP-DocLayout-S.onnx").write_bytes(content())
    run = read(folder, "--engine", "onnxruntime")
    assert run.returncode != 0 and told in run.stderr and "pp-doclayout-s" in run.stderr, run.stderr
