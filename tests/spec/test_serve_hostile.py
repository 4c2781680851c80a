"""Clients that mean harm, and machines that do: each is answered or cut, and the next good request is served."""
import http.client
import os
import resource
import socket
import sqlite3
import time

import pytest

from octavo import pdf, require_models
from server import Server, is_problem, receive_all, wait_for
from test_hostile import EXPECT, HOSTILE, MAX_PAGES

CONNECTIONS = 10000


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("shared") / "data", "--max-upload", "40M", "--max-pages", MAX_PAGES, "--page-timeout",
                5, environment={"OCTAVO_SERVER_SEND_TIMEOUT": "2"}) as server:
        yield server


def is_served(server):
    """The next good request."""
    answer = server.request("POST", "/v1/ocr?format=text", pdf(1))
    assert (answer.status, answer.text) == (200, "Page number 1\n"), answer


def head(length, more=b""):
    return b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % length + more + b"\r\n"


# Clients


def test_body_shorter_than_told_is_cut(shared):
    before = len(shared.get("/v1/tasks?limit=1000").json["tasks"])
    for length in (0, 10, 5000, 3000000):
        with socket.create_connection(("127.0.0.1", shared.port), timeout=30) as client:
            client.sendall(head(length + 1) + b"x" * length)
            client.shutdown(socket.SHUT_WR)
            start = time.monotonic()
            assert receive_all(client) == b""
            assert time.monotonic() - start < 1.5  # at once: 4 kB/s would allow more
    is_served(shared)
    assert len(shared.get("/v1/tasks?limit=1000").json["tasks"]) == before
    wait_for(lambda: "octavo_http_uploads 0" in shared.get("/metrics").text)


def test_body_longer_than_told_is_the_next_request(shared):
    document = pdf(1)
    told = shared.raw(head(len(document), b"Connection: close\r\n") + document + b"GET /healthz HTTP/1.1\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 201 ") and told.count(b"HTTP/1.1 ") == 1
    is_served(shared)


