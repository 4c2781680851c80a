"""The commands that ask a server: submit, wait, status, result, cancel, list, top."""
import json
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import zipfile

import pytest

from octavo import BIN, LETTER, octavo, pdf, png, require_models
from server import Server

ID = r"[0-9a-hjkmnp-tv-z]{26}"
PLAIN = {name: value for name, value in os.environ.items()
         if name not in ("OCTAVO_SERVER", "OCTAVO_API_KEY", "OCTAVO_CACERT") and not name.lower().endswith("_proxy")}


def address(port):
    return f"http://127.0.0.1:{port}"


def client(at, *arguments, environment=None, **options):
    """Runs a command against the server at a port."""
    return octavo(*arguments, env=PLAIN | {"OCTAVO_SERVER": address(at)} | (environment or {}), **options)


def start(at, *arguments, **options):
    return subprocess.Popen([BIN / "octavo", *map(str, arguments)], env=PLAIN | {"OCTAVO_SERVER": address(at)},
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def one_line(run, status):
    """The only line on standard error."""
    assert run.returncode == status, run
    assert run.stdout == "" and run.stderr.count("\n") == 1 and run.stderr.startswith("octavo: "), run
    return run.stderr


@pytest.fixture(scope="module")
def models():
    require_models()


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    with Server(tmp_path_factory.mktemp("client") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def letter(server):
    """The id of a task that is done."""
    run = client(server.port, "submit", "--wait", LETTER)
    assert run.returncode == 0 and run.stderr == "" and re.fullmatch(f"{ID}\n", run.stdout), run
    return run.stdout.strip()


# Submitting


def test_warnings_of_a_task_are_told(server, tmp_path):
    hurt = tmp_path / "hurt.pdf"
    hurt.write_bytes(pdf(1).replace(b"startxref", b"startxxxx"))
    run = client(server.port, "submit", "--wait", hurt)
    task = run.stdout.strip()
    assert run.returncode == 0 and run.stderr.startswith("octavo: hurt.pdf: the file is damaged and was repaired"), run
    assert client(server.port, "wait", task).stderr == run.stderr
    shown = client(server.port, "status", task).stdout.splitlines()
    told = [line.split(maxsplit=1)[1] for line in shown if line.split()[0] == "warning"]
    assert [f"octavo: hurt.pdf: {line}" for line in told] == run.stderr.splitlines()


def test_submit_prints_an_id_a_line_and_says_what_was_wrong_with_others(server, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("just words\n" * 9)
    run = client(server.port, "submit", LETTER, tmp_path / "none.pdf", tmp_path, words)
    assert run.returncode == 1
    assert re.fullmatch(f"({ID}\n){{2}}", run.stdout)
    assert run.stderr == (f"octavo: {tmp_path}/none.pdf: the file cannot be opened: No such file or directory; "
                          "check the name and the permissions\n"
                          f"octavo: {tmp_path}: the file cannot be opened: Is a directory; "
                          "check the name and the permissions\n")
    run = client(server.port, "wait", *run.stdout.split())
    assert run.returncode == 1
    assert re.fullmatch(f"{ID} done\n{ID} failed\n", run.stdout)
    assert run.stderr.startswith("octavo: words.txt: the file is of no kind that Octavo reads; send PDF, ")


def test_nothing_submitted_is_the_status_of_why(server, tmp_path):
    assert "no regular file" in one_line(client(server.port, "submit", "/dev/null"), 66)
    empty = tmp_path / "empty.pdf"
    empty.touch()
    assert one_line(client(server.port, "submit", empty), 1) == (
        f"octavo: {empty}: the file is empty; send the file again: its upload or copy was cut off\n")


def test_each_file_is_told_its_own_reason(server, tmp_path):
    """What the server has said of one is not said of the next, which it was not asked about."""
    empty = tmp_path / "empty.pdf"
    empty.touch()
    run = client(server.port, "submit", empty, tmp_path / "missing.png", tmp_path)
    assert run.returncode == 1 and run.stdout == ""
    assert [line.split("; ")[0] for line in run.stderr.splitlines()] == [
        f"octavo: {empty}: the file is empty",
        f"octavo: {tmp_path}/missing.png: the file cannot be opened: No such file or directory",
        f"octavo: {tmp_path}: the file cannot be opened: Is a directory"]


def test_options_of_a_task_reach_the_server(server, tmp_path):
    book = tmp_path / "a +&\u00fc%.pdf"
    book.write_bytes(pdf(3))
    run = client(server.port, "submit", "--wait", "--pages", "2-", "--dpi", "72", "--priority", "-3", "--deadline", "600",
                 "--key", "a key/1", book)
    assert run.returncode == 0, run
    task = json.loads(client(server.port, "status", "--json", run.stdout.strip()).stdout)
    assert task["name"] == book.name and task["pages"] == task["pages_done"] == 2
    assert task["options"] == {"pages": "2-", "dpi": 72, "priority": -3, "deadline": 600, "name": book.name}
    again = client(server.port, "submit", "--pages", "2-", "--dpi", "72", "--priority", "-3", "--deadline", "600",
                   "--key", "a key/1", "--name", "other.pdf", book)
    assert again.stdout == run.stdout
    assert "the idempotency key belongs to another document" in one_line(
        client(server.port, "submit", "--key", "a key/1", LETTER), 1)


@pytest.mark.parametrize("arguments, told", [
    (["submit"], "a FILE is missing"),
    (["submit", "--dpi", "9", "x"], 'dpi: "9" is no whole number from 36 to 1200'),
    (["submit", "--priority", "11", "x"], 'priority: "11" is no whole number from -10 to 10'),
    (["submit", "--pages", "0", "x"], "pages: page numbers from 1 are expected"),
    (["submit", "--key", "k", "x", "y"], "--name and --key are for one FILE"),
    (["submit", "x", "-"], '"-": standard input cannot be sent; write it to a FILE, or read it with `octavo ocr -`'),
    (["wait"], "an ID is missing"),
    (["cancel", "x", ""], "an ID must not be empty"),
    (["status", "x", "y"], "one ID is expected"),
    (["result", "-f", "text,json", "x"], "one format is expected"),
    (["list", "--state", "lost"], "--state lost: queued|running|done|failed|cancelled|expired is expected"),
    (["list", "x"], "takes no words"),
    (["top", "x"], "takes no words"),
    (["list", "--server", "127.0.0.1:8080"], "--server 127.0.0.1:8080: http://HOST:PORT or https://HOST:PORT is expected"),
    (["list", "--server", "file:///etc/passwd"], "http://HOST:PORT or https://HOST:PORT is expected"),
    (["list", "--server", "http://127.0.0.1/?a=b"], "http://HOST:PORT or https://HOST:PORT is expected"),
    (["list", "--api-key", "a\nX-Other: b"], "--api-key: letters, digits and signs of ASCII are expected"),
], ids=lambda value: " ".join(value).replace("\n", " ") if isinstance(value, list) else "")
def test_usage_errors(arguments, told):
    line = one_line(octavo(*arguments, env=PLAIN), 64)
    assert line.startswith("octavo: the command line is wrong: ") and told in line


# With API keys


def test_keys(models, tmp_path):
    path = tmp_path / "keys"
    full, reader = (octavo("key", "new", "--keys", path, "--scopes", scopes).stdout.strip()
                    for scopes in ("submit,read", "read"))
    with Server(tmp_path / "data", "--keys", path) as server:
        def ask(key, *arguments):
            return client(server.port, *arguments, environment={"OCTAVO_API_KEY": key})
        advice = ("give one with OCTAVO_API_KEY or --api-key; whoever runs the server makes one with `octavo key new`")
        assert one_line(client(server.port, "list"), 77) == f"octavo: an API key is needed; {advice}\n"
        assert one_line(ask(full + "x", "list"), 77) == (
            f"octavo: an API key is needed: there is no such key; {advice}\n")
        assert "the API key does not allow this" in one_line(ask(reader, "submit", LETTER), 77)
        run = ask(full, "submit", "--wait", LETTER)
        assert (run.returncode, run.stderr) == (0, "")
        task = run.stdout.strip()
        assert task in ask(full, "list").stdout and task not in ask(reader, "list").stdout
        assert "there is no such thing" in one_line(ask(reader, "result", task), 1)
        assert client(server.port, "result", "--api-key", full, task).returncode == 0


# What is known


def test_status_and_list(server, letter):
    run = client(server.port, "status", letter)
    assert run.returncode == 0 and run.stderr == ""
    told = dict(line.split(None, 1) for line in run.stdout.splitlines())
    assert (told["id"], told["state"], told["name"], told["pages"]) == (letter, "done", "letter.png", "1 of 1")
    run = client(server.port, "list")
    heads, *rows = run.stdout.splitlines()
    assert run.returncode == 0 and heads.split() == ["ID", "STATE", "PAGES", "CREATED", "NAME"]
    assert any(re.fullmatch(rf"  {letter}  done +1 of 1  \S+  letter.png", row) for row in rows)
    listed = json.loads(client(server.port, "list", "--json", "--state", "done,cancelled").stdout)
    assert letter in [task["id"] for task in listed] and {task["state"] for task in listed} <= {"done", "cancelled"}
    assert json.loads(client(server.port, "list", "--json", "--state", "expired").stdout) == []


def test_an_id_that_is_none(server):
    for command in ("status", "wait", "cancel", "result"):
        for wrong in ("x", "..", "../tasks", "a b?c#d%", "0" * 26):
            line = one_line(client(server.port, command, wrong), 1)
            assert line.startswith(f"octavo: {wrong}: there is no such thing") and "check the address" in line


# Results


def test_result(server, letter, tmp_path):
    text = client(server.port, "result", letter)
    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout == octavo("ocr", LETTER).stdout
    path = tmp_path / "letter.json"
    path.write_text("old")
    run = client(server.port, "result", "-f", "json", "-o", path, letter)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert json.loads(path.read_text())["document"]["name"] == "letter.png"
    assert client(server.port, "result", "-o", "-", letter).stdout == text.stdout
    words = json.loads(client(server.port, "result", "-f", "json", "--words", letter).stdout)
    assert all(line["words"] for line in words["pages"][0]["lines"])
    assert "words" not in json.loads(path.read_text())["pages"][0]["lines"][0]
    assert "ocr_page" in client(server.port, "result", "-f", "hocr", letter).stdout
    assert client(server.port, "result", "-o", "/dev/null", letter).returncode == 0
    packed = client(server.port, "result", "-f", "text,csv,zip", "-o", tmp_path / "letter.zip", letter)
    assert (packed.returncode, packed.stdout, packed.stderr) == (0, "", "")
    with zipfile.ZipFile(tmp_path / "letter.zip") as archive:
        assert archive.read("letter.txt").decode() == text.stdout and archive.read("letter.csv") == b""
    assert "one format is expected" in one_line(client(server.port, "result", "-f", "text,csv", letter), 64)
    assert not os.path.isfile("/dev/null")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["letter.json", "letter.zip"]
    longest = tmp_path / ("x" * 255)
    assert client(server.port, "result", "-o", longest, letter).returncode == 0
    assert longest.read_text() == text.stdout


def test_result_that_cannot_be_written_is_73(server, letter, tmp_path):
    assert "No such file or directory" in one_line(
        client(server.port, "result", "-o", tmp_path / "none" / "x", letter), 73)
    assert "No space left on device" in one_line(client(server.port, "result", "-o", "/dev/full", letter), 73)
    assert "File name too long" in one_line(client(server.port, "result", "-o", tmp_path / ("x" * 256), letter), 73)
    assert list(tmp_path.iterdir()) == []
    with open("/dev/full", "wb") as full:
        run = subprocess.run([BIN / "octavo", "result", letter], stdout=full, stderr=subprocess.PIPE, text=True,
                             timeout=60, check=False, env=PLAIN | {"OCTAVO_SERVER": address(server.port)})
    assert run.returncode == 73 and "No space left on device" in run.stderr


def test_result_of_a_failed_document(server, tmp_path):
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing")
    run = client(server.port, "submit", "--wait", broken)
    assert run.returncode == 1 and run.stderr.startswith("octavo: broken.pdf: the document is damaged")
    task, path = run.stdout.strip(), tmp_path / "x"
    line = one_line(client(server.port, "result", "-o", path, task), 1)
    assert line.startswith(f"octavo: {task}: the document is damaged") and not path.exists()
    assert "the document is damaged" in client(server.port, "status", task).stdout


def test_result_that_is_not_complete_is_written_and_told(server, tmp_path):
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf(400))
    task = client(server.port, "submit", book).stdout.strip()
    server.wait_until(task, lambda state: state["pages_done"] > 0)
    line = one_line(client(server.port, "result", task), 1)
    assert line == (f"octavo: {task}: the result is not there yet: the task is running; "
                    "`octavo wait` waits for the end of the task\n")
    run = client(server.port, "cancel", task)
    assert (run.returncode, run.stdout, run.stderr) == (0, f"{task} cancelled\n", "")
    run = client(server.port, "result", task)
    assert run.returncode == 1 and "Pagenumber1" in run.stdout.replace(" ", "")
    assert run.stderr == f"octavo: pages are missing; `octavo status {task}` says why\n"
    assert one_line(client(server.port, "cancel", task), 1) == (
        f"octavo: {task}: the task has ended already: it is cancelled; "
        "`octavo result` fetches its result, `octavo cancel --delete` removes it\n")
    run = client(server.port, "wait", task)
    assert (run.returncode, run.stdout) == (1, f"{task} cancelled\n") and "cancelled" in run.stderr


def test_cancel_can_remove_tasks(server, tmp_path):
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf(400))
    done = client(server.port, "submit", "--wait", LETTER).stdout.strip()
    running = client(server.port, "submit", book).stdout.strip()
    run = client(server.port, "cancel", "--delete", done, "x", running)
    assert run.returncode == 1 and run.stdout == f"{done} deleted\n{running} deleted\n"
    assert run.stderr.startswith("octavo: x: there is no such thing")
    for task in (done, running):
        assert "there is no such thing" in one_line(client(server.port, "status", task), 1)


# The server is not there, ends, comes back


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as place:
        return place.getsockname()[1]


@pytest.mark.parametrize("arguments", [["submit", LETTER], ["wait", "x", "y"], ["status", "x"], ["result", "x"],
                                       ["cancel", "x", "y"], ["list"], ["top"]], ids=lambda value: value[0])
def test_no_server_is_one_line_and_69(arguments):
    line = one_line(client(free_port(), *arguments), 69)
    assert "the server cannot be reached: " in line and "--server" in line


def test_files_that_were_not_sent_are_told():
    run = client(free_port(), "submit", LETTER, LETTER, LETTER)
    assert run.returncode == 69 and run.stdout == ""
    first, second = run.stderr.splitlines()
    assert first.startswith(f"octavo: {LETTER}: the server cannot be reached: ")
    assert second == "octavo: 2 more files were not sent"


def test_a_name_that_is_none_is_69():
    assert "the server cannot be reached: " in one_line(octavo("list", "--server", "http://no-such-host.invalid:1"), 69)


def test_wait_goes_on_while_the_server_is_killed_and_started_again(models, tmp_path):
    port = free_port()
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf(16))
    server = Server(tmp_path / "data", "--listen", f"127.0.0.1:{port}")
    task = client(port, "submit", book).stdout.strip()
    waiting = start(port, "wait", task)
    server.wait_until(task, lambda state: state["pages_done"] > 2)
    server.kill()
    assert re.match(r"octavo: the server cannot be reached: .*; it is tried again for 60 s\n", waiting.stderr.readline())
    time.sleep(1)  # some tries meet nobody
    assert waiting.poll() is None
    with Server(tmp_path / "data", "--listen", f"127.0.0.1:{port}"):
        out, err = waiting.communicate(timeout=60)
        assert (waiting.returncode, out, err) == (0, f"{task} done\n", "")


