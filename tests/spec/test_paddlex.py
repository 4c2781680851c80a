"""/ocr and /layout-parsing as clients of PaddleX use them."""
import base64
import concurrent.futures
import http.server
import json
import re
import socket
import threading
import time
import uuid

import jsonschema
import pytest

import test_raster
from octavo import LETTER, ROOT, octavo, pdf, png, require_models, wait_for
from server import Server

SAMPLES = ROOT / "tests" / "samples"
CALLS = ("/ocr", "/layout-parsing")


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server that fetches documents, also from here, and reads two pages of a PDF."""
    settings = {"OCTAVO_FETCH_ALLOW": "true", "OCTAVO_FETCH_ALLOW_PRIVATE": "true", "OCTAVO_FETCH_TIMEOUT": "2",
                "OCTAVO_PADDLEX_PAGES": "2"}
    with Server(tmp_path_factory.mktemp("paddlex") / "data", "--max-upload", "1M", "--worker-idle", 600,
                environment=settings) as server:
        yield server


@pytest.fixture(scope="module")
def careful(tmp_path_factory):
    """As it is set by itself, with keys; it is not to read anything."""
    folder = tmp_path_factory.mktemp("careful")
    keys = {scope: octavo("key", "new", "--keys", folder / "keys", "--scopes", scope).stdout.strip()
            for scope in ("read", "submit")}
    with Server(folder / "data", "--keys", folder / "keys") as server:
        server.keys = keys
        yield server


def encode(document):
    return base64.b64encode(document).decode()


def post(server, call, body, timeout=60, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.request("POST", call, body, {"Content-Type": "application/json", **headers}, timeout)


def read(server, call, document, file_type, **members):
    """The result of a document, after a look at all of the answer."""
    answer = post(server, call, {"file": encode(document), "fileType": file_type, **members})
    return result_of(server, call, answer)


def result_of(server, call, answer):
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json", answer
    openapi = server.get("/openapi.json").json
    schema = openapi["paths"][call]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json, {**schema, "components": openapi["components"]})
    assert (answer.json["errorCode"], answer.json["errorMsg"]) == (0, "Success")
    return answer.json["result"]


def is_refused(answer, status):
    """What an answer that is none says."""
    assert answer.status == status and answer.headers["Content-Type"] == "application/json", answer
    assert set(answer.json) == {"logId", "errorCode", "errorMsg"} and answer.json["errorCode"] == status
    assert uuid.UUID(answer.json["logId"]).version == 4
    return answer.json["errorMsg"]


def texts_at_once(server, document, query):
    answer = server.request("POST", "/v1/ocr?" + query, document)
    return [line["text"] for page in answer.json["pages"] for line in page["lines"]]


# Results


def test_image_is_read_as_by_v1(shared):
    result = read(shared, "/ocr", LETTER.read_bytes(), 1)
    assert set(result["dataInfo"]) == {"width", "height", "type"} and result["dataInfo"]["type"] == "image"
    assert len(result["ocrResults"]) == 1 and set(result["ocrResults"][0]) == {"prunedResult"}
    lines = result["ocrResults"][0]["prunedResult"]
    assert lines["rec_texts"] == texts_at_once(shared, LETTER.read_bytes(), "layout=off")
    count = len(lines["rec_texts"])
    assert count > 5 and all(len(lines[key]) == count for key in ("rec_scores", "rec_polys", "rec_boxes", "dt_polys"))
    assert len(lines["textline_orientation_angles"]) == count
    for polygon, box in zip(lines["rec_polys"], lines["rec_boxes"]):
        across, down = [point[0] for point in polygon], [point[1] for point in polygon]
        assert box == [min(across), min(down), max(across), max(down)]
    assert "text_word" not in lines and lines["return_word_box"] is False


def test_layout_has_blocks_tables_and_markdown(shared):
    document = (SAMPLES / "table.png").read_bytes()
    result = read(shared, "/layout-parsing", document, 1)
    page = result["layoutParsingResults"][0]
    blocks = page["prunedResult"]["parsing_res_list"]
    assert [block["block_id"] for block in blocks] == list(range(len(blocks)))
    orders = [block["block_order"] for block in blocks if block["block_order"] is not None]
    assert orders == list(range(1, len(orders) + 1))
    table = page["prunedResult"]["table_res_list"][0]
    assert [block["block_content"] for block in blocks if block["block_label"] == "table"] == [table["pred_html"]]
    assert re.fullmatch(r"<html><body><table>.*</table>\s*</body></html>", table["pred_html"], re.DOTALL)
    assert "<td>Sheet</td><td>Weight</td>" in table["pred_html"]
    lines = table["table_ocr_pred"]
    assert "Blotting" in lines["rec_texts"]
    assert len(table["cell_box_list"]) == table["pred_html"].count("<td>")
    for cell, (left, top, right, bottom) in zip(table["cell_box_list"], lines["rec_boxes"], strict=True):
        assert cell[0] <= (left + right) / 2 <= cell[2] and cell[1] <= (top + bottom) / 2 <= cell[3], cell
    assert {box["label"] for box in page["prunedResult"]["layout_det_res"]["boxes"]} >= {"table"}
    assert page["prunedResult"]["overall_ocr_res"]["rec_texts"][0] == "Paper in stock, June"
    markdown = shared.request("POST", "/v1/ocr?format=markdown&layout=on", document).text
    assert page["markdown"] == {"text": markdown, "images": {}, "isStart": True, "isEnd": True}


def test_cells_of_a_page_that_lies_on_its_side_are_where_they_are_when_it_is_turned(shared):
    page = test_raster.first_page(SAMPLES / "table.png")[1]
    sideways = test_raster.png(page.height, page.width, 8, 0,
                               [bytes(column) for column in zip(*(row[::page.channels] for row in reversed(page.rows())))])
    answers = [read(shared, "/layout-parsing", document, 1, useDocOrientationClassify=True)
               for document in ((SAMPLES / "table.png").read_bytes(), sideways)]
    upright, turned = (answer["layoutParsingResults"][0]["prunedResult"] for answer in answers)
    assert turned["doc_preprocessor_res"]["angle"] in (90, 270)
    boxes, found = (result["table_res_list"][0]["cell_box_list"] for result in (upright, turned))
    for box, other in zip(boxes, found, strict=True):
        assert all(abs(a - b) <= 8 for a, b in zip(box, other)), (box, other)


def test_pages_of_a_pdf_come_in_order_as_many_as_are_set(shared):
    for call, key in zip(CALLS, ("ocrResults", "layoutParsingResults")):
        result = read(shared, call, pdf(3), 0)
        size = {"width": 800, "height": 400}  # 400 x 200 points at 144 dpi
        assert result["dataInfo"] == {"numPages": 2, "totalPages": 3, "pages": [size, size], "type": "pdf"}
        pages = [page["prunedResult"] for page in result[key]]
        assert [page.get("overall_ocr_res", page)["rec_texts"] for page in pages] == [["Page number 1"], ["Page number 2"]]


def test_places_are_those_of_the_upright_page(shared):
    result = read(shared, "/ocr", (SAMPLES / "sideways.png").read_bytes(), 1, useDocOrientationClassify=True)
    lines = result["ocrResults"][0]["prunedResult"]
    assert lines["doc_preprocessor_res"]["angle"] in (90, 270) and lines["model_settings"]["use_doc_preprocessor"]
    assert lines["rec_texts"][0] == "NOTICE TO ALL READERS"
    boxes = lines["rec_boxes"]
    assert all(right - left > 3 * (bottom - top) for left, top, right, bottom in boxes)
    assert boxes == sorted(boxes, key=lambda box: box[1])
    size = result["dataInfo"]
    assert max(box[2] for box in boxes) <= size["height"] and max(box[3] for box in boxes) <= size["width"]
    lying = read(shared, "/ocr", (SAMPLES / "sideways.png").read_bytes(), 1, useDocOrientationClassify=False)
    assert "doc_preprocessor_res" not in lying["ocrResults"][0]["prunedResult"]


def test_members_have_their_effect(shared):
    document = (SAMPLES / "table.png").read_bytes()
    lines = read(shared, "/ocr", document, 1, textRecScoreThresh="0.999", returnWordBox="yes", visualize=True,
                 textDetLimitSideLen=736.0, unknown={"a": [1]})["ocrResults"][0]["prunedResult"]
    assert 0 < len(lines["rec_texts"]) < len(lines["dt_polys"]) and min(lines["rec_scores"]) >= 0.999
    assert [" ".join(words) for words in lines["text_word"]] == lines["rec_texts"]
    assert [len(boxes) for boxes in lines["text_word_boxes"]] == [len(words) for words in lines["text_word"]]
    answer = post(shared, "/layout-parsing", {
        "file": encode(document), "fileType": "1", "logId": "of \"mine\"", "useTableRecognition": False,
        "useTextlineOrientation": None, "useSealRecognition": False, "returnMarkdownImages": False, "outputFormats": []})
    assert answer.json["logId"] == 'of "mine"'
    page = result_of(shared, "/layout-parsing", answer)["layoutParsingResults"][0]
    assert "table_res_list" not in page["prunedResult"] and "images" not in page["markdown"]
    assert "Sheet" in page["markdown"]["text"] and "|" not in page["markdown"]["text"]
    assert not any("<table>" in block["block_content"] for block in page["prunedResult"]["parsing_res_list"])
    plain = read(shared, "/layout-parsing", document, 1, useLayoutDetection=False)["layoutParsingResults"][0]
    assert plain["prunedResult"]["layout_det_res"] == {"boxes": []}


def test_blank_page_has_nothing(shared):
    lines = read(shared, "/ocr", png(300, 200), 1)["ocrResults"][0]["prunedResult"]
    assert lines["dt_polys"] == lines["rec_boxes"] == [] and "textline_orientation_angles" not in lines
    page = read(shared, "/layout-parsing", png(300, 200), 1)["layoutParsingResults"][0]
    assert page["prunedResult"]["parsing_res_list"] == [] and page["markdown"]["text"] == ""


def test_many_clients_at_once(shared):
    bodies = [{"file": encode(pdf(count)), "fileType": 0} for count in (1, 2)] * 4
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda body: post(shared, "/ocr", body), bodies))
    assert [answer.json["result"]["dataInfo"]["numPages"] for answer in answers] == [1, 2] * 4
    assert len({answer.json["logId"] for answer in answers}) == 8


# What is refused

GOOD = encode(b"no document")


@pytest.mark.parametrize("body, error", [
    ({}, ("missing", ["body", "file"])),
    ({"file": None, "fileType": 1}, ("string_type", ["body", "file"])),
    ({"file": 5, "fileType": 1}, ("string_type", ["body", "file"])),
    ({"file": GOOD, "fileType": 2}, ("literal_error", ["body", "fileType"])),
    ({"file": GOOD, "fileType": "one"}, ("int_parsing", ["body", "fileType"])),
    ({"file": GOOD, "fileType": 1, "useDocOrientationClassify": "perhaps"},
     ("bool_parsing", ["body", "useDocOrientationClassify"])),
    ({"file": GOOD, "fileType": 1, "textRecScoreThresh": "nan"}, ("float_parsing", ["body", "textRecScoreThresh"])),
    (b"", ("json_invalid", ["body"])),
    (b"{\"file\":\"aGk=\"", ("json_invalid", ["body"])),
    (b"[\"file\"]", ("json_invalid", ["body"])),
    (b"\xff\xfe\x00", ("json_invalid", ["body"])),
])
@pytest.mark.parametrize("call", CALLS)
def test_wrong_member_is_told_as_a_list(careful, call, body, error):
    message = json.loads(is_refused(post(careful, call, body, **{"X-API-Key": careful.keys["submit"]}), 422))
    assert [(one["type"], one["loc"]) for one in message] == [error] and message[0]["msg"]


@pytest.mark.parametrize("body, status, message", [
    ({"file": GOOD}, 422, "File type cannot be determined"),
    ({"file": "https://example.org/page.html"}, 422, "Unsupported file type"),
    ({"file": "https://example.org/page"}, 422, "Unsupported file type"),
    ({"file": "aGk", "fileType": 1}, 422, "file: base64 whose length is a multiple of 4"),
    ({"file": "data:image/png;base64,aGk=", "fileType": 1}, 422, "file: base64 without \"data:...\""),
    ({"file": "", "fileType": 1}, 422, "the file is empty"),
    ({"file": "!", "fileType": 1}, 422, "the file is empty"),
    ({"file": GOOD, "fileType": 1}, 415, "the file is of no kind that Octavo reads"),
    ({"file": encode(b"%PDF-1.4 and no more"), "fileType": 0}, 422, "the document is damaged"),
    ({"file": GOOD, "fileType": 1, "a": "x" * 70000}, 413, "the body is larger than the limit"),
    ({"file": "http://nobody@127.0.0.1/a.png"}, 422, "file: the URL cannot be fetched: an address without user"),
])
def test_what_cannot_be_is_told(shared, body, status, message):
    assert is_refused(post(shared, "/ocr", body), status).startswith(message)


def test_unwarping_needs_a_model(shared):
    body = {"file": encode(LETTER.read_bytes()), "fileType": 1, "useDocUnwarping": True}
    assert "unwarp: a model of role unwarp" in is_refused(post(shared, "/ocr", body), 500)


def test_what_only_layout_has_is_refused_there(shared):
    for member in ("useSealRecognition", "useFormulaRecognition", "useChartRecognition"):
        body = {"file": encode((SAMPLES / "letter.png").read_bytes()), "fileType": 1, member: True}
        assert f"invalid! {member[3:-11].lower()}: " in is_refused(post(shared, "/layout-parsing", body), 500)
        is_refused(post(shared, "/ocr", {**body, "file": GOOD}), 415)
    refused = {"file": GOOD, "fileType": 1, "outputFormats": ["docx"]}
    assert "outputFormats" in is_refused(post(shared, "/layout-parsing", refused), 422)


def test_transport_fails_in_the_same_envelope(shared, careful):
    is_refused(post(shared, "/ocr", {"file": "A" * 1100000, "fileType": 1}), 413)
    is_refused(shared.request("POST", "/ocr?colour=red", b"{}"), 400)
    is_refused(shared.request("POST", "/ocr", b"--a--", {"Content-Type": "multipart/form-data; boundary=a"}), 415)
    answer = shared.get("/layout-parsing")
    assert is_refused(answer, 405) and answer.headers["Allow"] == "POST"
    is_refused(post(careful, "/ocr", {}), 401)
    is_refused(post(careful, "/ocr", {}, **{"X-API-Key": careful.keys["read"]}), 403)


# Documents that are fetched


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({"/moved.png": 302, "/round.png": 302, "/gone.png": 404}.get(self.path, 200))
        if self.path in ("/moved.png", "/round.png"):
            self.send_header("Location", "/blank" if self.path == "/moved.png" else self.path)
        self.end_headers()
        try:
            self.send_rest()
        except OSError:
            pass  # the server has left

    def send_rest(self):
        if self.path == "/flood.png":
            for _ in range(64):
                self.wfile.write(bytes(65536))
        elif self.path == "/slow.png":
            for _ in range(50):
                self.wfile.write(b"x")
                time.sleep(0.1)
        elif self.path.startswith("/blank"):
            self.wfile.write(png(300, 200))
        elif self.path.startswith("/pages.pdf"):
            self.wfile.write(pdf(1))

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def pages():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_documents_are_fetched(shared, pages):
    for path, members in (("/blank.PNG?a=b.html", {}), ("/moved.png", {}), ("/blank", {"fileType": 1})):
        result = result_of(shared, "/ocr", post(shared, "/ocr", {"file": pages + path, **members}))
        assert result["dataInfo"] == {"width": 300, "height": 200, "type": "image"}
    result = result_of(shared, "/ocr", post(shared, "/ocr", {"file": pages + "/pages.pdf"}))
    assert result["ocrResults"][0]["prunedResult"]["rec_texts"] == ["Page number 1"]


@pytest.mark.parametrize("path, status, message", [
    ("/gone.png", 422, "the answer is HTTP status 404"),
    ("/round.png", 422, "the answer is HTTP status 302"),
    ("/flood.png", 413, "the document at the URL has more than 1048576 bytes"),
    ("/slow.png", 422, "timed out"),
    ("/empty.png", 422, "the file is empty"),
])
def test_what_cannot_be_fetched_is_told(shared, pages, path, status, message):
    refused = is_refused(post(shared, "/ocr", {"file": pages + path}), status)
    assert message in refused


def test_nothing_is_fetched_unless_it_is_allowed(careful, pages, tmp_path):
    body = {"file": pages + "/blank.png"}
    assert "fetch.allow is not set" in is_refused(post(careful, "/ocr", body, **{"X-API-Key": careful.keys["submit"]}), 422)
    with Server(tmp_path / "data", environment={"OCTAVO_FETCH_ALLOW": "true"}) as server:
        assert "not public" in is_refused(post(server, "/ocr", body), 422)
        name = pages.replace("127.0.0.1", "localhost.localdomain") + "/blank.png"
        is_refused(post(server, "/ocr", {"file": name}), 422)


# Bounds


def uploads_of(server):
    return int(re.search(r"^octavo_http_uploads (\d+)$", server.get("/metrics").text, re.MULTILINE)[1])


def test_client_that_goes_away_leaves_nothing(shared, pages):
    body = json.dumps({"file": encode(pdf(2)), "fileType": 0}).encode()
    head = f"POST /ocr HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for sent in (head + body[:100], head + body):
        with socket.create_connection(("127.0.0.1", shared.port)) as client:
            client.sendall(sent)
            time.sleep(0.05)
    body = json.dumps({"file": pages + "/slow.png"}).encode()
    with socket.create_connection(("127.0.0.1", shared.port)) as client:
        client.sendall(f"POST /ocr HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(0.2)
    wait_for(lambda: uploads_of(shared) == 0 and shared.get("/v1/pool").json["leases"]["held"] == 0)


def peak_of(server):
    return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{server.process.pid}/status").read())[1])


def test_large_document_is_never_whole_in_memory(careful):
    before = peak_of(careful)
    body = b'{"file":"' + b"A" * 40000000 + b'","fileType":1}'
    is_refused(post(careful, "/ocr", body, **{"X-API-Key": careful.keys["submit"]}), 415)
    assert peak_of(careful) - before < 16000  # kB


def test_every_member_is_described():
    words = re.findall(r'^FIELD\("(\w+)"', (ROOT / "src" / "table" / "paddlex.def").read_text(), re.MULTILINE)
    page = (ROOT / "docs" / "paddlex.md").read_text()
    assert len(words) > 40 and [word for word in words if f"`{word}`" not in page] == []
