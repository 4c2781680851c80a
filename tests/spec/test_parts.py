"""Regions that models of their own read, with networks of our own making put where the real ones would be: formulas, seals,
charts."""
import json
import math
import os

import jsonschema
import pytest

from octavo import ROOT, linked_models, octavo, require_models, schema
from onnx_graph import INT64, constant, model, node, value
from paper import pdf_of
from test_layout_models import graph as layout

CLASSES = {"equation": 7, "seal": 16, "chart": 18}  # of PP-DocLayout-S
FORMULA, TOKENIZER, SEAL_DETECTOR = "PP-FormulaNet_plus-S.onnx", "PP-FormulaNet_plus.tokenizer.json", "PP-OCRv4_mobile_seal_det.onnx"
# White is (1 - 0.7931) / 0.1738, black -0.7931 / 0.1738: the first token is moved by 119 + 46.
VOCABULARY = {"<s>": 0, "</s>": 2, "\u0120E": 165, "\u0120=": 3, "\u0120m": 4, "\u0120c": 5, "\u0120^": 6, "\u0120{": 7,
              "\u01202": 8, "\u0120}": 9, "\u0120<": 10}
TOKENS = [0, 3, 4, 5, 6, 7, 8, 9, 10, 8, 2, 3, 3]
LATEX = "E=m c^{2}<2"


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()
    if not (ROOT / "runtime" / "engines" / "onnxruntime").exists():
        pytest.skip("ONNX Runtime is not installed: run tools/setup")


def page():
    """A line, a formula and a line on 400 x 400 points; the formula is within (80, 120) to (320, 200) from above."""
    return pdf_of(["BT /F 24 Tf 40 320 Td (Before the formula) Tj ET BT /F 24 Tf 140 230 Td (Emc squared) Tj ET "
                   "BT /F 24 Tf 40 100 Td (After the formula) Tj ET"], 400, 400)


def tokenizer():
    special = [{"id": number, "content": text, "special": True} for text, number in VOCABULARY.items() if text[0] == "<" and text[-1] == ">"]
    return json.dumps({"added_tokens": special, "decoder": {"type": "ByteLevel"},
                       "model": {"type": "BPE", "vocab": VOCABULARY, "merges": []}})


def formula(side, ids):
    """A network that writes these tokens, the first of them moved by what it sees: by 100 times the brightest pixel less
    10 times the darkest, as it gets them."""
    nodes = [node("ReduceMax", ["x"], "most", keepdims=0), node("ReduceMin", ["x"], "least", keepdims=0),
             node("Mul", ["most", "hundred"], "a"), node("Mul", ["least", "ten"], "b"), node("Sub", ["a", "b"], "c"),
             node("Round", ["c"], "seen"), node("Cast", ["seen"], "moves", to=INT64),
             node("Mul", ["first", "moves"], "moved"), node("Add", ["known", "moved"], "ids")]
    shape = [1, len(ids)]
    return model(nodes, [constant("hundred", [], [100]), constant("ten", [], [10]),
                         constant("first", shape, [1] + [0] * (len(ids) - 1), INT64), constant("known", shape, ids, INT64)],
                 [value("x", [1, 1, side, side])], [value("ids", shape, INT64)])


def detector(side, inside):
    """A network over side x side pixels that sees text where inside(x, y) is true, whatever it looks at."""
    nodes = [node("ReduceMean", ["x"], "mean", keepdims=0), node("Mul", ["mean", "nothing"], "none"),
             node("Add", ["known", "none"], "map")]
    known = [0.9 * inside(x, y) for y in range(side) for x in range(side)]
    return model(nodes, [constant("nothing", [], [0]), constant("known", [1, 1, side, side], known)],
                 [value("x", [1, 3, side, side])], [value("map", [1, 1, side, side])])


class Shelf:
    """Models among which that of the layout sees one region on every page, and a document to read."""

    def __init__(self, folder, document, kind, *area):
        self.models, self.document = linked_models(folder / "models"), folder / "page.pdf"
        (self.models / "PP-DocLayout-S.onnx").write_bytes(layout(480, False, [[CLASSES[kind], 0.9, *area]]))
        self.document.write_bytes(document)

    def run(self, *arguments):
        return octavo(*arguments, "--models", self.models)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("formula"), page(), "equation", 0.225, 0.275, 0.775, 0.525)


