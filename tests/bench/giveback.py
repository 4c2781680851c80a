"""Memory after a burst of documents: models and worker that have nothing to do are given back, and come again."""
import shutil
import time

import front
import measure
import place
import report
import systems
import tree

IDLE, REST = 10, 60  # seconds: the time-outs, and how long after the burst the memory is read
EVERY = 5


def watch(process, seconds):
    """(seconds since now, MB by process), read now and then until so many seconds have passed."""
    start, readings = time.monotonic(), []
    while time.monotonic() - start < seconds:
        readings.append((round(time.monotonic() - start, 1), process.memory()))
        time.sleep(EVERY)
    return [*readings, (round(time.monotonic() - start, 1), process.memory())]


def measure_all(options):
    files = measure.part(place.pictures(), options.share)
    folder = measure.fresh_folder(place.RESULTS / "giveback")
    again = folder / f"again-{files[0].name}"
    shutil.copy(files[0], again)
    process = front.Front(folder / "out", ["--model-idle", str(IDLE), "--worker-idle", str(IDLE), *systems.ALL_STAGES])
    for file in files:
        process.feed(file)
    unanswered = process.wait_for(files)
    print(f"  {len(files)} documents are read, {REST} s of rest", flush=True)
    guarded = tree.helpers_seconds(process.pid)
    readings = watch(process, REST)
    guarded = (tree.helpers_seconds(process.pid) - guarded) / REST
    start = time.monotonic()
    process.feed(again)
    unanswered += process.wait_for([again], 60)
    seconds = time.monotonic() - start
    same = process.result(again) is not None and process.result(again) == process.result(files[0])
    status = process.finish()
    names = sorted({name for _, memory in readings for name in memory})
    lines = [["s after the burst", *(f"{name}, MB" for name in names)]]
    lines += [[report.number(at), *(report.number(memory.get(name), 1) for name in names)]
              for at, memory in readings]
    goals = [report.goal(f"tree MB {REST} s after the burst", readings[-1][1]["all"], 30, decimals=1),
             report.goal("guard thread at rest, % of a core", 100 * guarded, 0.1, decimals=3),
             report.goal("documents without an answer", len(unanswered), 0, decimals=0),
             report.goal("the next document reads as before", float(same), 1, at_most=False, decimals=0),
             report.goal("exit status", status, 0, decimals=0)]
    about = (f"{len(files)} pictures at once through an open pipe, all stages on, then {REST} s without work; models and worker may "
             f"be idle for {IDLE} s. Then the first picture again, under another name: answered after {seconds:.2f} s.")
    return {"about": about, "rows": [{"at": at, "memory": memory} for at, memory in readings], "table": lines,
            "told": process.lines[-60:], "goals": goals}
