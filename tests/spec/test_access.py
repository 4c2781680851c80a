"""Who may do what: keys, scopes, owners, limits, addresses, settings that are read again; over the real program."""
import json
import signal
import sqlite3

import pytest

from octavo import octavo, pdf, require_models, wait_for
from server import Server, is_problem


@pytest.fixture(scope="module", autouse=True)
def models():
    require_models()


def new_key(path, *options):
    run = octavo("key", "new", "--keys", path, *options)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "keys"
    made = {"one": new_key(path), "two": new_key(path, "--name", "two"), "admin": new_key(path, "--scopes", "admin"),
            "submit": new_key(path, "--scopes", "submit"), "read": new_key(path, "--scopes", "read")}
    return {"path": path, **made}


@pytest.fixture(scope="module")
def server(tmp_path_factory, keys):
    with Server(tmp_path_factory.mktemp("access") / "data", "--keys", keys["path"]) as server:
        yield server


def test_keys_are_kept_as_hashes_by_their_owner_only(keys):
    text = keys["path"].read_text()
    assert keys["path"].stat().st_mode & 0o777 == 0o600
    assert all(keys[name].split("_")[2] not in text for name in ("one", "two", "admin"))
    listed = json.loads(octavo("key", "list", "--json", "--keys", keys["path"]).stdout)
    assert [key["scopes"] for key in listed] == ["submit,read", "submit,read", "admin", "submit", "read"]
    assert listed[1]["name"] == "two" and listed[1]["id"] == keys["two"].split("_")[1]


@pytest.mark.parametrize("arguments, status, told", [
    (["key"], 64, "one of new|list|remove"),
    (["key", "new"], 64, "--keys FILE"),
    (["key", "remove", "--keys", "x"], 64, "one ID is expected"),
    (["key", "list", "--keys", "/nonexistent/keys"], 78, "/nonexistent/keys: No such file"),
    (["key", "new", "--scopes", "write", "--keys", "x"], 64, "submit|read|admin"),
    (["key", "new", "--name", "a b", "--keys", "x"], 64, "letters, digits"),
])
def test_wrong_key_command_is_told(tmp_path, arguments, status, told):
    run = octavo(*arguments, cwd=tmp_path)
    assert run.returncode == status and told in run.stderr, run.stderr
    assert not (tmp_path / "x").exists()


def why_refused(path, answer, status, code):
    """From problem details, or as PaddleX has it."""
    if path not in ("/ocr", "/layout-parsing"):
        return is_problem(answer, status, code)
    assert (answer.status, answer.json["errorCode"]) == (status, status), answer
    return answer.json["errorMsg"]


def test_each_route_asks_for_its_scope(server, keys):
    openapi = server.get("/openapi.json").json
    needed = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            address = path.replace("{id}", "0123456789abcdefghjkmnpqrs").replace("{n}", "1")
            scope = operation["security"][0]["bearer"][0] if operation["security"] else None
            needed[method, path] = scope
            answer = server.request(method.upper(), address)
            if scope is None:
                assert answer.status == 200, (path, answer)
                continue
            assert "there is none" in why_refused(path, answer, 401, "unauthorized")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            for name in ("submit", "read", "admin"):
                answer = server.request(method.upper(), address, headers=bearer(keys[name]))
                if name in (scope, "admin"):
                    assert answer.status not in (401, 403), (path, name, answer)
                else:
                    assert scope in why_refused(path, answer, 403, "forbidden")
    assert {path for (_, path), scope in needed.items() if scope is None} == {"/healthz", "/readyz", "/openapi.json"}
    assert needed["post", "/v1/ocr"] == "submit" and needed["get", "/metrics"] == "read"


@pytest.mark.parametrize("headers", [
    {}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "}, {"Authorization": "Basic eDp5"},
    {"X-API-Key": "../../../../etc/passwd"}, {"X-API-Key": "octavo_../../../etc"}, {"X-API-Key": "x" * 9000},
    {"X-API-Key": "octavo_00000000_" + "0" * 52}, {"Authorization": "Bearer %2e%2e%2f"}, {"X-API-Key": "octavo_%s_%n"},
])
def test_what_is_no_key_is_refused(server, headers):
    is_problem(server.get("/v1/tasks", headers=headers), 401, "unauthorized")


def test_known_id_with_another_secret_is_refused(server, keys):
    wrong = keys["one"][:-1] + ("0" if keys["one"][-1] != "0" else "1")
    is_problem(server.get("/v1/tasks", headers=bearer(wrong)), 401, "unauthorized")
    assert server.get("/v1/tasks", headers={"X-API-Key": keys["one"]}).status == 200


def test_a_key_sees_its_own_tasks_only(server, keys):
    one, two, admin = bearer(keys["one"]), bearer(keys["two"]), bearer(keys["admin"])
    mine = server.submit(pdf(1), "?key=same", one)
    theirs = server.submit(pdf(2), "?key=same", two)  # idempotency keys are each key's own
    assert mine != theirs
    repeated = server.request("POST", "/v1/tasks?key=same", pdf(1), one)
    assert repeated.status == 200 and repeated.json["id"] == mine
    assert server.get(f"/v1/tasks/{mine}?wait=60", headers=one).json["state"] == "done"
    for method, path in (("GET", ""), ("GET", "?wait=5"), ("GET", "/result"), ("GET", "/pages/1"), ("GET", "/events"),
                         ("POST", "/cancel"), ("DELETE", "")):
        is_problem(server.request(method, f"/v1/tasks/{mine}{path}", headers=two), 404, "not_found")
    assert server.get(f"/v1/tasks/{mine}/result?format=text", headers=one).text == "Page number 1\n"
    assert mine not in [task["id"] for task in server.get("/v1/tasks", headers=two).json["tasks"]]
    assert {mine, theirs} <= {task["id"] for task in server.get("/v1/tasks", headers=admin).json["tasks"]}
    assert server.get(f"/v1/tasks/{mine}", headers=admin).status == 200
    assert server.request("DELETE", f"/v1/tasks/{mine}", headers=one).status == 204


