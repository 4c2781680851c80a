"""The contract of the command line: docs/cli.md."""
import json
import os
import pty
import re
import signal
import subprocess
import time

import jsonschema
import pytest

from octavo import BIN, LETTER, ROOT, octavo, pdf, png, require_models, schema, tiff
from paper import pdf_of

OPTIONS_OF = {"ocr": "## octavo ocr", "serve": "## octavo serve", "doctor": "## octavo doctor",
              "models": "## octavo models", "config": "## octavo config",
              **{name: f"## octavo {name}" for name in ("submit", "wait", "status", "result", "cancel", "list", "top")}}


@pytest.fixture(scope="module")
def models():
    require_models()


@pytest.fixture(scope="module")
def pages_pdf(tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "pages.pdf"
    path.write_bytes(pdf(4))
    return path


@pytest.fixture
def word(tmp_path):
    """A small picture that is quickly read: nothing is on it."""
    path = tmp_path / "word.png"
    path.write_bytes(png(200, 100))
    return path


def error_lines(run):
    return [line for line in run.stderr.splitlines() if line.startswith("octavo: ")]


# Help, version, usage


def test_version():
    run = octavo("version")
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(r"octavo \d+\.\d+\.\d+\n", run.stdout)
    assert octavo("--version").stdout == run.stdout


def test_help_lists_the_commands():
    run = octavo("help")
    assert run.returncode == 0
    for command in (*OPTIONS_OF, "version", "help"):
        assert f"octavo {command}" in run.stdout
    assert octavo("--help").stdout == run.stdout == octavo("-h").stdout


@pytest.mark.parametrize("command", OPTIONS_OF)
def test_help_of_a_command_fits_80_columns_and_agrees_with_the_documentation(command):
    run = octavo("help", command)
    assert run.returncode == 0 and run.stderr == ""
    assert octavo(command, "--help").stdout == run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 80
    told = set(re.findall(r"^ +(?:-(\w), )?--([\w-]+)(?: (\S+))?(?=\s|$)", run.stdout, re.MULTILINE))
    told = {(letter, name, argument if argument.isupper() or "|" in argument else "")
            for letter, name, argument in told}
    page = (ROOT / "docs" / "cli.md").read_text()
    section = page[page.index(OPTIONS_OF[command]):].split("\n## ")[0].replace("\\|", "|")
    documented = set(re.findall(r"^\| (?:`-(\w)`, )?`--([\w-]+)(?: ([^`]+))?`", section, re.MULTILINE))
    assert told == documented
    for name, default in re.findall(r"--([\w-]+)[^-]*?\(default:\s+(\d+M?|text|auto)\)", run.stdout):
        assert re.search(rf"`--{name}[^|]*(\|[a-z]+)*` \| `{default}` \|", section), name


@pytest.mark.parametrize("arguments, told", [
    ([], "a command is missing"),
    (["orc"], 'there is no command "orc"'),
    (["help", "orc"], 'there is no command "orc"'),
    (["ocr"], "a FILE is missing"),
    (["ocr", "a", "b"], "several files need -o DIR"),
    (["ocr", "-f", "text,json", "a"], "several formats need -o DIR"),
    (["ocr", "-f", "zip", "a"], "zip packs other formats"),
    (["ocr", "-f", "text,pdf,zip", "a"], "zip does not pack pdf"),
    (["ocr", "-o", "x", "-", "-"], "can be read once"),
    (["ocr", "-q", "-v", "a"], "contradict"),
    (["ocr", "-o", "x", "a", ""], "a FILE has no name"),
    (["ocr", "-f", "csv", "--layout", "off", "a"], "csv and xlsx hold tables"),
    (["ocr", "-f", "json,xlsx", "-o", "x", "--layout", "off", "a"], "csv and xlsx hold tables"),
    (["ocr", "--files-from", "list"], "--files-from needs -o DIR"),
    (["ocr", "-o", "x", "--files-from", "-", "-"], "can be read once"),
    (["ocr", "-f", "odt", "a"], "--format odt: text|json|markdown|html|hocr|alto|page|csv|xlsx|pdf|png|zip is expected"),
    (["ocr", "--dpi", "20", "a"], "--dpi 20: a whole number from 36 to 1200 is expected"),
    (["ocr", "--pages", "0", "a"], "--pages 0: page numbers from 1 are expected"),
    (["ocr", "--engine", "x", "a"], "--engine x: one of auto|openvino|onnxruntime|tesseract is expected"),
    (["ocr", "--memory", "lots", "a"], "--memory lots: a whole number from 1M to 1024T is expected"),
    (["ocr", "--memory", "512MB", "a"], "is expected, alone or with one of k, M, G, T behind it"),
    (["ocr", "-f", "text, json", "a"], "is expected, several with commas and no blanks"),
    (["serve", "--listen", "127.0.0.1:99999"], "HOST:PORT is expected, PORT from 0 to 65535"),
    (["ocr", "--threads", "0", "a"], "--threads 0: a whole number from 1 to 256 is expected"),
    (["ocr", "--nonsense", "a"], "--nonsense: there is no such option"),
    (["ocr", "a", "--dpi"], "--dpi: N is missing after it"),
    (["models", "a"], "this command takes no files"),
    (["doctor", "--dpi", "300"], "--dpi: there is no such option"),
    (["version", "x"], "takes no arguments"),
], ids=" ".join)
def test_usage_errors_are_one_clear_line_and_64(arguments, told):
    run = octavo(*arguments)
    assert run.returncode == 64
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
    named = arguments[0] if arguments and arguments[0] in OPTIONS_OF else None
    assert told in run.stderr and run.stderr.endswith(f"; see `octavo help {named}`\n" if named else "; see `octavo help`\n")


def test_terminal_as_standard_input_is_refused():
    master, slave = pty.openpty()
    run = octavo("ocr", "-", stdin=slave)
    os.close(master)
    os.close(slave)
    assert run.returncode == 64 and "terminal" in run.stderr


# Inputs that cannot be read


def test_missing_file_is_66():
    run = octavo("ocr", "no-such-file.pdf")
    assert run.returncode == 66
    assert run.stderr == ("octavo: no-such-file.pdf: the file cannot be opened: No such file or directory; "
                          "check the name and the permissions\n")


def test_folder_is_66(tmp_path):
    run = octavo("ocr", tmp_path)
    assert run.returncode == 66 and "Is a directory" in run.stderr


def test_missing_file_among_others_is_1(models, word, tmp_path):
    run = octavo("ocr", "-o", tmp_path / "out", "missing.pdf", word)
    assert run.returncode == 1
    assert len(error_lines(run)) == 1
    assert (tmp_path / "out" / "word.txt").exists()


def test_missing_and_broken_is_1_although_one_cannot_be_opened(models, tmp_path):
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing")
    assert octavo("ocr", "-o", tmp_path / "out", "missing.pdf", broken).returncode == 1


@pytest.mark.parametrize("content, told", [
    (b"", "the file is empty"),
    (b"just words\n" * 9, "the file is of no kind that Octavo reads"),
    (os.urandom(5000), "the file is of no kind that Octavo reads"),
    (b"PK\x03\x04" + bytes(99), "the file is of no kind that Octavo reads"),
    (b"%PDF-1.7\nnothing", "the document is damaged"),
    (b"\x89PNG\r\n\x1a\n" + bytes(99), "the document is damaged"),
], ids=["empty", "words", "noise", "zip", "pdf", "png"])
def test_garbage_is_answered_in_one_line(models, tmp_path, content, told):
    path = tmp_path / "garbage.pdf"
    path.write_bytes(content)
    run = octavo("ocr", path)
    assert run.returncode == 1
    assert run.stdout == ""
    lines = error_lines(run)
    assert len(lines) == 1 and lines[0].startswith(f"octavo: {path}: ") and told in lines[0]


def test_names_are_made_safe_for_the_terminal(tmp_path):
    path = tmp_path / "a\033[2J\n\u202eb.pdf"
    run = octavo("ocr", path)
    assert run.returncode == 66
    assert "a\\x1B[2J\\x0A\\u{202E}b.pdf" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_password_is_asked_for(models):
    path = ROOT.parent / "shared" / "corpus" / "hostile" / "artur-encrypted.pdf"
    if not path.exists():
        pytest.skip("the corpus is not here")
    run = octavo("ocr", path)
    assert run.returncode == 1 and "protected by a password" in run.stderr


# Results


def test_text_goes_to_standard_output(models):
    run = octavo("ocr", LETTER)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(run.stdout.splitlines()) > 5


def test_json_is_valid_and_complete(models, pages_pdf):
    run = octavo("ocr", "-f", "json", "--dpi", "150", pages_pdf)
    result = json.loads(run.stdout)
    jsonschema.Draft202012Validator(schema()).validate(result)
    assert result["document"] == {"name": str(pages_pdf), "format": "pdf", "pages": 4,
                                  "bytes": pages_pdf.stat().st_size}
    assert result["complete"] is True
    assert [page["number"] for page in result["pages"]] == [1, 2, 3, 4]
    assert all(abs(page["dpi"] - 150) < 1 for page in result["pages"])
    assert result["timings"]["recognise"]["runs"] >= len(result["pages"][0]["lines"])


@pytest.mark.parametrize("pages, numbers", [("2", [2]), ("-2", [1, 2]), ("3-", [3, 4]), ("4,1,1", [1, 4])])
def test_pages_are_chosen(models, pages_pdf, pages, numbers):
    run = octavo("ocr", "-f", "json", "--pages", pages, pages_pdf)
    assert run.returncode == 0
    result = json.loads(run.stdout)
    jsonschema.Draft202012Validator(schema()).validate(result)
    assert [page["number"] for page in result["pages"]] == numbers
    for page in result["pages"]:
        assert page["lines"][0]["text"].replace(" ", "") == f"Pagenumber{page['number']}"


def test_pages_are_parted_by_form_feeds(models, pages_pdf):
    run = octavo("ocr", pages_pdf)
    assert [page.replace(" ", "").strip() for page in run.stdout.split("\f")] == [f"Pagenumber{n}" for n in range(1, 5)]


def test_pages_that_do_not_exist(models, pages_pdf):
    run = octavo("ocr", "--pages", "7", pages_pdf)
    assert run.returncode == 1
    assert "the document has no such page: page 7 was asked for, the last is 4" in run.stderr
    run = octavo("ocr", "--pages", "4-7", pages_pdf)
    assert run.returncode == 0
    assert "page 7 was asked for, the last is 4" in run.stderr


def test_a_page_that_fails_does_not_fail_the_others(models, tmp_path):
    book = tmp_path / "book.tif"
    book.write_bytes(tiff([(100, 100), (2000, 1000), (100, 50), (50, 100)]))
    run = octavo("ocr", "-f", "json", "-o", tmp_path, "--max-pixels", "1M", book)
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert run.stderr.startswith(f"octavo: {book}: page 2: the picture has more pixels than the limit: ")
    result = json.loads((tmp_path / "book.json").read_text())
    jsonschema.Draft202012Validator(schema()).validate(result)
    assert result["complete"] is False
    assert [page["number"] for page in result["pages"]] == [1, 3, 4]


def test_page_limit(models, pages_pdf):
    run = octavo("ocr", "--max-pages", "3", pages_pdf)
    assert run.returncode == 1 and "more pages than the limit" in run.stderr
    assert octavo("ocr", "--max-pages", "3", "--pages", "1-2", pages_pdf).returncode == 0
    assert octavo("ocr", "--max-pages", "3", "--pages", "1-", pages_pdf).returncode == 1


def test_pixel_limit(models, word):
    run = octavo("ocr", "--max-pixels", "1k", word)
    assert run.returncode == 1 and "more pixels than the limit" in run.stderr


def test_standard_input(models, word, pages_pdf, tmp_path):
    with open(pages_pdf, "rb") as file:
        assert octavo("ocr", "-", stdin=file).stdout == octavo("ocr", pages_pdf).stdout
    run = subprocess.run([BIN / "octavo", "ocr", "-f", "json", "-o", tmp_path, "-"], input=word.read_bytes(),
                         timeout=60, check=False)
    assert run.returncode == 0
    result = json.loads((tmp_path / "stdin.json").read_text())
    jsonschema.Draft202012Validator(schema()).validate(result)
    assert result["document"]["name"] == "-" and result["document"]["bytes"] is None


def test_closed_standard_input_is_66():
    run = subprocess.run(f"exec '{BIN}/octavo' ocr - <&-", shell=True, capture_output=True, text=True,
                         timeout=60, check=False)
    assert run.returncode == 66, run.stderr


def test_files_go_to_the_folder_which_is_made(models, word, tmp_path):
    out = tmp_path / "new" / "folder"
    run = octavo("ocr", "-f", "text,json", "-o", out, word, LETTER)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert sorted(path.name for path in out.iterdir()) == ["letter.json", "letter.txt", "word.json", "word.txt"]


def test_names_that_collide(models, word, tmp_path):
    names = ["a.png", "a.pnm", "x/a.png", "b.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(word.read_bytes())
    out = tmp_path / "out"
    run = octavo("ocr", "-f", "json", "-o", out, *(tmp_path / name for name in names))
    assert run.returncode == 0
    written = {path.name: json.loads(path.read_text())["document"]["name"] for path in out.iterdir()}
    assert written == {"a.png.json": str(tmp_path / "a.png"), "a.pnm.json": str(tmp_path / "a.pnm"),
                       "a.png~2.json": str(tmp_path / "x/a.png"), "b.json": str(tmp_path / "b.png")}


def test_files_of_pages_collide_with_nothing(models, word, tmp_path):
    """NAME-PAGE.EXTENSION of one document is neither a result of another one, nor another one."""
    for name in ("x/scan.pdf", "y/scan.pdf", "scan.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(pdf(2))
    picture = word.rename(tmp_path / "scan-1.png")
    before = picture.read_bytes()
    run = octavo("ocr", "-f", "page", "-o", "out", "x/scan.pdf", "y/scan.pdf", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"scan.pdf{which}-{page}.page.xml" for which in ("", "~2") for page in (1, 2)}
    run = octavo("ocr", "-f", "png", "-o", ".", "scan.pdf", "scan-1.png", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "") and picture.read_bytes() == before
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "scan-1.png", "scan-1.png.png", "scan.pdf-1.png", "scan.pdf-2.png"}
    (tmp_path / "names").write_text("scan-1.png\n")
    run = octavo("ocr", "-f", "text,page", "-o", "fed", "--files-from", "names", "scan.pdf", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "fed").iterdir()} == {
        "scan.txt", "scan-1.page.xml", "scan-2.page.xml", "scan-1.png.txt", "scan-1.png.page.xml"}
    run = octavo("ocr", "-f", "page,zip", "-o", "packed", "scan.pdf", "scan-1.png", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "packed").iterdir()} == {"scan.zip", "scan-1.zip"}


