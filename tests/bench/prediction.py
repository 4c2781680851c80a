"""How good predictions of memory are after 20 pages: actual / predicted peaks of all engine runs that are measured."""
import limited
import measure
import place
import report
import systems
import told

FIRST = 20  # pages from which a new installation learns
PAGES = "1-3"  # of each document


def run(engine, files, folder, name):
    """One `octavo ocr` over the files with a state folder of its own; what it told of its predictions."""
    out = measure.fresh_folder(folder / f"{engine}-{name}")
    log = out.with_suffix(".log")
    options = ["--engine", engine, "--pages", PAGES]
    limited.run(["env", f"XDG_STATE_HOME={folder / engine}", *limited.arguments(files, out, None, options)], log)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return {"pages": limited.pages(limited.results(out)), **(told.predictions(lines) or {})}


def measure_engine(engine, files, folder):
    measure.fresh_folder(folder / engine)
    first = measure.part(place.pictures(), FIRST / len(place.pictures()))
    rows = [{"system": f"{systems.ENGINES[engine]}, {name}", **run(engine, work, folder, name)}
            for name, work in (("a new installation", first), ("the corpus after it", files))]
    print(f"  {rows[1]}", flush=True)
    return rows


def goals(row):
    return [report.goal(f"{row['system']}: p99 of actual / predicted", row.get("p99"), 1.0),
            report.goal(f"{row['system']}: median", row.get("median"), 0.6, at_most=False)]


def measure_all(options):
    if not place.have_shared():
        return None
    files = measure.part(place.documents(place.DEV), options.share)
    folder = measure.fresh_folder(place.RESULTS / "prediction")
    engines = [engine for engine in systems.ENGINES if options.only.lower() in systems.ENGINES[engine].lower()]
    pairs = [measure_engine(engine, files, folder) for engine in engines]
    rows = [row for pair in pairs for row in pair]
    lines = [["run", "pages", "runs measured", "median", "p99", "above 1"]]
    lines += [[row["system"], str(row["pages"]), *(str(row.get(key, "-")) for key in ("runs", "median", "p99", "above"))]
              for row in rows]
    about = (f"{FIRST} pictures teach a new installation; then pages {PAGES} of the {len(files)} documents of the "
             "development corpus. On OpenVINO only runs that are taken alone are measured.")
    return {"about": about, "rows": [], "table": lines, "goals": [goal for pair in pairs for goal in goals(pair[1])]}