def test_wait_gives_up_in_the_end_and_ends_at_once_at_a_signal(models, tmp_path):
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf(300))
    server = Server(tmp_path / "data")
    task = client(server.port, "submit", book).stdout.strip()
    patient, hasty = start(server.port, "wait", task), start(server.port, "wait", "--retry", "1", task)
    idle = start(server.port, "wait", task)
    time.sleep(0.5)
    idle.send_signal(signal.SIGINT)
    assert idle.wait(5) == 130 and "interrupted" in idle.stderr.read()
    server.kill()
    begun = time.monotonic()
    out, err = hasty.communicate(timeout=30)
    assert hasty.returncode == 69 and out == "" and time.monotonic() - begun < 10
    assert err.splitlines()[-1].startswith(f"octavo: {task}: the server cannot be reached: ")
    assert patient.poll() is None
    patient.send_signal(signal.SIGTERM)
    assert patient.wait(5) == 143


# What answers is no server of ours


class Stranger:
    """Answers every connection with the same bytes, given one by one, and notes what it was asked."""

    def __init__(self, answer, context=None):
        self.answer, self.context, self.asked = answer, context, []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.close()

    def _serve(self):
        try:
            while True:
                threading.Thread(target=self._answer, args=[self.listening.accept()[0]], daemon=True).start()
        except OSError:
            pass  # closed

    @staticmethod
    def _receive(connection, most):
        data = connection.recv(most)
        if not data:
            raise ConnectionError("the client left before its request was whole")
        return data

    def _read(self, connection):
        """The whole of a request; what is left unread would reset the connection."""
        text = ""
        while "\r\n\r\n" not in text:
            text += self._receive(connection, 65536).decode("latin-1")
        head, body = text.split("\r\n\r\n", 1)
        length = re.search(r"^Content-Length: (\d+)", head, re.MULTILINE)
        missing = int(length[1]) - len(body) if length else 0
        while missing > 0:
            missing -= len(self._receive(connection, missing))
        return text

    def _answer(self, connection):
        try:
            with self.context.wrap_socket(connection, server_side=True) if self.context else connection as plain:
                self.asked.append(self._read(plain))
                for piece in self.answer() if callable(self.answer) else [self.answer]:
                    plain.sendall(piece)
        except OSError:
            pass  # the client has had enough


