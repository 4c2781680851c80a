"""One-page tasks beside two books of 500 pages, against one-page tasks alone."""
import place
import report
import serving

TASKS, BOOKS, PAGES = 60, 2, 500
LINES = 30  # on each page of a book


def book(pages):
    """The bytes of a PDF of so many pages of text."""
    def drawing(number):
        lines = (f"(Line {line} of page {number}, and some more words to read on it) Tj T* " for line in range(LINES))
        return "BT /F 12 Tf 20 TL 60 760 Td " + "".join(lines) + "ET"
    return serving.pdf_of([drawing(number) for number in range(1, pages + 1)], 595, 842)


def waits(server, document, count):
    """Seconds of so many one-page tasks, one after the other, and how many were not done."""
    ends = [serving.read_task(server, document) for _ in range(count)]
    return [seconds for seconds, _ in ends], sum(task["state"] != "done" for _, task in ends)


def measure_all(options):
    document = (place.SAMPLES / "receipt.jpg").read_bytes()
    count = max(5, round(TASKS * options.share))
    with serving.running(place.RESULTS / "interleave") as server:
        waits(server, document, 3)  # models are loaded, kernels made
        alone, lost = waits(server, document, count)
        print(f"  alone: p95 {serving.percentile(alone, 0.95):.2f} s", flush=True)
        books = [server.submit(book(PAGES)) for _ in range(BOOKS)]
        for task in books:
            server.wait_until(task, lambda state: state["pages_done"] > 0)
        beside, more_lost = waits(server, document, count)
        states = [server.get(f"/v1/tasks/{task}").json for task in books]
        for task in books:
            server.request("DELETE", f"/v1/tasks/{task}")
    figures = {name: [serving.percentile(seconds, part) for part in (0.5, 0.95, 1)]
               for name, seconds in (("alone", alone), (f"beside {BOOKS} books", beside))}
    lines = [["one-page tasks", "p50 s", "p95 s", "longest s"],
             *([name, *(report.number(value, 2) for value in values)] for name, values in figures.items())]
    still = sum(state["state"] in ("queued", "running") for state in states)
    goals = [report.goal("p95 beside books / p95 alone", figures[f"beside {BOOKS} books"][1] / figures["alone"][1], 3),
             report.goal("one-page tasks that were not done", lost + more_lost, 0, decimals=0),
             report.goal("books not over before the last one-page task", still, BOOKS, at_most=False, decimals=0)]
    about = (f"{count} times the same receipt, each sent when the one before was read; the books had "
             f"{' and '.join(str(state['pages_done']) for state in states)} of {PAGES} pages read at the end.")
    return {"about": about, "rows": [{"alone": alone, "beside": beside}], "table": lines, "goals": goals}
