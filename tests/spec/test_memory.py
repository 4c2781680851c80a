"""`--memory` is a promise: under a real cgroup of that size nothing is killed, and what cannot be read says why."""
import json
import os
import re
import time
from pathlib import Path

import pytest

from octavo import INSTRUMENTED, LETTER, ROOT, linked_models, octavo, pdf, png, real, require_models, tiff
from onnx_graph import constant, model, node, value
from paper import pdf_of
from test_layout_models import graph
from test_parts import SEAL_DETECTOR
from test_unwarp import grid

COLUMNS = ROOT / "tests" / "samples" / "columns.pdf"
TABLE = ROOT / "tests" / "samples" / "table.png"
STAGES = ("orient", "unwarp", "line-orient", "layout", "seal")
REFUSAL = re.compile(r"there is not enough memory: .*?(\d+) bytes.*?(\d+) (?:bytes )?are available")


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()


class Cgroup:
    """A memory cgroup of our own: v1 where its controller is mounted, else v2."""

    def __init__(self, limit):
        v1, v2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
        self.old = (v1 / "memory.limit_in_bytes").exists()
        parent = v1 if self.old else v2
        self.folder = parent / f"octavo-test-{os.getpid()}"
        self.folder.mkdir()
        try:
            if self.old:
                self.write("memory.limit_in_bytes", limit)
            else:
                self.write("memory.max", limit)
                self.write("memory.swap.max", 0)
        except OSError:
            self.folder.rmdir()
            raise

    def write(self, name, value):
        (self.folder / name).write_text(str(value))

    def enter(self):
        """In the child, before it becomes octavo."""
        self.write("cgroup.procs", os.getpid())

    def kills(self):
        name = "memory.oom_control" if self.old else "memory.events"
        return int(re.search(r"^oom_kill (\d+)", (self.folder / name).read_text(), re.MULTILINE)[1])

    def remove(self):
        for _ in range(100):
            try:
                self.folder.rmdir()
                return
            except OSError:
                time.sleep(0.05)


@pytest.fixture
def cgroup():
    made = []

    def make(limit):
        try:
            made.append(Cgroup(limit))
        except OSError as error:
            pytest.skip(f"no memory cgroup can be made here: {error}")
        return made[-1]
    yield make
    for one in made:
        one.remove()


def timing(run, name):
    return re.search(rf"^  {re.escape(name)} +(.*)$", run.stderr, re.MULTILINE)[1]


@real
@pytest.mark.parametrize("size, engine, layout", [(512, "onnxruntime", "off"), (512, "auto", "off"), (320, "auto", "off"),
                                                  (512, "onnxruntime", "on"), (512, "auto", "on"), (320, "auto", "on")])
def test_nothing_is_killed_in_a_cgroup_of_that_size(cgroup, tmp_path, size, engine, layout):
    group = cgroup(size << 20)
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf(8))
    files = [LETTER, COLUMNS, book, TABLE]
    run = octavo("ocr", "--timing", "--engine", engine, "--layout", layout, "--memory", f"{size}M", "--jobs", "8", "-f",
                 "text,json", "-o", tmp_path / "out", *files, preexec_fn=group.enter)
    assert run.returncode == 0, run.stderr
    assert group.kills() == 0
    whole = octavo("ocr", "--engine", engine, "--layout", layout, "-o", tmp_path / "whole", *files)
    assert whole.returncode == 0
    for name in ("letter.txt", "book.txt"):
        assert (tmp_path / "out" / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert int(re.match(r"(\d+) MB", timing(run, "peak memory (PSS)"))[1]) < size * 1.05


def blind():
    """A network that finds no text in a seal of whatever size."""
    nodes = [node("ReduceMean", ["x"], "grey", axes=[1], keepdims=1), node("Mul", ["grey", "none"], "map")]
    sides = ["height", "width"]
    return model(nodes, [constant("none", [1], [0])], [value("x", [1, 3, *sides])], [value("map", [1, 1, *sides])])


@real
def test_all_stages_hold_in_a_cgroup(cgroup, tmp_path):
    """Small graphs stand for models that no package has; what they take is charged as that of the real ones."""
    models, book = linked_models(tmp_path / "models"), tmp_path / "book.pdf"
    table, seal = [8, 0.9, 0.1, 0.1, 0.9, 0.4], [16, 0.9, 0.3, 0.5, 0.7, 0.8]
    (models / "PP-DocLayout-S.onnx").write_bytes(graph(480, False, [table, seal]))
    (models / SEAL_DETECTOR).write_bytes(blind())
    (models / "uvdoc.onnx").write_bytes(grid(0.06, 1))
    book.write_bytes(pdf(8))
    group = cgroup(512 << 20)
    run = octavo("ocr", "--models", models, "--memory", "512M", "--jobs", "8", *(f"--{stage}=on" for stage in STAGES), "-f",
                 "json", "-o", tmp_path / "out", LETTER, COLUMNS, book, TABLE, preexec_fn=group.enter,
                 env={**os.environ, "XDG_STATE_HOME": str(tmp_path)})
    assert run.returncode == 0, run.stderr
    assert group.kills() == 0
    pages = [page for path in (tmp_path / "out").glob("*.json") for page in json.loads(path.read_text())["pages"]]
    ran = {stage for page in pages for stage, spent in page["timings"].items() if spent["runs"] > 0}
    assert len(pages) >= 11 and ran >= {"orient", "unwarp", "detect", "layout", "table", "seal", "recognise"}, ran


def test_a_cgroup_is_the_budget_where_nothing_else_is_said(cgroup):
    group = cgroup(700 << 20)
    run = octavo("ocr", "--timing", LETTER, preexec_fn=group.enter)
    assert INSTRUMENTED or run.returncode == 0, run.stderr
    budget = int(re.match(r"(\d+) MB \(cgroups", timing(run, "budget"))[1]) if run.returncode == 0 else 700
    assert 650 < budget < 734


def test_too_little_memory_is_refused_at_the_start(tmp_path):
    for size in ("1M", "24M", "48M"):
        run = octavo("ocr", "--memory", size, "--dump-dir", tmp_path, LETTER)
        assert run.returncode == 1 and run.stdout == ""
        told = [line for line in run.stderr.splitlines() if "not enough memory" in line]
        assert len(told) == 1, run.stderr
        needed, available = map(int, re.search(r"(\d+)\D+(\d+)", told[0].split("memory", 1)[1]).groups())
        assert needed > available, told


@real
def test_page_that_never_fits_is_refused_with_its_figures_and_the_others_are_read(tmp_path):
    scan = tmp_path / "scan.tif"
    scan.write_bytes(tiff([(100, 100), (100, 100)]))
    big = tmp_path / "big.png"
    big.write_bytes(png(9500, 9500))
    unlearned = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}  # what was learned before decides where so little fits
    run = octavo("ocr", "-v", "--memory", "200M", "--dump-dir", tmp_path / "dumps", "-o", tmp_path / "out", big, scan, LETTER,
                 env=unlearned)
    assert run.returncode == 1
    refused = [line for line in run.stderr.splitlines() if "not enough memory" in line]
    assert len(refused) == 1 and refused[0].startswith(f"octavo: {big}: page 1: "), run.stderr
    needed, available = map(int, REFUSAL.search(refused[0]).groups())
    assert needed > 9500 * 9500 and needed > available > 0
    assert (tmp_path / "out" / "scan.txt").exists() and (tmp_path / "out" / "letter.txt").exists()
    assert "the ledger is balanced" in run.stderr
    (dump,) = (tmp_path / "dumps").iterdir()
    assert json.loads(dump.read_text())["reason"] == "refusal"