def test_old_results_are_replaced(models, word, tmp_path):
    (tmp_path / "word.txt").write_text("old")
    assert octavo("ocr", "-o", tmp_path, word).returncode == 0
    assert (tmp_path / "word.txt").read_text() == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["word.png", "word.txt"]


def test_the_file_that_is_read_is_not_replaced(models, word, tmp_path):
    disguised = word.rename(tmp_path / "word.txt")
    run = octavo("ocr", "-o", tmp_path, disguised)
    assert run.returncode == 73 and "is the file that was read" in run.stderr
    assert disguised.read_bytes().startswith(b"\x89PNG")


def test_no_other_file_of_the_command_line_is_replaced(models, word, tmp_path):
    other = tmp_path / "word.alto.xml"
    other.write_bytes(png(100, 100))
    run = octavo("ocr", "-f", "alto", "-o", tmp_path, word, other)
    assert run.returncode == 73 and f"{other} is another of the files to be read" in run.stderr
    assert other.read_bytes() == png(100, 100) and (tmp_path / "word.alto.alto.xml").exists()
    assert octavo("ocr", "-f", "alto", "-o", tmp_path, word).returncode == 0  # of another time
    assert other.read_bytes().startswith(b"<?xml")


def test_file_names_after_two_dashes(models, word, tmp_path):
    word.rename(tmp_path / "-v")
    assert octavo("ocr", "-f", "json", "--", "-v", cwd=tmp_path).returncode == 0