@pytest.fixture()
def reader(shelf):
    """Likewise, and there is a model that reads it."""
    files = {FORMULA: formula(384, TOKENS), TOKENIZER: tokenizer().encode()}
    for name, data in files.items():
        (shelf.models / name).write_bytes(data)
    yield shelf
    for name in files:
        (shelf.models / name).unlink()


def result_of(run):
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    jsonschema.validate(result, schema())
    return result


def only(result, kind):
    (page,) = result["pages"]
    (region,) = [region for region in page["regions"] if region["type"] == kind]
    return region, [line["text"] for line in page["lines"] if page["regions"][line["region"]] == region]


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_formula_becomes_latex(reader, engine):
    if not (ROOT / "runtime" / "engines" / engine).is_dir():
        pytest.skip(f"{engine} is not installed")
    result = result_of(reader.run("ocr", "--engine", engine, "--layout", "on", "-f", "json", reader.document))
    region, lines = only(result, "equation")
    assert region["latex"] == LATEX and lines == [LATEX]
    page, = result["pages"]
    assert [line["text"] for line in page["lines"]] == ["Before the formula", LATEX, "After the formula"]
    assert page["timings"]["formula"]["runs"] == 1 and page["warnings"] == []
    assert page["timings"]["recognise"]["runs"] == 2  # the line within the formula is not read


def test_formats_have_the_formula(reader):
    markdown = reader.run("ocr", "-f", "markdown", reader.document)
    assert "\n\n$$E=m c^{2}\\lt 2$$\n\n" in markdown.stdout, markdown.stderr
    html = reader.run("ocr", "-f", "html", reader.document)
    assert '<span class="math">E=m c^{2}&lt;2</span>' in html.stdout


def test_off_leaves_the_lines(reader):
    result = result_of(reader.run("ocr", "--layout", "on", "--formula", "off", "-f", "json", reader.document))
    region, lines = only(result, "equation")
    assert "latex" not in region and lines == ["Emc squared"]
    assert result["pages"][0]["warnings"] == [] and result["warnings"] == []


def test_without_a_model_the_page_says_so(shelf):
    result = result_of(shelf.run("ocr", "--layout", "on", "-f", "json", shelf.document))
    region, lines = only(result, "equation")
    assert "latex" not in region and lines == ["Emc squared"]
    assert result["pages"][0]["warnings"] == ["formula was left out: there is no model for it; formulas on the page: 1, kept as picture and text"]
    assert result["warnings"] == []


def test_on_without_a_model_is_an_error(shelf):
    run = shelf.run("ocr", "--formula", "on", "-f", "json", shelf.document)
    assert run.returncode == 69 and run.stdout == ""
    assert f"{FORMULA} with {TOKENIZER}" in run.stderr


def test_pages_without_formulas_say_nothing():
    run = octavo("ocr", "--layout", "on", "-f", "json", ROOT / "tests" / "samples" / "letter.png")
    result = result_of(run)
    assert run.stderr == "" and result["pages"][0]["warnings"] == []


@pytest.mark.parametrize("name, data, error", [
    (TOKENIZER, b"{}", "model.type must be BPE"),
    (FORMULA, model([node("Identity", ["x"], "y")], [], [value("x", [1, 1, 384, 384])], [value("y", [1, 1, 384, 384])]),
     "one row of token ids"),
    (FORMULA, b"no model", "pp-formulanet_plus-s"),
], ids=["tokenizer", "network", "file"])
def test_a_bad_model_is_named(reader, name, data, error):
    (reader.models / name).write_bytes(data)
    run = reader.run("ocr", "--layout", "on", "-f", "json", reader.document)
    assert run.returncode == 69 and error.lower() in run.stderr.lower(), run.stderr


def test_models_lists_them(reader):
    listed = {model["id"]: model for model in json.loads(reader.run("models", "--json").stdout)}
    assert listed["pp-formulanet-plus-s"]["installed"] and not listed["pp-formulanet-plus-m"]["installed"]
    os.rename(reader.models / TOKENIZER, reader.models / "away")
    listed = {model["id"]: model for model in json.loads(reader.run("models", "--json").stdout)}
    os.rename(reader.models / "away", reader.models / TOKENIZER)
    assert not listed["pp-formulanet-plus-s"]["installed"]


# Seals

