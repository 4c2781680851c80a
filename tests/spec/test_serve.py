"""The server: the real program over HTTP, with what clients do right and wrong."""
import http.client
import io
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import zipfile
from pathlib import Path

import jsonschema
import pytest

from octavo import LETTER, ROOT, octavo, pdf, require_models, schema, wait_for
from server import Server, children_of, is_problem, multipart, read_events, read_or_empty, receive_all

NOBODY = "0123456789abcdefghjkmnpqrs"
SAMPLES = ROOT / "tests" / "samples"
TABLE = SAMPLES / "table.png"


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server for what leaves it as it was."""
    with Server(tmp_path_factory.mktemp("shared") / "data", "--max-upload", "1M", "--worker-idle", 600,
                environment={"OCTAVO_SERVER_SEND_TIMEOUT": "5"}) as server:
        yield server


def text_of(lines):
    return [line["text"] for line in lines]


def texts_of(result):
    return [(page["number"], text_of(page["lines"])) for page in result["pages"]]


# What it is for


@pytest.mark.parametrize("name", ["letter.png", "receipt.jpg", "columns.pdf", "table.png"])
def test_sample_is_read_as_by_the_command_line(shared, name):
    run = octavo("ocr", "-f", "json", "--layout", "on", SAMPLES / name)
    task = shared.submit((SAMPLES / name).read_bytes(), f"?name={name}")
    end = shared.wait_for_end(task)
    assert end["state"] == "done" and end["error"] is None and end["pages_done"] == end["pages"] == end["document_pages"]
    assert end["position"] is None and end["started"] and end["ended"] and end["seconds"] > 0 and end["engine"]
    result = shared.get(f"/v1/tasks/{task}/result")
    assert result.status == 200 and result.headers["Octavo-Complete"] == "true"
    jsonschema.validate(result.json, schema())
    assert texts_of(result.json) == texts_of(json.loads(run.stdout))
    assert result.json["document"]["name"] == name and result.json["complete"] is True
    text = shared.get(f"/v1/tasks/{task}/result?format=text")
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert text.text == octavo("ocr", "--layout", "on", SAMPLES / name).stdout


def test_an_answer_that_shows_no_regions_is_read_as_by_the_command_line(shared):
    """Without looking for any: only a task may be asked for another format later."""
    def stages(query):
        return set(shared.request("POST", f"/v1/ocr{query}", TABLE.read_bytes()).json["pages"][0]["timings"])
    text = shared.request("POST", "/v1/ocr?format=text", TABLE.read_bytes())
    assert text.text == octavo("ocr", TABLE).stdout
    assert "layout" not in stages("") and "layout" not in stages("?layout=auto") and "layout" in stages("?layout=on")
    for query, wanted in (("", False), ("?words=true", True)):
        lines = shared.request("POST", f"/v1/ocr{query}", TABLE.read_bytes()).json["pages"][0]["lines"]
        assert ("words" in lines[0]) == wanted
    hocr = shared.request("POST", "/v1/ocr?format=hocr", TABLE.read_bytes()).text
    assert hocr.count("ocrx_word") > hocr.count("ocr_line") > 5
    assert "<table>" in shared.request("POST", "/v1/ocr?format=html", TABLE.read_bytes()).text


def test_form_with_options_is_taken(shared):
    body, headers = multipart([("options", None, b'{"pages": "2", "priority": 4}'),
                               ("file", "C:\\scans\\..\\two pages.pdf", pdf(3))])
    answer = shared.request("POST", "/v1/tasks", body, headers)
    assert answer.status == 201 and answer.json["name"] == "two pages.pdf" and answer.json["priority"] == 4
    assert answer.json["options"] == {"pages": "2", "priority": 4, "name": "two pages.pdf"}
    end = shared.wait_for_end(answer.json["id"])
    assert (end["state"], end["pages"], end["document_pages"]) == ("done", 1, 3)
    result = shared.get(f"/v1/tasks/{end['id']}/result").json
    assert texts_of(result) == [(2, ["Page number 2"])]


def test_accept_chooses_the_format(shared):
    task = shared.submit(pdf(1))
    shared.wait_for_end(task)
    types = {None: "application/json", "*/*": "application/json", "text/plain": "text/plain; charset=utf-8",
             "text/*;q=0.5, application/json;q=0.2": "text/plain; charset=utf-8", "application/json": "application/json",
             "text/html, */*;q=0.8": "text/html; charset=utf-8", "text/markdown": "text/markdown; charset=utf-8"}
    for accept, expected in types.items():
        answer = shared.get(f"/v1/tasks/{task}/result", headers={"Accept": accept} if accept else {})
        assert answer.headers["Content-Type"] == expected, accept
    is_problem(shared.get(f"/v1/tasks/{task}/result", headers={"Accept": "image/webp"}), 406, "not_acceptable")


def test_formats_are_the_same_everywhere(shared):
    """As described, as refused, as answered, and as the command line has them."""
    task = shared.submit(pdf(1), "?pdf=1&png=1")
    shared.wait_for_end(task)
    parameters = shared.get("/openapi.json").json["paths"]["/v1/ocr"]["post"]["parameters"]
    pattern = next(one["schema"]["pattern"] for one in parameters if one["name"] == "format")
    words = re.fullmatch(r"\^\((.*)\)\(,\((.*)\)\)\*\$", pattern)
    assert words[1] == words[2]
    formats = words[1].split("|")
    assert formats[-1] == "zip"
    types = [shared.get(f"/v1/tasks/{task}/result?format={word}").headers["Content-Type"] for word in formats[:-1]]
    assert len(set(types)) == len(types)
    described = shared.get("/openapi.json").json["paths"]["/v1/tasks/{id}/result"]["get"]["responses"]["200"]["content"]
    assert {one.split(";")[0] for one in types} | {"application/zip"} == set(described)
    for wrong in ("docx", "text,docx", "text,", ""):
        refused = is_problem(shared.get(f"/v1/tasks/{task}/result?format={wrong}"), 400, "bad_request")
        assert refused == f'format: "{wrong}": {words[1]} is expected, several with commas and no blanks'
    assert "--format docx: " + words[1] + " is expected" in octavo("ocr", "-f", "docx", LETTER).stderr


def unpacked(answer):
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_zip_has_what_each_format_gives(shared):
    document = pdf(3)
    task = shared.submit(document, "?name=three.pdf")
    shared.wait_for_end(task)
    result = f"/v1/tasks/{task}/result"
    files = unpacked(shared.get(result + "?format=text,zip,json,hocr,page,xlsx"))
    assert sorted(files) == ["three-1.page.xml", "three-2.page.xml", "three-3.page.xml", "three.hocr", "three.json",
                             "three.txt", "three.xlsx"]
    for word, name in (("text", "three.txt"), ("json", "three.json"), ("hocr", "three.hocr"), ("xlsx", "three.xlsx")):
        assert files[name] == shared.get(f"{result}?format={word}").body
    assert b"<Unicode>Page number 2</Unicode>" in files["three-2.page.xml"]
    assert list(unpacked(shared.get(f"/v1/tasks/{task}/pages/2?format=page,zip"))) == ["three-2.page.xml"]
    alone = shared.get(f"/v1/tasks/{task}/pages/2?format=page")
    assert alone.text.count("<PcGts") == 1 and "Page number 2" in alone.text
    at_once = shared.request("POST", "/v1/ocr?format=text,zip&name=x/../three.pdf", document)
    assert unpacked(at_once) == {"three.txt": files["three.txt"]}


def test_several_files_are_refused_without_zip(shared):
    task = shared.submit(pdf(2))
    shared.wait_for_end(task)
    assert is_problem(shared.get(f"/v1/tasks/{task}/result?format=text,json"), 400, "several_files") == "2 formats"
    for answer in (shared.get(f"/v1/tasks/{task}/result?format=page"),
                   shared.request("POST", "/v1/ocr?format=page", pdf(2))):
        assert is_problem(answer, 400, "several_files") == "page: one for each of 2 pages"
    assert "zip packs other formats" in is_problem(shared.get(f"/v1/tasks/{task}/result?format=zip"), 400, "bad_request")


def test_words_are_told_to_those_who_ask(shared):
    task = shared.submit(pdf(1))
    shared.wait_for_end(task)
    for address in (f"/v1/tasks/{task}/result", f"/v1/tasks/{task}/pages/1"):
        lines = [(page.json["pages"][0] if "result" in address else page.json)["lines"][0]
                 for page in (shared.get(address), shared.get(address + "?words=true"))]
        assert "words" not in lines[0]
        assert [word["text"] for word in lines[1]["words"]] == ["Page", "number", "1"]
        assert "neither true nor false" in is_problem(shared.get(address + "?words=maybe"), 400, "bad_request")
    at_once = shared.request("POST", "/v1/ocr?words=true", pdf(1)).json
    assert [word["text"] for word in at_once["pages"][0]["lines"][0]["words"]] == ["Page", "number", "1"]


def test_pages_can_be_fetched_as_they_come(shared):
    task = shared.submit(pdf(6))
    is_problem(shared.get(f"/v1/tasks/{task}/result"), 409, "not_ready")
    shared.wait_until(task, lambda state: state["pages_done"] >= 1)
    first = shared.get(f"/v1/tasks/{task}/pages/1")
    assert first.status == 200 and text_of(first.json["lines"]) == ["Page number 1"]
    assert shared.get(f"/v1/tasks/{task}/pages/1?format=text").text == "Page number 1\n"
    end = shared.wait_for_end(task)
    assert end["state"] == "done"
    assert [shared.get(f"/v1/tasks/{task}/pages/{n}?format=text").text for n in range(1, 7)] == \
        [f"Page number {n}\n" for n in range(1, 7)]
    for page in ("7", "0", "-1", "1x", "99999999999"):
        is_problem(shared.get(f"/v1/tasks/{task}/pages/{page}"), 404, "not_found")


def test_list_goes_newest_first_in_steps(shared):
    tasks = [shared.submit(pdf(1)) for _ in range(5)]
    for task in tasks:
        shared.wait_for_end(task)
    first = shared.get("/v1/tasks?limit=2&state=done,failed").json
    assert [task["id"] for task in first["tasks"]] == tasks[:2:-1]
    second = shared.get(f"/v1/tasks?limit=2&cursor={first['next']}").json
    assert [task["id"] for task in second["tasks"]] == tasks[2:0:-1]
    assert shared.get("/v1/tasks?state=queued").json == {"tasks": [], "next": None}


def test_what_is_read_at_once_leaves_nothing(shared):
    before = sorted(path.name for path in Path(shared.data).rglob("*")), shared.get("/v1/tasks?limit=1").json
    text = shared.request("POST", "/v1/ocr?format=text", LETTER.read_bytes())
    assert text.status == 200 and text.text == octavo("ocr", LETTER).stdout
    body, headers = multipart([("file", "pages.pdf", pdf(2)), ("options", None, b'{"pages":"-1"}')])
    answer = shared.request("POST", "/v1/ocr", body, headers)
    jsonschema.validate(answer.json, schema())
    assert answer.json["document"]["name"] == "pages.pdf" and texts_of(answer.json) == [(1, ["Page number 1"])]
    assert (sorted(path.name for path in Path(shared.data).rglob("*")), shared.get("/v1/tasks?limit=1").json) == before
    assert "result" not in shared.get("/v1/memory").json["ledger"]["kinds"]


def test_failure_of_a_document_is_told(shared):
    for document, status, code in ((b"no document at all", 415, "unsupported"), (pdf(1)[:40], 422, "corrupt")):
        end = shared.wait_for_end(shared.submit(document))
        assert end["state"] == "failed" and end["error"]["code"] == code and end["error"]["advice"], end
        is_problem(shared.get(f"/v1/tasks/{end['id']}/result"), status, code)
        is_problem(shared.request("POST", "/v1/ocr", document), status, code)
    end = shared.wait_for_end(shared.submit(pdf(2), "?pages=5"))
    assert end["error"]["code"] == "page_range"


# Events


def test_events_tell_all_and_resume(shared):
    task = shared.submit(pdf(4))
    connection = shared.connect()
    connection.request("GET", f"/v1/tasks/{task}/events")
    response = connection.getresponse()
    assert response.status == 200 and response.headers["Content-Type"] == "text/event-stream"
    first = read_events(response, most=3)
    connection.close()
    shared.wait_for_end(task)
    rest = shared.get(f"/v1/tasks/{task}/events", headers={"Last-Event-ID": str(first[-1][0])})
    assert rest.status == 200
    again = shared.get(f"/v1/tasks/{task}/events?after=0")
    whole = read_events(Lines(again.body))
    assert whole == first + read_events(Lines(rest.body))
    assert [number for number, _, _ in whole] == list(range(1, 8))
    assert [kind for _, kind, _ in whole] == ["queued", "started", "page", "page", "page", "page", "done"]
    assert sorted(data["page"] for _, kind, data in whole if kind == "page") == [1, 2, 3, 4]
    assert all(data["task"] == task and data["at"].endswith("Z") for _, _, data in whole)
    assert shared.get(f"/v1/tasks/{task}/events", headers={"Last-Event-ID": "7"}).status == 204
    is_problem(shared.get(f"/v1/tasks/{task}/events", headers={"Last-Event-ID": "x"}), 400, "bad_request")
    is_problem(shared.get(f"/v1/tasks/{NOBODY}/events"), 404, "not_found")


class Lines:
    def __init__(self, body):
        self.lines = body.splitlines(keepends=True)

    def readline(self):
        return self.lines.pop(0) if self.lines else b""


# What is refused


@pytest.mark.parametrize("method, path, status, code, detail", [
    ("GET", "/", 404, "not_found", "/; /openapi.json lists what there is, /healthz"),
    ("GET", "/v1/tasks/", 404, "not_found", ""),
    ("GET", "/v1/tasks/x/y/z", 404, "not_found", ""),
    ("PUT", "/v1/tasks", 405, "method_not_allowed", "takes POST, GET"),
    ("GET", "/v1/ocr", 405, "method_not_allowed", "takes POST"),
    ("GET", "/v1/tasks?colour=red", 400, "bad_request", 'there is no parameter "colour"'),
    ("GET", "/v1/tasks?limit=0", 400, "bad_request", "limit: \"0\" is no whole number from 1 to 1000"),
    ("GET", "/v1/tasks?limit=ten", 400, "bad_request", "limit"),
    ("GET", "/v1/tasks?cursor=-1", 400, "bad_request", "cursor"),
    ("GET", "/v1/tasks?state=lost", 400, "bad_request", 'there is no state "lost"'),
    ("GET", "/v1/tasks?state=", 400, "bad_request", 'there is no state ""'),
    ("GET", f"/v1/tasks/{NOBODY}", 404, "not_found", f'task "{NOBODY}"; finished tasks are kept for a limited time'),
    ("GET", "/v1/tasks/x", 404, "not_found", 'task "x"'),
    ("GET", f"/v1/tasks/{NOBODY}?wait=301", 400, "bad_request", "wait"),
    ("GET", f"/v1/tasks/{NOBODY}?wait=5", 404, "not_found", ""),
    ("GET", f"/v1/tasks/{NOBODY}/result", 404, "not_found", ""),
    ("GET", f"/v1/tasks/{NOBODY}/pages/1", 404, "not_found", ""),
    ("POST", f"/v1/tasks/{NOBODY}/cancel", 404, "not_found", ""),
    ("DELETE", f"/v1/tasks/{NOBODY}", 404, "not_found", ""),
    ("GET", "/v1/tasks/..%2f..%2f..%2fetc%2fpasswd", 404, "not_found", ""),
    ("GET", "/v1/tasks/%2e%2e", 404, "not_found", ""),
    ("GET", f"/v1/tasks/{NOBODY}%00", 404, "not_found", ""),
    ("DELETE", "/v1/tasks/..", 404, "not_found", ""),
])
def test_wrong_request_is_answered(shared, method, path, status, code, detail):
    assert detail in is_problem(shared.request(method, path), status, code)


def test_a_key_is_refused_where_nothing_is_kept(shared):
    answer = shared.request("POST", "/v1/ocr?key=a", pdf(1))
    assert "only tasks have keys" in is_problem(answer, 400, "bad_request")


def test_what_is_no_task_has_no_advice_about_tasks(shared):
    for method, path in (("GET", "/v1"), ("POST", "/v1/models/none/unload")):
        answer = shared.request(method, path)
        assert is_problem(answer, 404, "not_found") and answer.json["advice"] == "check the address or the name"


def test_allowed_methods_are_told(shared):
    assert shared.request("PATCH", "/v1/tasks").headers["Allow"] == "POST, GET"
    head = shared.request("HEAD", "/healthz")
    assert head.status == 200 and head.body == b""


@pytest.mark.parametrize("query, detail", [
    ("dpi=35", "dpi: \"35\" is no whole number from 36 to 1200"), ("dpi=", "dpi"), ("priority=11", "from -10 to 10"),
    ("pages=3-1", "pages"), ("pages=1%00", "pages"), ("deadline=0", "deadline"), ("name=a%0ab", "control characters"),
    ("colour=red", 'there is no option "colour"'), ("name=" + "x" * 256, "from 1 to 255 bytes"), ("key=", "key"),
    ("format=text", 'there is no option "format", which belongs in the address of the result: /v1/ocr?format=... or '),
])
def test_wrong_option_is_named(shared, query, detail):
    assert detail in is_problem(shared.request("POST", "/v1/tasks?" + query, pdf(1)), 400, "bad_request")


@pytest.mark.parametrize("parts, status, code, detail", [
    ([], 400, "bad_request", 'no part "file"'),
    ([("options", None, b"{}")], 400, "bad_request", 'no part "file"'),
    ([("file", "a.pdf", b"")], 422, "empty", ""),
    ([("file", "a.pdf", b"x"), ("file", "b.pdf", b"")], 422, "empty", "number 2"),
    ([("file", "a.pdf", b"x"), ("file", "b.pdf", b"y"), ("options", None, b'{"name": "c"}')], 400, "bad_request", "its own"),
    ([("file", "a.pdf", b"x"), ("colour", None, b"red")], 400, "bad_request", 'there is a part "colour"'),
    ([("file", "a.pdf", b"x"), ("colour", None, b"red")], 400, "bad_request", '"file" and "options" are expected'),
    ([("file", "a.pdf", b"x"), ("format", None, b"text")], 400, "bad_request", "/v1/tasks/ID/result?format=..."),
    ([("file", "a.pdf", b"x"), ("dpi", None, b"300")], 400, "bad_request", "in the address, ?dpi=..., or in the part"),
    ([("file", "a.pdf", b"x"), ("options", None, b'{"words": 1}')], 400, "bad_request", "/v1/ocr?words=..."),
    ([("file", "a.pdf", b"x"), ("options", None, b"[1]")], 400, "bad_request", "a JSON object"),
    ([("file", "a.pdf", b"x"), ("options", None, b'{"dpi":1.5}')], 400, "bad_request", "dpi"),
    ([("file", "a.pdf", b"x"), ("options", None, b"{" * 70000)], 400, "bad_request", "more than 65536 bytes"),
])
def test_wrong_form_is_answered(shared, parts, status, code, detail):
    body, headers = multipart(parts)
    assert detail in is_problem(shared.request("POST", "/v1/tasks", body, headers), status, code)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "..", "a\\..\\b.pdf", "con\x01trol", "x" * 5000,
                                  "\udcff\udcfe", "%2e%2e%2f", "nul\\x00", " "])
def test_hostile_file_name_is_only_a_name(shared, name):
    body, headers = multipart([("file", "NAME", pdf(1))])
    body = body.replace(b"NAME", name.encode(errors="surrogateescape"))
    answer = shared.request("POST", "/v1/tasks", body, headers)
    assert answer.status == 201, answer
    shown = answer.json["name"]
    assert shown is None or ("/" not in shown and "\\" not in shown.replace("\\x00", "") and len(shown) <= 255)
    assert shared.wait_for_end(answer.json["id"])["state"] == "done"
    assert all(re.fullmatch(r"documents|pages|pdfs|pictures|figures|lock|octavo\.db.*|[0-9a-z]{26}", path.name)
               for path in Path(shared.data).rglob("*"))


@pytest.mark.parametrize("where", ["address", "form"])
def test_tables_without_layout_are_refused(shared, where):
    """A format of tables alone would be empty. A task may have other formats."""
    body, headers = multipart([("options", None, b'{"layout": "off"}'), ("file", "a.pdf", pdf(1))])
    more = "&layout=off" if where == "address" else ""
    sent = (LETTER.read_bytes(), None) if where == "address" else (body, headers)
    for formats in ("csv", "json,xlsx,zip"):
        answer = shared.request("POST", f"/v1/ocr?format={formats}{more}", *sent)
        assert "csv and xlsx hold tables" in is_problem(answer, 400, "bad_request")
    assert shared.request("POST", f"/v1/ocr?format=text{more}", *sent).status == 200
    assert shared.request("POST", f"/v1/tasks?{more[1:]}", *sent).status == 201


@pytest.mark.parametrize("kind", ["multipart/mixed; boundary=x", "multipart/form-data", "multipart/form-data; boundary="])
def test_other_multipart_is_refused(shared, kind):
    is_problem(shared.request("POST", "/v1/tasks", b"--x\r\n\r\n", {"Content-Type": kind}), 415, "media_type")


def documents(server):
    """Files of documents; those of earlier requests may go at any time."""
    return set((Path(server.data) / "documents").iterdir())


def test_form_without_its_end_is_refused(shared):
    body, headers = multipart([("file", "a.pdf", pdf(1))])
    before = documents(shared)
    for cut in (4, 12, len(body) // 2):
        is_problem(shared.request("POST", "/v1/tasks", body[:-cut], headers), 400, "bad_request")
        wait_for(lambda: documents(shared) <= before)


def test_empty_body_is_refused(shared):
    is_problem(shared.request("POST", "/v1/tasks", b""), 422, "empty")
    is_problem(shared.request("POST", "/v1/ocr", b""), 422, "empty")


def test_body_must_tell_its_size_and_fit(shared):
    told = shared.raw(b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert told.startswith(b"HTTP/1.1 411 ") and b"length_required" in told
    detail = is_problem(shared.request("POST", "/v1/tasks", b"x" * (1 << 20) + b"x"), 413, "body_too_large")
    assert detail == "1048577 bytes, the limit is 1048576"
    told = shared.raw(b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\nabc")
    assert told.startswith(b"HTTP/1.1 413 ") and b"body_too_large" in told


@pytest.mark.parametrize("first", [0, 1, 2, 3, 4, 5, 40])
@pytest.mark.parametrize("address, status", [("/v1/tasks", b"201"), ("/v1/ocr?format=text", b"200")])
def test_a_part_may_come_in_any_pieces(shared, address, status, first):
    body, headers = multipart([("file", "a.pdf", pdf(1))])
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    cut = body.index(b"%PDF") + first
    with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as client:
        client.sendall(f"POST {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{head}\r\n"
                       .encode() + body[:cut])
        time.sleep(0.2)
        client.sendall(body[cut:])
        assert receive_all(client).startswith(b"HTTP/1.1 " + status)


def test_upload_that_breaks_off_leaves_nothing(shared):
    before = documents(shared)
    with socket.create_connection(("127.0.0.1", shared.port)) as client:
        client.sendall(b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + b"x" * 100000)
        wait_for(lambda: documents(shared) - before)
        assert shared.get("/v1/memory").json["ledger"]["kinds"]["upload"] > 0
    wait_for(lambda: documents(shared) <= before)
    wait_for(lambda: "upload" not in shared.get("/v1/memory").json["ledger"]["kinds"])


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n",
                                  b"GET " + b"/a" * 20000 + b" HTTP/1.1\r\n\r\n",
                                  b"GET /healthz HTTP/1.1\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n",
                                  b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                                  b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"])
def test_what_is_no_http_does_no_harm(shared, data):
    with socket.create_connection(("127.0.0.1", shared.port), timeout=30) as client:
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:  # it has closed the connection already
            pass
        told = receive_all(client)
    assert told == b"" or re.match(rb"HTTP/1\.[01] [45]\d\d ", told), told[:200]
    assert shared.get("/healthz").status == 200


def test_request_ids_are_kept_if_they_are_sane(shared):
    assert shared.get("/healthz", headers={"X-Request-Id": "abc-1.2_3"}).headers["X-Request-Id"] == "abc-1.2_3"
    for odd in ("a b", "x" * 65, "<script>"):
        own = shared.get("/healthz", headers={"X-Request-Id": odd}).headers["X-Request-Id"]
        assert re.fullmatch("[a-z0-5]{16}", own)


# Cancelling


def test_queued_task_can_be_cancelled_and_removed(shared):
    tasks = [shared.submit(pdf(3)) for _ in range(6)]
    last = shared.request("POST", f"/v1/tasks/{tasks[-1]}/cancel").json
    assert last["state"] == "cancelled" and last["pages_done"] == 0
    is_problem(shared.get(f"/v1/tasks/{tasks[-1]}/result"), 409, "cancelled")
    for task in tasks:
        answer = shared.request("DELETE", f"/v1/tasks/{task}")
        assert answer.status == 204 and answer.body == b""
        is_problem(shared.get(f"/v1/tasks/{task}"), 404, "not_found")
        assert not list(Path(shared.data).rglob(task))


def test_deadline_ends_a_task(shared):
    end = shared.wait_for_end(shared.submit(pdf(200), "?deadline=1"))
    assert end["state"] == "expired" and end["error"]["code"] == "expired" and end["pages_done"] < 200
    assert end["deadline"] > end["created"]


# Idempotency


def test_key_gives_the_same_task(shared):
    first = shared.submit(pdf(1), headers={"Idempotency-Key": "order-7"})
    again = shared.request("POST", "/v1/tasks?key=order-7&name=other.pdf", pdf(1))
    assert again.status == 200 and again.json["id"] == first
    is_problem(shared.request("POST", "/v1/tasks?key=order-7", pdf(2)), 409, "key_used")
    is_problem(shared.request("POST", "/v1/tasks?key=order-7&dpi=72", pdf(1)), 409, "key_used")


# How it describes itself


def check_answer(openapi, path, method, answer):
    """Whether an answer is one of those that the description has."""
    described = openapi["paths"][path][method]["responses"]
    assert str(answer.status) in described, (path, method, answer)
    content = described[str(answer.status)].get("content")
    if not content:
        assert answer.body == b""
        return
    kind = answer.headers["Content-Type"].split(";")[0]
    assert kind in content, (path, kind)
    if kind.endswith("json"):
        jsonschema.validate(answer.json, {**content[kind]["schema"], "components": openapi["components"]})


def test_description_is_true(shared):
    openapi = shared.get("/openapi.json").json
    assert openapi["openapi"] == "3.1.0"
    task = shared.submit(pdf(1))
    shared.wait_for_end(task)
    tried = set()
    for path, methods in openapi["paths"].items():
        address = path.replace("{id}", task).replace("{n}", "1")
        for method, operation in methods.items():
            if method == "delete":
                continue
            body = pdf(1) if "requestBody" in operation else None
            check_answer(openapi, path, method, shared.request(method.upper(), address, body))
            wrong = path.replace("{id}", NOBODY).replace("{n}", "1") + "?colour=red"
            answer = shared.request(method.upper(), wrong, body)
            assert answer.status == 400, (path, answer)
            if operation["parameters"] or body:
                check_answer(openapi, path, method, answer)
            tried.add((method, path))
        for method in {"get", "post", "put", "delete", "patch"} - set(methods):
            assert shared.request(method.upper(), address).status == 405
    check_answer(openapi, "/v1/tasks/{id}", "delete", shared.request("DELETE", f"/v1/tasks/{task}"))
    names = {parameter["name"] for parameter in openapi["paths"]["/v1/tasks"]["post"]["parameters"]}
    assert names == set(openapi["components"]["schemas"]["options"]["properties"])
    page = (ROOT / "docs" / "server.md").read_text()
    for method, path in tried | {("delete", "/v1/tasks/{id}")}:
        assert f"`{method.upper()} {path}" in page, (method, path)
    for name in names:
        assert f"`{name}`" in page, name


def test_metrics_are_well_formed_and_count(shared):
    task = shared.submit(pdf(2))
    shared.wait_for_end(task)
    answer = shared.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    kinds, samples = {}, {}
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            kinds[line.split()[2]] = line.split()[3]
        elif not line.startswith("#"):
            match = re.fullmatch(r'([a-z_]+)(\{[a-z]+="[a-zA-Z0-9_.+-]+"(?:,[a-z]+="[a-z0-9_.-]+")*\})? (\S+)', line)
            histogram = match and re.sub("_(bucket|sum|count)$", "", match[1])
            assert match and (match[1] in kinds or kinds[histogram] == "histogram"), line
            samples[match[1] + (match[2] or "")] = float(match[3])
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in kinds.items())
    assert samples['octavo_tasks_ended_total{state="done"}'] >= 1 and samples["octavo_pages_total"] >= 2
    assert samples["octavo_worker_starts_total"] >= 1 and samples['octavo_memory_used_bytes{process="server"}'] > 0
    page = (ROOT / "docs" / "server.md").read_text()
    assert all(f"`{name}`" in page for name in kinds)


def test_state_of_memory_and_pool_is_shown(shared):
    openapi = shared.get("/openapi.json").json
    shared.wait_for_end(shared.submit(pdf(1)))
    for path in ("/v1/memory", "/v1/pool", "/healthz", "/readyz"):
        check_answer(openapi, path, "get", shared.get(path))
    assert shared.get("/readyz").json == {"ready": True, "reasons": []}
    memory = shared.get("/v1/memory").json
    assert memory["now"]["server"] > 0 and memory["now"]["worker"] > 0 and memory["ledger"]["budget"] > 0
    assert shared.get("/v1/pool").json["instances"][0]["state"] == "ready"


# Many, slow, and long


def test_many_clients_at_once(shared):
    answers = []

    def send(number):
        answers.append(shared.request("POST", f"/v1/ocr?format=text&pages={number}", pdf(9), timeout=120).text)
    threads = [threading.Thread(target=send, args=(number % 9 + 1,)) for number in range(18)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == sorted(f"Page number {number % 9 + 1}\n" for number in range(18))


def test_book_makes_room_for_a_letter(tmp_path):
    """One place: a letter that comes later is read in the middle of the book."""
    with Server(tmp_path / "data", "--jobs", 1) as server:
        book = server.submit(pdf(80))
        server.wait_until(book, lambda state: state["pages_done"] > 0)
        letter = server.submit(pdf(1))
        assert server.get(f"/v1/tasks/{letter}").json["position"] == 0
        assert server.wait_for_end(letter, 60)["state"] == "done"
        state = server.get(f"/v1/tasks/{book}").json
        assert state["state"] in ("queued", "running") and state["pages_done"] < 80, state
        assert server.wait_for_end(book)["state"] == "done"
        result = server.get(f"/v1/tasks/{book}/result").json
        assert texts_of(result) == [(n, [f"Page number {n}"]) for n in range(1, 81)]
        events = read_events(Lines(server.get(f"/v1/tasks/{book}/events").body))
        pages = [data["page"] for _, kind, data in events if kind == "page"]
        assert sorted(pages) == list(range(1, 81))  # none twice
        assert [kind for _, kind, _ in events].count("started") >= 2


def test_queue_is_bounded(tmp_path):
    config = tmp_path / "octavo.yaml"
    config.write_text("queue:\n  tasks: 2\n  bytes: 1M\n")
    with Server(tmp_path / "data", "--config", config, "--jobs", 1) as server:
        tasks = [server.submit(pdf(60)) for _ in range(2)]
        answer = server.request("POST", "/v1/tasks", pdf(1))
        is_problem(answer, 429, "queue_full")
        assert 1 <= int(answer.headers["Retry-After"]) <= 600
        for task in tasks:
            assert server.request("DELETE", f"/v1/tasks/{task}").status == 204
        detail = is_problem(server.request("POST", "/v1/tasks", b"x" * (1 << 20) + b"x"), 413, "body_too_large")
        assert "all that waits may have" in detail
        server.submit(pdf(1))


# Starting and stopping


def test_killed_server_goes_on_where_it_was(tmp_path):
    server = Server(tmp_path / "data", "--jobs", 2)
    book, letter = server.submit(pdf(40), "?name=book.pdf"), server.submit(LETTER.read_bytes())
    queued = [server.submit(pdf(2)) for _ in range(3)]
    kills = 0
    while kills < 3:
        state = server.wait_until(book, lambda state: state["pages_done"] >= 8 * (kills + 1) or state["state"] == "done")
        assert state["state"] == "running"
        server.kill()
        kills += 1
        server.start()
        assert f"{'data'}, " in server.first
    with server:
        ends = [server.wait_for_end(task) for task in (book, letter, *queued)]
        assert [end["state"] for end in ends] == ["done"] * 5
        result = server.get(f"/v1/tasks/{book}/result").json
        jsonschema.validate(result, schema())
        assert texts_of(result) == [(n, [f"Page number {n}"]) for n in range(1, 41)] and result["complete"]
        events = read_events(Lines(server.get(f"/v1/tasks/{book}/events").body))
        pages = [data["page"] for _, kind, data in events if kind == "page"]
        assert sorted(pages) == list(range(1, 41))  # what was read before is not read again
        assert [kind for _, kind, _ in events].count("queued") >= 4
        assert server.get(f"/v1/tasks/{letter}/result?format=text").text == octavo("ocr", LETTER).stdout
        assert not list((tmp_path / "data" / "documents").iterdir())


def test_killed_server_takes_its_children_with_it(tmp_path):
    server = Server(tmp_path / "data")
    task = server.submit(pdf(100))
    server.wait_until(task, lambda state: state["pages_done"] > 0)
    children = children_of(server.process.pid)
    assert len(children) >= 2
    server.kill()
    wait_for(lambda: not any("octavo" in read_or_empty(Path(f"/proc/{pid}/comm")) for pid in children), 5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_drains(tmp_path, number):
    with Server(tmp_path / "data") as server:
        task = server.submit(pdf(40))
        server.wait_until(task, lambda state: state["pages_done"] > 0)
        waiting = server.connect()
        waiting.request("GET", f"/v1/tasks/{task}?wait=60")
        assert server.stop(number) == 0
        answer = json.loads(waiting.getresponse().read())
        assert answer["id"] == task and answer["state"] in ("queued", "running")
        assert any("ledger is balanced, 0 bytes" in line for line in server.log), server.log
        server.start()
        state = server.get(f"/v1/tasks/{task}").json
        assert state["pages_done"] > 0 and server.wait_for_end(task)["state"] == "done"
        events = read_events(Lines(server.get(f"/v1/tasks/{task}/events").body))
        assert sorted(data["page"] for _, kind, data in events if kind == "page") == list(range(1, 41))


def test_while_it_ends_answers_are_fetched_to_their_end(tmp_path):
    with Server(tmp_path / "data", "--grace", 30) as server:
        noise = random.Random(1).choices(range(244, 256), k=2000 * 2000)
        task = server.submit(b"P5 2000 2000 255\n" + bytes(noise), "?png=1")
        assert server.wait_for_end(task)["state"] == "done"
        whole = server.get(f"/v1/tasks/{task}/result?format=png,zip").body
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(f"GET /v1/tasks/{task}/result?format=png,zip HTTP/1.0\r\nHost: x\r\n\r\n".encode())
            got = client.recv(4096)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(2)  # longer than it waits for connections that are idle
            answer = got + receive_all(client)
        assert len(whole) > 1000000 and answer.endswith(whole[-1000:])
        assert server.wait() == 0


def test_while_it_ends_nothing_new_is_taken(tmp_path):
    with Server(tmp_path / "data", "--threads", 1) as server:
        connection = server.connect()
        connection.request("POST", "/v1/ocr?format=text", pdf(10))  # it is finished, within the time to end
        wait_for(lambda: server.get("/v1/pool").json["leases"]["held"] == 1)
        late = server.connect()
        late.putrequest("POST", "/v1/ocr")
        late.putheader("Content-Length", "6")
        late.endheaders(b"abc")
        wait_for(lambda: "octavo_http_uploads 1\n" in server.get("/metrics").text)
        server.process.send_signal(signal.SIGTERM)
        ready = None
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and (ready is None or ready.status == 200):
            ready = server.get("/readyz")
        assert ready.status == 503 and ready.json["reasons"][0]["code"] == "draining"
        answer = server.request("POST", "/v1/tasks", pdf(1))
        is_problem(answer, 503, "draining")
        assert int(answer.headers["Retry-After"]) >= 1
        late.send(b"def")  # it began to come before
        assert late.getresponse().status == 503
        assert server.get("/healthz").status == 200
        assert connection.getresponse().read().decode().count("Page number") == 10
        assert server.wait() == 0


def test_second_signal_ends_at_once_and_loses_nothing(tmp_path):
    server = Server(tmp_path / "data", "--grace", 60)
    task = server.submit(pdf(30))
    server.wait_until(task, lambda state: state["pages_done"] > 0)
    connection = server.connect()
    connection.request("POST", "/v1/ocr", pdf(200))
    wait_for(lambda: server.get("/v1/pool").json["leases"]["held"] == 2)
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: any("ending:" in line for line in server.log))
    start = time.monotonic()
    assert server.stop(signal.SIGTERM) == 128 + signal.SIGTERM
    assert time.monotonic() - start < 2
    server.start()
    with server:
        assert server.wait_for_end(task)["state"] == "done"


def test_one_server_for_a_folder(tmp_path):
    with Server(tmp_path / "data"):
        run = octavo("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data")
        assert run.returncode == 75 and "another server works with the data folder" in run.stderr


@pytest.mark.parametrize("address, status, sentence", [
    ("0.0.0.0:8080", 69, "there are no API keys"),
    ("[::]:8080", 69, "there are no API keys"),
    ("8.8.8.8:80", 69, "there are no API keys"),
    ("127.0.0.1", 64, "HOST:PORT is expected"),
    ("127.0.0.1:65536", 64, "HOST:PORT is expected"),
    (":80", 64, "HOST:PORT is expected"),
    ("127.0.0.1:http", 64, "HOST:PORT is expected"),
    ("no.such.host.invalid:80", 69, "no.such.host.invalid:80"),
])
def test_wrong_address_is_refused(tmp_path, address, status, sentence):
    run = octavo("serve", "--listen", address, "--data", tmp_path / "data")
    assert run.returncode == status and sentence in run.stderr, run.stderr


def test_address_in_use_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        run = octavo("serve", "--listen", address, "--data", tmp_path / "data")
    assert run.returncode == 69 and f"{address}: Address already in use" in run.stderr


def test_data_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    run = octavo("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "file" / "data")
    assert run.returncode == 74 and "the store of tasks cannot be used" in run.stderr and "Not a directory" in run.stderr
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "octavo.db").write_text("this is no database, whatever its name says")
    run = octavo("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data")
    assert run.returncode == 74 and "the store of tasks is damaged" in run.stderr


def test_without_models_it_says_so_and_keeps_the_tasks(tmp_path):
    empty = tmp_path / "models"
    empty.mkdir()
    server = Server(tmp_path / "data", "--models", empty)
    with server:
        task = server.submit(pdf(1))
        wait_for(lambda: server.get("/readyz").status == 503)
        reason = server.get("/readyz").json["reasons"][0]
        assert reason["code"] == "no_model" and "a model is missing" in reason["detail"]
        assert server.get(f"/v1/tasks/{task}").json["state"] == "queued"
        answer = server.request("POST", "/v1/ocr", pdf(1))
        is_problem(answer, 503, "no_model")
        assert "Retry-After" in answer.headers
    server.options = ()
    server.start()
    with server:
        assert server.wait_for_end(task)["state"] == "done"


@pytest.fixture
def supervisor(tmp_path):
    """Hears what a server says that is started with it as $NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


