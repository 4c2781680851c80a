"""Times and sizes that the server promises: measured, so not under sanitizers."""
import os
import signal
import socket
import time

import jsonschema
import pytest

from octavo import pdf, require_models, schema, wait_for
from server import Server, children_of, is_problem, receive_all


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("shared") / "data") as server:
        yield server


def test_cancelled_task_stops_within_a_second(shared):
    task = shared.submit(pdf(200))
    shared.wait_until(task, lambda state: state["pages_done"] > 0)
    start = time.monotonic()
    answer = shared.request("POST", f"/v1/tasks/{task}/cancel")
    assert answer.status == 200 and answer.json["state"] == "cancelled" and answer.json["error"]["code"] == "cancelled"
    wait_for(lambda: shared.get("/v1/pool").json["leases"]["held"] == 0, 1)
    assert time.monotonic() - start < 1
    wait_for(lambda: not {"bitmap", "drawing"} & set(shared.get("/v1/memory").json["ledger"]["kinds"]), 2)
    is_problem(shared.request("POST", f"/v1/tasks/{task}/cancel"), 409, "task_over")
    partial = shared.get(f"/v1/tasks/{task}/result")
    assert partial.status == 200 and partial.headers["Octavo-Complete"] == "false" and not partial.json["complete"]
    jsonschema.validate(partial.json, schema())


def test_client_that_goes_away_cancels(shared):
    connection = shared.connect()
    connection.request("POST", "/v1/ocr", pdf(100))
    wait_for(lambda: shared.get("/v1/pool").json["leases"]["held"] == 1)
    connection.close()
    wait_for(lambda: shared.get("/v1/pool").json["leases"]["held"] == 0, 2)
    wait_for(lambda: not {"bitmap", "drawing", "result"} & set(shared.get("/v1/memory").json["ledger"]["kinds"]), 2)


def test_slow_clients_are_cut_and_others_served(tmp_path):
    config = tmp_path / "octavo.yaml"
    config.write_text("server:\n  send_timeout: 1\n")
    with Server(tmp_path / "data", "--config", config) as server:
        slow = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(20)]
        for client in slow[:10]:
            client.sendall(b"GET /healthz HTTP/1.1\r\nX-")
        for client in slow[10:]:
            client.sendall(b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        start = time.monotonic()
        while time.monotonic() - start < 4 and "octavo_http_cut_total 20" not in server.get("/metrics").text:
            for client in slow:
                try:
                    client.send(b"x")  # a byte now and then does not help
                except OSError:
                    pass
            time.sleep(0.2)
        assert "octavo_http_cut_total 20" in server.get("/metrics").text
        for client in slow:
            receive_all(client)
            client.close()
        assert not list((tmp_path / "data" / "documents").iterdir())


def test_idle_server_is_one_small_process(tmp_path):
    with Server(tmp_path / "data", "--worker-idle", 1) as server:
        server.wait_for_end(server.submit(pdf(3)))
        wait_for(lambda: not children_of(server.process.pid))
        wait_for(lambda: server.get("/v1/memory").json["now"]["worker"] == 0)  # it is measured once a second
        memory = server.get("/v1/memory").json["now"]
        assert memory["rasters"] == 0 and memory["server"] < 20e6, memory
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < 40


def test_grace_is_bounded(tmp_path):
    with Server(tmp_path / "data", "--grace", 1) as server:
        connection = server.connect()
        connection.request("POST", "/v1/ocr", pdf(400))
        wait_for(lambda: server.get("/v1/pool").json["leases"]["held"] == 1)
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 8
        assert any("the time to end is over" in line for line in server.log)


def test_memory_in_which_nothing_can_be_read_shows_with_the_first_document(tmp_path):
    with Server(tmp_path / "data", "--memory", "60M") as server:
        assert server.get("/readyz").status == 200
        task = server.submit(pdf(1))
        wait_for(lambda: server.get("/readyz").status == 503)
        (reason,) = server.get("/readyz").json["reasons"]
        assert reason["code"] == "no_memory" and "reading any page needs" in reason["detail"]
        is_problem(server.request("POST", "/v1/ocr", pdf(1)), 507, "no_memory")
        assert server.get(f"/v1/tasks/{task}").json["state"] == "queued"
