"""2000 pages of mixed sizes through one front process, with kills, cancels and budgets that change meanwhile."""
import collections
import contextlib
import os
import random
import signal
import statistics
import threading
import time

import cgroup
import front
import measure
import place
import report
import steady
import systems
import told
import tree

ROUNDS = 8  # through those pages of the bench steady that have few lines, under other names
MOST_CHARACTERS = 900  # of such a page: what is asked here is what 2000 pages leave behind, not what they say
PAUSE = 50  # pages between two readings of memory at rest
PENDING = 16  # documents that are given ahead of the answers
PIPE_EVERY = 40  # one document in so many is a pipe that nobody writes to: it ends by its deadline
DEADLINE, IDLE = 20, 2  # seconds
LIMITS = (320, 700)  # MB, between which the budget changes
SEED = 2000


class Trouble(threading.Thread):
    """Kills processes and changes the limit at random moments, while it is not told to rest."""

    def __init__(self, process, group):
        super().__init__(daemon=True)
        self.process, self.group = process, group
        self.random, self.may_act, self.over = random.Random(SEED), threading.Event(), threading.Event()
        self.counts = collections.Counter()

    def run(self):
        while not self.over.wait(self.random.uniform(4, 24)):
            self.may_act.wait()
            if not self.over.is_set():
                self.random.choice([self.kill, self.kill, self.change_limit])()

    def kill(self):
        """One of the children, the worker as often as all rasters together."""
        children = tree.members(self.process.pid)
        name = self.random.choice(["octavo-worker", "octavo-raster"])
        pids = [pid for pid, found in children.items() if found == name]
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(pids), signal.SIGKILL)
                self.counts[f"kills of {name}"] += 1

    def change_limit(self):
        if self.group:
            self.group.try_limit(self.random.randint(*LIMITS))
            self.counts["changes of the budget"] += 1

    def end(self):
        self.over.set()
        self.may_act.set()
        self.join()


def is_light(page):
    """Whether a page of the bench steady has few characters, by the truth of the document that it was made from."""
    source = page.resolve() if page.is_symlink() else steady.sources()[int(page.name[1:3])]
    truth = place.truth_of(source)
    return truth.is_file() and len(truth.read_text(encoding="utf-8").split("\f")[0]) <= MOST_CHARACTERS


def work(pages, folder, share):
    """Documents to be given, in order: the pages under a name for each round, and pipes between them."""
    measure.fresh_folder(folder)
    files = []
    for number in range(ROUNDS):
        for page in measure.part(pages, share):
            if len(files) % PIPE_EVERY == PIPE_EVERY - 1:
                files.append(folder / f"pipe{len(files)}.png")
                os.mkfifo(files[-1])
            files.append(folder / f"r{number}-{page.name}")
            files[-1].symlink_to(page)
    return files


def slope_kb(points):
    """Theil-Sen: the median of the slopes of all pairs of (pages, MB), in KB a page; None for fewer than two."""
    slopes = [(b[1] - a[1]) * 1024 / (b[0] - a[0])
              for i, a in enumerate(points) for b in points[i + 1:] if a[0] != b[0]]
    return statistics.median(slopes) if slopes else None


def at_rest(process, group):
    """Memory with nothing in work and the models given back; the limit is at its highest."""
    if group:
        group.try_limit(LIMITS[1])
    time.sleep(IDLE + 2)
    return process.memory()


def feed_all(process, files, trouble, group):
    """Gives all documents, pausing now and then. (those without an answer, readings (pages, memory))."""
    readings, unanswered, waiting = [], [], []
    for number, file in enumerate(files, 1):
        process.feed(file)
        waiting = [one for one in [*waiting, file] if not process.is_answered(one)]
        while len(waiting) >= PENDING and process.process.poll() is None:
            time.sleep(0.05)
            waiting = [one for one in waiting if not process.is_answered(one)]
        if number % PAUSE == 0 or number == len(files):
            unanswered += process.wait_for(waiting)
            waiting = []
            trouble.may_act.clear()
            readings.append((number, at_rest(process, group)))
            print(f"  {number} of {len(files)}: {readings[-1][1]['all']:.1f} MB at rest", flush=True)
            trouble.may_act.set()
        if process.process.poll() is not None:
            return unanswered + files[number:], readings
    return unanswered, readings


