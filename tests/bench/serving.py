"""A running server for the benches: that of the tests, and what many clients do with it."""
import concurrent.futures
import contextlib
import pathlib
import sys
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "spec"))

import measure
from paper import pdf_of  # noqa: F401
from server import Server, read_events  # noqa: F401 (what benches take from here)


def percentile(values, part):
    """The value below which this part of all values lies; None of none."""
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))] if values else None


@contextlib.contextmanager
def running(folder, *options, **more):
    """A server with a new data folder, ended and checked at the end."""
    with Server(measure.fresh_folder(folder) / "data", *options, **more) as server:
        yield server


def timed(call, *arguments, **options):
    """(seconds, answer)."""
    start = time.monotonic()
    answer = call(*arguments, **options)
    return time.monotonic() - start, answer


def at_once(clients, call, items):
    """call(item) for all, so many at a time; the answers in order."""
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return list(pool.map(call, items))


def read_task(server, document, query="", seconds=600):
    """Sends a document and waits for its end: (seconds, the task)."""
    return timed(lambda: server.wait_for_end(server.submit(document, query), seconds))


def metric(server, name):
    """A figure of /metrics."""
    line = next(line for line in server.get("/metrics").text.splitlines() if line.startswith(name + " "))
    return float(line.split()[1])


class Prober(threading.Thread):
    """Asks for /healthz now and then, on a new connection each time, until it is told to end."""

    def __init__(self, server, every=0.02):
        super().__init__(daemon=True)
        self.server, self.every, self.over = server, every, threading.Event()
        self.seconds, self.failed = [], 0

    def run(self):
        while not self.over.wait(self.every):
            try:
                seconds, answer = timed(self.server.get, "/healthz", timeout=10)
                self.failed += answer.status != 200
                self.seconds.append(seconds)
            except OSError:
                self.failed += 1

    def end(self):
        self.over.set()
        self.join()
