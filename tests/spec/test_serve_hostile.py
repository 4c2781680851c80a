"""Clients that mean harm, and machines that do: each is answered or cut, and the next good request is served."""
import contextlib
import fcntl
import http.client
import os
import resource
import socket
import sqlite3
import struct
import time
from datetime import datetime
from pathlib import Path

import pytest

from octavo import pdf, require_models, wait_for
from server import Server, is_problem, receive_all
from test_callbacks import GARBAGE, Receiver, environment as callback_environment
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


def test_client_that_has_sent_all_may_close_its_side(shared):
    document = pdf(1)
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", shared.port), timeout=30) as client:
            client.sendall(head(len(document), b"Connection: close\r\n") + document)
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client).startswith(b"HTTP/1.1 201 ")


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
    for name in [name for name in names if EXPECT[name] == "reject"][:5]:
        answer = shared.request("POST", "/v1/ocr", (HOSTILE / name).read_bytes())
        assert 400 <= answer.status < 500 or answer.json["code"] == "timeout", (name, answer)
    is_served(shared)
    assert shared.get("/v1/memory").json["peak"]["server"] < 30e6


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


@contextlib.contextmanager
def read_only(folder):
    """As a disk that was mounted so after an error, for files that are open as well: nobody can write, root neither."""
    get_flags, set_flags, immutable = 0x80086601, 0x40086602, 0x10  # linux/fs.h
    paths = [path for path in [folder, *folder.rglob("*")] if not path.name.endswith("-shm")]  # is memory
    marked = []
    try:
        for path in paths:
            fd = os.open(path, os.O_RDONLY)
            try:
                flags, = struct.unpack("l", fcntl.ioctl(fd, get_flags, bytes(8)))
                fcntl.ioctl(fd, set_flags, struct.pack("l", flags | immutable))
                marked.append((path, flags))
            except OSError as error:
                pytest.skip(f"files cannot be made immutable here: {error}")
            finally:
                os.close(fd)
        yield
    finally:
        for path, flags in marked:
            fd = os.open(path, os.O_RDONLY)
            fcntl.ioctl(fd, set_flags, struct.pack("l", flags))
            os.close(fd)


def test_read_only_disk_is_told_and_work_goes_on(tmp_path):
    data = tmp_path / "data"
    with Server(data) as server:
        task = server.submit(pdf(20))
        server.wait_until(task, lambda state: state["pages_done"] > 0)
        with read_only(data):
            wait_for(lambda: server.get("/readyz").status == 503)
            reason, = server.get("/readyz").json["reasons"]
            assert reason["code"] == "store" and "Success" not in reason["detail"], reason
            is_problem(server.request("POST", "/v1/tasks", pdf(1)), 503, "store")
            is_problem(server.request("POST", "/v1/ocr", pdf(1)), 503, "store")
            assert server.get("/v1/tasks").status == 200  # what can be read is
        end = server.wait_for_end(task)
        assert end["state"] == "done" and server.get("/readyz").status == 200
        pages = server.get(f"/v1/tasks/{task}/result").json["pages"]
        assert [page["number"] for page in pages] == list(range(1, 21))
        with read_only(data):  # nothing is to be read now: it is told all the same
            assert server.get("/readyz").json["reasons"][0]["code"] == "store"
        assert server.get("/readyz").status == 200
        is_served(server)
        assert len(server.get("/v1/tasks").json["tasks"]) == 1


def wall_clock(file):
    """The environment of a server whose wall clock goes wrong by what the file says; monotonic clocks go on."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if not library:
        pytest.skip("libfaketime is not installed")
    file.write_text("+0")
    return {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def days_between(one, other):
    """Of two times as the server tells them, to the nearest whole one."""
    return round((datetime.fromisoformat(other[:-1]) - datetime.fromisoformat(one[:-1])).total_seconds() / 86400)


def test_wall_clock_that_jumps_ends_nothing_and_holds_nothing_up(tmp_path):
    clock = tmp_path / "clock"
    settings = {**wall_clock(clock), **callback_environment(tmp_path, attempts=3), "OCTAVO_KEEP_SECONDS": "3600"}
    with Receiver() as receiver, Server(tmp_path / "data", "--jobs", 1, environment=settings) as server:
        start = time.monotonic()
        first = server.wait_for_end(server.submit(pdf(1)))
        tasks = [first["id"], server.submit(pdf(300)), server.submit(pdf(1), "?priority=-10&deadline=300")]

        clock.write_text("+1d")
        tasks.append(server.submit(pdf(1), "?priority=-10"))
        created = server.get(f"/v1/tasks/{tasks[-1]}").json["created"]
        assert days_between(first["created"], created) == 1
        time.sleep(max(0, start + 11 - time.monotonic()))  # what is old is removed every 10 s
        listed = {task["id"]: task["state"] for task in server.get("/v1/tasks").json["tasks"]}
        assert list(listed) == tasks[::-1], listed
        assert listed[tasks[0]] == "done" and listed[tasks[2]] in ("queued", "running", "done"), listed

        receiver.statuses["/told"] = [500, 200]
        told = server.submit(GARBAGE, f"?priority=10&callback={receiver.url}/told")
        wait_for(lambda: receiver.of("/told"))
        clock.write_text("-1d")
        late = server.submit(pdf(300), "?deadline=1&priority=-10")
        tasks += [told, late]
        wait_for(lambda: len(receiver.of("/told")) == 2)
        assert server.wait_for_end(late, 20)["state"] == "expired"
        assert days_between(created, server.get(f"/v1/tasks/{late}").json["ended"]) == -2
        assert [task["id"] for task in server.get("/v1/tasks").json["tasks"]] == tasks[::-1]
        assert server.request("POST", f"/v1/tasks/{tasks[1]}/cancel").status == 200
        assert server.wait_for_end(tasks[2])["state"] == server.wait_for_end(tasks[3])["state"] == "done"


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
