"""What Octavo tells on standard error: failures in the words of its own table, and the figures of --timing."""
import re

import place

UNITS = {"": 1, "byte": 1, "bytes": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


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


def amount(text):
    """The first number of a text in bytes, by the unit behind it; None if there is none."""
    match = re.search(r"(\d+(?:\.\d+)?) ?([A-Za-z]*)", text or "")
    return float(match[1]) * UNITS.get(match[2], 1) if match else None


def ledger_at_end(lines):
    """Bytes that the ledger still held when all work was done ("0 bytes"); None if --timing did not tell."""
    return amount(table_line(lines, "ledger at the end"))


def reconciliation(lines):
    """(per cent, MB): how far the kernel's figure of the memory in use was from the ledger's at most, as --timing tells
    it ("+7.5 %, +30 MB"); None if it does not."""
    match = re.search(r"[+-]?([\d.]+) ?%, [+-]?([\d.]+) MB", table_line(lines, "reconciliation") or "")
    return (float(match[1]), float(match[2])) if match else None
