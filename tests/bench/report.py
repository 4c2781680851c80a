"""From results (JSON) to Markdown: every table of the benchmark is made here, when it runs and again from its files."""
import statistics


def table(header, rows):
    cells = [header, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]

    def line(row):
        first, *rest = (cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])


def number(value, decimals=0):
    return "-" if value is None else f"{value:.{decimals}f}"


def figure(row, key):
    """A figure of a row: the median of its runs for times, the peak as it is; None if it was not measured."""
    return row[key] if key in row else statistics.median(run[key] for run in row["runs"])


def ratio(rows, row, key):
    """A row's figure over that of its baseline in the same run; None where the baseline did not run."""
    base = next((other for other in rows if other["system"] == row["baseline"]), None)
    if base is None or figure(row, key) is None or figure(base, key) is None:
        return None
    return figure(row, key) / figure(base, key)


def goal(text, value, limit, at_most=True, decimals=2):
    """One promise: what it says, what was measured, what was asked for. A value of None was not measured."""
    reached = None if value is None else (value <= limit if at_most else value >= limit)
    return {"goal": text, "measured": number(value, decimals), "reached": reached,
            "asked": f"{'at most' if at_most else 'at least'} {limit:.{decimals}f}"}


def goals_table(goals):
    verdict = {True: "reached", False: "NOT REACHED", None: "not measured"}
    return table(["goal", "asked", "measured", "verdict"],
                 [[g["goal"], g["asked"], g["measured"], verdict[g["reached"]]] for g in goals])


def systems_table(rows, pages=None):
    """One line per system; per page where a number of pages is given."""
    unit, decimals = ("s/page", 2) if pages else ("s", 1)
    pages = pages or 1
    repeated = max(len(row["runs"]) for row in rows) > 1
    header = ["system", f"{unit} (median)" if repeated else unit, *([f"{unit} (least)"] if repeated else []),
              f"CPU {unit}", "peak MB", "time ratio", "memory ratio", "word F1", "CER"]
    lines = []
    for row in rows:
        least = min(run["wall_s"] for run in row["runs"]) / pages
        lines.append([row["system"] + ("" if all(run["status"] == 0 for run in row["runs"]) else " (failed)"),
                      number(figure(row, "wall_s") / pages, decimals), *([number(least, decimals)] if repeated else []),
                      number(figure(row, "cpu_s") / pages, decimals), number(figure(row, "peak_pss_mb")),
                      number(ratio(rows, row, "wall_s"), 2), number(ratio(rows, row, "peak_pss_mb"), 2),
                      number(row.get("f1"), 3), number(row.get("cer"), 3)])
    return table(header, lines)


def stages_table(rows):
    """Where Octavo's time goes: seconds of one core per stage."""
    ours = [row for row in rows if "stages" in row]
    words = [word for word in (ours[0]["stages"] if ours else []) if any(row["stages"][word] >= 0.005 for row in ours)]
    lines = [[word, *(number(row["stages"][word], 2) for row in ours)] for word in words]
    lines.append(["inside engines, of wall time x cores", *(f"{row['engine_share']:.0%}" for row in ours)])
    return table(["stage, core seconds", *(row["system"] for row in ours)], lines) if ours else ""


def documents_table(rows):
    """CER and word F1 of each document, side by side; where the first system makes most errors comes first."""
    scored = [row for row in rows if row.get("documents")]
    if not scored:
        return ""
    first = scored[0]["documents"]
    names = sorted(first, key=lambda name: -first[name][0] * first[name][2])
    lines = [[name, str(first[name][2]), *("{:.3f} / {:.3f}".format(*row["documents"][name][:2]) for row in scored)]
             for name in names]
    return table(["document", "characters", *(f"{row['system']} CER / F1" for row in scored)], lines)


def heading(result):
    pairs = [f"- {key}: {value}" for key, value in {**result["machine"], **result["versions"]}.items()]
    return "\n".join([f"## {result['bench']}", "", result["about"], "", *pairs])


def document(result, with_heading=True, with_documents=False):
    """The whole report of one bench."""
    parts = [heading(result)] if with_heading else []
    rows = result["rows"]
    if rows and "runs" in rows[0]:
        parts += [systems_table(rows, result.get("pages")), stages_table(rows)]
    if result.get("table"):
        parts.append(table(result["table"][0], result["table"][1:]))
    parts += [table(lines[0], lines[1:]) for lines in result.get("tables", []) if len(lines) > 1]
    parts += ["\n".join(result.get("notes", [])), goals_table(result["goals"]) if result["goals"] else ""]
    if with_documents:
        parts.append(documents_table(rows))
    return "\n\n".join(part for part in parts if part) + "\n"