# Outputs that cannot be written


def test_full_disk_is_73(models, word):
    with open("/dev/full", "wb") as full:
        run = subprocess.run([BIN / "octavo", "ocr", "-f", "json", word], stdout=full, stderr=subprocess.PIPE,
                             text=True, timeout=60, check=False)
    assert run.returncode == 73
    assert "the result cannot be written" in run.stderr and "No space left on device" in run.stderr


def test_closed_standard_output_is_73(models, word):
    run = subprocess.run(f"exec '{BIN}/octavo' ocr -f json '{word}' >&-", shell=True, stderr=subprocess.PIPE,
                             text=True, timeout=60, check=False)
    assert run.returncode == 73, run.stderr


def test_output_folder_that_cannot_be_is_73(word, tmp_path):
    run = octavo("ocr", "-o", word, LETTER)
    assert run.returncode == 73 and "is no folder" in run.stderr
    run = octavo("ocr", "-o", "/proc/octavo", LETTER)
    assert run.returncode == 73 and "/proc/octavo" in run.stderr


def test_result_that_cannot_be_written_does_not_stop_the_others(models, word, tmp_path):
    (tmp_path / "letter.txt").mkdir()
    run = octavo("ocr", "-o", tmp_path, LETTER, word)
    assert run.returncode == 73
    assert len(error_lines(run)) == 1 and "letter.txt" in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.txt", "word.png", "word.txt"]