def test_limits_of_a_key_are_told(tmp_path):
    path = tmp_path / "keys"
    key, other = new_key(path), new_key(path)
    lines = path.read_text().splitlines()
    path.write_text(lines[0] + " rate=5 tasks=1 bytes=100k\n" + lines[1] + "\n")
    with Server(tmp_path / "data", "--keys", path) as server:
        is_problem(server.request("POST", "/v1/tasks", b"x" * 200000, bearer(key)), 413, "body_too_large")
        task = server.submit(pdf(40), headers=bearer(key))
        answer = server.request("POST", "/v1/tasks", pdf(1), bearer(key))
        assert "1 documents" in is_problem(answer, 429, "key_limit") and int(answer.headers["Retry-After"]) >= 1
        answers = [server.get("/v1/tasks", headers=bearer(key)) for _ in range(12)]
        limited = [answer for answer in answers if answer.status == 429]
        assert limited and "5 requests per second" in is_problem(limited[0], 429, "key_limit")
        assert limited[0].headers["Retry-After"] == "1"
        assert server.submit(pdf(1), headers=bearer(other)) and task


def test_settings_and_keys_are_read_again(tmp_path):
    path, config = tmp_path / "keys", tmp_path / "octavo.yaml"
    first, second = new_key(path), new_key(path)
    config.write_text("limits.pages: 5\n")
    with Server(tmp_path / "data", "--keys", path, "--config", config) as server:
        def reload(told):
            server.log.clear()
            server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: any(told in line for line in server.log))
        assert server.get("/v1/tasks", headers=bearer(first)).status == 200
        assert octavo("key", "remove", first.split("_")[1], "--keys", path).returncode == 0
        third = new_key(path)
        config.write_text("limits.pages: 2\nserver.connections: 100\n")
        reload("only when the server is started again: server.connections")
        is_problem(server.get("/v1/tasks", headers=bearer(first)), 401, "unauthorized")
        assert server.get("/v1/tasks", headers=bearer(third)).status == 200
        task = server.submit(pdf(3), headers=bearer(second))
        assert server.get(f"/v1/tasks/{task}?wait=30", headers=bearer(second)).json["error"]["code"] == "too_many_pages"
        config.write_text("limits.pages: 3\nguard.high: 101\n")
        reload("octavo.yaml:2: guard.high: 101: a number from 50 to 100 is expected")
        config.write_text("")
        sound = path.read_text()
        path.write_text("broken\n")
        reload("keys:1: \\\"broken\\\": an id of 8 letters")
        assert server.get("/v1/tasks", headers=bearer(third)).status == 200  # all as it was
        path.write_text(sound)
        assert all(json.loads(line)["level"] for line in server.log)  # no terminal: JSON


def test_other_machines_need_keys_or_a_word(tmp_path, keys):
    run = octavo("serve", "--listen", "0.0.0.0:0", "--data", tmp_path / "data")
    assert run.returncode == 69 and "octavo key new" in run.stderr and "server.open: true" in run.stderr
    run = octavo("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data", "--keys", tmp_path / "none")
    assert run.returncode == 78 and "No such file" in run.stderr
    with Server(tmp_path / "data", "--listen", "0.0.0.0:0", environment={"OCTAVO_SERVER_OPEN": "true"}, host="0.0.0.0") as server:
        assert server.get("/v1/tasks").status == 200
    with Server(tmp_path / "data", "--listen", "0.0.0.0:0", "--keys", keys["path"], host="0.0.0.0") as server:
        is_problem(server.get("/v1/tasks"), 401, "unauthorized")


def test_old_store_is_migrated(tmp_path):
    """Made to the schema of version 1: tasks, pages and events are there, keys of old hold, the numbers go on."""
    with Server(tmp_path / "data") as server:
        task = server.submit(pdf(1), "?key=k")
        server.wait_for_end(task)
        before = server.get(f"/v1/tasks/{task}/events").body
    with sqlite3.connect(tmp_path / "data" / "octavo.db") as database:
        assert database.execute("PRAGMA user_version").fetchone()[0] == 4
        database.executescript("""
            DROP TABLE callbacks; DROP INDEX tasks_by_owner; DROP INDEX tasks_by_key; ALTER TABLE tasks DROP COLUMN owner;
            ALTER TABLE tasks DROP COLUMN peak_bytes; ALTER TABLE tasks DROP COLUMN plan;
            PRAGMA user_version = 1; UPDATE sqlite_sequence SET seq = 70 WHERE name = 'tasks'""")
    with Server(tmp_path / "data") as server:
        assert server.get(f"/v1/tasks/{task}/result?format=text").text == "Page number 1\n"
        assert server.get(f"/v1/tasks/{task}/events").body == before
        repeated = server.request("POST", "/v1/tasks?key=k", pdf(1))
        assert repeated.status == 200 and repeated.json["id"] == task
        assert repeated.json["peak_bytes"] is None and repeated.json["plan"] is None
        server.submit(pdf(1))
    with sqlite3.connect(tmp_path / "data" / "octavo.db") as database:
        assert database.execute("SELECT max(number) FROM tasks").fetchone()[0] == 71
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
