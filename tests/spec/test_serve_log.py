"""The log of the server: a line for each request, and nobody who reads it can hold the server up."""
import json
import signal
import threading

import pytest

from octavo import octavo, pdf, png, require_models, wait_for
from server import Server

SECRET = "not-for-the-log"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    require_models()
    folder = tmp_path_factory.mktemp("log")
    made = octavo("key", "new", "--keys", folder / "keys")
    assert made.returncode == 0, made.stderr
    with Server(folder / "data", "--keys", folder / "keys") as running:
        running.key = made.stdout.strip()
        yield running


def lines_of(server, request_id):
    return [line for line in map(json.loads, server.log) if line.get("request_id") == request_id]


def line_of(server, request_id):
    wait_for(lambda: lines_of(server, request_id))
    line, = lines_of(server, request_id)
    return line


def test_each_request_has_a_line(server):
    answer = server.request("POST", f"/v1/tasks?name=letter.pdf&key={SECRET}", pdf(1),
                            {"Authorization": f"Bearer {server.key}"})
    assert answer.status == 201
    line = line_of(server, answer.headers["X-Request-Id"])
    assert line.pop("time") and 0 < line.pop("seconds") < 60 and line.pop("peer").startswith("127.0.0.1:")
    assert line.pop("request_id") == answer.headers["X-Request-Id"]
    assert line == {"level": "info", "program": "octavo", "message": "request", "method": "POST", "path": "/v1/tasks",
                    "status": 201, "bytes": len(answer.body), "complete": True, "key": server.key.split("_")[1]}
    everything = "\n".join(server.log)
    assert SECRET not in everything and server.key not in everything and "letter.pdf" not in everything


@pytest.mark.parametrize("method, path, status, told", [
    ("GET", "/v1/tasks", 401, "/v1/tasks"),
    ("GET", "/no%0A%1B%5B31m%20such%C3%A9%22?x=y", 404, "/no??[31m?such??\""),
    ("GET", "/" + "x" * 300, 404, "/" + "x" * 127),
    ("HEAD", "/openapi.json", 200, "/openapi.json"),
    ("NONSENSEOFACLIENT", "/v1/tasks", 405, "/v1/tasks"),
], ids=["no key", "signs", "long", "head", "method"])
def test_what_a_client_says_is_made_harmless(server, method, path, status, told):
    answer = server.request(method, path, headers={"X-Request-Id": f"own-{status}-{len(path)}"})
    assert answer.status == status
    line = line_of(server, f"own-{status}-{len(path)}")
    assert (line["method"], line["path"], line["status"]) == (method[:16], told, status)
    assert line["bytes"] == len(answer.body) and "key" not in line


def test_who_goes_away_is_told(server):
    headers = {"Authorization": f"Bearer {server.key}", "X-Request-Id": "left"}
    server.process.send_signal(signal.SIGSTOP)  # so that it is gone before the answer
    connection = server.connect()
    connection.request("POST", "/v1/ocr", png(2000, 2000), headers)
    connection.close()
    server.process.send_signal(signal.SIGCONT)
    line = line_of(server, "left")
    assert (line["status"], line["bytes"], line["complete"]) == (499, 0, False)


def test_watching_is_told_at_the_lowest_level_only(server, tmp_path):
    watched = ["/healthz", "/readyz", "/metrics"]
    with Server(tmp_path / "data", environment={"OCTAVO_LOG_LEVEL": "debug", "OCTAVO_LOG_FORMAT": "text"}) as other:
        for path in watched:
            server.get(path, headers={"Authorization": f"Bearer {server.key}", "X-Request-Id": path[1:]})
            other.get(path, headers={"X-Request-Id": path[1:]})
            wait_for(lambda: any(line.startswith(f"octavo: debug: request method=GET path={path} status=200 bytes=") and
                                 f" request_id={path[1:]} peer=127.0.0.1:" in line for line in other.log))
    assert not any(lines_of(server, path[1:]) for path in watched)


class Unread(Server):
    """Nobody reads its log before heard is set."""

    def start(self):
        self.heard = threading.Event()
        super().start()

    def _read_log(self):
        self.heard.wait(60)
        super()._read_log()


def test_log_that_nobody_reads_holds_nobody_up(tmp_path):
    with Unread(tmp_path / "data") as server:
        connection = server.connect(timeout=10)
        for _ in range(600):  # more than a pipe holds
            connection.request("GET", "/v1/pool")
            assert connection.getresponse().read()
        server.heard.set()
        wait_for(lambda: server.log)
        wait_for(lambda: (server.get("/v1/pool"), any("lines of the log are lost: nobody has read it in time" in line
                                                      for line in server.log))[1])
        connection.close()
        lines = [json.loads(line) for line in server.log]
        lost, = [int(line["message"].split()[0]) for line in lines if "are lost" in line["message"]]
        assert 100 < lost < 600
