"""One run of `octavo ocr` over many documents, under a limit of memory or none: what came of each document."""
import collections
import contextlib
import json
import subprocess
import sys

import cgroup
import measure
import place
import told


def arguments(files, out, memory_mb=None, options=()):
    limit = ["--memory", f"{memory_mb}M"] if memory_mb else []
    return [place.OCTAVO, "ocr", "-f", "text,json", "-o", out, "--timing", *limit, *options, *files]


def run(argv, log, limit_mb=None, sampled=False):
    """Runs argv, in a cgroup if limit_mb is given; raises cgroup.Unavailable. What it tells goes to the file log.

    Its figures: wall_s, cpu_s, status; sampled also peak_pss_mb and peak_processes, and times mean little then (see
    measure.run); with a limit also those of cgroup.Group.figures().
    """
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(cgroup.Group(limit_mb)) if limit_mb else None
        argv = [str(word) for word in (group.inside(argv) if group else argv)]
        with open(log, "w", encoding="utf-8", errors="replace") as file:
            streams = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file}
            if sampled:
                tree = log.with_suffix(".tree.json")
                subprocess.run([sys.executable, place.TREEMEM, "-o", tree, *argv], check=False, **streams)
                figures = json.loads(tree.read_text())
            else:
                figures = measure.clock(argv, streams)
        return figures | (group.figures() if group else {})


def results(out):
    """Name of the document as it was given -> its result."""
    found = {}
    for path in out.glob("*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        found[result["document"]["name"]] = result
    return found


def pages(found):
    return sum(len(result["pages"]) for result in found.values())


def plans(found):
    """Plan as words -> number of pages read by it; pages that do not say are under "not told"."""
    counts = collections.Counter()
    for result in found.values():
        for page in result["pages"]:
            counts[plan_text(page.get("plan", result.get("plan")))] += 1
    return counts


def plan_text(plan):
    if not plan:
        return "not told"
    words = [f"{key} {value}" if not isinstance(value, bool) else key
             for key, value in plan.items() if value is not False and value is not None]
    return ", ".join(words)


def outcomes(files, found, lines):
    """File -> "read", "partly" (some pages are kept), an error word, or "unanswered"."""
    failures = told.failures(lines)
    ends = {}
    for file in map(str, files):
        result, failure = found.get(file), failures.get(file)
        if failure:
            ends[file] = "partly" if result and result["pages"] else failure[0]
        else:
            ends[file] = "read" if result else "unanswered"
    return ends
