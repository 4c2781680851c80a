"""What each switch and each set of models costs: memory of the process tree and time, everything else alike."""
import json
import subprocess
import time

import front
import measure
import place
import report
import systems

TILES = (2, 3, 4)
BASE, ALL, LAYOUT = "as it is", "all stages", "layout and tables"
VARIANTS = {BASE: [], "no page orientation": ["--orient", "off"], "no line orientation": ["--line-orient", "off"],
            "no straightening": ["--unwarp", "off"], LAYOUT: ["--layout", "on"],
            "no stage": ["--orient", "off", "--line-orient", "off", "--unwarp", "off", "--layout", "off"],
            ALL: systems.ALL_STAGES,
            **{f"detection in {tiles} pieces": ["--tiles", str(tiles)] for tiles in TILES},
            "one thread": ["--threads", "1"], "one document at a time": ["--jobs", "1"],
            "models of PP-OCRv4": ["--ocr-version", "PP-OCRv4"]}
# With the engine that reads whole pages there are no lines to be turned, nor is text looked for in pieces.
TESSERACT = (BASE, "no page orientation", "no straightening", LAYOUT, "no stage", ALL)
# Stage -> the variants with it and without it, which differ in nothing else.
STAGES = {"page orientation": (BASE, "no page orientation"), "line orientation": (BASE, "no line orientation"),
          "straightening": (BASE, "no straightening"), LAYOUT: (LAYOUT, BASE), ALL: (ALL, "no stage")}
# Role of a model that no package has -> name of its stage, options with it and the variant that is without it.
OWN = {"unwarp": ("unwarping by a model", ["--unwarp", "on"], BASE),
       "formula": ("formulas", ["--layout", "on", "--formula", "on"], LAYOUT),
       "seal": ("seals", ["--layout", "on", "--seal", "on"], LAYOUT)}
MORE = {"s": ("wall_s", 1), "MB at the peak": ("peak_pss_mb", 0), "MB at rest": ("rest_mb", 0)}


def installed():
    """The roles that have a model here."""
    models = json.loads(subprocess.run([place.OCTAVO, "models", "--json"], capture_output=True, check=True).stdout)
    return {model["role"] for model in models if model["installed"]}


def variants(roles):
    """(engine, variant, options) of everything that can be measured here."""
    own = {name: switches for role, (name, switches, _) in OWN.items() if role in roles}
    return [*((engine, name, switches) for engine in systems.ENGINES for name, switches in {**VARIANTS, **own}.items()),
            *(("tesseract", name, VARIANTS[name]) for name in TESSERACT)]


def name_of(engine, name):
    return f"{systems.ENGINES.get(engine, 'Tesseract')}, {name}"


def system(engine, name, switches, files, folder):
    out = folder / name_of(engine, name).replace(" ", "-").replace(",", "")
    argv = [place.OCTAVO, "ocr", "--engine", engine, "-f", "text,json", "-o", out, "-q", *switches, *files]
    made = measure.System(name_of(engine, name), argv, out, after=systems.stage_seconds)
    made.baseline = name_of(engine, BASE)
    return made


def at_rest(engine, switches, files, folder):
    """MB (PSS) of the tree a second after the last document, with the models that it has used loaded."""
    measure.fresh_folder(folder)
    process = front.Front(folder, ["--engine", engine, *switches])
    try:
        for file in files:
            process.feed(file)
        process.wait_for(files)
        time.sleep(1)
        return process.memory()["all"]
    finally:
        process.finish()


def cells(rows, engine, pair):
    """Of both variants, with a stage and without it: what was measured, and a blank where one was not."""
    found = [next((row for row in rows if row["system"] == name_of(engine, name)), None) for name in pair]
    return [" / ".join(report.number(row and report.figure(row, key), decimals) for row in found)
            for key, decimals in MORE.values()]


def stages(rows, roles):
    """Each stage on and off, engine by engine."""
    pairs = {**STAGES, **{name: (name, without) for role, (name, _, without) in OWN.items() if role in roles}}
    lines = [["stage, on / off", *MORE]]
    lines += [[name_of(engine, name), *cells(rows, engine, pair)] for engine in (*systems.ENGINES, "tesseract")
              for name, pair in pairs.items() if engine != "tesseract" or set(pair) <= set(TESSERACT)]
    return lines


def measure_all(options):
    if not place.have_shared():
        return None
    files, folder, roles = measure.part(place.pictures(), options.share), place.RESULTS / "costs", installed()
    everything = {name_of(engine, name): (engine, name, switches) for engine, name, switches in variants(roles)}
    chosen = options.chosen([system(*variant, files, folder) for variant in everything.values()])
    rows = measure.compare(chosen, options.repeat, measure.truth_folder(files, folder / "truth"))
    for row in rows:
        engine, _, switches = everything[row["system"]]
        row["rest_mb"] = at_rest(engine, switches, files, folder / "rest")
        print(f"  {row['system']}: {row['rest_mb']:.0f} MB at rest", flush=True)
    lines = [["setting", "MB at rest"], *([row["system"], report.number(row["rest_mb"], 0)] for row in rows)]
    about = (f"{len(files)} pictures, one command for all. Ratios: to the same engine with nothing switched. {missing(roles)}")
    return {"about": about, "rows": rows, "table": lines, "tables": [stages(rows, roles)], "goals": []}


def missing(roles):
    names = [name for role, (name, _, _) in OWN.items() if role not in roles]
    unknown = "No model that takes charts apart is known."
    return f"Not measured, since no package has a model and none is installed here: {', '.join(names)}. {unknown}" if names else unknown
