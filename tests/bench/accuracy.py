"""Every document of the corpus that has a text truth: its text by kind of document, pages in columns, its searchable PDF."""
import csv
import importlib.util
import shutil
import subprocess

import measure
import place
import report

ENGINE = "openvino"
CER, CER_COLUMNS, F1_LOST, GROWTH = 0.15, 0.06, 0.01, 0.10

# What the models cannot read, and why.
UNREADABLE = {
    "ko-card-terms": "Korean: the alphabet of the models has no Hangul",
    "nasa-math-p4": "formulas, whose truth is only approximate",
    "photo-handwriting": "handwriting",
}
COLUMNS = ("gov-federal-register-3col", "paper-dolma-p1", "paper-dpr-2p", "paper-plosone-2p", "scan-cfr-twocolumn")

# Truths that come from a PDF's text: lines, counted from 1, in the order in which they stand on the page. Those that are
# left out are printers' marks which the picture of the page does not have.
PUT_RIGHT = {
    "gov-federal-register-3col": [
        (1, 40), (42, 80), (86, 120), (193, 214), (150, 151), (181, 186), (121, 149), (152, 180), (187, 192),
        (227, 228), (399, 399), (230, 307), (313, 390), (400, 475), (479, 496), (498, 556), (562, 632), (641, 715)],
}


def scorer():
    """textscore.py as a module: pdftotext's text is scored without being written first."""
    spec = importlib.util.spec_from_file_location("textscore", place.TEXTSCORE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def put_right(name, truth):
    lines = truth.split("\n")
    return "\n".join(line for first, last in PUT_RIGHT[name] for line in lines[first - 1:last])


def text_of_pdf(path):
    return subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True).stdout.decode(errors="replace")


def kinds():
    with open(place.DEV / "MANIFEST.tsv", encoding="utf-8") as file:
        return {row["path"]: row["class"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


def row_of(document, folder, kind, textscore):
    """CER and word F1 of a document's text; against its truth put right, if there is such; of its PDF; the PDF's growth."""
    name, truth = document.stem, textscore.read(place.truth_of(document))
    text, pdf = textscore.read(folder / f"{name}.txt"), folder / f"{name}.pdf"
    cer, f1, length = textscore.score(truth, text, True)
    row = {"document": name, "kind": kind, "characters": length, "cer": cer, "f1": f1}
    if name in PUT_RIGHT:
        row["cer_put_right"] = textscore.score(put_right(name, truth), text, True)[0]
    if pdf.is_file() and shutil.which("pdftotext"):
        row["pdf_cer"], row["pdf_f1"], _ = textscore.score(truth, text_of_pdf(pdf), True)
    if pdf.is_file() and document.suffix == ".pdf":
        row["growth"] = pdf.stat().st_size / document.stat().st_size - 1
    return row


def mean(rows, key):
    """Weighed by characters, of which a blank page counts as having one; None where something was not measured."""
    if not rows or any(key not in row for row in rows):
        return None
    weights = [max(1, row["characters"]) for row in rows]
    return sum(row[key] * weight for row, weight in zip(rows, weights)) / sum(weights)


def line_of(what, rows):
    return [what, str(len(rows)), str(sum(row["characters"] for row in rows)),
            *(report.number(mean(rows, key), 3) for key in ("cer", "f1", "pdf_cer", "pdf_f1"))]


def kinds_table(read, unread):
    lines = [line_of(kind, [row for row in read if row["kind"] == kind]) for kind in sorted({r["kind"] for r in read})]
    return [["kind", "documents", "characters", "CER", "word F1", "PDF CER", "PDF F1"], *lines,
            line_of("all that can be read", read), *(line_of(f"not: {row['document']}", [row]) for row in unread)]


def goals_of(rows, read):
    goals = [report.goal("CER of what can be read", mean(read, "cer"), CER, decimals=3)]
    for row in (row for row in rows if row["document"] in COLUMNS):
        right = ", truth put right" if "cer_put_right" in row else ""
        goals.append(report.goal(f"CER of {row['document']}{right}", row.get("cer_put_right", row["cer"]), CER_COLUMNS,
                                 decimals=3))
    lost = None if mean(rows, "pdf_f1") is None else mean(rows, "f1") - mean(rows, "pdf_f1")
    grown = max((row["growth"] for row in rows if "growth" in row), default=None)
    return [*goals, report.goal("word F1 that the PDF loses", lost, F1_LOST, decimals=3),
            report.goal("growth of a PDF, most", grown, GROWTH)]


def notes_of(rows):
    worst = sorted(rows, key=lambda row: -row["cer"] * row["characters"])[:10]
    lost = [row for row in rows if row["f1"] - row.get("pdf_f1", 1) > F1_LOST]
    grown = [row for row in rows if row.get("growth", 0) > GROWTH]
    return ["- not read: " + "; ".join(f"{row['document']} ({UNREADABLE[row['document']]})" for row in rows
                                       if row["document"] in UNREADABLE),
            "- most errors: " + ", ".join(f"{row['document']} {row['cer']:.3f}" for row in worst),
            "- PDF loses word F1: " + ", ".join(f"{row['document']} {row['f1']:.3f} to {row['pdf_f1']:.3f}" for row in lost),
            "- PDF grows: " + ", ".join(f"{row['document']} {row['growth']:.1%}" for row in grown)]


def measure_all(options):
    if not place.have_shared():
        return None
    files = measure.part([path for path in place.documents(place.DEV) if place.truth_of(path).is_file()], options.share)
    folder, kind, textscore = measure.fresh_folder(place.RESULTS / "accuracy"), kinds(), scorer()
    measure.run([place.OCTAVO, "ocr", "--engine", ENGINE, "-f", "text,pdf", "-o", folder, "-q", *files])
    rows = [row_of(path, folder, kind[path.name], textscore) for path in files]
    read = [row for row in rows if row["document"] not in UNREADABLE]
    about = (f"{len(files)} documents with a text truth. CER and word F1 as textscore.py --fold has them, weighed by "
             "characters; PDF: the same of what pdftotext finds in the searchable PDF.")
    return {"about": about, "rows": rows, "notes": notes_of(rows), "goals": goals_of(rows, read),
            "table": kinds_table(read, [row for row in rows if row["document"] in UNREADABLE])}
