"""The pictures of the corpus that have a text truth, read by every system: total time, peak memory, errors."""
import measure
import place
import report
import systems


def peer_goals(rows):
    """Time and memory against RapidOCR on the same engine."""
    goals = []
    for engine, name in systems.ENGINES.items():
        row = next((row for row in rows if row["system"] == f"Octavo, {name}"), None)
        if row:
            goals.append(report.goal(f"{name}: time / RapidOCR's", report.ratio(rows, row, "wall_s"), 0.5))
            goals.append(report.goal(f"{name}: peak / RapidOCR's", report.ratio(rows, row, "peak_pss_mb"), 1 / 3))
    return goals


def own_goals(rows):
    """Accuracy, and how close the time is to the limit of this design."""
    goals = []
    for row in (row for row in rows if "stages" in row):
        goals.append(report.goal(f"{row['system']}: word F1", row.get("f1"), 0.90, at_most=False, decimals=3))
        goals.append(report.goal(f"{row['system']}: CER", row.get("cer"), 0.20, decimals=3))
        goals.append(report.goal(f"{row['system']}: share inside engines", row["engine_share"], 0.85, at_most=False))
    return goals


def measure_all(options):
    files = place.pictures()
    folder = place.RESULTS / "images"
    everything = [systems.octavo(engine, files, folder / f"octavo-{engine}") for engine in systems.ENGINES]
    if place.have_shared():
        everything += [systems.rapid(engine, files, folder / f"rapid-{engine}") for engine in systems.ENGINES]
    everything.append(systems.tesseract(files, folder / "tesseract"))
    truth = measure.truth_folder(files if place.have_shared() else [], folder / "truth")
    rows = measure.compare(options.chosen(everything), options.repeat, truth)
    about = (f"{len(files)} pictures (JPEG, PNG), one command for all; Tesseract: one process per picture, as many at "
             f"a time as cores, languages {systems.TESSERACT_LANGUAGES}. Ratios: to RapidOCR on the same engine "
             "(Tesseract: on OpenVINO).")
    return {"about": about, "rows": rows, "goals": peer_goals(rows) + own_goals(rows)}
