"""The whole corpus under a hard limit of memory: does the kernel kill, does the text suffer, how much slower is it?"""
import cgroup
import limited
import measure
import place
import report
import systems
import told

JOBS = 8
PAGES = "1-4"  # of each document: a book shows nothing that its first pages do not
UNLIMITED = "no limit"
ALL_STAGES = "all stages"
# Name, limit in MB, options, whether its peak is sampled (then its time means little)
CASES = [(UNLIMITED, None, ["--jobs", str(JOBS)], False), ("512M", 512, [], True), ("256M", 256, [], True),
         (f"512M, {JOBS} at once", 512, ["--jobs", str(JOBS)], False),
         *((f"{limit}M, {ALL_STAGES}", limit, systems.ALL_STAGES, True) for limit in (512, 256))]


def measure_case(case, files, folder, truth):
    """One run and what came of it; None where no cgroup can be made."""
    name, limit, options, sampled = case
    out = measure.fresh_folder(folder / name.replace(" ", "-").replace(",", ""))
    log = out.with_suffix(".log")
    try:
        figures = limited.run(limited.arguments(files, out, limit, ["--pages", PAGES, *options]), log, limit, sampled)
    except cgroup.Unavailable as reason:
        print(f"  {name}: skipped: {reason}", flush=True)
        return {"case": name, "skipped": str(reason)}
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found = limited.results(out)
    row = {"case": name, "limit": limit, **figures, "pages": limited.pages(found), "plans": limited.plans(found),
           "outcomes": limited.outcomes(files, found, lines), "ends": told.ends(lines),
           "failures": {file or "": line for file, (_, line) in told.failures(lines).items()},
           "told_peak": told.table_line(lines, "peak memory (PSS)"), **measure.score(truth, out)}
    print(f"  {name}: {row['pages']} pages in {figures['wall_s']:.0f} s", flush=True)
    return row


def counted(row, *words):
    return sum(end in words for end in row["outcomes"].values())


def main_table(rows):
    lines = [["run", "s", "pages", "read", "partly", "refused for memory", "other errors", "unanswered", "OOM kills",
              "tree peak MB (PSS)", "cgroup peak MB", "CER"]]
    for row in rows:
        if "skipped" in row:
            lines.append([row["case"], f"skipped: {row['skipped']}", *["-"] * 10])
            continue
        other = len(row["outcomes"]) - counted(row, "read", "partly", "no_memory", "unanswered")
        lines.append([row["case"], report.number(row["wall_s"]), str(row["pages"]), str(counted(row, "read")),
                      str(counted(row, "partly")), str(counted(row, "no_memory")), str(other),
                      str(counted(row, "unanswered")), report.number(row.get("oom_kills")),
                      report.number(row.get("peak_pss_mb")), report.number(row.get("group_peak_mb")),
                      report.number(row.get("cer"), 4)])
    return lines


def plans_table(rows):
    rows = [row for row in rows if "skipped" not in row]
    words = sorted({plan for row in rows for plan in row["plans"]})
    return [["pages by plan", *(row["case"] for row in rows)],
            *([plan, *(str(row["plans"].get(plan, 0)) for row in rows)] for plan in words)]


def worse_table(rows):
    """Documents that end otherwise than without a limit, and the words that were said."""
    base, lines = rows[0]["outcomes"], [["run", "document", "without a limit", "here", "in words"]]
    for row in rows[1:]:
        for file, end in row.get("outcomes", {}).items():
            if end != base[file]:
                words = row["failures"].get(file, "").replace("|", "/").removeprefix(f"octavo: {file}: ")
                lines.append([row["case"], file.rsplit("/", 1)[-1], base[file], end, words])
    return lines


def speed(row):
    return row["pages"] / row["wall_s"]


def case_goals(row, base):
    """What the issue asks of one limited run."""
    name, limit = row["case"], row["limit"]
    goals = [report.goal(f"{name}: OOM kills", row["oom_kills"], 0, decimals=0),
             report.goal(f"{name}: documents without an answer", counted(row, "unanswered"), 0, decimals=0),
             report.goal(f"{name}: processes that died", sum(row["ends"].values()), sum(base["ends"].values()),
                         decimals=0)]
    if "peak_pss_mb" in row:
        goals.append(report.goal(f"{name}: tree peak MB", row["peak_pss_mb"], limit, decimals=0))
    else:
        goals.append(report.goal(f"{name}: pages/s, of that without a limit", speed(row) / speed(base), 0.8,
                                 at_most=False))
    if limit == 512 and "cer" in row and ALL_STAGES not in name:  # regions change the order of the text
        goals.append(report.goal(f"{name}: CER above that without a limit", row["cer"] - base["cer"], 0.005,
                                 decimals=4))
    return goals


def measure_all(options):
    if not place.have_shared():
        return None
    files = (measure.part(place.documents(place.DEV), options.share) +
             measure.part(place.documents(place.HOSTILE), options.share))
    folder = place.RESULTS / "cap"
    truth = measure.truth_folder([f for f in files if f.parent == place.DEV and place.truth_of(f).is_file()],
                                 folder / "truth")
    rows = [measure_case(case, files, folder, truth) for case in CASES]
    goals = [goal for row in rows[1:] if "skipped" not in row for goal in case_goals(row, rows[0])]
    goals += [report.goal(f"{row['case']}: OOM kills", None, 0, decimals=0) for row in rows if "skipped" in row]
    about = (f"{len(files)} documents (development and hostile), pages {PAGES} of each, one command for all, "
             "inside a cgroup of the size that --memory names. Where a tree peak stands, the tree was sampled every 20 ms, which makes it slower.")
    return {"about": about, "rows": rows, "table": main_table(rows),
            "tables": [plans_table(rows), worse_table(rows)], "goals": goals}
