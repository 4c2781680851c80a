"""Many documents at once: one pipeline for all, against one for each (--per-task), here and as a service."""
import contextlib
import math
import re
import socket
import subprocess
import sys
import time

import cgroup
import limited
import measure
import peers
import place
import report
import systems
import told

AT_ONCE, MANY = 8, 16
LIMIT = 256  # MB that one for all is given
REPEATS = 2  # how often the services get each picture
PER_TASK = "Octavo, one for each (--per-task)"
POOLED = "Octavo, one for all"
BOUNDED = f"{POOLED}, --memory {LIMIT}M"
SHARE = 0.15  # of the memory of the old way: what it should do with


def octavo(name, files, out, options):
    argv = [place.OCTAVO, "ocr", "-f", "text,json", "-o", out, "-q", "--jobs", str(AT_ONCE), *options, *files]
    return measure.System(name, argv, out, baseline=PER_TASK)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def service(engine, mode="per_task"):
    """A running service, with a pipeline per request or a "shared" one; (its port, its process). RuntimeError if it does
    not begin."""
    port = free_port()
    argv = [str(peers.PYTHON), str(place.OLD_WAY), mode, engine, str(port)]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                with socket.socket() as one:
                    if one.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the service does not begin")
                time.sleep(0.1)
            yield port, process
        finally:
            process.terminate()
            process.wait()


def load_figures(text):
    """What load.py told in its one line: requests, failed, seconds per request, latencies, peak and final memory in MB.

    Latencies are NaN where every request failed.
    """
    match = re.search(r"requests (\d+) failed (\d+) s/request ([\d.]+) p50 ([\d.]+|nan) p95 ([\d.]+|nan) "
                      r"peak MB ([\d.]+) after MB ([\d.]+)", text)
    names = ("seconds", "p50", "p95", "peak_mb", "after_mb")
    return {"requests": int(match[1]), "failed": int(match[2]), **dict(zip(names, map(float, match.groups()[2:])))}


def load(url, pid, clients, repeats, files):
    """Has files posted, so many times each and so many at once; the figures of load.py."""
    argv = [sys.executable, place.LOAD, url, pid, clients, repeats, *files]
    return load_figures(subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=True).stdout)


def measure_service(engine, files):
    name = f"FastAPI + RapidOCR per request, {systems.ENGINES[engine]}"
    with service(systems.RAPID[engine]) as (port, process):
        figures = load(f"http://127.0.0.1:{port}/ocr", process.pid, AT_ONCE, REPEATS, files)
    print(f"  {name}: peak {figures['peak_mb']:.0f} MB", flush=True)
    return {"system": name, **figures}


def measure_many(files, folder):
    """What --per-task needs for two documents at once, and 16 at once under that limit; None where it cannot be."""
    argv = limited.arguments(files, measure.fresh_folder(folder / "two"), None, ["--per-task", "--jobs", "2"])
    two = limited.run(argv, folder / "two.log", sampled=True)
    limit = math.floor(two["peak_pss_mb"])
    out, log = measure.fresh_folder(folder / "many"), folder / "many.log"
    argv = limited.arguments(files, out, limit, ["--jobs", str(MANY)])
    try:
        figures = limited.run(argv, log, limit, sampled=True)
    except cgroup.Unavailable as reason:
        print(f"  {MANY} at once: without a cgroup: {reason}", flush=True)
        figures = limited.run(argv, log, sampled=True)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    ends = limited.outcomes(files, limited.results(out), lines)
    unread = {file: end for file, end in ends.items() if end != "read"}
    print(f"  {MANY} at once in {limit} MB: {len(ends) - len(unread)} of {len(ends)} read", flush=True)
    return {"limit": limit, **figures, "unread": unread,
            "failures": {str(file): line for file, (_, line) in told.failures(lines).items()}}


def goals(pairs, services, many):
    found = []
    for row in pairs:
        if row["system"] in (POOLED, BOUNDED):
            found.append(report.goal(f"{row['system']}: peak / --per-task's",
                                     report.ratio(pairs, row, "peak_pss_mb"), SHARE))
            found.append(report.goal(f"{row['system']}: time / --per-task's", report.ratio(pairs, row, "wall_s"), 1.0))
            found += [report.goal(f"{row['system']}: peak / that of {other['system']}",
                                  row["peak_pss_mb"] / other["peak_mb"], SHARE) for other in services]
    asked = f"{MANY} at once in {many['limit']} MB (--per-task, 2 at once)"
    found.append(report.goal(f"{asked}: documents not read", len(many["unread"]), 0, decimals=0))
    found.append(report.goal(f"{asked}: tree peak MB", many["peak_pss_mb"], many["limit"], decimals=0))
    found.append(report.goal(f"{asked}: OOM kills", many.get("oom_kills"), 0, decimals=0))
    return found


def measure_all(options):
    if not place.have_shared():
        return None
    files, folder = measure.part(place.pictures(), options.share), place.RESULTS / "oldway"
    truth = measure.truth_folder(files, folder / "truth")
    pair = options.chosen([octavo(PER_TASK, files, folder / "per-task", ["--per-task"]),
                           octavo(POOLED, files, folder / "pooled", []),
                           octavo(BOUNDED, files, folder / "bounded", ["--memory", f"{LIMIT}M"])])
    pairs = measure.compare(pair, options.repeat, truth)
    services = [measure_service(engine, files) for engine in systems.ENGINES
                if options.only.lower() in "fastapi + rapidocr"]
    many = measure_many(files, folder)
    lines = [["service", "requests", "failed", "s/request", "peak MB"]]
    lines += [[row["system"], str(row["requests"]), str(row["failed"]), report.number(row["seconds"], 2),
               report.number(row["peak_mb"])] for row in services]
    about = (f"{len(files)} pictures, {AT_ONCE} at once. The services are asked by {AT_ONCE} clients, each picture "
             f"{REPEATS} times; their memory is read every 50 ms meanwhile, which makes them slower.")
    return {"about": about, "rows": pairs, "services": services, "many": many, "tables": [lines],
            "goals": goals(pairs, services, many)}
