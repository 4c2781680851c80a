"""Memory over 500 pages of mixed sizes in one process: does it stay where it was after 50?"""
import pathlib
import resource
import statistics
import subprocess
import time

import measure
import place
import report
import systems

CYCLES, PICTURES, SHEETS = 10, 20, 30  # each cycle: 20 pictures as they are, 30 PDF pages at a resolution of its own
PAGES = CYCLES * (PICTURES + SHEETS)
WINDOW = 10  # pages over which a reading is taken


def sources():
    """The PDFs whose first pages are drawn, in order."""
    return sorted(place.DEV.glob("*.pdf"))[:SHEETS]


def mixed_pages(folder):
    """500 files of one page each, in the order of reading: each cycle has the same sources, its PDF pages at other sizes.

    Made once: what the last run left is taken again.
    """
    if folder.is_dir() and sum(1 for _ in folder.iterdir()) == PAGES:
        return sorted(folder.iterdir())
    measure.fresh_folder(folder)
    pictures = place.pictures()[:PICTURES]
    for cycle in range(CYCLES):
        dpi = str(75 + 7 * cycle)
        for i, document in enumerate(sources()):
            target = folder / f"{cycle}{i:02}-{dpi}dpi"
            command = ["pdftoppm", "-q", "-r", dpi, "-l", "1", "-singlefile", "-png", document, target]
            subprocess.run(command, check=True)
        for i, picture in enumerate(pictures):
            (folder / f"{cycle}{i:02}-picture{picture.suffix}").symlink_to(picture)
    return sorted(folder.iterdir())


def worker_of(parent):
    """The process id of a child named octavo-worker, None while there is none."""
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, fields = path.read_text(errors="replace").rsplit(")", 1)
        except OSError:
            continue
        if name.endswith("(octavo-worker") and int(fields.split()[1]) == parent:
            return int(path.parent.name)
    return None


def resident_mb(pid):
    """From statm, which costs the process nothing; None once it has ended."""
    try:
        pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * resource.getpagesize() / 2**20


def sample(argv, out):
    """Runs Octavo and returns (pages done, MB resident) of its worker, ten times a second."""
    samples = []
    with subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL) as process:
        while process.poll() is None:
            worker = worker_of(process.pid)
            resident = resident_mb(worker) if worker else None
            if resident:
                samples.append((sum(1 for _ in out.glob("*.txt")), resident))
            time.sleep(0.1)
    return samples, process.returncode


def around(samples, page):
    """Median of the readings over the last pages up to this one."""
    window = [resident for done, resident in samples if page - WINDOW < done <= page]
    return statistics.median(window) if window else None


def highest(samples, page):
    return max((resident for done, resident in samples if done <= page), default=None)


def measure_all(options):
    if not place.have_shared():
        return None
    folder = place.RESULTS / "steady"
    files = mixed_pages(folder / "pages")
    rows, goals = [], []
    lines = [["system", "MB at 50", f"MB at {PAGES}", "growth", "highest MB to 50", f"highest MB to {PAGES}"]]
    for system in options.chosen([systems.octavo(e, files, folder / f"octavo-{e}") for e in systems.ENGINES]):
        measure.fresh_folder(system.out)
        samples, status = sample(system.argv, system.out)
        done = sum(1 for _ in system.out.glob("*.txt"))
        early, late = around(samples, 50), around(samples, PAGES)
        ratio = late / early if early and late else None
        rows.append({"system": system.name, "status": status, "pages": done, "samples": samples})
        lines.append([system.name + (f" ({done} pages only)" if done < PAGES else ""), report.number(early),
                      report.number(late), "-" if ratio is None else f"{ratio - 1:+.1%}",
                      report.number(highest(samples, 50)), report.number(highest(samples, PAGES))])
        goals.append(report.goal(f"{system.name}: MB at {PAGES} pages / at 50", ratio, 1.10))
        print(f"  {system.name}: {done} pages", flush=True)
    about = (f"One process reads {PAGES} pages of mixed sizes: {CYCLES} rounds of {PICTURES} pictures and {SHEETS} PDF "
             "pages, these at another resolution each round. MB resident of octavo-worker: median over the last "
             f"{WINDOW} pages, and the highest reading so far.")
    return {"about": about, "rows": rows, "table": lines, "goals": goals}
