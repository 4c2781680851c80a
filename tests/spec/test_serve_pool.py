"""The service pool under the server: leases, health checks, an instance for each document."""
import os
import pathlib
import re
import signal
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import inject
from octavo import LETTER, pdf, require_models
from server import Server, children_of, is_problem, wait_for


@pytest.fixture(scope="module", autouse=True)
def installed():
    require_models()


def configured(folder, text, *options, **more):
    config = folder / "octavo.yaml"
    config.write_text(text)
    return Server(folder / "data", "--config", config, *options, **more)


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    with configured(tmp_path_factory.mktemp("checked"), "pool.health_interval: 1\n") as server:
        yield server


def pool(server):
    return server.get("/v1/pool").json


def instance(server):
    return pool(server)["instances"][0]


def read_letter(server):
    answer = server.request("POST", "/v1/ocr?format=text", LETTER.read_bytes())
    assert answer.status == 200 and answer.text.strip(), answer


def metric(server, name):
    return float(re.search(rf"^{re.escape(name)} (.*)$", server.get("/metrics").text, re.MULTILINE)[1])


def test_an_idle_worker_is_checked_and_kept(checked):
    read_letter(checked)
    before = instance(checked)
    wait_for(lambda: instance(checked)["checks"] >= before["checks"] + 1)
    after = instance(checked)
    assert after["pid"] == before["pid"] > 0 and after["unhealthy"] == 0 and after["state"] == "ready"
    assert metric(checked, "octavo_worker_checks_total") >= 1 and metric(checked, "octavo_worker_unhealthy_total") == 0
    wait_for(lambda: "bitmap" not in checked.get("/v1/memory").json["ledger"]["kinds"])


def test_a_check_loads_nothing(checked):
    read_letter(checked)
    model = next(model for model in checked.get("/v1/models").json["models"] if model["role"] == "detect")
    assert checked.request("POST", f"/v1/models/{model['id']}/unload").status == 200
    before = instance(checked)
    time.sleep(1.5)
    assert instance(checked)["checks"] <= before["checks"] + 1  # one may have been on its way
    now = next(each for each in checked.get("/v1/models").json["models"] if each["id"] == model["id"])
    assert now["state"] == "absent" and now["loads"] == model["loads"]


def test_a_device_that_is_not_there_is_told(checked):
    is_problem(checked.request("POST", "/v1/ocr?device=gpu0", LETTER.read_bytes()), 422, "no_device")
    is_problem(checked.request("POST", "/v1/tasks?device=tpu", LETTER.read_bytes()), 400, "bad_request")
    wrong, right = (checked.submit(LETTER.read_bytes(), f"?device={device}") for device in ("gpu1", "cpu"))
    state = checked.wait_for_end(wrong)
    assert state["state"] == "failed" and state["error"]["code"] == "no_device" and "gpu1" in state["error"]["detail"]
    assert checked.wait_for_end(right)["state"] == "done"


def test_a_worker_that_does_not_answer_its_check_is_replaced(checked):
    read_letter(checked)
    before = instance(checked)
    os.kill(before["pid"], signal.SIGSTOP)
    wait_for(lambda: instance(checked)["unhealthy"] == 1)
    assert instance(checked)["state"] in ("none", "resting") and not children_of(checked.process.pid)
    told = [line for line in checked.log if "health check" in line]
    assert len(told) == 1 and "octavo-worker did not read its health check in 5 s and was ended" in told[0], told
    read_letter(checked)
    assert instance(checked)["pid"] not in (0, before["pid"])


@pytest.mark.skipif(not inject.LIBRARY.exists(), reason="libfault.so is not built")
def test_a_worker_that_reads_its_check_wrong_is_replaced(tmp_path):
    environment = inject.environment(inject.WORKER, "engine", 60, tmp_path / "fault")  # beyond the steps of one page
    with configured(tmp_path, "pool.health_interval: 1\n", "--engine", "onnxruntime", environment=environment) as server:
        assert server.request("POST", "/v1/ocr?format=text", pdf(1)).status == 200
        before = instance(server)
        wait_for(lambda: instance(server)["unhealthy"] == 1)
        assert (tmp_path / "fault").exists() and instance(server)["recycles"] == 1
        told = [line for line in server.log if "health check" in line]
        assert len(told) == 1 and "octavo-worker is replaced by a new one: its health check went wrong" in told[0], told
        wait_for(lambda: before["pid"] not in children_of(server.process.pid))
        read_letter(server)


def test_exhaustion_is_an_answer_and_leases_are_told(tmp_path):
    with Server(tmp_path / "data", "--jobs", 1) as server:
        connection = server.connect()
        connection.request("POST", "/v1/ocr?format=text", pdf(300))  # it does not make room for others
        wait_for(lambda: pool(server)["leases"]["held"] == 1)
        answer = server.request("POST", "/v1/ocr?deadline=1", LETTER.read_bytes())
        is_problem(answer, 503, "pool_exhausted")
        assert int(answer.headers["Retry-After"]) >= 1 and "1 of 1 are held" in answer.json["detail"]
        task = server.submit(LETTER.read_bytes())
        wait_for(lambda: pool(server)["leases"]["waiting"] == 1)
        connection.close()
        assert server.wait_for_end(task)["state"] == "done"
        leases, only = pool(server)["leases"], instance(server)
        assert leases["limit"] == 1 and leases["held"] == leases["waiting"] == 0 and leases["expired"] == 1
        assert leases["wait"]["count"] == leases["hold"]["count"] == 2 and leases["wait"]["seconds"] > 0
        assert only["held_seconds"] == pytest.approx(leases["hold"]["seconds"], abs=0.01)
        assert 0 < only["utilisation"] < 1 and only["device"] == "cpu" and only["places"] == 1
        assert metric(server, "octavo_pool_expired_total") == 1
        assert metric(server, 'octavo_pool_wait_seconds_bucket{le="+Inf"}') == 2
        assert metric(server, "octavo_pool_hold_seconds_sum") == pytest.approx(leases["hold"]["seconds"], abs=0.01)


def charged(server):
    """The workers that hold memory, by the ledger."""
    accounts = server.get("/v1/memory").json["ledger"]["accounts"]
    return {each["pid"] for each in accounts if each["name"] == "worker"}


def test_an_instance_for_each_document(tmp_path):
    with configured(tmp_path, "pool.mode: per_task\n", "--jobs", 2) as server:
        tasks = [server.submit(pdf(1)) for _ in range(3)]
        most = 0
        while pool(server)["leases"]["hold"]["count"] < 3:
            assert all(each["places"] == 1 >= each["held"] for each in pool(server)["instances"])
            most = max(most, len(charged(server)))
        assert most == 2 and metric(server, "octavo_worker_starts_total") >= 3
        assert {server.wait_for_end(task)["state"] for task in tasks} == {"done"}
        assert not children_of(server.process.pid)
        one, other = server.submit(pdf(200)), server.submit(pdf(200))
        server.wait_until(one, lambda state: state["pages_done"] > 0)
        assert charged(server) == {each["pid"] for each in pool(server)["instances"]}
        assert server.request("POST", f"/v1/tasks/{one}/cancel").status == 200
        wait_for(lambda: len(charged(server)) == 1)
        assert server.get(f"/v1/tasks/{other}").json["state"] == "running"  # the server ends with it in work
