"""Where the benchmark finds things and leaves things."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("OCTAVO_BIN", ROOT / "build/bin")).resolve()
OCTAVO = BINARIES / "octavo"
RESULTS = ROOT / "build/bench"
PEERS = ROOT / "runtime/peers"
SAMPLES = ROOT / "tests/samples"

SHARED = ROOT.parent / "shared"
DEV = SHARED / "corpus/dev"
HOSTILE = SHARED / "corpus/hostile"
TEXTSCORE = SHARED / "tools/textscore.py"
TREEMEM = SHARED / "tools/treemem.py"
TEDSCORE = SHARED / "tools/tedscore.py"
RAPID_TEXT = SHARED / "tools/peers/rapid_text.py"
RAPID_STRUCTURE = SHARED / "tools/peers/rapid_structure.py"
OLD_WAY = SHARED / "tools/peers/oldway.py"
LOAD = SHARED / "tools/peers/load.py"


def have_shared():
    return DEV.is_dir() and TEXTSCORE.is_file() and TREEMEM.is_file() and RAPID_TEXT.is_file()


def pictures():
    """The JPEG and PNG pictures of the work, sorted: the corpus's that have a text truth, else our own samples."""
    if not have_shared():
        return sorted(p for p in SAMPLES.rglob("*") if p.suffix in (".jpg", ".png"))
    return sorted(p for p in DEV.iterdir() if p.suffix in (".jpg", ".png") and truth_of(p).is_file())


def truth_of(document):
    return document.with_suffix(".gt.txt")


def documents(folder):
    """All documents of a folder of the corpus, sorted: what is neither its list nor a truth."""
    return sorted(p for p in folder.iterdir() if p.is_file() and p.name != "MANIFEST.tsv" and ".gt." not in p.name)