WIDTHS = {"L": 556, "I": 278, "T": 611, "E": 667, "D": 722, "O": 778, "P": 667, "H": 722, "N": 722, " ": 600}
SEAL = 260  # points of its region, whose middle is that of the page


def stamp(text, radius, size, below=False):
    """The text along a circle in the middle of 400 x 400 points, over its top or under its bottom, and a word inside."""
    sign = -1 if below else 1
    widths = [(WIDTHS[letter] + 60) * size / 1000 / radius for letter in text]
    angle, drawing = math.pi / 2 * sign + sum(widths) / 2 * sign, ""
    for letter, width in zip(text, widths):
        middle = angle - width / 2 * sign
        turn = middle - math.pi / 2 * sign
        x = 200 + radius * math.cos(middle) - WIDTHS[letter] * size / 2000 * math.cos(turn)
        y = 200 + radius * math.sin(middle) - WIDTHS[letter] * size / 2000 * math.sin(turn)
        drawing += (f"BT /F {size} Tf {math.cos(turn):.4f} {math.sin(turn):.4f} {-math.sin(turn):.4f} {math.cos(turn):.4f} "
                    f"{x:.2f} {y:.2f} Tm ({letter}) Tj ET ")
        angle -= width * sign
    return pdf_of([drawing + "BT /F 30 Tf 168 190 Td (PAID) Tj ET"], 400, 400)


def is_text(below):
    """Where the detector sees text, in its 736 x 736 pixels of the region: along the circle, and the word."""
    def inside(x, y):
        right, up = (x + 0.5) * SEAL / 736 - SEAL / 2, SEAL / 2 - (y + 0.5) * SEAL / 736
        far, apart = math.hypot(right, up), abs(math.atan2(right, -up if below else up))
        ring = (94 <= far <= 118 if below else 92 <= far <= 116) and apart < 1.35
        return ring or (-34 <= right <= 44 and -12 <= up <= 14)
    return inside


@pytest.fixture(scope="module", params=[False, True], ids=["above", "below"])
def sealed(request, tmp_path_factory):
    """A seal with text above or below, and a model that finds it."""
    radius = 113 if request.param else 95
    document = stamp("LITTLE DOLPHIN", radius, 24, request.param)
    made = Shelf(tmp_path_factory.mktemp("seal"), document, "seal", 0.175, 0.175, 0.825, 0.825)
    (made.models / SEAL_DETECTOR).write_bytes(detector(736, is_text(request.param)))
    made.order = -1 if request.param else 1
    return made


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_seal_is_read_along_its_edge(sealed, engine):
    if not (ROOT / "runtime" / "engines" / engine).is_dir():
        pytest.skip(f"{engine} is not installed")
    result = result_of(sealed.run("ocr", "--engine", engine, "--dpi", "144", "--layout", "on", "-f", "json", sealed.document))
    page, = result["pages"]
    region, lines = only(result, "seal")
    assert lines == ["LITTLE DOLPHIN", "PAID"][::sealed.order]
    assert len(page["lines"]) == 2 and page["timings"]["seal"]["runs"] == 1 and page["warnings"] == []
    (left, top), (right, bottom) = region["polygon"][0], region["polygon"][2]
    for line in page["lines"]:
        assert all(left - 5 <= x <= right + 5 and top - 5 <= y <= bottom + 5 for x, y in line["polygon"])


def test_seals_and_charts_without_models_say_so(tmp_path):
    for kind in ("seal", "chart"):
        shelf = Shelf(tmp_path / kind, page(), kind, 0.175, 0.175, 0.825, 0.825)
        result = result_of(shelf.run("ocr", "--layout", "on", "-f", "json", shelf.document))
        region, lines = only(result, kind)
        assert "Emc squared" in lines
        assert result["pages"][0]["warnings"] == [f"{kind} was left out: there is no model for it; {kind}s on the page: 1, kept as picture and text"]
        run = shelf.run("ocr", f"--{kind}", "on", "-f", "json", shelf.document)
        assert run.returncode == 69 and run.stdout == ""
        assert (SEAL_DETECTOR if kind == "seal" else "no model to read charts is known") in run.stderr
        quiet = result_of(shelf.run("ocr", "--layout", "on", f"--{kind}", "off", "-f", "json", shelf.document))
        assert quiet["pages"][0]["warnings"] == []