def test_the_longest_name_that_a_file_may_have_is_written(models, word, tmp_path):
    long = word.rename(tmp_path / f"{'x' * 251}.png")
    run = octavo("ocr", "-f", "text,json", "-o", tmp_path / "out", long)  # .json has a byte too many
    assert run.returncode == 73 and "File name too long" in run.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{'x' * 251}.txt"]


# Engines and models


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_engine_is_chosen(models, word, engine):
    run = octavo("ocr", "-f", "json", "--engine", engine, word)
    if run.returncode == 69:
        pytest.skip(run.stderr.strip())
    assert json.loads(run.stdout)["engine"].startswith(engine + " ")


def test_missing_models_are_69_in_one_line(tmp_path, word):
    run = octavo("ocr", "--models", tmp_path, word)
    assert run.returncode == 69
    assert len(run.stderr.splitlines()) == 1 and "tools/setup" in run.stderr


def test_missing_engine_is_69(tmp_path, word):
    run = octavo("ocr", word, env=dict(os.environ, OCTAVO_RUNTIME=str(tmp_path)))
    assert run.returncode == 69
    assert len(run.stderr.splitlines()) == 1 and "tools/setup" in run.stderr


def test_doctor(models):
    run = octavo("doctor")
    assert run.returncode == 0
    assert "documents can be read, with " in run.stdout
    told = json.loads(octavo("doctor", "--json").stdout)
    assert told["verdict"]["ready"] is True and told["limits"]["physical"] > 0
    assert {engine["name"] for engine in told["engines"]} == {"openvino", "onnxruntime", "tesseract"}