def answer(body, status="200 OK", headers=""):
    return (f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}"
            f"Connection: close\r\n\r\n{body}").encode()


def endless(head, piece):
    def pieces():
        yield head
        while True:
            yield piece
    return pieces


NO_SERVER = "what answers is no Octavo server, or of another version: "
EVERY_COMMAND = [["submit", LETTER], ["wait", "x"], ["status", "x"], ["cancel", "x"], ["list"], ["top"]]
GARBAGE = {
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", NO_SERVER, 76),
    "noise": (bytes(range(256)) * 40, NO_SERVER, 76),
    "not JSON": (answer("<html>hello</html>"), NO_SERVER, 76),
    "no object": (answer("[1, 2]"), NO_SERVER, 76),
    "deep": (answer("[" * 100000), NO_SERVER, 76),
    "an error without details": (answer("<html>", "418 I'm a teapot"), NO_SERVER, 76),
    "elsewhere": (answer("", "302 Found", "Location: http://127.0.0.1:1/\r\n"), NO_SERVER, 76),
    "endless": (endless(b"HTTP/1.1 200 OK\r\n\r\n{", b'"a": "' + b"x" * 65536 + b'",'), "more than 16777216 bytes", 76),
    "endless headers": (endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"x" * 1000 + b"\r\n"), "more than 65536 bytes", 76),
    "cut off": (answer("{}").replace(b"Length: 2", b"Length: 9"), "the server cannot be reached: ", 69),
    "nothing": (b"", "the server cannot be reached: ", 69),
    "a gateway": (answer("<html>", "502 Bad Gateway"), "the server cannot be reached: the answer is HTTP status 502", 69),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_one_clear_line(kind):
    bytes_of_it, told, status = GARBAGE[kind]
    with Stranger(bytes_of_it) as stranger:
        for command in EVERY_COMMAND:
            assert told in one_line(client(stranger.port, *command), status), command


