"""`make run`'s server: it says where it is and how to try it, and what it says works."""
import os
import re
import shlex
import signal
import subprocess

import pytest

from octavo import BIN, LETTER, ROOT, octavo, require_models


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()
    if BIN.resolve() != (ROOT / "build" / "bin").resolve():
        pytest.skip("it runs what is in build/bin")


def start(tmp_path, address="127.0.0.1:0"):
    (tmp_path / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "OCTAVO_SERVER_LISTEN": address, "OCTAVO_SERVER_DATA": str(tmp_path / "data"),
                   "TMPDIR": str(tmp_path / "tmp")}
    return subprocess.Popen([ROOT / "tools" / "run-server"], env=environment, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_what_it_says_works(tmp_path):
    with start(tmp_path) as process:
        lines = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], (lines, process.stderr.read())
        assert re.match(r"octavo serves http://127\.0\.0\.1:\d+, ", lines[0]), lines
        commands = [shlex.split(line) for line in lines if line.startswith("  curl ")]
        answers = [subprocess.run([*command, "-sS", "--fail"], cwd=ROOT, capture_output=True, text=True, timeout=60,
                                  check=True).stdout for command in commands]
        assert answers[0] == octavo("ocr", LETTER).stdout and '"columns.pdf"' in answers[1] and '"tasks"' in answers[2]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, process.stderr.read()
    assert not list((tmp_path / "tmp").iterdir())


def test_why_it_does_not_start_is_told(tmp_path):
    with start(tmp_path, "127.0.0.1") as process:
        out, errors = process.communicate(timeout=30)
    assert process.returncode == 64 and out == "" and "HOST:PORT is expected" in errors
    assert not list((tmp_path / "tmp").iterdir())


def test_make_run_runs_it():
    run = subprocess.run(["make", "-n", "--no-print-directory", "run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "tools/run-server"
