"""Models and processes under the server: what is told of their life, what an administrator may do about memory."""
import http.client
import json
import os
import re
import resource
import signal
import threading
import time

import jsonschema
import pytest

from octavo import INSTRUMENTED, LETTER, require_models, wait_for
from server import Server, children_of, is_problem

USED = {"orient", "detect", "classify", "recognise", "layout"}  # for a page without tables


@pytest.fixture(scope="module", autouse=True)
def installed():
    require_models()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Without health checks, whose page would hold models that are unloaded here."""
    with Server(tmp_path_factory.mktemp("data"), "--dump-dir", tmp_path_factory.mktemp("dumps"),
                environment={"OCTAVO_POOL_HEALTH_INTERVAL": "0"}) as server:
        yield server


def read(server, path, method="GET", status=200):
    """An answer that is as /openapi.json says."""
    answer = server.request(method, path)
    assert answer.status == status, answer
    description = server.get("/openapi.json").json
    address = re.sub(r"/models/[^/?]+/", "/models/{id}/", path.split("?")[0])
    schema = description["paths"][address][method.lower()]["responses"][str(status)]["content"]
    schema = next(iter(schema.values()))["schema"]
    jsonschema.validate(answer.json, {"$ref": schema["$ref"], "components": description["components"]})
    return answer.json


def models(server):
    return {model["id"]: model for model in read(server, "/v1/models")["models"]}


def of_role(server, role):
    return next(model for model in models(server).values() if model["role"] == role)


def worker_of(server):
    return next(pid for pid in children_of(server.process.pid)
                if b"octavo-worker" in open(f"/proc/{pid}/cmdline", "rb").read())


def metric(server, name, **labels):
    text = server.get("/metrics").text
    wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return float(re.search(rf"^{name}{{{re.escape(wanted)}}} (.*)$", text, re.MULTILINE)[1])


def start_worker(server):
    """Reads a page, so that there is a worker that has its models."""
    assert server.request("POST", "/v1/ocr?format=text", LETTER.read_bytes()).status == 200


def test_life_of_models_is_told(shared):
    start_worker(shared)
    before = [model for model in models(shared).values() if model["state"] != "absent"]
    assert {model["role"] for model in before} == USED
    for model in before:
        assert model["state"] == "ready" and model["charged"] > 0 and model["users"] == 0 and model["loads"] >= 1, model
        assert model["load_seconds"] > 0 and model["load_seconds_total"] >= model["load_seconds"] and model["loaded"], model
        assert model["device"] == "cpu" and model["engine"] in ("openvino", "onnxruntime") and model["idle_timeout"] == 30
    used = of_role(shared, "recognise")["used"]
    time.sleep(0.01)
    start_worker(shared)
    assert of_role(shared, "recognise")["used"] > used


def test_a_model_is_unloaded_and_loaded_on_request(shared):
    start_worker(shared)
    before = of_role(shared, "detect")
    charged = shared.get("/v1/memory").json["ledger"]["charged"]
    unloaded = read(shared, f"/v1/models/{before['id']}/unload", "POST")
    assert unloaded["bytes"] >= before["charged"] * 3 // 4
    assert unloaded["model"]["state"] == "absent" and unloaded["model"]["charged"] == 0
    assert unloaded["model"]["unloads"] == before["unloads"] + 1
    assert shared.get("/v1/memory").json["ledger"]["charged"] < charged
    labels = {"model": before["id"], "engine": before["engine"], "instance": 0}
    assert metric(shared, "octavo_model_loaded", **labels) == 0
    assert metric(shared, "octavo_model_unloads_total", **labels) == before["unloads"] + 1
    again = read(shared, f"/v1/models/{before['id']}/unload", "POST")
    assert again["bytes"] == 0 and again["model"]["unloads"] == before["unloads"] + 1
    loaded = read(shared, f"/v1/models/{before['id']}/load", "POST")
    assert loaded["state"] == "ready" and loaded["charged"] > 0 and loaded["loads"] == before["loads"] + 1
    assert metric(shared, "octavo_model_loaded", **labels) == 1
    assert read(shared, f"/v1/models/{before['id']}/load", "POST")["loads"] == before["loads"] + 1
    start_worker(shared)


def test_a_model_is_charged_what_it_takes_however_often_it_is_loaded(shared):
    start_worker(shared)
    name, charged = of_role(shared, "detect")["id"], []
    for _ in range(4):
        read(shared, f"/v1/models/{name}/unload", "POST")
        charged.append(read(shared, f"/v1/models/{name}/load", "POST")["charged"])
    assert max(charged) <= 1.1 * min(charged), charged


def test_models_of_all_stages_leave_when_nobody_uses_them(tmp_path):
    """One worker all the time: ONNX Runtime keeps so little that it stays."""
    with Server(tmp_path / "data", "--engine", "onnxruntime", "--model-idle", 1, "--worker-idle", 600) as server:
        loads = {}
        for _ in range(2):
            answer = server.request("POST", "/v1/ocr?format=html", (LETTER.parent / "table.png").read_bytes())
            assert answer.status == 200 and "<table" in answer.text
            now = models(server)
            used = {model["role"] for name, model in now.items() if model["loads"] > loads.get(name, 0)}
            assert used >= {"orient", "detect", "recognise", "layout", "table"}
            wait_for(lambda: {model["state"] for model in models(server).values()} == {"absent"})
            loads = {name: model["loads"] for name, model in now.items()}
        if not INSTRUMENTED:  # a sanitizer keeps what is freed: the worker may leave
            assert worker_of(server) and server.get("/v1/pool").json["instances"][0]["starts"] == 1


def test_wrong_orders_are_told(shared):
    start_worker(shared)
    for action in ("load", "unload"):
        for name in ("no-such-model", "%FF%00", "x" * 200, "a%2Fb"):
            is_problem(shared.request("POST", f"/v1/models/{name}/{action}"), 404, "not_found")
        is_problem(shared.request("POST", f"/v1/models/x/{action}?wait=301"), 400, "bad_request")
        is_problem(shared.get(f"/v1/models/x/{action}"), 405, "method_not_allowed")
    is_problem(shared.request("POST", "/v1/memory/release?step=trim"), 400, "bad_request")


def test_memory_is_released(shared):
    start_worker(shared)
    before = sum(model["charged"] for model in models(shared).values())
    assert read(shared, "/v1/memory/release", "POST")["bytes"] >= before * 3 // 4 > 0
    assert {model["state"] for model in models(shared).values()} == {"absent"}
    assert read(shared, "/v1/memory/release", "POST")["bytes"] == 0
    start_worker(shared)


def test_a_dump_is_written_and_told(shared):
    start_worker(shared)
    answer = read(shared, "/v1/memory/dump", "POST")
    assert re.fullmatch(r"dump-[0-9TZ:.-]+-request\.json", answer["name"])
    dump = answer["dump"]
    assert dump["reason"] == "request" and dump["ledger"]["charged"] > 0
    assert any(event["event"] == "load" for event in dump["recorder"]["events"])
    folder = shared.options[shared.options.index("--dump-dir") + 1]
    assert (folder / answer["name"]).is_file()
    assert str(folder) not in str(answer)


def test_a_model_in_use_is_not_unloaded(tmp_path):
    with Server(tmp_path / "data") as server:
        start_worker(server)
        model, statuses, stop = of_role(server, "recognise")["id"], [], threading.Event()

        def read_on():
            while not stop.is_set():
                statuses.append(server.request("POST", "/v1/ocr?format=text", LETTER.read_bytes()).status)
        reader = threading.Thread(target=read_on)
        reader.start()
        refused = None
        deadline = time.monotonic() + 30
        while not refused and time.monotonic() < deadline:
            answer = server.request("POST", f"/v1/models/{model}/unload?wait=0")
            refused = answer if answer.status == 409 else None
        waited = server.request("POST", f"/v1/models/{model}/unload?wait=60")
        stop.set()
        reader.join()
        is_problem(refused, 409, "model_in_use")
        assert waited.status == 200, waited
        assert set(statuses) == {200}


def test_a_load_starts_a_worker_and_counts_outlive_it(tmp_path):
    with Server(tmp_path / "data", "--worker-idle", 1) as server:
        assert {model["role"] for model in models(server).values()} == USED | {"table"}
        assert all(model["state"] == "absent" and model["loads"] == model["charged"] == 0 and model["idle_timeout"] == 30
                   and model["loaded"] is None and model["engine"] in (None, "onnxruntime")
                   for model in models(server).values())
        assert not children_of(server.process.pid)
        assert read(server, "/v1/memory/release", "POST")["bytes"] == 0
        is_problem(server.request("POST", "/v1/models/PP-OCRv6-det/unload"), 404, "not_found")
        assert not children_of(server.process.pid)
        start_worker(server)
        model = of_role(server, "detect")
        wait_for(lambda: not children_of(server.process.pid))
        gone = models(server)[model["id"]]
        assert gone["state"] == "absent" and gone["charged"] == 0 and gone["loads"] == model["loads"] == 1
        loaded = read(server, f"/v1/models/{model['id']}/load", "POST")
        assert loaded["state"] == "ready" and loaded["loads"] == 2
        assert server.get("/v1/pool").json["instances"][0]["starts"] == 2


def test_a_worker_that_dies_under_an_order_is_told(tmp_path):
    with Server(tmp_path / "data") as server:
        start_worker(server)
        model, worker, answers = of_role(server, "detect")["id"], worker_of(server), []
        os.kill(worker, signal.SIGSTOP)
        asker = threading.Thread(
            target=lambda: answers.append(server.request("POST", f"/v1/models/{model}/unload")))
        asker.start()
        time.sleep(0.5)
        os.kill(worker, signal.SIGKILL)
        asker.join(30)
        is_problem(answers[0], 500, "worker_crashed")
        assert models(server)[model]["state"] == "absent"
        start_worker(server)


def test_a_worker_that_hangs_under_an_order_is_ended(tmp_path):
    with Server(tmp_path / "data") as server:
        start_worker(server)
        model = of_role(server, "detect")["id"]
        os.kill(worker_of(server), signal.SIGSTOP)
        is_problem(server.request("POST", f"/v1/models/{model}/load"), 500, "worker_crashed")
        assert server.get("/v1/pool").json["instances"][0]["hangs"] == 1
        start_worker(server)


class Line:
    """A connection that stays, for a server that has no descriptor left for another one."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, body)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())


