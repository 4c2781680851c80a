"""Tasks that wait by the thousand, streams of events on which nothing comes, and a server at rest."""
import socket
import time

import measure
import place
import report
import serving
import tree

TASKS, STREAMS, SENDERS, REST = 10000, 1000, 8, 62  # REST: the worker goes after 60 s


def server_mb(server):
    """Of the server process alone."""
    return tree.pss_mb(server.process.pid)


def measure_queue(folder, count):
    """Submits until so many wait, while documents are read: (seconds of each, MB of the server, refused)."""
    document = (place.SAMPLES / "receipt.jpg").read_bytes()
    seconds, refused = [], 0
    with serving.running(folder, environment={"OCTAVO_QUEUE_TASKS": str(2 * TASKS)}) as server:
        while (waiting := server.get("/v1/pool").json["queue"]["queued"]) < count:
            answers = serving.at_once(SENDERS, lambda _: serving.timed(server.request, "POST", "/v1/tasks", document),
                                      range(count - waiting))
            seconds += [took for took, _ in answers]
            refused += sum(answer.status != 201 for _, answer in answers)
        mb = server_mb(server)
        server.process.kill()  # what waits would be read for an hour
        server.wait()
    return seconds, mb, refused


def measure_streams(folder, count):
    """MB of a server with so many open streams on tasks that wait: without models, nothing is read."""
    nothing = measure.fresh_folder(folder.with_suffix(".models"))
    with serving.running(folder, "--models", nothing, environment={"OCTAVO_SERVER_CONNECTIONS": "2048"}) as server:
        task = server.submit(b"waits")
        clients = []
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            client.sendall(f"GET /v1/tasks/{task}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            clients.append(client)
        begun = sum(client.recv(200).startswith(b"HTTP/1.1 200 ") for client in clients)
        time.sleep(2)
        mb = server_mb(server)
        for client in clients:
            client.close()
        return begun, mb


def measure_rest(folder):
    """(processes, MB of all) so long after a task."""
    with serving.running(folder) as server:
        serving.read_task(server, (place.SAMPLES / "receipt.jpg").read_bytes())
        time.sleep(REST)
        return len(tree.members(server.process.pid)), tree.memory(server.process.pid)["all"]


def measure_all(options):
    folder = place.RESULTS / "queue"
    tasks, streams = max(10, round(TASKS * options.share)), max(10, round(STREAMS * options.share))
    seconds, queue_mb, refused = measure_queue(folder / "queue", tasks)
    p50, p99 = (serving.percentile(seconds, part) for part in (0.5, 0.99))
    print(f"  {tasks} wait: {queue_mb:.1f} MB, submit p99 {1000 * p99:.1f} ms", flush=True)
    begun, streams_mb = measure_streams(folder / "streams", streams)
    print(f"  {begun} streams: {streams_mb:.1f} MB", flush=True)
    processes, rest_mb = measure_rest(folder / "rest")
    lines = [["server", "MB (PSS)"], [f"{tasks} tasks wait", report.number(queue_mb, 1)],
             [f"{begun} streams of events", report.number(streams_mb, 1)],
             [f"{REST} s after the last task, all processes", report.number(rest_mb, 1)]]
    goals = [report.goal("submit p99 ms", 1000 * p99, 50, decimals=1),
             report.goal("submits refused", refused, 0, decimals=0),
             report.goal("server MB with a full queue", queue_mb, 40, decimals=1),
             report.goal("streams that began", begun, streams, at_most=False, decimals=0),
             report.goal("server MB with all streams", streams_mb, 64, decimals=1),
             report.goal("processes at rest", processes, 1, decimals=0),
             report.goal("MB at rest", rest_mb, 20, decimals=1)]
    about = f"{len(seconds)} tasks by {SENDERS} senders, p50 {1000 * p50:.1f} ms, while documents are read."
    return {"about": about, "rows": [], "table": lines, "goals": goals}
