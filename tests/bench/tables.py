"""Tables of the corpus whose cells are known: how well they are taken apart (TEDS), in what time and memory."""
import subprocess

import measure
import peers
import place
import report
import systems

PEER = "rapid-layout, rapid-table, RapidOCR"
TEDS, STRUCTURE = 0.88, 0.91


def documents():
    return [path for path in place.documents(place.DEV) if path.with_suffix(".gt.html").is_file()]


def pictures(files, folder):
    """The peer reads pictures only: pages of PDFs are drawn for it, at 150 dpi. (Python 3.13 has no rapid-table 0.3.)"""
    drawn = []
    for path in files:
        if path.suffix == ".pdf":
            subprocess.run(["pdftoppm", "-r", "150", "-png", "-singlefile", path, folder / path.stem], check=True)
            path = (folder / path.stem).with_suffix(".png")
        drawn.append(path)
    return drawn


def scores(truth, out):
    """Mean TEDS and TEDS of the structure alone, over the documents of truth."""
    lines = subprocess.run([peers.PYTHON, place.TEDSCORE, "--dir", truth, out], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    _, teds, structure, _ = lines[-1].split("\t")
    return {"teds": float(teds), "structure": float(structure), "tables": lines[:-1]}


def truth_folder(files, path):
    measure.fresh_folder(path)
    for document in files:
        truth = document.with_suffix(".gt.html")
        (path / truth.name).symlink_to(truth)
    return path


def goals(row):
    return [report.goal(f"{row['system']}: TEDS", row.get("teds"), TEDS, at_most=False, decimals=3),
            report.goal(f"{row['system']}: structure alone", row.get("structure"), STRUCTURE, at_most=False, decimals=3)]


def against_peer(rows, row):
    return [report.goal(f"{row['system']}: time / the peer's", report.ratio(rows, row, "wall_s"), 0.4),
            report.goal(f"{row['system']}: peak / the peer's", report.ratio(rows, row, "peak_pss_mb"), 1 / 3)]


def measure_all(options):
    if not place.have_shared():
        return None
    files, folder = measure.part(documents(), options.share), place.RESULTS / "tables"
    truth = truth_folder(files, folder / "truth")
    drawn = pictures(files, measure.fresh_folder(folder / "drawn"))
    everything = [measure.System(f"Octavo, {name}",
                                 [place.OCTAVO, "ocr", "--engine", engine, "-f", "html", "-o", folder / engine, "-q",
                                  *files], folder / engine, baseline=PEER)
                  for engine, name in systems.ENGINES.items()]
    everything.append(measure.System(PEER, [peers.PYTHON, place.RAPID_STRUCTURE, folder / "peer", *drawn],
                                     folder / "peer"))
    for system in everything:
        system.after = lambda out, figures: scores(truth, out)
    rows = measure.compare(options.chosen(everything), options.repeat, measure.truth_folder([], folder / "none"))
    for row in rows:
        del row["cer"], row["f1"]  # there is no text to score
    own = [row for row in rows if row["system"] != PEER]
    lines = [["system", "TEDS", "structure alone"],
             *([row["system"], report.number(row["teds"], 4), report.number(row["structure"], 4)] for row in rows)]
    about = f"{len(files)} documents with tables whose cells are known. Ratios: to {PEER}."
    return {"about": about, "rows": rows, "table": lines,
            "goals": [goal for row in own for goal in goals(row) + against_peer(rows, row)]}