@pytest.mark.parametrize("text", ["{}", '{"state": 7, "id": ["x"], "tasks": 1, "next": {}}', '{"id": "", "error": "x"}'])
def test_json_that_says_nothing(text):
    with Stranger(answer(text)) as stranger:
        for command in (["submit", LETTER], ["wait", "x"]):
            assert NO_SERVER in one_line(client(stranger.port, *command), 76)
        for command in (["status", "x"], ["cancel", "x"], ["list"], ["top"]):
            run = client(stranger.port, *command)
            assert run.returncode in (0, 76) and "Sanitizer" not in run.stderr


def test_all_of_a_long_list_is_shown():
    def pieces():
        cursor = re.search(r"[?&]cursor=(\d+)", stranger.asked[-1])
        page = int(cursor[1]) if cursor else 0
        yield answer(json.dumps({"tasks": [{"id": f"{page}-{n}", "state": "done"} for n in range(3)],
                                 "next": str(page + 1) if page < 4 else None}))
    with Stranger(pieces) as stranger:
        rows = client(stranger.port, "list", "--state", "done").stdout.splitlines()[1:]
        assert [row.split() for row in rows] == [[f"{page}-{n}", "done"] for page in range(5) for n in range(3)]
        assert all("state=done" in request and "limit=200" in request for request in stranger.asked)
        assert len(json.loads(client(stranger.port, "list", "--json").stdout)) == 15


