"""Server, worker and rasters are killed at random moments under load: nothing is lost, nothing reads otherwise."""
import http.client
import os
import random
import signal
import threading
import time
import types

import interleave
import place
import report
import serving
import tree

KILLS, SENDERS = 200, 4
MIDDLE = 0.8  # seconds between two kills, on average
CRASHES = ("worker_crashed", "raster_crashed")  # how a task ends whose processes were killed twice
NAMES = ("octavo", "octavo-worker", "octavo-raster")


def documents():
    """Name -> bytes: one page, several, pictures."""
    found = {path.name: path.read_bytes() for path in place.pictures() if path.stat().st_size < 200000}
    found = dict(list(sorted(found.items()))[:6])
    return found | {f"book{pages}": interleave.book(pages) for pages in (2, 5)}


def outcome(server, task):
    """How a task ended, its text, and how often it did, by its events."""
    end = server.wait_for_end(task, 600)
    events = serving.read_events(types.SimpleNamespace(readline=iter(
        [*server.get(f"/v1/tasks/{task}/events").body.splitlines(keepends=True), b""]).__next__))
    text = server.get(f"/v1/tasks/{task}/result?format=text").text if end["state"] == "done" else None
    return {"end": end["state"] if end["state"] == "done" else end["error"]["code"], "text": text,
            "ends": sum(kind in ("done", "failed", "cancelled", "expired") for _, kind, _ in events)}


def differences(outcomes, expected):
    """Tasks that were done and have another text than their document has undisturbed. outcomes: task -> (name, outcome)."""
    return [task for task, (name, one) in outcomes.items() if one["end"] == "done" and one["text"] != expected[name]]


class Senders:
    """Clients that send documents under a key each until they are told to end; a kill makes them send it again."""

    def __init__(self, server, work):
        self.server, self.work, self.over, self.accepted = server, list(work.items()), threading.Event(), {}
        self.threads = [threading.Thread(target=self.send, args=(client,)) for client in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def send(self, client):
        number = 0
        while not self.over.is_set():
            name, document = self.work[(client + number) % len(self.work)]
            try:
                answer = self.server.request("POST", f"/v1/tasks?key={client}-{number}", document, timeout=20)
                if answer.status in (200, 201):
                    self.accepted[answer.json["id"]] = name
                    number += 1
            except (OSError, http.client.HTTPException):
                pass  # it was killed: the same key again
            self.over.wait(1)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def kill_one(server, chance):
    """Kills one process of the tree; the name of what was killed, None if there was none of that kind."""
    name = chance.choice(NAMES)
    if name == "octavo":
        server.kill()
        server.start()
        return name
    pids = [pid for pid, found in tree.members(server.process.pid).items() if found == name]
    try:
        os.kill(chance.choice(pids), signal.SIGKILL)
        return name
    except (IndexError, ProcessLookupError):
        return None


def measure_all(options):
    seed = int(os.environ.get("BENCH_SEED", random.SystemRandom().randrange(10**6)))
    wanted, chance, work = max(3, round(KILLS * options.share)), random.Random(seed), documents()
    print(f"  seed {seed}", flush=True)
    settings = ("--engine", "openvino", "--jobs", 4)
    with serving.running(place.RESULTS / "kills/undisturbed", *settings) as server:
        expected = {name: outcome(server, server.submit(document))["text"] for name, document in work.items()}
    counts = dict.fromkeys(NAMES, 0)
    with serving.running(place.RESULTS / "kills/disturbed", *settings) as server:
        senders = Senders(server, work)
        try:
            while sum(counts.values()) < wanted:
                time.sleep(chance.random() * 2 * MIDDLE)
                if name := kill_one(server, chance):
                    counts[name] += 1
        finally:
            senders.end()
        outcomes = {task: (name, outcome(server, task)) for task, name in senders.accepted.items()}
        left = len(list((place.RESULTS / "kills/disturbed/data/documents").iterdir()))
    ends = [one["end"] for _, one in outcomes.values()]
    told = sum(end in CRASHES for end in ends)
    lines = [["what", "how often"], *([f"kills of {name}", str(count)] for name, count in counts.items()),
             ["tasks accepted", str(len(ends))], ["done", str(ends.count("done"))],
             ["failed since their processes were killed twice", str(told)]]
    goals = [report.goal("tasks that ended not at all or more than once",
                         sum(one["ends"] != 1 for _, one in outcomes.values()), 0, decimals=0),
             report.goal("results that differ from an undisturbed run", len(differences(outcomes, expected)), 0, decimals=0),
             report.goal("tasks that ended in another way", len(ends) - ends.count("done") - told, 0, decimals=0),
             report.goal("documents left on the disk", left, 0, decimals=0)]
    about = f"{sum(counts.values())} kills, {SENDERS} senders, {len(work)} documents. BENCH_SEED={seed}"
    return {"about": about, "rows": [], "table": lines, "goals": goals}