@real
def test_limit_in_which_nothing_can_be_read_is_refused_with_what_is_needed(tmp_path):
    unlearned = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    advice = r"; raise --memory or free memory, or lower --dpi or --jobs\n"
    run = octavo("ocr", "--memory", "1M", LETTER, env=unlearned)
    told = re.fullmatch(r"octavo: there is not enough memory: the limit must be more than ([\d.]+) MB for anything to start, "
                        r"reading needs more" + advice, run.stderr)
    assert run.returncode == 1 and told, run.stderr
    least = float(told[1])
    assert 20 < least < 100
    run = octavo("ocr", "--memory", f"{int(least * 1000) + 1000}k", LETTER, env=unlearned)
    assert run.returncode == 1 and re.fullmatch(
        r"octavo: there is not enough memory: reading any page needs [\d.]+ MB at the least, [\d.]+ MB are available"
        + advice, run.stderr), run.stderr


@real
def test_page_that_would_never_fit_is_drawn_smaller(tmp_path):
    """69 MB at 150 dpi; the warning says what was done, and the words are read."""
    poster = tmp_path / "poster.pdf"
    poster.write_bytes(pdf_of(["BT /F 300 Tf 300 2000 Td (Large letters) Tj ET"], 4000, 4000))
    run = octavo("ocr", "-f", "json", "--memory", "200M", poster, env={**os.environ, "XDG_STATE_HOME": str(tmp_path)})
    (page,) = json.loads(run.stdout)["pages"]
    assert run.returncode == 0 and [line["text"] for line in page["lines"]] == ["Large letters"]
    assert page["plan"]["reduced"] and page["dpi"] in (75, 72)
    assert f"drawn at {page['dpi']} dpi instead of 150, to fit the memory: small text may be lost" in page["warnings"]


@real
def test_ledger_agrees_with_the_kernel_at_rest():
    run = octavo("ocr", "--timing", "--memory", "1G", LETTER)
    assert run.returncode == 0, run.stderr
    charged = int(re.match(r"(\d+) MB at most, 0 bytes at the end", timing(run, "charged"))[1])
    assert charged <= 1074
    assert re.match(r"not compared|apart by \d+ MB at most, by more than 64 MB and 15 % in 0 of \d+ moments",
                    timing(run, "ledger and kernel"))


@real
@pytest.mark.parametrize("memory,count", [("320M", 24), ("200M", 10)])  # 200M: granted room while it changes; slower
def test_many_documents_share_little_memory(tmp_path, memory, count):
    """More documents at once than have room: they wait, are closed for a while, and all are read."""
    files = []
    for number in range(count):
        files.append(tmp_path / f"{number}.pdf")
        files[-1].write_bytes(pdf(2))
    run = octavo("ocr", "-v", "--memory", memory, "--jobs", count, "-o", tmp_path / "out", *files)
    assert run.returncode == 0, run.stderr
    assert len({path.read_text() for path in (tmp_path / "out").glob("*.txt")}) == 1
    assert "the ledger is balanced" in run.stderr


@real
def test_layout_holds_in_little_memory(tmp_path):
    run = octavo("ocr", "--layout", "on", "--memory", "320M", "-f", "json,html", "-v", "-o", tmp_path, TABLE, COLUMNS,
                 env={**os.environ, "XDG_STATE_HOME": str(tmp_path)})
    assert run.returncode == 0, run.stderr
    assert "the ledger is balanced" in run.stderr
    assert (tmp_path / "table.html").read_text().count("<table") == 1
