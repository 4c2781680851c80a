"""64 clients with documents at once under --memory 512M, in a cgroup of that size: failures, kills, fairness."""
import contextlib
import statistics

import cgroup
import measure
import place
import report
import serving

CLIENTS, EACH, LIMIT = 64, 4, 512  # clients, documents that each sends one after the other, MB
UNFAIR = 1.5  # the slowest client's mean wait over the quickest one's


def serve_all(folder, files, clients, group):
    """(mean wait by client, ends that were not good, worker deaths)."""
    def one(client):
        seconds, wrong = [], []
        for number in range(EACH):
            file = files[(client + number * clients) % len(files)]
            took, task = serving.read_task(server, file.read_bytes(), f"?name={file.name}")
            seconds.append(took)
            if task["state"] != "done":
                wrong.append((file.name, task["error"]["code"]))
        return statistics.mean(seconds), wrong
    before = group.inside([]) if group else ()
    with serving.running(folder, "--memory", f"{LIMIT}M", before=before) as server:
        found = serving.at_once(clients, one, range(clients))
        deaths = serving.metric(server, "octavo_worker_deaths_total")
    return [mean for mean, _ in found], [end for _, wrong in found for end in wrong], deaths


def measure_all(options):
    files = place.pictures()
    clients = max(2, round(CLIENTS * options.share))
    with contextlib.ExitStack() as stack:
        try:
            group = stack.enter_context(cgroup.Group(LIMIT))
        except cgroup.Unavailable as reason:
            print(f"  without a cgroup: {reason}", flush=True)
            group = None
        means, wrong, deaths = serve_all(place.RESULTS / "clients", files, clients, group)
        figures = group.figures() if group else {}
    lines = [["waits of clients, s", "quickest", "median", "slowest"],
             ["mean of each client", *(report.number(f(means), 1) for f in (min, statistics.median, max))]]
    goals = [report.goal("documents that were not read", len(wrong), 0, decimals=0),
             report.goal("OOM kills", figures.get("oom_kills"), 0, decimals=0),
             report.goal("deaths of the worker", deaths, 0, decimals=0),
             report.goal("cgroup peak MB", figures.get("group_peak_mb"), LIMIT, decimals=0),
             report.goal("slowest client's mean wait / quickest one's", max(means) / min(means), UNFAIR)]
    about = f"{clients} clients at once, {EACH} pictures each, one after the other, in {LIMIT} MB."
    return {"about": about, "rows": [{"means": means, "wrong": wrong}], "table": lines, "goals": goals}