def test_a_list_without_an_end_is_given_up():
    with Stranger(answer('{"tasks": [], "next": "7"}')) as stranger:
        assert "its list has no end" in one_line(client(stranger.port, "list"), 76)


def test_what_a_stranger_says_cannot_steer_the_terminal():
    evil = "\\u001b[2J\\u202e\\n"
    with Stranger(answer(f'{{"id": "{evil}", "state": "{evil}", "name": "{evil}", "error": {{"title": "{evil}"}}}}')) as one:
        for command in EVERY_COMMAND[:4]:
            run = client(one.port, *command)
            assert "\033" not in run.stdout + run.stderr and "\u202e" not in run.stdout + run.stderr, run


def test_problem_details_come_out_as_they_are():
    known = {"code": "queue_full", "title": "the queue is full", "detail": "10000 tasks", "advice": "come back"}
    with Stranger(answer(json.dumps(known), "429 Too Many Requests", "Retry-After: 17\r\n")) as stranger:
        assert one_line(client(stranger.port, "submit", LETTER), 75) == (
            f"octavo: {LETTER}: the queue is full: 10000 tasks; come back (17 s)\n")
    unknown = {"code": "new_word", "title": "the moon is full", "detail": "until Tuesday", "advice": "sleep"}
    with Stranger(answer(json.dumps(unknown), "451 Unavailable")) as stranger:
        assert one_line(client(stranger.port, "list"), 1) == "octavo: the moon is full: until Tuesday; sleep\n"
    long = {"code": "x" * 100000, "title": "y" * 100000, "detail": "z" * 100000, "advice": None}
    with Stranger(answer(json.dumps(long), "500 Internal Server Error")) as stranger:
        assert len(one_line(client(stranger.port, "list"), 1)) < 1100


