"""What each switch and each set of models costs: peak of the process tree and time, everything else alike."""
import measure
import place
import report
import systems

TILES = (2, 3, 4)
VARIANTS = [("as it is", []), ("no page orientation", ["--orient", "off"]),
            ("no line orientation", ["--line-orient", "off"]),
            ("neither orientation", ["--orient", "off", "--line-orient", "off"]),
            *((f"detection in {tiles} pieces", ["--tiles", str(tiles)]) for tiles in TILES),
            ("layout and tables", ["--layout", "on"]), ("one thread", ["--threads", "1"]), ("one document at a time", ["--jobs", "1"]),
            ("models of PP-OCRv4", ["--ocr-version", "PP-OCRv4"])]


def variant(engine, name, switches, files, folder):
    out = folder / f"{engine}-{name.replace(' ', '-')}"
    argv = [place.OCTAVO, "ocr", "--engine", engine, "-f", "text,json", "-o", out, "-q", *switches, *files]
    system = measure.System(f"{systems.ENGINES[engine]}, {name}", argv, out, after=systems.stage_seconds)
    system.baseline = f"{systems.ENGINES[engine]}, {VARIANTS[0][0]}"
    return system


def difference(rows, row):
    """MB and seconds more than the same engine takes as it is."""
    base = next((other for other in rows if other["system"] == row["baseline"]), None)
    values = []
    for key, decimals in (("peak_pss_mb", 0), ("wall_s", 1)):
        known = base and report.figure(base, key) is not None and report.figure(row, key) is not None
        values.append(f"{report.figure(row, key) - report.figure(base, key):+.{decimals}f}" if known else "-")
    return values


def measure_all(options):
    if not place.have_shared():
        return None
    files, folder = measure.part(place.pictures(), options.share), place.RESULTS / "costs"
    everything = [variant(engine, name, switches, files, folder)
                  for engine in systems.ENGINES for name, switches in VARIANTS]
    rows = measure.compare(options.chosen(everything), options.repeat, measure.truth_folder(files, folder / "truth"))
    lines = [["setting", "MB more", "s more"], *([row["system"], *difference(rows, row)] for row in rows)]
    about = (f"{len(files)} pictures, one command for all. Ratios and differences: to the same engine with nothing "
             "switched.")
    return {"about": about, "rows": rows, "table": lines, "goals": []}
