"""Models of tables that no package ships: small graphs with the inputs and outputs of SLANeXt, RT-DETR-L and PP-LCNet, put
where the real ones would be."""
import json

import pytest

from octavo import LETTER, ROOT, linked_models, octavo, require_models
from onnx_graph import constant, model, node, value
from paper import pdf_of
from server import Server
from test_layout_models import graph as boxes

TABLE = 8  # of the classes of PP-DocLayout-S
SPANS = [f' {side}span="{count}"' for side in ("col", "row") for count in range(2, 21)]
WORDS = ["<thead>", "</thead>", "<tbody>", "</tbody>", "<tr>", "</tr>", "<td", ">", "</td>", *SPANS, "<td></td>"]
FULL = [["Alpha", "Beta"], ["Gamma", "Delta"], ["Epsilon", "Zeta"]]
DOWN = ["<tr>", "<td></td>", "<td></td>", "</tr>", "<tr>", "<td", ' rowspan="2"', ">", "</td>", "<td></td>", "</tr>",
        "<tr>", "<td></td>", "</tr>"]  # the first cell of the second row goes over two rows
SQUARE = ["<tr>", "<td></td>", "<td></td>", "</tr>", "<tr>", "<td></td>", "<td></td>", "</tr>"]
HEADED = [[0, 0.9, 0, 0, 1, 0.33], [0, 0.8, 0, 0.33, 0.5, 0.66], [0, 0.8, 0.5, 0.33, 1, 0.66],
          [0, 0.8, 0, 0.66, 0.5, 1], [0, 0.8, 0.5, 0.66, 1, 1], [0, 0.2, 0, 0, 0.5, 1], [0, 0.7, 0.01, 0, 1, 0.32]]
AROUND = [[0, 0.9, 0.05, 0.07, 0.3, 0.25], [0, 0.9, 0.55, 0.07, 0.8, 0.25],
          [0, 0.9, 0.05, 0.37, 0.3, 0.85], [0, 0.9, 0.55, 0.37, 0.8, 0.85]]  # with white between


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()
    if not (ROOT / "runtime" / "engines" / "onnxruntime").exists():
        pytest.skip("ONNX Runtime is not installed: run tools/setup")


def known(shape, **outputs):
    """A network that says the same whatever it sees: outputs by name, each its shape and numbers."""
    nodes = [node("ReduceMean", ["x"], "mean", keepdims=0), node("Mul", ["mean", "nothing"], "none")]
    nodes += [node("Add", [f"known_{name}", "none"], name) for name in outputs]
    constants = [constant("nothing", [], [0])]
    constants += [constant(f"known_{name}", sizes, numbers) for name, (sizes, numbers) in outputs.items()]
    return model(nodes, constants, [value("x", shape)], [value(name, sizes) for name, (sizes, _) in outputs.items()])


def slanext(tokens, words=WORDS):
    """A network that writes these tokens, and says nothing of where cells are."""
    classes = [words.index(token) + 1 for token in tokens] + [len(words) + 1]
    steps, size = len(classes), len(words) + 2
    chances = [0.9 * (one == which) for which in classes for one in range(size)]
    return known([1, 3, 512, 512], places=([1, steps, 8], [0] * 8 * steps), tokens=([1, steps, size], chances))


def kind(*chances):
    """A network that tells ruled tables from others."""
    return known([1, 3, 224, 224], chances=([1, len(chances)], chances))


RULED, OPEN = kind(0.9, 0.1), kind(0.2, 0.8)


def page(rows, ruled=False):
    """Words in two columns on 400 x 400 points, within (40, 80) to (360, 220) from above; in a frame with borders."""
    drawn = [f"BT /F 16 Tf {60 + 160 * column} {294 - 46 * row} Td ({word}) Tj ET"
             for row, words in enumerate(rows) for column, word in enumerate(words) if word]
    if ruled:
        drawn += [f"44 {y} m 356 {y} l S" for y in (316, 272, 227, 184)] + [f"{x} 184 m {x} 316 l S" for x in (44, 200, 356)]
    return pdf_of([" ".join(drawn)], 400, 400)


@pytest.fixture
def read(tmp_path):
    """Reads a page of which the layout says that a table is on it, by models of these names; its cells and the page."""
    folder = linked_models(tmp_path / "models")
    (folder / "PP-DocLayout-S.onnx").write_bytes(boxes(480, False, [[TABLE, 0.9, 0.1, 0.2, 0.9, 0.55]]))

    def run(document, *arguments, **graphs):
        names = {"wireless": "SLANeXt_wireless", "wired": "SLANeXt_wired", "kind": "PP-LCNet_x1_0_table_cls",
                 "cells": "RT-DETR-L_wired_table_cell_det", "open_cells": "RT-DETR-L_wireless_table_cell_det"}
        for name, data in graphs.items():
            (folder / f"{names[name]}.onnx").write_bytes(data)
        (tmp_path / "page.pdf").write_bytes(document)
        return octavo("ocr", "--models", folder, "--layout", "on", "--engine", "onnxruntime", "-f", "json", *arguments,
                      tmp_path / "page.pdf")
    return run