def test_supervisor_is_notified(tmp_path, supervisor):
    with Server(tmp_path / "data", environment={"NOTIFY_SOCKET": supervisor.getsockname(), "WATCHDOG_PID": "1",
                                                "WATCHDOG_USEC": "1000"}) as server:  # another's watchdog
        assert supervisor.recv(100) == b"READY=1"
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        server.process.send_signal(signal.SIGHUP)
        reloading, at = supervisor.recv(100).decode().split("\nMONOTONIC_USEC=")
        assert reloading == "RELOADING=1" and before <= int(at) / 1e6 <= time.clock_gettime(time.CLOCK_MONOTONIC)
        assert supervisor.recv(100) == b"READY=1"
        server.process.send_signal(signal.SIGTERM)
        assert supervisor.recv(100) == b"STOPPING=1"
        server.wait()


@pytest.mark.parametrize("before", [(), ("sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh")], ids=["any process", "this one"])
def test_watchdog_hears_from_a_loop_that_goes_on(tmp_path, supervisor, before):
    """An idle server would sleep for a second: it is woken for the watchdog."""
    with Server(tmp_path / "data", before=before, environment={"NOTIFY_SOCKET": supervisor.getsockname(),
                                                               "WATCHDOG_USEC": "400000"}) as server:
        assert supervisor.recv(100) == b"READY=1"
        began = time.monotonic()
        assert [supervisor.recv(100) for _ in range(5)] == [b"WATCHDOG=1"] * 5
        assert 0.7 < time.monotonic() - began < 5


