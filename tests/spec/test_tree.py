"""The tree obeys its own rules, and the programs that check them notice when it does not."""
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(os.environ.get("OCTAVO_BIN", ROOT / "build" / "bin"))
SKIP = 77


def run_tool(name, *arguments, timeout=1200):
    return subprocess.run([ROOT / "tools" / name, *arguments], capture_output=True, text=True, timeout=timeout, check=False)


@pytest.mark.parametrize("command", [["check-includes"], ["check-source"], ["check-format"], ["check-tidy", "--quick"],
                                     ["check-links", BIN], ["make-docs", "--check"]], ids=lambda command: command[0])
def test_tree_passes(command):
    run = run_tool(*command)
    if run.returncode == SKIP:
        pytest.skip(run.stdout.strip())
    assert run.returncode == 0, run.stdout + run.stderr


def tree_with(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("files, complaint", [
    ({"src/base/a.c": '#include "process/b.h"\n', "src/process/b.h": ""}, 'base may not include "process/b.h"'),
    ({"src/raster/a.c": '#include "image/b.h"\n', "src/image/b.h": ""}, 'raster may not include "image/b.h"'),
    ({"src/engine/a.c": '#include "worker/b.h"\n', "src/worker/b.h": ""}, 'engine may not include "worker/b.h"'),
    ({"src/cli/a.c": '#include "pipeline/b.h"\n', "src/pipeline/b.h": ""}, 'cli may not include "pipeline/b.h"'),
    ({"src/base/a.c": '#include "b.h"\n', "src/base/b.h": ""}, "not named from src/"),
    ({"src/odd/a.c": ""}, "the folder odd has no rank"),
    ({"src/base/a.h": "#include <cjson/cJSON.h>\n"}, "a header may not include the foreign"),
    ({"src/base/a.c": "#include <yaml.h>\n", "src/conf/b.c": "#include <yaml.h>\n"}, "more than one home"),
    ({"src/base/a.h": "size_t length(void);\n"}, "does not compile alone"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_wrong_includes_are_found(tmp_path, files, complaint):
    run = run_tool("check-includes", tree_with(tmp_path, files))
    assert run.returncode == 1 and complaint in run.stdout


def test_arrows_down_are_allowed(tmp_path):
    run = run_tool("check-includes", tree_with(tmp_path, {
        "src/cli/a.c": '#include <stdio.h>\n#include "output/b.h"\n#include "base/c.h"\n', "src/output/b.h": "",
        "src/base/c.h": "", "src/worker/d.c": '#include "image/e.h"\n', "src/image/e.h": ""}))
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("text, complaint", [
    ("int f(void) {\n    return atoi(\"1\");\n}\n", "atoi() is not used here"),
    ("\tint i;\n", "a tab"),
    ("int i; \n", "blanks at the end"),
    ("int i;", "no newline"),
    ("int i;\n" * 601, "601 lines"),
    ("void f(void) {\n" + "    f();\n" * 59 + "}\n", "a function of 61 lines"),
], ids=lambda value: value if len(value) < 30 else "")
def test_wrong_source_is_found(tmp_path, text, complaint):
    run = run_tool("check-source", tree_with(tmp_path, {"src/base/a.c": text}))
    assert run.returncode == 1 and complaint in run.stdout


def test_words_in_comments_are_no_calls(tmp_path):
    run = run_tool("check-source", tree_with(tmp_path, {
        "src/base/a.c": '/* unlike strcpy() */\nconst char *text = "system(1)";\nint my_atoi(void);\n'}))
    assert run.returncode == 0, run.stdout


def test_foreign_code_in_the_front_is_found(tmp_path):
    """octavo-raster has MuPDF inside: under the name of octavo it must be refused."""
    for name in ("octavo-worker", "octavo-raster"):
        (tmp_path / name).symlink_to(BIN / name)
    (tmp_path / "octavo").symlink_to(BIN / "octavo-raster")
    run = run_tool("check-links", tmp_path)
    assert run.returncode == 1 and "octavo contains fz_" in run.stdout and "octavo links" in run.stdout


def test_no_program_here_is_found(tmp_path):
    assert run_tool("check-links", tmp_path).returncode == 1


def test_links_of_the_pages_lead_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_pages_name_files_that_exist():
    """docs/requirements.md maps promises to code and tests by name."""
    for name in re.findall(r"`((?:unit|spec)/[^`]+)`", (ROOT / "docs" / "requirements.md").read_text()):
        assert list((ROOT / "tests").glob(name)), name
