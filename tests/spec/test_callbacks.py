"""Callbacks: what a real receiver gets when a task has ended, and what it never gets."""
import hashlib
import hmac
import http.server
import json
import re
import signal
import socket
import threading
import time

import jsonschema
import pytest

from octavo import ROOT, octavo, pdf, require_models, wait_for
from server import Server, is_problem, multipart

SECRET = "a secret of a test's own"
GARBAGE = b"no document"


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()


class Receiver:
    """Answers each path with its statuses, one after the other, the last one for ever; keeps what has come."""

    def __init__(self, port=0):
        self.got, self.statuses, self.delays = [], {}, {}
        self.busy = self.most = 0
        lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, self.headers, body))
                with lock:
                    receiver.busy += 1
                    receiver.most = max(receiver.most, receiver.busy)
                time.sleep(receiver.delays.get(self.path, 0))
                with lock:
                    receiver.busy -= 1
                statuses = receiver.statuses.get(self.path, [200])
                self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, path):
        return [(headers, body) for got, headers, body in self.got if got == path]

    def __enter__(self):
        return self

    def __exit__(self, *arguments):
        self.server.shutdown()
        self.server.server_close()


def free_port():
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]


def secret_file(folder, text=SECRET + "\n", mode=0o600):
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return path


def environment(folder, **settings):
    settings = {"secret": secret_file(folder), "allow_private": "true", "attempts": 2, "wait": 1, "timeout": 2, **settings}
    return {f"OCTAVO_CALLBACK_{name.upper()}": str(value) for name, value in settings.items() if value is not None}


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("callbacks")
    with Server(folder / "data", environment=environment(folder)) as server:
        yield server


def submit(server, url, document=GARBAGE, query=""):
    return server.submit(document, f"?callback={url}{query}")


def settled(server, task, state):
    """The callback of a task when it is so."""
    return server.wait_until(task, lambda now: now["callback"]["state"] == state, 20)["callback"]


def is_from_octavo():
    """The function that docs/server.md offers for it."""
    page = (ROOT / "docs" / "server.md").read_text()
    names = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    return names["is_from_octavo"]


def test_end_of_a_task_is_told_and_signed(shared, receiver):
    body, headers = multipart([("options", None, json.dumps({"callback": receiver.url + "/done?a=b"}).encode()),
                               ("file", "a.pdf", pdf(1))])
    answer = shared.request("POST", "/v1/tasks", body, headers)
    assert answer.status == 201
    assert answer.json["callback"] == {"state": "waiting", "attempts": 0, "due": None, "delivered": None, "error": None}
    end = shared.wait_for_end(answer.json["id"])
    callback = settled(shared, end["id"], "delivered")
    assert callback["attempts"] == 1 and callback["delivered"] >= end["ended"] and callback["due"] is None
    [(headers, body)] = receiver.of("/done?a=b")
    told = json.loads(body)
    assert told["event"] == headers["Octavo-Event"] == "done" and headers["Octavo-Attempt"] == "1"
    assert told["delivery"] == headers["Octavo-Delivery"] and end["id"] in told["delivery"]
    assert {**told["task"], "callback": None} == {**end, "callback": None}
    openapi = shared.get("/openapi.json").json
    jsonschema.validate(told, {"$ref": "#/components/schemas/delivery", "components": openapi["components"]})
    [described] = openapi["paths"]["/v1/tasks"]["post"]["callbacks"]["ended"].values()
    assert all(parameter["name"] in headers for parameter in described["post"]["parameters"])
    signature, check = headers["Octavo-Signature"], is_from_octavo()
    assert headers["Content-Type"] == "application/json" and check(SECRET.encode(), signature, body)
    assert not check(b"another secret here", signature, body) and not check(SECRET.encode(), signature, body + b" ")


def test_other_ends_are_told_too(shared, receiver):
    failed = submit(shared, receiver.url + "/failed")
    cancelled = submit(shared, receiver.url + "/cancelled", pdf(300))
    expired = submit(shared, receiver.url + "/expired", pdf(300), "&deadline=1")
    assert shared.request("POST", f"/v1/tasks/{cancelled}/cancel").status == 200
    for task, event in ((failed, "failed"), (cancelled, "cancelled"), (expired, "expired")):
        settled(shared, task, "delivered")
        [(headers, body)] = receiver.of("/" + event)
        assert headers["Octavo-Event"] == event and json.loads(body)["task"]["state"] == event