class ProcessOne(Server):
    """The server as the first process of a name space, as in a container; main is its id outside."""

    def start(self):
        super().start()
        self.main, = children_of(self.process.pid)

    def stop(self, number=signal.SIGTERM, timeout=60):
        os.kill(self.main, number)
        return self.wait(timeout)


def test_works_as_process_one(tmp_path):
    """Orphans of others are waited for; its own children are not mixed up with them; signals mean what they mean."""
    space = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    if subprocess.run([*space, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a name space of processes is not allowed here")

    def make_orphan():
        subprocess.run(["nsenter", "-p", "-t", str(server.main), "sh", "-c", "sleep 0.2 & exit"], check=True)

    with ProcessOne(tmp_path / "data", before=space) as server:
        task = server.submit(pdf(1))
        for _ in range(3):
            make_orphan()
        assert server.wait_for_end(task)["state"] == "done"
        worker, = [pid for pid in children_of(server.main) if "octavo-worker" in read_or_empty(Path(f"/proc/{pid}/comm"))]
        make_orphan()
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: any("octavo-worker was killed by signal 9" in line for line in server.log))
        assert server.wait_for_end(server.submit(pdf(1)))["state"] == "done"
        wait_for(lambda: not any("sleep" in read_or_empty(Path(f"/proc/{pid}/stat")) for pid in children_of(server.main)))
        assert server.stop() == 0


def small_disk(folder, megabytes):
    """The start of a command in a name space of its own, with a small file system at folder."""
    folder.mkdir()
    mount = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size={megabytes}m none {folder} && exec \"$@\"", "sh"]
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    return mount