def test_a_raster_that_cannot_be_started_is_tried_again(tmp_path):
    with Server(tmp_path / "data", "--worker-idle", 600) as server:
        start_worker(server)
        line = Line(server)
        assert line.ask("GET", "/readyz") == (200, {"ready": True, "reasons": []})
        used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        # The task's copy of the document and the raster's have a place; its sockets have none.
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 2, before[1]))
        status, task = line.ask("POST", "/v1/tasks", LETTER.read_bytes())
        assert status == 201, task
        deadline = time.monotonic() + 20
        while (answer := line.ask("GET", "/readyz"))[0] == 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert answer[0] == 503 and [reason["code"] for reason in answer[1]["reasons"]] == ["process"], answer
        assert "Too many open files" in answer[1]["reasons"][0]["detail"]
        assert line.ask("GET", f"/v1/tasks/{task['id']}")[1]["state"] in ("queued", "running")
        status, problem = line.ask("POST", "/v1/ocr", LETTER.read_bytes())
        assert (status, problem["code"]) == (503, "process")
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)
        assert server.wait_for_end(task["id"])["state"] == "done"
        assert line.ask("GET", "/readyz")[0] == 200


def test_it_is_ready_again_where_nothing_waits(tmp_path):
    """Who asks before sending anything, as a load balancer does, would wait for ever."""
    with Server(tmp_path / "data") as server:
        line = Line(server)
        line.ask("GET", "/readyz")
        used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 2, before[1]))
        assert line.ask("POST", "/v1/ocr", LETTER.read_bytes())[0] == 503
        assert line.ask("GET", "/readyz")[0] == 503
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)
        wait_for(lambda: line.ask("GET", "/readyz")[0] == 200, 40)


def test_what_is_read_at_once_ends_trouble_too(tmp_path):
    with Server(tmp_path / "data", "--worker-idle", 600) as server:
        start_worker(server)
        line = Line(server)
        line.ask("GET", "/readyz")
        used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 2, before[1]))
        status, problem = line.ask("POST", "/v1/ocr", LETTER.read_bytes())
        assert (status, problem["code"]) == (503, "process"), problem
        assert line.ask("GET", "/readyz")[0] == 503
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)
        wait_for(lambda: server.request("POST", "/v1/ocr", LETTER.read_bytes()).status == 200)
        assert line.ask("GET", "/readyz")[0] == 200