def test_a_result_that_is_cut_off_leaves_no_file(tmp_path):
    with Stranger(answer("half of it").replace(b"Length: 10", b"Length: 20")) as stranger:
        path = tmp_path / "x.txt"
        assert "the server cannot be reached: " in one_line(client(stranger.port, "result", "-o", path, "x"), 69)
        assert list(tmp_path.iterdir()) == []


# What is sent


def test_key_address_and_names_are_sent_as_they_should(tmp_path):
    with Stranger(answer('{"tasks": [], "next": null}')) as stranger:
        run = client(stranger.port, "list", environment={"OCTAVO_API_KEY": "octavo_x",
                                                         "OCTAVO_SERVER": address(stranger.port) + "/under/here/"})
        assert run.returncode == 0
        request = stranger.asked[-1]
        assert request.startswith("GET /under/here/v1/tasks?limit=200 HTTP/1.1\r\n")
        assert "Authorization: Bearer octavo_x\r\n" in request
        client(stranger.port, "list", "--server", address(stranger.port), "--api-key", "other",
               environment={"OCTAVO_API_KEY": "octavo_x", "OCTAVO_SERVER": "http://127.0.0.1:1"})
        assert "Authorization: Bearer other\r\n" in stranger.asked[-1]
        client(stranger.port, "list")
        assert "Authorization" not in stranger.asked[-1]


def test_a_proxy_is_taken_from_the_environment():
    with Stranger(answer('{"tasks": [], "next": null}')) as proxy:
        run = client(1, "list", "--server", "http://octavo.invalid:8080",
                     environment={"http_proxy": address(proxy.port)})
        assert run.returncode == 0
        assert proxy.asked[-1].startswith("GET http://octavo.invalid:8080/v1/tasks?limit=200 HTTP/1.1\r\n")