def test_full_disk_is_told_and_work_goes_on(tmp_path):
    server = Server(tmp_path / "disk", before=small_disk(tmp_path / "disk", 2))
    disk = Path(f"/proc/{server.process.pid}/root{tmp_path}/disk")
    with server:
        task = server.submit(pdf(60))
        server.wait_until(task, lambda state: state["pages_done"] > 0)
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(b"x" * 4096)
        wait_for(lambda: server.get("/readyz").status == 503)
        assert server.get("/readyz").json["reasons"][0]["code"] == "disk_full"
        is_problem(server.request("POST", "/v1/tasks", b"x" * 100000), 507, "disk_full")
        is_problem(server.request("POST", "/v1/ocr", pdf(1)), 507, "disk_full")
        filler.unlink()
        end = server.wait_for_end(task)
        assert end["state"] == "done" and server.get("/readyz").status == 200
        result = server.get(f"/v1/tasks/{task}/result").json
        assert texts_of(result) == [(n, [f"Page number {n}"]) for n in range(1, 61)]


def test_task_that_had_only_to_be_ended_is(tmp_path):
    """Killed between its last page and its end: nothing of it is read again."""
    server = Server(tmp_path / "data")
    with server:
        task = server.submit(pdf(2))
        before = server.wait_for_end(task)
        lines = texts_of(server.get(f"/v1/tasks/{task}/result").json)
    with sqlite3.connect(tmp_path / "data" / "octavo.db") as database:
        database.execute("UPDATE tasks SET state = 'running', ended = 0, warnings = NULL")
    (tmp_path / "data" / "documents" / task).write_bytes(pdf(2))
    server.start()
    with server:
        end = server.wait_for_end(task)
        assert (end["state"], end["pages"], end["pages_done"], end["engine"]) == ("done", 2, 2, before["engine"])
        assert texts_of(server.get(f"/v1/tasks/{task}/result").json) == lines
        events = read_events(Lines(server.get(f"/v1/tasks/{task}/events").body))
        assert [kind for _, kind, _ in events].count("page") == 2