@pytest.mark.parametrize("lengths", [b"Content-Length: 3\r\nContent-Length: 4\r\n", b"Content-Length: 99999999999999999999\r\n",
                                     b"Content-Length: 3, 4\r\n", b"Content-Length: 0x10\r\n",
                                     b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"])
def test_length_that_says_two_things_is_refused(shared, lengths):
    before = len(shared.get("/v1/tasks?limit=1000").json["tasks"])
    with socket.create_connection(("127.0.0.1", shared.port), timeout=30) as client:
        client.sendall(b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\n" + lengths + b"\r\nabcd")
        client.shutdown(socket.SHUT_WR)
        told = receive_all(client)
    assert told == b"" or told.startswith(b"HTTP/1.1 4"), told[:300]
    is_served(shared)
    assert len(shared.get("/v1/tasks?limit=1000").json["tasks"]) == before


def test_ten_gigabytes_are_refused_before_they_come(shared):
    start = time.monotonic()
    for more in (b"", b"Expect: 100-continue\r\n", b"Content-Type: multipart/form-data; boundary=x\r\n"):
        told = shared.raw(head(10 * 1000**3, more))
        assert told.startswith(b"HTTP/1.1 413 ") and b"body_too_large" in told
    assert time.monotonic() - start < 10
    is_served(shared)


@pytest.mark.parametrize("body", [b"", b"--", b"--x", b"--x\r\n", b"--x--", b"\r\n--x\r\n\r\n\r\n--x--\r\n", b"--x\r\n:\r\n\r\nz\r\n--x--",
                                  b"--y\r\n\r\n\r\n--y--\r\n", b"--x\r\n" + b"A: b\r\n" * 9000 + b"\r\nz\r\n--x--\r\n",
                                  b"--x\r\nContent-Disposition: form-data\r\n\r\nz\r\n--x--\r\n",
                                  b"--x\r\nContent-Disposition: form-data; name=\"file\r\n\r\nz\r\n--x--\r\n",
                                  b"--x\r\nContent-Disposition: form-data; name=" + b"f" * 9000 + b"\r\n\r\nz\r\n--x--\r\n",
                                  b"\0" * 10000, b"--x\r\n" * 10000, bytes(range(256)) * 40])
def test_form_that_is_none_is_refused(shared, body):
    answer = shared.request("POST", "/v1/tasks", body, {"Content-Type": "multipart/form-data; boundary=x"})
    assert 400 <= answer.status < 500, answer
    is_problem(answer, answer.status, answer.json["code"])
    is_served(shared)


@pytest.mark.parametrize("path", ["/../../etc/passwd", "//etc/passwd", "/v1/../v1/tasks", "/v1/tasks/../../../etc/passwd",
                                  "/v1/tasks/%2e%2e/%2e%2e/octavo.db", "/v1/tasks/..%5c..%5coctavo.db", "/%00", "/v1/tasks/%",
                                  "/v1/tasks/%zz", "/v1/tasks/" + "a" * 9000, "/v1/tasks/\xff\xfe", "http://other/v1/tasks/x",
                                  "/v1/tasks/0123456789abcdefghjkmnpqrs/pages/../../x", "/v1/tasks/;ls", "/v1/tasks/'--"])
def test_address_names_no_file(shared, path):
    told = shared.raw(b"GET " + path.encode("latin-1") + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 4"), told[:300]
    assert b"root:" not in told and b"SQLite" not in told
    is_served(shared)


@pytest.mark.skipif(not HOSTILE.is_dir(), reason="the corpus is not there")
def test_hostile_documents_are_answered_and_the_next_is_read(shared):
    """A part of the corpus, evenly spread: all of it goes through the same rasters in test_hostile.py."""
    names = sorted(name for name in EXPECT if (HOSTILE / name).stat().st_size < 2e6)[::10]
    tasks = {name: shared.submit((HOSTILE / name).read_bytes()) for name in names if (HOSTILE / name).stat().st_size}
    for name, task in tasks.items():
        end = shared.wait_for_end(task)
        assert end["state"] in ("done", "failed"), (name, end)
        if end["state"] == "failed":
            assert end["error"]["code"] not in ("internal", "worker_crashed", "raster_crashed"), (name, end)
        assert EXPECT[name] != "reject" or end["state"] == "failed", (name, end)
    is_served(shared)


def test_ten_thousand_connections_are_bounded(tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(CONNECTIONS, limit[1] - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 200, limit[1]))
    clients = []
    try:
        with Server(tmp_path / "data", environment={"OCTAVO_SERVER_SEND_TIMEOUT": "2"}) as server:
            for _ in range(wanted):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", server.port))
                clients.append(client)
            time.sleep(1)
            assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < 1024 + 50
            for client in clients:
                client.close()
            clients.clear()
            wait_for(lambda: is_alive(server), 30)
            is_served(server)
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def is_alive(server):
    try:
        return server.get("/healthz", timeout=2).status == 200
    except (OSError, http.client.HTTPException):
        return False


# Machines


def test_store_that_another_process_holds_is_waited_for_or_told(tmp_path):
    with Server(tmp_path / "data") as server:
        is_served(server)
        other = sqlite3.connect(tmp_path / "data" / "octavo.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answer = server.request("POST", "/v1/tasks", pdf(1), timeout=30)
        assert answer.status in (503, 507) and answer.json["code"].startswith("store"), answer
        assert server.get("/healthz").status == 200
        other.execute("ROLLBACK")
        other.close()
        wait_for(lambda: server.get("/readyz").status == 200, 40)
        assert server.wait_for_end(server.submit(pdf(1)))["state"] == "done"
        assert len(server.get("/v1/tasks").json["tasks"]) == 1  # what was refused is not there
        assert not list((tmp_path / "data" / "documents").iterdir())


def test_descriptors_run_out_and_come_back(tmp_path):
    with Server(tmp_path / "data", before=["sh", "-c", 'ulimit -n 96 && exec "$@"', "sh"]) as server:
        is_served(server)
        clients = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(200)]
        time.sleep(0.5)
        assert server.process.poll() is None
        for client in clients:
            client.close()
        wait_for(lambda: is_alive(server), 30)
        is_served(server)
        assert server.wait_for_end(server.submit(pdf(2)))["state"] == "done"