def test_doctor_without_models_is_69(tmp_path):
    run = octavo("doctor", "--models", tmp_path)
    assert run.returncode == 69
    assert "documents cannot be read: " in run.stdout and "tools/setup" in run.stdout
    assert json.loads(octavo("doctor", "--json", "--models", tmp_path).stdout)["verdict"]["error"] == "no_model"


def test_models(models):
    run = octavo("models")
    assert run.returncode == 0 and "detect" in run.stdout and "recognise" in run.stdout
    catalog = json.loads(octavo("models", "--json").stdout)
    assert all(model["id"] in run.stdout for model in catalog)


# Progress, timing, signals


def test_timing_goes_to_standard_error(models):
    run = octavo("ocr", "--timing", "--memory", "4G", LETTER)
    assert run.returncode == 0
    for told in ("engine busy", "recognise", "peak memory (PSS)", "(--memory 4G)", "0 bytes at the end",
                 "first page after"):
        assert told in run.stderr
    assert "engine busy" not in run.stdout
    peak = re.search(r"peak memory \(PSS\) +(\d+) MB", run.stderr)
    assert 20 < int(peak[1]) < 20000


def test_quiet_and_verbose(models, word):
    assert octavo("ocr", "-q", word).stderr == ""
    assert re.fullmatch(rf"octavo: {word}: 1 of 1 pages in \d+\.\d+ s\noctavo: the ledger is balanced: [^\n]*\n",
                        octavo("ocr", "-v", word).stderr)