def test_raster_that_dies_once_is_forgiven(tmp_path):
    with Server(tmp_path / "data") as server:
        task = server.submit(pdf(60))
        server.wait_until(task, lambda state: state["pages_done"] > 0)
        kill_child(server, "octavo-raster")
        again = server.wait_until(task, lambda state: state["pages_done"] > 10)
        assert again["state"] == "running"
        kill_child(server, "octavo-raster")
        end = server.wait_for_end(task)
        assert end["state"] == "failed" and end["error"]["code"] == "raster_crashed"
        assert server.get(f"/v1/tasks/{task}/result").headers["Octavo-Complete"] == "false"


def kill_child(server, name):
    pids = [pid for pid in children_of(server.process.pid) if read_or_empty(Path(f"/proc/{pid}/comm")).startswith(name)]
    assert pids
    os.kill(pids[0], signal.SIGKILL)


def test_kills_at_random_moments_lose_nothing(tmp_path):
    """Server and children, under load: every accepted task ends once, with what an undisturbed run reads."""
    chance = random.Random(8)
    server = Server(tmp_path / "data", "--jobs", 4)
    accepted, stop = {}, threading.Event()

    def send(client):
        number = 0
        while not stop.is_set():
            pages = (client + number) % 6 + 1
            try:
                answer = server.request("POST", f"/v1/tasks?key={client}-{number}", pdf(pages), timeout=20)
                assert answer.status in (200, 201), answer
                accepted[answer.json["id"]] = pages
                number += 1
            except (OSError, http.client.HTTPException):
                pass  # it was killed: the same key again
            stop.wait(1)
    clients = [threading.Thread(target=send, args=(client,)) for client in range(3)]
    for client in clients:
        client.start()
    for _ in range(12):
        time.sleep(chance.random() * 1.5)
        children = children_of(server.process.pid)
        if chance.random() < 0.6 or not children:
            server.kill()
            server.start()
        else:
            try:
                os.kill(chance.choice(children), signal.SIGKILL)
            except ProcessLookupError:
                pass
    stop.set()
    for client in clients:
        client.join()
    with server:
        assert accepted
        for task, pages in accepted.items():
            end = server.wait_for_end(task)
            crashed = end["state"] == "failed" and end["error"]["code"] in ("raster_crashed", "worker_crashed")
            assert end["state"] == "done" or crashed, end
            if not crashed:  # killed twice: told, not lost
                result = server.get(f"/v1/tasks/{task}/result").json
                assert texts_of(result) == [(n, [f"Page number {n}"]) for n in range(1, pages + 1)]
        kinds = [[kind for _, kind in listed_events(server, task)] for task in accepted]
        assert all(sum(kind in ("done", "failed") for kind in events) == 1 for events in kinds)
        assert len(server.get("/v1/tasks?limit=1000").json["tasks"]) == len(accepted)
        assert not list((tmp_path / "data" / "documents").iterdir())


def listed_events(server, task):
    return [(number, kind) for number, kind, _ in read_events(Lines(server.get(f"/v1/tasks/{task}/events").body))]