def run(engine, files, folder, group):
    """One soak; what it showed."""
    options = ["--engine", engine, "--memory", f"{LIMITS[1]}M", "--jobs", "8", "--deadline", str(DEADLINE), "--model-idle", str(IDLE)]
    process = front.Front(folder / "out", options, group.inside if group else lambda argv: argv)
    trouble = Trouble(process, group)
    trouble.start()
    trouble.may_act.set()
    start = time.monotonic()
    try:
        unanswered, readings = feed_all(process, files, trouble, group)
    finally:
        trouble.end()
        status = process.finish()
    return {"status": status, "seconds": time.monotonic() - start, "unanswered": [str(file) for file in unanswered],
            "readings": readings, "trouble": trouble.counts, "failures": dict(process.failures),
            "read": sum(process.result(file) is not None for file in files), "lines": process.lines,
            "group": group.figures() if group else None}


def after_warming(readings, name):
    """(pages, MB) of one process, without the first reading: libraries and caches are filled by then."""
    return [(pages, memory[name]) for pages, memory in readings[1:] if name in memory]


def goals(name, result):
    twice = sum(len(words) > 1 for file, words in result["failures"].items() if file)
    apart = told.disagreements(result["lines"])
    return [report.goal(f"{name}: {what}", value, most, decimals=decimals) for what, value, most, decimals in (
        ("documents without an answer", len(result["unanswered"]), 0, 0),
        ("documents with more than one error line", twice, 0, 0),
        ("exit status (1: some documents failed)", result["status"], 1, 0),
        ("ledger at the end, bytes", told.ledger_at_end(result["lines"]), 0, 0),
        ("moments of rest in which ledger and kernel were apart by more than 64 MB and 15 %", apart and apart[0], 0, 0),
        ("memory at rest, KB more a page", slope_kb(after_warming(result["readings"], "all")), 1, 2))]


def what_happened(name, files, result):
    words = collections.Counter(word for found in result["failures"].values() for word in found)
    return [[name, "how often"], ["documents", str(len(files))], ["read", str(result["read"])],
            *([f"failed: {word}", str(count)] for word, count in sorted(words.items())),
            *([what, str(count)] for what, count in sorted(result["trouble"].items())),
            *([f"deaths told: {process}", str(count)] for process, count in told.ends(result["lines"]).items()),
            ["OOM kills", report.number(result["group"]["oom_kills"] if result["group"] else None)]]


def memory_at_rest(name, result):
    lines = [[f"{name}, memory at rest", "MB, first", "MB, last", "highest", "KB more a page"]]
    for process in ("all", "octavo", "octavo-worker"):
        points = after_warming(result["readings"], process)
        if points:
            values = [mb for _, mb in points]
            lines.append([process, *(report.number(mb, 1) for mb in (values[0], values[-1], max(values))),
                          report.number(slope_kb(points), 2)])
    return lines


def measure_engine(engine, pages, folder, share):
    """One soak with one engine in a cgroup of its own; (documents, what it showed)."""
    files = work(pages, folder / "documents", share)
    with contextlib.ExitStack() as stack:
        try:
            group = stack.enter_context(cgroup.Group(LIMITS[1]))
        except cgroup.Unavailable as reason:
            print(f"  the budget does not change: {reason}", flush=True)
            group = None
        return files, run(engine, files, folder, group)


def measure_all(options):
    if not place.have_shared():
        return None
    folder = measure.fresh_folder(place.RESULTS / "soak")
    pages = [page for page in steady.mixed_pages(place.RESULTS / "steady/pages") if is_light(page)]
    found = {"rows": [], "tables": [], "told": [], "goals": []}
    for engine, name in systems.ENGINES.items():
        if options.only.lower() in name.lower():
            files, result = measure_engine(engine, pages, folder / engine, options.share)
            found["rows"] += [{"engine": engine, "pages": pages, "memory": memory, "seconds": result["seconds"]}
                              for pages, memory in result["readings"]]
            found["tables"] += [what_happened(name, files, result), memory_at_rest(name, result)]
            found["told"] += result["lines"][-80:]
            found["goals"] += goals(name, result)
    about = (f"For each engine, {len(files)} documents of one page through one front process, {PENDING} given ahead, "
             f"deadline {DEADLINE} s, budget between {LIMITS[0]} and {LIMITS[1]} MB; memory at rest is read every {PAUSE} "
             f"pages, with models idle for {IDLE} s. Random, with the same seed each time.")
    return {"about": about, **found}
