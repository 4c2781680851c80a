"""One small picture: how long a user waits, and how much of it is start-up before the first engine run."""
import re
import statistics
import subprocess
import time

import measure
import place
import report
import systems
from measure import System

RUNS = 10


def timed(engine, picture, out):
    """Octavo as a user calls it for one picture; --timing tells when its engine was ready."""
    argv = [place.OCTAVO, "ocr", "--timing", "--engine", engine, picture]
    return System(f"Octavo, {systems.ENGINES[engine]}", argv, out)


def once(system):
    """Seconds from start to end, and to the first engine run where the program tells it (else None)."""
    measure.fresh_folder(system.out)
    start = time.monotonic()
    done = subprocess.run([str(word) for word in system.argv], capture_output=True, text=True, check=True)
    wall = time.monotonic() - start
    # The first run can start when the engine is ready and a page has come, whichever is later.
    told = re.findall(r"^\s*(?:engine ready|first page) after\s+([\d.]+) s$", done.stderr, re.MULTILINE)
    return wall, max(map(float, told), default=None)


def measure_all(options):
    picture = min(place.pictures(), key=lambda path: path.stat().st_size)
    folder = place.RESULTS / "startup"
    everything = [timed(engine, picture, folder / f"octavo-{engine}") for engine in systems.ENGINES]
    if place.have_shared():
        everything += [systems.rapid(engine, [picture], folder / f"rapid-{engine}") for engine in systems.ENGINES]
    everything = options.chosen([*everything, systems.tesseract([picture], folder / "tesseract")])
    walls = {system.name: [] for system in everything}
    starts = {system.name: [] for system in everything}
    for _ in range(RUNS):
        for system in everything:
            wall, start = once(system)
            walls[system.name].append(wall)
            starts[system.name] += [] if start is None else [start]
    middle = {name: statistics.median(values) if values else None for name, values in starts.items()}
    lines = [["system", "s (median)", "s (least)", "s before the first engine run (median)"]]
    lines += [[name, report.number(statistics.median(walls[name]), 2), report.number(min(walls[name]), 2),
               report.number(middle[name], 2)] for name in walls]
    goals = [report.goal(f"{name}: s before the first engine run", start, 0.5)
             for name, start in middle.items() if name.startswith("Octavo")]
    return {"about": f"{picture.name}, one process per reading, {RUNS} readings of each system in turn.",
            "rows": [{"system": name, "wall_s": walls[name], "startup_s": starts[name]} for name in walls],
            "table": lines, "goals": goals}