def test_warnings_of_pages_are_told(models, tmp_path):
    large = tmp_path / "large.pdf"
    large.write_bytes(pdf(3))
    arguments = ["ocr", "--layout", "off", "--max-pixels", "200k", "-f", "json", large]
    run = octavo(*arguments)
    warning = json.loads(run.stdout)["pages"][0]["warnings"][0]
    assert re.fullmatch(r"drawn at [0-9.]+ dpi instead of 150: the page is very large", warning)
    assert run.returncode == 0 and run.stderr == f"octavo: {large}: page 1: {warning} (and 2 more pages)\n"
    assert octavo(*arguments, "-q").stderr == ""
    told = [line for line in octavo(*arguments, "-v").stderr.splitlines() if "very large" in line]
    assert told == [f"octavo: {large}: page {number}: {warning}" for number in (1, 2, 3)]


def test_warnings_that_differ_in_numbers_are_one(models, tmp_path):
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf(2).replace(b"[0 0 400 200]", b"[0 0 800 400]", 1))
    run = octavo("ocr", "--layout", "off", "--max-pixels", "200k", "-f", "json", book)
    first, second = [page["warnings"][0] for page in json.loads(run.stdout)["pages"]]
    assert first != second and run.stderr == f"octavo: {book}: page 1: {first} (and 1 more page)\n"


def test_so_many_warnings_are_told(models, tmp_path):
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf_of([f"/X{chr(97 + number)} Do" for number in range(20)], 200, 100))
    run = octavo("ocr", "--layout", "off", book)
    lines = run.stderr.splitlines()
    assert run.returncode == 0 and len(lines) == 17, run.stderr
    assert re.fullmatch(rf"octavo: {book}: \d more warnings of pages; -v tells all", lines[-1])


def run_on_terminal(*arguments):
    """Runs octavo with a terminal as standard error; what it showed there."""
    master, slave = pty.openpty()
    process = subprocess.Popen([BIN / "octavo", *map(str, arguments)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65536):
            shown += chunk
    except OSError:
        pass  # the last one has closed the terminal
    os.close(master)
    assert process.wait(60) == 0
    return shown.decode()


def test_progress_on_a_terminal(models, word, pages_pdf, tmp_path):
    shown = run_on_terminal("ocr", "-o", tmp_path, word, pages_pdf)
    bars = shown.split("\r\033[K")
    assert re.search(r"▕.*▏ \d+/\d+ pages  \d/2 files  \d+\.\d/s  \d+ MB", shown)
    assert all(len(bar) <= 80 for bar in bars)
    assert bars[-1] == ""  # cleared at the end
    assert run_on_terminal("ocr", "-q", "-o", tmp_path, word) == ""


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_keeps_what_is_complete(models, word, tmp_path, number, status):
    book, out = tmp_path / "book.pdf", tmp_path / "out"
    book.write_bytes(pdf(300))
    process = subprocess.Popen([BIN / "octavo", "ocr", "-f", "json", "-o", out, "--jobs", "1", word, book, LETTER],
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (out / "word.json").exists():
        time.sleep(0.01)
    time.sleep(1)  # some pages into the book
    process.send_signal(number)
    sent = time.monotonic()
    stderr = process.communicate(timeout=60)[1]
    assert time.monotonic() - sent < 1
    assert process.returncode == status
    lines = stderr.splitlines()
    assert len(lines) == 2, stderr
    told = re.search(r"it was interrupted: (\d+) of 300 pages are kept; start it again for the rest", lines[0])
    assert told, stderr
    assert lines[1] == "octavo: 1 more file was not begun"
    assert (out / "book.json").exists() == (int(told[1]) > 0)
    if int(told[1]) > 0:
        result = json.loads((out / "book.json").read_text())
        jsonschema.Draft202012Validator(schema()).validate(result)
        assert result["complete"] is False
        assert len(result["pages"]) == int(told[1])
    assert not (out / "letter.json").exists()


def test_text_does_not_depend_on_jobs_and_threads(models, pages_pdf):
    texts = {octavo("ocr", "--jobs", jobs, "--threads", threads, pages_pdf).stdout
             for jobs, threads in (("1", "1"), ("3", "2"))}
    assert len(texts) == 1
