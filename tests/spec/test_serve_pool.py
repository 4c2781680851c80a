"""The service pool under the server: leases, health checks, an instance for each document."""
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import time
import zlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import inject
from octavo import LETTER, pdf, png_chunk, real, require_models, wait_for
from server import BIN, Server, children_of, is_problem


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


def priorities(pid):
    """Of its threads, as nice(1) counts them: the 19th field of stat (proc(5))."""
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return {int((thread / "stat").read_text().rpartition(")")[2].split()[16]) for thread in threads}


@pytest.mark.parametrize("text, more", [("", 10), ("pool.nice: 3\n", 3), ("pool.nice: 0\n", 0)])
def test_a_worker_gives_way_to_the_server(tmp_path, text, more):
    """Every thread of it, and the server's stay as they were started."""
    with configured(tmp_path, text) as server:
        read_letter(server)
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        assert priorities(server.process.pid) == {ours}
        assert priorities(instance(server)["pid"]) == {min(19, ours + more)}


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


# Several instances

LEAN = "engine: onnxruntime\npipeline.layout: off\npipeline.orient: off\npipeline.line_orient: off\n"


def instances(server):
    return pool(server)["instances"]


def both_read(server):
    now = instances(server)
    return len(now) == 2 and all(each["pages_in_hand"] > 0 for each in now)


def texts(server, task):
    """What was read of each page."""
    result = server.get(f"/v1/tasks/{task}/result?format=json").json
    assert result["complete"], result
    return [[line["text"] for line in page["lines"]] for page in result["pages"]]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    with configured(tmp_path_factory.mktemp("two"), LEAN + "pool.instances: 2\n") as server:
        yield server


def test_two_instances_read_at_once(two):
    """Each with its own process, thread, models and account."""
    tasks = [two.submit(pdf(5)), two.submit(pdf(5))]
    wait_for(lambda: both_read(two), 60)
    first, second = instances(two)
    assert (first["instance"], second["instance"]) == (0, 1) and first["pid"] != second["pid"]
    assert charged(two) == {first["pid"], second["pid"]}
    assert first["places"] + second["places"] == pool(two)["leases"]["limit"] == 3
    assert first["left_out"] is None and second["left_out"] is None
    ready = {(each["instance"], each["role"]) for each in two.get("/v1/models").json["models"] if each["state"] == "ready"}
    assert {(0, "detect"), (1, "detect")} <= ready
    top = subprocess.run([BIN / "octavo", "top", "--server", f"http://127.0.0.1:{two.port}"], capture_output=True, text=True)
    assert re.search(rf"^ +0 +cpu +ready .*\n +1 +cpu +ready ", top.stdout, re.MULTILINE), top
    assert [two.wait_for_end(task)["state"] for task in tasks] == ["done", "done"]
    assert texts(two, tasks[0]) == texts(two, tasks[1]) == [[f"Page number {page}"] for page in range(1, 6)]
    plans = {json.dumps(page["plan"]) for task in tasks for page in two.get(f"/v1/tasks/{task}/result").json["pages"]}
    assert len(plans) == 1 and json.loads(plans.pop())["threads"] == 1
    utilisation = re.findall(r'^octavo_pool_utilisation{instance="(\d)",device="cpu"}', two.get("/metrics").text, re.MULTILINE)
    assert utilisation == ["0", "1"]
    ledger = two.get("/v1/memory").json["ledger"]
    assert ledger["peak"] <= ledger["budget"]


def test_one_that_is_killed_leaves_the_other_undisturbed(two):
    tasks = [two.submit(pdf(5)), two.submit(pdf(5))]
    wait_for(lambda: both_read(two), 60)
    before = instances(two)
    os.kill(before[1]["pid"], signal.SIGKILL)
    assert [two.wait_for_end(task)["state"] for task in tasks] == ["done", "done"]
    after = instances(two)
    assert [now["deaths"] - then["deaths"] for now, then in zip(after, before)] == [0, 1]
    assert after[0]["pid"] == before[0]["pid"] and after[1]["pid"] != before[1]["pid"]
    assert texts(two, tasks[0]) == texts(two, tasks[1]) == [[f"Page number {page}"] for page in range(1, 6)]
    told = [line for line in two.log if "octavo-worker was killed" in line]
    assert len(told) == 1 and "instance 1: " in told[0] and "it is started again" in told[0], told


def test_orders_reach_all_instances(two):
    tasks = [two.submit(pdf(4)), two.submit(pdf(4))]
    wait_for(lambda: both_read(two), 60)
    assert [two.wait_for_end(task)["state"] for task in tasks] == ["done", "done"]
    detect = [each for each in two.get("/v1/models").json["models"] if each["role"] == "detect" and each["state"] == "ready"]
    assert {each["instance"] for each in detect} == {0, 1}
    unloaded = two.request("POST", f"/v1/models/{detect[0]['id']}/unload")
    assert unloaded.status == 200 and unloaded.json["bytes"] >= sum(each["charged"] for each in detect) * 0.9
    after = [each for each in two.get("/v1/models").json["models"] if each["id"] == detect[0]["id"] and each["engine"]]
    assert [each["state"] for each in after] == ["absent", "absent"]


