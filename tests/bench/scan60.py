"""A clean scan of 60 pages: the PDF for those that read PDF, else its pages at 200 dpi as PNG."""
import subprocess
import time

import images
import measure
import place
import report
import systems
from measure import System

DOCUMENT = place.DEV / "large-irs-manual-scan-60p.pdf"
PAGES = 60


def rasterise(folder):
    """Pages as PNG, and the seconds it took (kept apart: not part of any system's time)."""
    measure.fresh_folder(folder)
    start = time.monotonic()
    subprocess.run(["pdftoppm", "-r", "200", "-png", DOCUMENT, folder / "page"], check=True)
    return sorted(folder.iterdir()), time.monotonic() - start


def join_pages(out, _figures):
    """One text out of a text per page, as textscore.py wants it."""
    pages = sorted(out.glob("page-*.txt"))
    text = "\f".join(page.read_text(encoding="utf-8") for page in pages)
    (out / f"{DOCUMENT.stem}.txt").write_text(text, encoding="utf-8")
    return {}


def ocrmypdf(out):
    argv = ["ocrmypdf", "--jobs", "2", "--force-ocr", "--quiet", "--sidecar", out / f"{DOCUMENT.stem}.txt",
            DOCUMENT, out / "out.pdf"]
    return System("OCRmyPDF (Tesseract)", argv, out, baseline=systems.rapid_name("openvino"))


def rapid(engine, pages, out):
    system = systems.rapid(engine, pages, out)
    system.after = join_pages
    return system


def measure_all(options):
    if not place.have_shared():
        return None
    folder = place.RESULTS / "scan60"
    pages, seconds = rasterise(folder / "pages")
    everything = options.chosen([
        *(systems.octavo(engine, [DOCUMENT], folder / f"octavo-{engine}") for engine in systems.ENGINES),
        *(rapid(engine, pages, folder / f"rapid-{engine}") for engine in systems.ENGINES),
        ocrmypdf(folder / "ocrmypdf")])
    rows = measure.compare(everything, options.repeat, measure.truth_folder([DOCUMENT], folder / "truth"))
    notes = [f"Rasterising the pages beforehand (pdftoppm, 200 dpi): {seconds / PAGES:.2f} s/page, in no line above."]
    about = (f"{DOCUMENT.name}: Octavo and OCRmyPDF read the PDF (OCRmyPDF writes one, too), RapidOCR its pages as PNG "
             "at 200 dpi. Ratios: to RapidOCR on the same engine (OCRmyPDF: on OpenVINO). The truth lacks the text of "
             "the screens pictured there, which every system reads: errors are for comparing.")
    return {"about": about, "pages": PAGES, "rows": rows, "notes": notes, "goals": images.peer_goals(rows)}
