"""The n-th allocation, system call or engine call of one process fails, for n from 1 until it runs through."""
import collections
import concurrent.futures

import inject
import place
import report
import systems

DENSE, GROWTH = 200, 1.15  # all of the first steps, then each so many times the last


def cases():
    """(engine, program, kind): everything with ONNX Runtime, and once more with OpenVINO what an engine changes."""
    first = [("onnxruntime", program, kind) for program, kinds in inject.KINDS.items() for kind in kinds]
    return first + [("openvino", inject.WORKER, kind) for kind in inject.KINDS[inject.WORKER]]


def command(engine, document):
    return [place.OCTAVO, "ocr", "--engine", engine, "--page-timeout", "10", "--timing", document]


def sweep_case(case, document, wanted, dense, growth):
    engine, program, kind = case
    found = list(inject.sweep(program, kind, command(engine, document), wanted, dense, growth))
    bad = sum(bool(verdict.problems) for _, verdict in found)
    print(f"  {engine}, {program}, {kind}: {len(found)} runs, {bad} with problems", flush=True)
    return found


def case_line(case, found):
    """One line of the table. The last run is the one in which nothing was left to fail."""
    failing = [verdict for _, verdict in found if verdict.step is not None]
    read = sum(verdict.survived for verdict in failing)
    steps = collections.Counter(verdict.step for verdict in failing)
    return [", ".join(case), str(len(failing)), str(found[-1][0]), str(read), str(len(failing) - read),
            str(sum(bool(verdict.problems) for _, verdict in found)),
            " ".join(name for name, _ in steps.most_common(4))]


def problem_notes(case, found):
    return [f"- {', '.join(case)}, {number} ({verdict.step}): {'; '.join(verdict.problems)}"
            for number, verdict in found if verdict.problems]


def measure_all(options):
    if not inject.LIBRARY.exists():
        print(f"{inject.LIBRARY.name} is not built")
        return None
    document = min(place.SAMPLES.glob("*.*"), key=lambda path: (path.suffix != ".pdf", path.stat().st_size))
    wanted = {engine: inject.good_text(command(engine, document)) for engine in systems.ENGINES}
    dense, growth = max(1, int(DENSE * options.share)), 1 + (GROWTH - 1) / options.share
    with concurrent.futures.ThreadPoolExecutor(systems.CORES) as pool:
        runs = [pool.submit(sweep_case, case, document, wanted[case[0]], dense, growth) for case in cases()]
        results = [(case, run.result()) for case, run in zip(cases(), runs)]
    lines = [["engine, process, what fails", "faults", "steps at most", "read all the same", "refused", "problems",
              "mostly"]]
    lines += [case_line(case, found) for case, found in results]
    notes = [note for case, found in results for note in problem_notes(case, found)]
    about = (f"{document.name}, one step of one process fails in each run: the first {dense} of each kind, then each "
             f"{growth:.4g} times the last, until there is none left. The run must read it all the same or say in one "
             "clear line why not; in time, with nothing left running, no report of a sanitizer and a ledger at zero.")
    problems = sum(bool(verdict.problems) for _, found in results for _, verdict in found)
    rows = [{"case": case, "number": number, "step": verdict.step, "status": verdict.status,
             "lines": verdict.lines[:20], "problems": verdict.problems}
            for case, found in results for number, verdict in found]
    return {"about": about, "rows": rows, "table": lines, "notes": notes,
            "goals": [report.goal("runs with problems", problems, 0, decimals=0)]}