def test_what_is_not_taken_is_tried_again_and_given_up(shared, receiver):
    receiver.statuses.update({"/late": [500, 204], "/moved": [302], "/gone": [404, 503]})
    port = free_port()
    late = submit(shared, receiver.url + "/late")
    moved = submit(shared, receiver.url + "/moved")
    gone = submit(shared, receiver.url + "/gone")
    refused = submit(shared, f"http://127.0.0.1:{port}/refused")
    assert "Couldn't connect" in shared.wait_until(refused, lambda task: task["callback"]["error"])["callback"]["error"]
    with Receiver(port) as other:
        assert settled(shared, refused, "delivered")["attempts"] == 2
        assert len(other.of("/refused")) == 1
    assert settled(shared, late, "delivered") | {"delivered": None} == {
        "state": "delivered", "attempts": 2, "due": None, "delivered": None, "error": None}
    first, second = (headers for headers, _ in receiver.of("/late"))
    assert (first["Octavo-Attempt"], second["Octavo-Attempt"]) == ("1", "2")
    assert first["Octavo-Delivery"] == second["Octavo-Delivery"]
    assert settled(shared, moved, "given_up")["error"] == "the answer is HTTP status 302" and not receiver.of("/elsewhere")
    assert settled(shared, gone, "given_up") == {"state": "given_up", "attempts": 2, "due": None, "delivered": None,
                                                 "error": "the answer is HTTP status 503"}
    wait_for(lambda: any(f"task {gone}: its callback is given up: the answer is HTTP status 503" in line for line in shared.log))
    figures = shared.get("/metrics").text
    assert "octavo_callbacks_pending 0\n" in figures and 'octavo_callbacks_total{outcome="given_up"} 2\n' in figures
    assert 'octavo_callbacks_total{outcome="retried"} 4\n' in figures


def test_slow_receivers_hold_nobody_up(shared, receiver):
    receiver.delays.update({"/slow": 1, "/never": 3})
    receiver.most = 0
    never = submit(shared, receiver.url + "/never")
    slow = [submit(shared, receiver.url + "/slow") for _ in range(9)]
    wait_for(lambda: len(receiver.of("/slow")) >= 7)
    times = []
    for _ in range(20):
        start = time.monotonic()
        assert shared.get("/healthz").status == 200
        times.append(time.monotonic() - start)
    assert sorted(times)[10] < 0.2
    for task in slow:
        settled(shared, task, "delivered")
    assert receiver.most == 8  # so many at a time
    assert "timed out" in shared.wait_until(never, lambda task: task["callback"]["error"])["callback"]["error"]
    assert shared.request("DELETE", f"/v1/tasks/{never}").status == 204
    wait_for(lambda: "octavo_callbacks_pending 0\n" in shared.get("/metrics").text)


def test_restart_and_deletion(tmp_path, receiver):
    """What was to be told before kill -9 is told after it, save what was deleted."""
    port = free_port()
    settings = environment(tmp_path, attempts=9)
    with Server(tmp_path / "data", environment=settings) as server:
        kept, deleted = (submit(server, f"http://127.0.0.1:{port}/{name}") for name in ("kept", "deleted"))
        for task in (kept, deleted):
            server.wait_until(task, lambda now: now["callback"]["attempts"] > 0)
        assert server.request("DELETE", f"/v1/tasks/{deleted}").status == 204
        waiting = submit(server, f"http://127.0.0.1:{port}/waiting", pdf(100))
        server.kill()
        with Receiver(port) as late:
            server.start()
            assert "octavo_callbacks_pending 1\n" in server.get("/metrics").text or late.got
            assert settled(server, kept, "delivered")["attempts"] >= 2
            assert server.request("POST", f"/v1/tasks/{waiting}/cancel").status == 200
            settled(server, waiting, "delivered")
            assert sorted(path for path, _, _ in late.got) == ["/kept", "/waiting"]


def own_name():
    """A name that means this machine, which only a look-up can tell."""
    for name in (socket.gethostname(), "ip6-loopback"):
        try:
            if name != "localhost" and all(found[4][0].startswith(("127.", "::1")) for found in socket.getaddrinfo(name, 80)):
                return name
        except OSError:
            pass
    return None


@pytest.fixture(scope="module")
def careful(tmp_path_factory):
    folder = tmp_path_factory.mktemp("careful")
    settings = environment(folder, allow_private=None, attempts=1)
    (folder / "octavo.yaml").write_text("")
    with Server(folder / "data", "--config", folder / "octavo.yaml", environment=settings) as server:
        server.folder = folder
        yield server


