"""Pictures over HTTP with eight clients, against the same pictures by `octavo ocr`; /healthz meanwhile."""
import statistics
import time

import measure
import place
import report
import serving
import systems

CLIENTS = 8
ENGINE = "openvino"  # for both, so that neither begins by timing engines


def by_command(files, out):
    argv = [place.OCTAVO, "ocr", "--engine", ENGINE, "--threads", "2", "--jobs", CLIENTS, "-f", "text", "-o",
            measure.fresh_folder(out), "-q", *files]
    figures = measure.run(argv)
    return figures["wall_s"], [(out / f"{file.stem}.txt").read_text(encoding="utf-8") for file in files]


def by_server(files, folder):
    """(seconds, texts or None where one failed, the prober); the worker starts within these seconds, as above."""
    with serving.running(folder, "--engine", ENGINE, "--jobs", CLIENTS) as server:
        prober = serving.Prober(server)
        prober.start()
        start = time.monotonic()
        answers = serving.at_once(CLIENTS, lambda file: server.request(
            "POST", "/v1/ocr?format=text", file.read_bytes(), timeout=600), files)
        seconds = time.monotonic() - start
        prober.end()
    return seconds, [answer.text if answer.status == 200 else None for answer in answers], prober


def measure_all(options):
    files, folder = measure.part(place.pictures(), options.share), place.RESULTS / "serve"
    rows, health, failed, differ, unhealthy = [], [], 0, 0, 0
    by_command(files[:1], folder / "first")  # compiles the models, which is kept
    for number in range(options.repeat):
        command, expected = by_command(files, folder / "command")
        server, texts, prober = by_server(files, folder / "server")
        failed += texts.count(None)
        differ += sum(text != wish for text, wish in zip(texts, expected))
        health += prober.seconds
        unhealthy += prober.failed
        rows.append({"command_s": command, "server_s": server})
        print(f"  run {number + 1} of {options.repeat}: command {command:.1f} s, server {server:.1f} s", flush=True)
    command, server = (statistics.median(row[key] for row in rows) for key in ("command_s", "server_s"))
    p99 = serving.percentile(health, 0.99)
    lines = [["pictures", "s", "pages/s"],
             [f"octavo ocr --jobs {CLIENTS}", report.number(command, 1), report.number(len(files) / command, 2)],
             [f"octavo serve, {CLIENTS} clients", report.number(server, 1), report.number(len(files) / server, 2)]]
    goals = [report.goal("pages/s / those of octavo ocr", command / server, 0.95, at_most=False),
             report.goal("/healthz p99 ms while saturated", p99 and 1000 * p99, 50, decimals=1),
             report.goal("/healthz not answered", unhealthy, 0, decimals=0),
             report.goal("requests that failed", failed, 0, decimals=0),
             report.goal("texts that differ from those of octavo ocr", differ, 0, decimals=0)]
    about = (f"{len(files)} pictures, {systems.ENGINES[ENGINE]}, two threads; the start of the worker is in both times. "
             f"/healthz was asked {len(health)} times, on a new connection each time.")
    return {"about": about, "rows": rows, "table": lines, "goals": goals}
