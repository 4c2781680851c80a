"""The server against the services of the old way: one RapidOCR per request, and one that all requests share."""
import math

import measure
import oldway
import place
import report
import serving
import systems

CLIENTS, PICTURES, REPEATS = (1, 4, 8), 8, 2
PER_REQUEST, SHARED = "FastAPI + RapidOCR per request", "FastAPI + RapidOCR, shared"
LEAST_REQUESTS = 2  # requests/s over those of the best service
PER_REQUEST_PART, SHARED_PART = 0.15, 1 / 3  # of their peaks


def ours(engine, clients, files):
    with serving.running(place.RESULTS / "servers", "--engine", engine) as server:
        return oldway.load(f"http://127.0.0.1:{server.port}/v1/ocr?format=text", server.process.pid, clients, REPEATS, files)


def theirs(mode):
    def run(engine, clients, files):
        with oldway.service(systems.RAPID[engine], mode) as (port, process):
            return oldway.load(f"http://127.0.0.1:{port}/ocr", process.pid, clients, REPEATS, files)
    return run


KINDS = {"octavo serve": ours, PER_REQUEST: theirs("per_task"), SHARED: theirs("shared")}


def rate(row):
    """Good requests a second."""
    return (row["requests"] - row["failed"]) / (row["seconds"] * row["requests"])


def goals(rows):
    at_most = [row for row in rows if row["clients"] == max(CLIENTS)]
    own = [row for row in at_most if row["kind"] == "octavo serve"]
    others = [row for row in at_most if row["kind"] != "octavo serve"]
    found = [report.goal("our requests that failed", sum(row["failed"] for row in rows if row["kind"] == "octavo serve"), 0,
                         decimals=0)]
    for row in own:
        for other in (other for other in others if other["engine"] == row["engine"]):
            part = PER_REQUEST_PART if other["kind"] == PER_REQUEST else SHARED_PART
            found.append(report.goal(f"{row['engine']}: peak / that of {other['kind']}", row["peak_mb"] / other["peak_mb"],
                                     part))
    if own and others:
        best = max(map(rate, others))
        found.append(report.goal("requests/s / those of the best service", max(map(rate, own)) / best, LEAST_REQUESTS,
                                 at_most=False))
    return found


def measure_all(options):
    if not place.have_shared():
        return None
    files = measure.part(measure.part(place.pictures(), PICTURES / len(place.pictures())), options.share)
    rows = []
    for clients in CLIENTS:
        for engine, engine_name in systems.ENGINES.items():
            for kind, run in KINDS.items():
                if options.only.lower() in kind.lower():
                    rows.append({"kind": kind, "engine": engine_name, "clients": clients, **run(engine, clients, files)})
                    print(f"  {kind}, {engine_name}, {clients} clients: {rate(rows[-1]):.2f} requests/s, "
                          f"peak {rows[-1]['peak_mb']:.0f} MB", flush=True)
    lines = [["service", "engine", "clients", "requests", "failed", "requests/s", "p50 s", "p95 s", "peak MB", "after MB"]]
    for row in rows:
        latencies = [report.number(None if math.isnan(row[key]) else row[key], 2) for key in ("p50", "p95")]
        lines.append([row["kind"], row["engine"], str(row["clients"]), str(row["requests"]), str(row["failed"]),
                      report.number(rate(row), 2), *latencies, report.number(row["peak_mb"]), report.number(row["after_mb"])])
    about = (f"{len(files)} pictures, {REPEATS} times each, by load.py, a new service for each line; requests/s are those "
             "that did not fail. Memory is read every 50 ms meanwhile.")
    return {"about": about, "rows": rows, "table": lines, "goals": goals(rows)}
