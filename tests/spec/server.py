"""A server of a test's own, and what its clients say to it."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

# Not from octavo.py: the benches use this file too, without pytest.
BIN = Path(os.environ.get("OCTAVO_BIN", Path(__file__).resolve().parents[2] / "build" / "bin"))


class Server:
    """`octavo serve` on a free port; stopped, and checked to have ended well, at the end of a with block."""

    def __init__(self, data, *options, environment=None, before=(), host="127.0.0.1", tls=None):
        self.data, self.options, self.before, self.host = data, options, before, host
        self.tls = tls  # what its clients trust, an SSLContext; None: no TLS
        self.environment = dict(os.environ, **(environment or {}))
        self.process = None
        self.log = []
        self.start()

    def start(self):
        self.log = []
        self.process = subprocess.Popen(
            [*self.before, BIN / "octavo", "serve", "--listen", "127.0.0.1:0", "--data", self.data, "--threads", "2",
             *map(str, self.options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        self.first = self.process.stdout.readline()
        match = re.match(rf"octavo serves http{'s' if self.tls else ''}://{re.escape(self.host)}:(\d+), ", self.first)
        assert match, self.first + self.process.stderr.read()
        self.port = int(match[1])
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            status = self.stop()
            assert kind or status == 0, self.log
            assert kind or any("the ledger is balanced, 0 bytes are charged" in line for line in self.log), self.log

    def stop(self, number=signal.SIGTERM, timeout=60):
        self.process.send_signal(number)
        return self.wait(timeout)

    def wait(self, timeout=60):
        status = self.process.wait(timeout)
        self.reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def kill(self):
        self.process.kill()
        self.wait()

    def connect(self, timeout=60):
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=60):
        """The answer's status, headers and body."""
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def submit(self, document, query="", headers=None):
        answer = self.request("POST", "/v1/tasks" + query, document, headers)
        assert answer.status == 201, answer
        assert answer.headers["Location"] == "/v1/tasks/" + answer.json["id"]
        return answer.json["id"]

    def wait_for_end(self, task, seconds=120):
        deadline = time.monotonic() + seconds
        while True:
            answer = self.get(f"/v1/tasks/{task}?wait=10")
            assert answer.status == 200, answer
            if answer.json["state"] not in ("queued", "running"):
                return answer.json
            assert time.monotonic() < deadline, answer.json

    def wait_until(self, task, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            state = self.get(f"/v1/tasks/{task}").json
            if condition(state):
                return state
            assert time.monotonic() < deadline, state
            time.sleep(0.02)

    def raw(self, data, timeout=30):
        """All that the server says to these bytes until it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as client:
            client.sendall(data)
            return receive_all(client)


def receive_all(client):
    parts = []
    try:
        while part := client.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


def multipart(parts, boundary="octavo-boundary"):
    """Body and headers of a form; parts are (name, file name or None, bytes)."""
    body = b""
    for name, file_name, content in parts:
        attribute = f'; filename="{file_name}"' if file_name is not None else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{attribute}\r\n\r\n'.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def read_events(response, most=None):
    """(id, event, data) of a stream, until it ends or there are so many."""
    events, fields = [], {}
    while line := response.readline():
        line = line.decode().rstrip("\n")
        if line.startswith(":"):
            continue
        if line:
            key, value = line.split(": ", 1)
            fields[key] = value
        elif fields:
            events.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
            fields = {}
            if most and len(events) == most:
                break
    return events


def children_of(pid):
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat")
            if re.search(rf"\) \S {pid} ", read_or_empty(path))]


def read_or_empty(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def is_problem(answer, status, code):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == status and problem["code"] == code, problem
    assert problem["type"] == f"urn:octavo:error:{code}" and problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["title"] and problem["advice"]
    return problem["detail"]