@pytest.mark.parametrize("url, expected", [
    ("ftp://example.org/", "is expected"), ("example.org", "is expected"), ("http://", "is expected"),
    ("http://a%20b/", "is expected"), ("file:///etc/passwd", "is expected"), ("http://[::1", "is expected"),
    ("http://user:word@example.org/", "without user and password"), ("http://a%0Ab/", "control characters"),
    ("http://example.org/" + 2000 * "x", "bytes"), ("http://localhost/", "not public"), ("http://a.LocalHost.:80/", "not public"),
    ("http://127.0.0.1:9/", "not public"), ("http://127.1/", "not public"), ("http://0x7f000001/", "not public"),
    ("http://2130706433/", "not public"), ("http://0/", "not public"), ("http://[::1]/", "not public"),
    ("http://[::ffff:8.8.8.8]/", "not public"), ("http://[fe80::1]/", "not public"), ("http://[fd00::1]/", "not public"),
    ("http://169.254.169.254/latest", "not public"), ("http://10.1.2.3/", "not public"), ("https://224.0.0.1/", "not public"),
])
def test_url_that_cannot_be_is_refused(careful, url, expected):
    detail = is_problem(careful.request("POST", f"/v1/tasks?callback={url}", GARBAGE), 400, "bad_request")
    assert detail.startswith("callback: ") and expected in detail
    body, headers = multipart([("options", None, json.dumps({"callback": url.replace("%20", " ").replace("%0A", "\n")}).encode()),
                               ("file", "a", GARBAGE)])
    assert is_problem(careful.request("POST", "/v1/tasks", body, headers), 400, "bad_request") == detail


def test_name_of_a_private_address_is_refused_when_it_is_known(careful, receiver):
    if not own_name():
        pytest.skip("no name here means a loopback address")
    url = f"http://{own_name()}:{receiver.url.rpartition(':')[2]}/rebound"
    assert "its address is not public" in settled(careful, submit(careful, url), "given_up")["error"]
    assert not receiver.of("/rebound")


def test_settings_are_read_again(careful, receiver):
    """Also the secret; one that cannot be used changes nothing. The last test that `careful` is for."""
    (careful.folder / "octavo.yaml").write_text("callback.allow_private: true")
    secret_file(careful.folder, "short\n")
    careful.process.send_signal(signal.SIGHUP)
    wait_for(lambda: any("all stays as it was" in line and "16 to 1024 bytes" in line for line in careful.log))
    is_problem(careful.request("POST", f"/v1/tasks?callback={receiver.url}", GARBAGE), 400, "bad_request")
    secret_file(careful.folder, "another secret, long enough\n")
    careful.process.send_signal(signal.SIGHUP)
    wait_for(lambda: any("are read again" in line for line in careful.log))
    settled(careful, submit(careful, receiver.url + "/again"), "delivered")
    [(headers, body)] = receiver.of("/again")
    assert is_from_octavo()(b"another secret, long enough", headers["Octavo-Signature"], body)


def test_without_a_secret_there_are_none(tmp_path, shared, receiver):
    with Server(tmp_path / "data") as server:
        answer = server.request("POST", f"/v1/tasks?callback={receiver.url}", GARBAGE)
        assert "callback.secret" in is_problem(answer, 400, "bad_request")
    answer = shared.request("POST", f"/v1/ocr?callback={receiver.url}", pdf(1))
    assert "send the document to /v1/tasks" in is_problem(answer, 400, "bad_request")


@pytest.mark.parametrize("text, mode, complaint", [
    ("too short\n", 0o600, "16 to 1024 bytes"), (SECRET + "\nmore\n", 0o600, "a line of"), (2000 * "x", 0o600, "more than"),
    (SECRET, 0o604, "chmod 600"), (None, 0o600, "No such file"),
], ids=["short", "lines", "long", "open", "missing"])
def test_secret_that_cannot_be_used_is_told(tmp_path, text, mode, complaint):
    path = secret_file(tmp_path, text, mode) if text else tmp_path / "none"
    run = octavo("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data", env={"OCTAVO_CALLBACK_SECRET": str(path)})
    assert run.returncode == 78 and f"callback.secret: {path}" in run.stderr and complaint in run.stderr


def test_command_line_asks_for_it(tmp_path, shared, receiver):
    (tmp_path / "a.pdf").write_bytes(pdf(1))
    run = octavo("submit", "--server", f"http://127.0.0.1:{shared.port}", "--callback", receiver.url + "/command", "--wait",
                 tmp_path / "a.pdf")
    assert run.returncode == 0
    settled(shared, run.stdout.strip(), "delivered")
    [(headers, body)] = receiver.of("/command")
    seconds = re.match("t=([0-9]+),", headers["Octavo-Signature"])[1]
    expected = hmac.new(SECRET.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["Octavo-Signature"] == f"t={seconds},v1={expected}"
