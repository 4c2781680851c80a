"""Configuration: docs/configuration.md, over the real program."""
import json
import os
import re
import subprocess
import time

import pytest

from octavo import LETTER, ROOT, octavo, pdf, require_models

PREFIX = "octavo: the configuration is wrong: "


def clean(**variables):
    """The environment without settings, with a home that has no configuration, and with these variables."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("OCTAVO_") or name in ("OCTAVO_BIN", "OCTAVO_RUNTIME")}
    kept.pop("XDG_CONFIG_HOME", None)
    return {**kept, "HOME": "/nonexistent", **variables}


def config(*arguments, **variables):
    return octavo("config", *arguments, env=clean(**variables))


@pytest.fixture
def file(tmp_path):
    """A function that writes the configuration file and returns its path."""
    def write(text):
        path = tmp_path / "octavo.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path
    return write


def shown(*arguments, **variables):
    """What `config show --json` says: key -> (value, from)."""
    run = config("show", "--json", *arguments, **variables)
    assert run.returncode == 0, run.stderr
    return {key: (one["value"], one["from"]) for key, one in json.loads(run.stdout)["settings"].items()}


def values(settings):
    return {key: value for key, (value, _) in settings.items()}


# Where settings come from


def test_flag_before_variable_before_file_before_preset(file):
    path = file("limits:\n  pages: 10\n  deadline: 20\nworker.threads: 3\nguard:\n  high: 98\n")
    settings = shown("--config", path, "--max-pages", "12", OCTAVO_LIMITS_PAGES="11", OCTAVO_LIMITS_DEADLINE="21",
                     OCTAVO_MEMORY_LIMIT="512M")
    assert settings["limits.pages"] == (12, "--max-pages")
    assert settings["limits.deadline"] == (21, "OCTAVO_LIMITS_DEADLINE")
    assert settings["memory.limit"] == (512 << 20, "OCTAVO_MEMORY_LIMIT")
    assert settings["worker.threads"] == (3, f"{path}:4")
    assert settings["guard.high"] == (98, f"{path}:6")
    assert settings["limits.page_timeout"] == (60, "preset")
    assert settings["models.folder"] == (None, "preset")


def test_the_first_file_counts(tmp_path):
    def put(name, pages):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"limits.pages: {pages}\n")
        return path
    home = put("home/.config/octavo/octavo.yaml", 1)
    xdg = put("xdg/octavo/octavo.yaml", 2)
    variable, flag = put("variable.yaml", 3), put("flag.yaml", 4)
    places = {"HOME": str(tmp_path / "home")}
    assert shown(**places)["limits.pages"] == (1, f"{home}:1")
    places["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert shown(**places)["limits.pages"] == (2, f"{xdg}:1")
    places["OCTAVO_CONFIG"] = str(variable)
    assert shown(**places)["limits.pages"] == (3, f"{variable}:1")
    assert shown("--config", flag, **places)["limits.pages"] == (4, f"{flag}:1")
    assert shown("--config", os.devnull, **places)["limits.pages"] == (1000, "preset")


def test_without_any_file_presets_hold():
    if os.path.exists("/etc/octavo/octavo.yaml"):
        pytest.skip("this machine has a configuration")
    run = config("check")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "the configuration is right; settings from the environment: 0, there is no file\n"


def test_check_counts_what_is_set(file):
    path = file("limits.pages: 5\nengine: openvino\n")
    run = config("check", "--config", path, OCTAVO_WORKER_THREADS="2")
    assert run.stdout == f"the configuration is right; settings from the environment: 1, from {path}: 2\n"


# What is wrong


@pytest.mark.parametrize("text, told", [
    ("limits:\n  pages: none\n", "2: limits.pages: none: a whole number from 1 to 1000000 is expected"),
    ("memory.limit: 4GB\n", "1: memory.limit: 4GB: a whole number from 1M to 1024T is expected, alone or with one of k, M, G, T "
     "behind it"),
    ("guard:\n  high: 101\n", "2: guard.high: 101: a number from 50 to 100 is expected"),
    ("engine: abacus\n", "1: engine: abacus: one of auto|openvino|onnxruntime|tesseract is expected"),
    ("limits:\n  page: 3\n", "2: limits.page: there is no such key; is limits.pages meant?"),
    ("colour: red\n", "1: colour: there is no such key"),
    ("limits: 3\n", "1: limits: it is a section: keys are expected below it"),
    ("limits.pages: [1, 2]\n", "1: limits.pages: it is a list: a whole number from 1 to 1000000 is expected"),
    ("limits.pages: {a: 1}\n", "1: limits.pages: it is a value: no keys are expected below it"),
    ("limits.pages: 1\nlimits: {pages: 2}\n", "2: limits.pages: it is given twice, first in line 1"),
    ("guard.elevated: 99\n", "1: guard.elevated: 99 must be less than guard.high, which is 98.5 (preset)"),
    ("limits:\n  pages: 'open\n", "3: found unexpected end of stream"),
    (b"# one\nengine: \xff\xfe\n", "2: invalid leading UTF-8 octet"),
    (b"engine: au\x00to\n", "1: control characters are not allowed"),
    ("- a\n", "1: keys with values are expected"),
])
def test_wrong_files_are_refused_by_name_line_and_key(file, text, told):
    path = file(text)
    run = config("check", "--config", path)
    assert (run.returncode, run.stdout) == (78, "")
    assert run.stderr == f"octavo: {path}:{told}\n"
    for command in (["config", "show"], ["ocr", LETTER], ["doctor"], ["models"]):
        run = octavo(*command, "--config", path, env=clean())
        assert (run.returncode, run.stdout) == (78, "")
        assert run.stderr.startswith(f"{PREFIX}{path}:{told}; see `octavo config check`")
        assert len(run.stderr.splitlines()) == 1


def test_tables_without_the_layout_are_refused_wherever_it_is_set_off():
    run = octavo("ocr", "-f", "csv", LETTER, env=clean(OCTAVO_PIPELINE_LAYOUT="off"))
    assert (run.returncode, run.stdout) == (64, "") and "csv and xlsx hold tables" in run.stderr


def test_everything_that_is_wrong_is_told(file):
    path = file("limits:\n  pages: none\n  page: 1\n\nguard.hihg: 98\n")
    run = config("check", "--config", path, OCTAVO_WORKER_THREADS="0", OCTAVO_ENGINE="fast")
    assert run.returncode == 78
    assert sorted(run.stderr.splitlines()) == sorted([
        "octavo: OCTAVO_ENGINE=fast: one of auto|openvino|onnxruntime|tesseract is expected",
        "octavo: OCTAVO_WORKER_THREADS=0: a whole number from 1 to 256 is expected",
        f"octavo: {path}:2: limits.pages: none: a whole number from 1 to 1000000 is expected",
        f"octavo: {path}:3: limits.page: there is no such key; is limits.pages meant?",
        f"octavo: {path}:5: guard.hihg: there is no such key; is guard.high meant?"])
    report = json.loads(config("check", "--json", "--config", path, OCTAVO_ENGINE="fast").stdout)
    assert report["right"] is False and report["file"] == str(path) and len(report["problems"]) == 4


def test_wrong_variable_and_wrong_flag():
    run = octavo("ocr", LETTER, env=clean(OCTAVO_LIMITS_PAGES="many"))
    assert run.returncode == 78
    assert run.stderr.startswith(f"{PREFIX}OCTAVO_LIMITS_PAGES=many: a whole number from 1 to 1000000 is expected; see")
    run = config("show", "--max-pages", "many")
    assert run.returncode == 64 and "--max-pages many: a whole number from 1 to 1000000 is expected" in run.stderr


def test_misspelt_variables_are_a_warning_of_check_alone():
    run = config("check", OCTAVO_MEMORY_LIMT="1G", OCTAVO_GUARD_X="1", OCTAVO_RUNTIME="x", OCTAVO_CONFIG="/dev/null")
    assert run.returncode == 0
    assert sorted(run.stderr.splitlines()) == [
        "octavo: warning: OCTAVO_GUARD_X: there is no such setting",
        "octavo: warning: OCTAVO_MEMORY_LIMT: there is no such setting; is OCTAVO_MEMORY_LIMIT meant?"]
    run = config("show", OCTAVO_MEMORY_LIMT="1G")
    assert (run.returncode, run.stderr) == (0, "")


def test_named_files_must_be_there_and_be_files(tmp_path):
    for arguments, variables in ((["--config", tmp_path / "none.yaml"], {}),
                                 ([], {"OCTAVO_CONFIG": str(tmp_path / "none.yaml")})):
        run = config("check", *arguments, **variables)
        assert run.returncode == 78 and run.stderr == f"octavo: {tmp_path}/none.yaml: No such file or directory\n"
    run = config("check", "--config", tmp_path)
    assert run.returncode == 78 and run.stderr == f"octavo: {tmp_path}: Is a directory\n"
    folder = tmp_path / "octavo" / "octavo.yaml"
    folder.mkdir(parents=True)
    run = config("check", XDG_CONFIG_HOME=str(tmp_path))
    assert run.returncode == 78 and run.stderr == f"octavo: {folder}: Is a directory\n"


def test_file_that_may_not_be_read(file):
    path = file("limits.pages: 5\n")
    path.chmod(0)
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
    if os.geteuid() == 0 and subprocess.run([*without, "true"], capture_output=True, check=False).returncode:
        pytest.skip("the rights of root cannot be given up here")
    command = [*(without if os.geteuid() == 0 else []), octavo("version").args[0], "config", "check", "--config", path]
    run = subprocess.run(command, capture_output=True, text=True, env=clean(), check=False)
    assert run.returncode == 78 and run.stderr == f"octavo: {path}: Permission denied\n"


@pytest.mark.parametrize("text, told", [
    (b"#" * 70000, ": more than 65536 bytes"),
    (b"a0: &a0 {k: 1, l: 2}\n" + b"".join(b"a%d: &a%d {k: *a%d, l: *a%d}\n" % (i, i, i - 1, i - 1) for i in range(1, 30)),
     None),
    (b"a: &a {b: *a}\n", ":1: nested too deep or grown too large"),
    (b"[" * 60000, None),
    (b"{a: " * 15000, None),
    (b"".join(b"&%d " % i + b"a: 1\n" for i in range(6000)), None),
    (b"k: &a " + b"x" * 60000 + b"\n", None),
    (b"a" * 60000 + b": 1\n", None),
], ids=["huge", "bomb", "self", "brackets", "braces", "anchors", "long value", "long key"])
def test_files_made_to_do_harm_end_soon(file, text, told):
    path = file(text)
    started = time.monotonic()
    run = config("check", "--config", path)
    assert time.monotonic() - started < 10
    assert run.returncode == 78 and run.stdout == ""
    assert len(run.stderr) < 30000
    assert all(line.startswith("octavo: ") for line in run.stderr.splitlines())
    assert not told or run.stderr == f"octavo: {path}{told}\n"


def test_names_in_messages_are_safe_for_a_terminal(file):
    run = config("check", "--config", file('"a\\e[2Jb": "\\e[31m"\nengine: "\\e[31m"\n'))
    assert run.returncode == 78 and "\033" not in run.stderr and "\\x1B[31m" in run.stderr


# What is printed


def test_sample_is_right_and_equal_to_the_presets(file):
    sample = config("sample").stdout
    path = file(sample)
    run = config("check", "--config", path)
    assert (run.returncode, run.stderr) == (0, "")
    presets = shown("--config", os.devnull)
    settings = shown("--config", path)
    assert values(settings) == values(presets)
    set_by_it = {key for key, (_, origin) in settings.items() if origin != "preset"}
    assert set_by_it == {key for key, (value, _) in presets.items() if value is not None}
    assert max(map(len, sample.splitlines())) <= 100
    for key in presets:
        assert re.search(rf"^ *(# )?{key.split('.')[-1]}: ", sample, re.MULTILINE), key


def test_show_is_a_configuration_file_that_shows_the_same(file, tmp_path):
    path = file("models:\n  folder: \"/srv/a b: #x\\u202E\\n\"\nguard.high: 98.25\nlimits.deadline: 7\n")
    run = config("show", "--config", path, "--memory", "3G", OCTAVO_DUMP_FOLDER="/tmp/j\u00fcrgen's \"dumps\"")
    assert run.returncode == 0
    again = tmp_path / "again.yaml"
    again.write_text(run.stdout)
    first = shown("--config", path, "--memory", "3G", OCTAVO_DUMP_FOLDER="/tmp/j\u00fcrgen's \"dumps\"")
    assert values(shown("--config", again)) == values(first)
    assert first["models.folder"][0] == "/srv/a b: #x\u202e\n"
    assert re.search(rf"^ *guard.high: 98.25 +# {path}:3$", run.stdout, re.MULTILINE)
    assert re.search(r"^ *memory.limit: 3G +# --memory$", run.stdout, re.MULTILINE)
    assert re.search(r"^ *# worker.threads: +# the processors this process may use$", run.stdout, re.MULTILINE)


def test_path_in_show_stays_in_its_comment(tmp_path):
    path = tmp_path / "a\nlimits.pages: 1"
    path.write_text("limits.pages: 5\n")
    run = config("show", "--config", path)
    assert run.returncode == 0 and "\nlimits.pages: 1" not in run.stdout and "\\x0Alimits.pages: 1:1" in run.stdout


def test_explain_tells_all_about_a_key():
    run = config("explain", "memory.limit")
    assert run.returncode == 0
    for told in ("memory.limit: memory that all", "1M to 1024T", "bytes", "what cgroups and the machine allow", "--memory SIZE",
                 "OCTAVO_MEMORY_LIMIT", "a running server can take it", "octavo ocr"):
        assert told in run.stdout, told
    run = config("explain", "worker.threads")
    assert "takes effect with a restart" in run.stdout
    run = config("explain", "max-pages")
    assert run.returncode == 64 and "max-pages: there is no such key; is limits.pages meant?" in run.stderr


def test_every_key_is_explained_and_documented():
    page = (ROOT / "docs" / "configuration.md").read_text()
    for key, (value, _) in shown("--config", os.devnull).items():
        run = config("explain", key)
        assert run.returncode == 0 and run.stdout.startswith(f"{key}: ")
        variable = re.search(r"^  variable +(\S+)$", run.stdout, re.MULTILINE).group(1)
        assert variable == "OCTAVO_" + key.replace(".", "_").upper()
        assert re.search(rf"^\| `{key}` \| .+ \| .+ \| .+ \| .* \| (yes|no) \|$", page, re.MULTILINE), key
        preset = re.search(r"^  preset +(.+)$", run.stdout, re.MULTILINE).group(1)
        assert (value is None) != bool(re.search(rf"^\| `{key}` \| .+ \| `{preset}` \|", page, re.MULTILINE)), key


@pytest.mark.parametrize("arguments, told", [
    ([], "one of check|show|sample|explain is expected"),
    (["chek"], "one of check|show|sample|explain is expected"),
    (["explain"], "a KEY is missing"),
    (["check", "x"], "a word too many"),
    (["sample", "--json"], "--json is for check and show"),
    (["show", "--pages", "1"], "--pages: there is no such option"),
], ids=" ".join)
def test_usage(arguments, told):
    run = config(*arguments)
    assert (run.returncode, run.stdout) == (64, "") and told in run.stderr


# What settings do


@pytest.fixture(scope="module")
def models():
    require_models()


def test_settings_reach_the_work(models, file, tmp_path):
    document = tmp_path / "four.pdf"
    document.write_bytes(pdf(4))
    path = file("limits.pages: 3\n")
    run = octavo("ocr", "--config", path, document, env=clean())
    assert run.returncode == 1 and "more pages than the limit" in run.stderr
    run = octavo("ocr", document, env=clean(OCTAVO_CONFIG=str(path), OCTAVO_LIMITS_PAGES="2"))
    assert run.returncode == 1 and "more pages than the limit" in run.stderr
    assert octavo("ocr", "--config", path, "--max-pages", "4", document, env=clean()).returncode == 0


def test_reserve_makes_the_budget(models, file):
    path = file("memory:\n  limit: 1G\n  reserve: 25\n")
    run = octavo("ocr", "--timing", "--config", path, LETTER, env=clean())
    assert "805 MB (--memory 1G)" in run.stderr
    path = file("memory:\n  limit: 1G\n  reserve: 1\n  reserve_least: 100M\n")
    run = octavo("ocr", "--timing", "--config", path, LETTER, env=clean())
    assert "969 MB (--memory 1G)" in run.stderr


def test_mode_of_the_pool_is_taken(models, file):
    run = octavo("ocr", "--timing", "--config", file("pool.mode: per_task\n"), LETTER, env=clean())
    assert run.returncode == 0 and re.search(r"budget +none \(--per-task\)", run.stderr)
    run = octavo("ocr", "--timing", LETTER, env=clean())
    assert run.returncode == 0 and "(--per-task)" not in run.stderr
