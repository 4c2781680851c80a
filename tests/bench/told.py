"""What Octavo tells on standard error: failures in the words of its own table, and the figures of --timing."""
import re

import place



def errors():
    """Word -> sentence of every way to fail, from Octavo's own table."""
    source = (place.ROOT / "src/table/errors.def").read_text(encoding="utf-8")
    return dict(re.findall(r'^ERROR\(\w+, "(\w+)", \d+, \d+, "([^"]+)"', source, re.MULTILINE))


def failure(line, sentences):
    """(file or None, error word) if the line tells a failure, else None. sentences: of errors()."""
    for word, sentence in sentences.items():
        match = re.match(rf"octavo: (?:(.*?): )?(?:page \d+: )?{re.escape(sentence)}[:;]", line)
        if match:
            return match[1], word
    return None


def failures(lines):
    """File -> (error word, the line); None stands for those that are of no file. The last line of a file counts."""
    sentences = errors()
    found = ((failure(line, sentences), line) for line in lines)
    return {told[0]: (told[1], line) for told, line in found if told}


def ends(lines):
    """How many processes the lines say to have ended by a signal or before their time: name -> number."""
    names = re.findall(r"(octavo-(?:worker|raster)) (?:was killed by signal|ended with status)", "\n".join(lines))
    return {name: names.count(name) for name in sorted(set(names))}


def table_line(lines, name):
    """The value beside a name in the table of --timing, None if it is not there."""
    for line in lines:
        match = re.match(rf"\s+{re.escape(name)}\s\s*(\S.*)", line)
        if match:
            return match[1].strip()
    return None


def ledger_at_end(lines):
    """Bytes that the ledger still held when all work was done; None if --timing did not tell."""
    match = re.search(r"(\d+) bytes at the end", table_line(lines, "charged") or "")
    return int(match[1]) if match else None


def disagreements(lines):
    """(moments of rest in which ledger and kernel were apart by more than 64 MB and 15 %, all such moments), as --timing
    tells them; None if it does not."""
    match = re.search(r"in (\d+) of (\d+) moments", table_line(lines, "ledger and kernel") or "")
    return (int(match[1]), int(match[2])) if match else None


def predictions(lines):
    """What --timing tells of the peaks of engine runs: {"runs", "median", "p99", "above"}; None if it does not."""
    match = re.search(r"(\d+) runs, .* median ([\d.]+), p99 ([\d.]+), (\d+) above", table_line(lines, "predictions") or "")
    return match and {"runs": int(match[1]), "median": float(match[2]), "p99": float(match[3]), "above": int(match[4])}