def test_large_documents_are_streamed(tmp_path):
    """What the client holds of a document does not grow with it."""
    book = tmp_path / "book.pdf"
    with open(book, "wb") as file:
        file.truncate(1 << 30)
    received = []

    def serve(listening):
        connection = listening.accept()[0]
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            count = len(head.split(b"\r\n\r\n", 1)[1])
            while count < 1 << 30:
                count += len(connection.recv(1 << 20))
            received.append((head, count))
            connection.sendall(answer('{"id": "x"}', "201 Created"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=[listening], daemon=True).start()
        run = subprocess.run(["/usr/bin/python3", "-c", "import resource, subprocess, sys\n"
                              "status = subprocess.run(sys.argv[1:]).returncode\n"
                              "print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
                              BIN / "octavo", "submit", book],
                             env=PLAIN | {"OCTAVO_SERVER": address(listening.getsockname()[1])}, capture_output=True,
                             text=True, timeout=120, check=False)
    identity, figures = run.stdout.splitlines()
    status, kilobytes = map(int, figures.split())
    assert (identity, status) == ("x", 0) and received[0][1] == 1 << 30
    assert b"Content-Length: 1073741824\r\n" in received[0][0]
    if not os.environ.get("ASAN_OPTIONS"):  # a sanitizer's memory is its own
        assert kilobytes < 40000


def test_certificates(tmp_path):
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                           "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem",
                           "-out", tmp_path / "cert.pem"], capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with Stranger(answer('{"tasks": [], "next": null}'), context) as stranger:
        there = f"https://127.0.0.1:{stranger.port}"
        line = one_line(octavo("list", "--server", there, env=PLAIN), 69)
        assert line.startswith("octavo: the server cannot be reached: ")
        assert "; name certificates (PEM) that vouch for it with --cacert or OCTAVO_CACERT, and " in line
        line = client(stranger.port, "list").stderr
        assert line.endswith("; check --server or OCTAVO_SERVER: where TLS is spoken, the address begins with https://\n")
        assert stranger.asked == []
        run = octavo("list", "--server", there, "--cacert", tmp_path / "cert.pem", env=PLAIN)
        assert run.returncode == 0, run
        line = one_line(octavo("list", "--server", there, "--cacert", tmp_path / "none.pem", env=PLAIN), 66)
        assert f"--cacert {tmp_path}/none.pem: No such file or directory" in line
        line = one_line(octavo("list", "--server", there, "--cacert", tmp_path / "key.pem", env=PLAIN), 69)
        assert "with --cacert or OCTAVO_CACERT" in line


def test_a_server_without_tls_is_told_from_one_with_it(server):
    line = one_line(octavo("list", "--server", f"https://127.0.0.1:{server.port}", env=PLAIN), 69)
    assert line.endswith("; if it speaks no TLS, write http:// in --server or OCTAVO_SERVER\n")
    with Stranger(b"") as stranger:
        assert "begins with https://" in one_line(client(stranger.port, "list"), 69)
    assert "https" not in one_line(client(free_port(), "list"), 69)


# top


def test_top_once(server, letter):
    run = client(server.port, "top")
    assert run.returncode == 0 and run.stderr == ""
    for told in ("memory\n", "BUDGET", "CHARGED", "WORKER", "pool\n", "DOCUMENTS", "tasks\n"):
        assert told in run.stdout
    numbers = dict(re.findall(r"^  (queued|running|done|failed|cancelled|expired) +(\d+)$", run.stdout, re.MULTILINE))
    assert len(numbers) == 6 and int(numbers["done"]) >= 1
    there = server.get("/v1/models")
    assert ("MODEL " in run.stdout) == (there.status == 200 and there.json["models"] != [])
    assert re.search(r"INSTANCE +DEVICE +WORKER.*\n +0 +cpu +(none|resting|starting|ready|draining|leaving) ", run.stdout)


def test_top_on_a_terminal(models, tmp_path):
    port = free_port()
    server = Server(tmp_path / "data", "--listen", f"127.0.0.1:{port}")
    master, slave = pty.openpty()
    process = subprocess.Popen([BIN / "octavo", "top"], env=PLAIN | {"OCTAVO_SERVER": address(port)},
                               stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""

    def read_until(text, shown):
        start_at = len(shown)
        while text not in shown[start_at:]:
            shown += os.read(master, 65536)
        return shown
    shown = read_until(b"BUDGET", shown)
    shown = read_until(b"BUDGET", shown)  # refreshed
    server.kill()
    shown = read_until(b"the server cannot be reached: ", shown)
    with Server(tmp_path / "data", "--listen", f"127.0.0.1:{port}"):
        shown = read_until(b"BUDGET", shown)
        os.write(master, b"q")
        shown = read_until(b"\033[?1049l", shown)
        assert process.wait(5) == 0
    assert shown.startswith(b"\033[?1049h")
    os.close(master)