def result_of(run):
    """The cells of the one table, as first row and column, rows, columns and text, and how often each stage ran."""
    assert run.returncode == 0, run.stderr
    (page,) = json.loads(run.stdout)["pages"]
    (table,) = [region["table"] for region in page["regions"] if "table" in region]
    cells = [(cell["row"], cell["column"], cell["rows"], cell["columns"], cell["text"]) for cell in table["cells"]]
    return cells, {stage: timing["runs"] for stage, timing in page["timings"].items() if "runs" in timing}


def grid(rows):
    return [(row, column, 1, 1, word) for row, words in enumerate(rows) for column, word in enumerate(words)]


SPANNED = [["Alpha", "Beta"], ["Gamma", "Delta"], ["", "Zeta"]]
SPANNING = [(0, 0, 1, 1, "Alpha"), (0, 1, 1, 1, "Beta"), (1, 0, 2, 1, "Gamma"), (1, 1, 1, 1, "Delta"), (2, 1, 1, 1, "Zeta")]


def test_a_structure_takes_the_places_that_are_printed(read):
    cells, runs = result_of(read(page(SPANNED), wireless=slanext(DOWN)))
    assert cells == SPANNING and runs["table"] == 1 and "cells" not in runs


def test_a_structure_without_places_is_of_no_use(read):
    cells, _ = result_of(read(page(FULL), wireless=slanext(SQUARE)))
    assert cells == grid(FULL)  # what is printed tells


def test_a_structure_takes_the_places_of_cells(read):
    cells, runs = result_of(read(page(FULL), wireless=slanext(SQUARE), kind=RULED, cells=boxes(640, True, AROUND)))
    assert cells == grid([["Alpha", "Beta"], ["Gamma Epsilon", "Delta Zeta"]])
    assert runs["cells"] == 1 and runs["table"] == 2


def test_cells_that_tile_the_table_are_its_structure(read):
    cells, runs = result_of(read(page(FULL), kind=RULED, cells=boxes(640, True, HEADED)))
    assert cells == [(0, 0, 1, 2, "Alpha Beta"), *grid([["", ""], *FULL[1:]])[2:]]
    assert runs["cells"] == 1 and runs["table"] == 1  # the network of structures was not asked


@pytest.mark.parametrize("ruled", [True, False])
def test_each_kind_of_table_has_its_models(read, ruled):
    cells, runs = result_of(read(page(SPANNED), kind=RULED if ruled else OPEN, wired=slanext(DOWN), wireless=slanext(SQUARE),
                                 cells=boxes(640, True, AROUND[:1]), open_cells=boxes(640, True, AROUND)))
    assert runs["cells"] == 1 and runs["table"] == 2
    assert cells == (SPANNING if ruled else grid([["Alpha", "Beta"], ["Gamma", "Delta Zeta"]]))


@pytest.mark.parametrize("ruled", [True, False])
def test_without_a_model_rulings_tell_the_kind(read, ruled):
    cells, runs = result_of(read(page(FULL, ruled), cells=boxes(640, True, AROUND[:1])))
    assert ("cells" in runs) == ruled and (not ruled or cells == grid(FULL))


def test_off_asks_for_no_cells(read):
    _, runs = result_of(read(page(FULL, True), "--cells", "off", kind=RULED, cells=boxes(640, True, HEADED)))
    assert "cells" not in runs


def test_on_without_a_model_is_an_error(read):
    run = read(page(FULL), "--cells", "on")
    assert run.returncode == 69 and run.stdout == ""
    assert "RT-DETR-L_wired_table_cell_det.onnx" in run.stderr


def test_a_server_notes_once_that_it_does_without(tmp_path):
    with Server(tmp_path / "data", "--worker-idle", "1") as server:
        for _ in range(2):
            server.wait_for_end(server.submit(LETTER.read_bytes()))
        answer = server.request("POST", "/v1/ocr?cells=on", LETTER.read_bytes())
        assert answer.status == 422 and "cells" in answer.json["detail"], answer
        assert len([line for line in server.log if "cells is left out unless it is asked for: " in line]) == 1


@pytest.mark.parametrize("graphs, told", [
    ({"cells": boxes(640, True, [[0, 0.9, 0, 0, 1, 1, 1, 1, 1]])}, "rt-detr-l-wired-cells: its first output is no table of boxes"),
    ({"cells": boxes(640, True, AROUND), "kind": kind(0.5, 0.3, 0.2)}, "pp-lcnet-table-class gives 3 classes"),
    ({"wireless": slanext(SQUARE, WORDS[:8] + WORDS[9:])}, "slanext-wireless-table: it does not give areas and one of 50 tokens"),
], ids=["cells", "kind", "structure"])
def test_what_is_no_such_model_is_told(read, graphs, told):
    run = read(page(FULL, True), **graphs)
    assert run.returncode == 69 and told in run.stderr, run.stderr