def test_one_that_does_not_start_is_left_out(tmp_path):
    """Where another one reads: its documents go on there, and the server has no trouble."""
    with configured(tmp_path, LEAN + "pool.instances: 2\n") as server:
        tasks = [server.submit(pdf(900)), server.submit(pdf(900))]
        for deaths in range(5):
            wait_for(lambda: instances(server)[1]["state"] == "starting", 60)
            os.kill(instances(server)[1]["pid"], signal.SIGKILL)
            wait_for(lambda: instances(server)[1]["deaths"] > deaths)
        wait_for(lambda: instances(server)[1]["left_out"])
        first, second = instances(server)
        assert "5 times in a row" in second["left_out"] and (first["held"], second["held"]) == (2, 0)
        assert len([line for line in server.log if "instance 1 is left out: " in line]) == 1
        assert server.get("/readyz").status == 200 and first["deaths"] == 0
        for task in tasks:
            before = server.get(f"/v1/tasks/{task}").json["pages_done"]
            server.wait_until(task, lambda state: state["pages_done"] > before)
            assert server.request("POST", f"/v1/tasks/{task}/cancel").status == 200


def test_instances_leave_when_they_are_idle(tmp_path):
    with configured(tmp_path, LEAN + "pool.instances: 2\nworker.idle_exit: 1\n") as server:
        tasks = [server.submit(pdf(3)), server.submit(pdf(3))]
        wait_for(lambda: all(each["pid"] > 0 for each in instances(server)), 60)
        assert [server.wait_for_end(task)["state"] for task in tasks] == ["done", "done"]
        wait_for(lambda: not children_of(server.process.pid), 60)
        now = instances(server)
        assert all(each["state"] == "none" and each["idle_leaves"] > 0 == each["deaths"] for each in now)
        assert sum(each["places"] for each in now) == 3 and charged(server) == set()


@real
def test_memory_that_carries_one_has_one_and_says_why(tmp_path):
    """As one instance alone would: with all places, and each document is read."""
    with configured(tmp_path, LEAN + "pool.instances: 2\nmemory.limit: 300M\n") as server:
        tasks = [server.submit(pdf(2)) for _ in range(3)]
        wait_for(lambda: instances(server)[1]["left_out"], 60)
        first, second = instances(server)
        assert first["left_out"] is None and first["places"] == 3 and second["places"] == 0 == second["pid"]
        assert re.search(r"memory is short for one worker alone|workers of \d+ MB do not fit into \d+ MB", second["left_out"])
        assert [server.wait_for_end(task)["state"] for task in tasks] == ["done"] * 3
        told = [line for line in server.log if "instance 1 is left out: " in line]
        assert len(told) == 1 and second["left_out"] in told[0] and instances(server)[1]["starts"] == 0


@real
def test_an_instance_goes_when_the_budget_shrinks(tmp_path):
    """Its document goes on in the other one; both read again when there is room."""
    def limit(size):
        (tmp_path / "octavo.yaml").write_text(f"{LEAN}pool.instances: 2\nmemory.limit: {size}\n")
        server.process.send_signal(signal.SIGHUP)
    with configured(tmp_path, LEAN + "pool.instances: 2\nmemory.limit: 2G\n") as server:
        tasks = [server.submit(pdf(900)), server.submit(pdf(900))]
        wait_for(lambda: both_read(server), 60)
        limit("300M")
        wait_for(lambda: sorted(each["state"] for each in instances(server)) == ["none", "ready"], 60)
        gone = next(each for each in instances(server) if each["state"] == "none")
        assert gone["held"] == 0 == gone["places"] and gone["deaths"] == 0 and gone["left_out"]
        before = [server.get(f"/v1/tasks/{task}").json["pages_done"] for task in tasks]
        for task, pages in zip(tasks, before):
            server.wait_until(task, lambda state: state["pages_done"] > pages)
        limit("2G")
        wait_for(lambda: both_read(server), 60)
        assert all(each["left_out"] is None for each in instances(server))
        for task in tasks:
            assert server.request("POST", f"/v1/tasks/{task}/cancel").status == 200
            read = server.get(f"/v1/tasks/{task}/result?format=json").json["pages"]
            assert len(read) > 1 and all(page["lines"][0]["text"] == f"Page number {page['number']}" for page in read)


def coloured(width, height):
    """The bytes of a PNG that takes three bytes a pixel to hold."""
    row, packer = b"\0" + bytes([250, 200, 100]) * width, zlib.compressobj(1)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b""))


@real
def test_an_instance_goes_when_a_large_page_needs_the_room(tmp_path):
    """And comes again when the page was read; nothing that is in work suffers."""
    with configured(tmp_path, LEAN + "pool.instances: 2\nmemory.limit: 900M\n") as server:
        tasks = [server.submit(pdf(900)), server.submit(pdf(900))]
        wait_for(lambda: both_read(server), 60)
        large = server.submit(coloured(10000, 10400))
        wait_for(lambda: any(each["left_out"] for each in instances(server)), 60)
        gone = next(each for each in instances(server) if each["left_out"])
        assert re.search(r"2 workers of \d+ MB do not fit into \d+ MB", gone["left_out"])
        wait_for(lambda: instances(server)[gone["instance"]]["state"] == "none", 60)
        assert server.wait_for_end(large)["state"] == "done"
        wait_for(lambda: both_read(server), 60)
        assert all(each["left_out"] is None and each["deaths"] == 0 for each in instances(server))
        for task in tasks:
            assert server.request("POST", f"/v1/tasks/{task}/cancel").status == 200
            read = server.get(f"/v1/tasks/{task}/result?format=json").json["pages"]
            assert len(read) > 1 and all(page["lines"][0]["text"] == f"Page number {page['number']}" for page in read)
