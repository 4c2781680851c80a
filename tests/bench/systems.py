"""The programs that are compared: how each is asked to read a list of pictures into a folder of texts."""
import json
import os
import re

import peers
import place
from measure import System

ENGINES = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}
RAPID = {"openvino": "ov", "onnxruntime": "ort"}
# Every stage that a package has a model for; pages that lie askew are straightened anyway, without one.
ALL_STAGES = ("--orient", "on", "--line-orient", "on", "--layout", "on")
CORES = len(os.sched_getaffinity(0))
TESSERACT_LANGUAGES = os.environ.get("BENCH_TESSERACT_LANGUAGES", "eng+chi_sim")


def rapid_name(engine):
    return f"RapidOCR, {ENGINES[engine]}"


def octavo(engine, files, out, options=()):
    argv = [place.OCTAVO, "ocr", "--engine", engine, "-f", "text,json", "-o", out, "-q", *options, *files]
    return System(f"Octavo, {ENGINES[engine]}", argv, out, baseline=rapid_name(engine), after=stage_seconds)


def rapid(engine, files, out):
    return System(rapid_name(engine), [peers.PYTHON, place.RAPID_TEXT, RAPID[engine], out, *files], out)


def tesseract(files, out):
    """One process per picture with one thread each, as many at a time as cores: faster than one with all threads."""
    read_one = f'name=${{1##*/}}; exec tesseract "$1" "{out}/${{name%.*}}" -l {TESSERACT_LANGUAGES}'
    read_all = f"printf '%s\\n' \"$@\" | xargs -P {CORES} -I{{}} sh -c '{read_one}' sh {{}}"
    return System("Tesseract", ["sh", "-c", read_all, "sh", *files], out, env={"OMP_THREAD_LIMIT": "1"},
                  baseline=rapid_name("openvino"))


def stage_table():
    """Words of the stages of a page and whether each is inside an engine, from Octavo's own table."""
    source = (place.ROOT / "src/table/stages.def").read_text(encoding="utf-8")
    return {word: inside == "1" for word, inside in re.findall(r'^STAGE\(\w+, "(\w+)", ([01])', source, re.MULTILINE)}


def stage_seconds(out, figures):
    """Core seconds in each stage, over all of Octavo's JSON results in a folder, and the share inside engines."""
    seconds = {word: 0.0 for word in stage_table()}
    for path in out.glob("*.json"):
        for word, stage in json.loads(path.read_text(encoding="utf-8"))["timings"].items():
            seconds[word] += stage["seconds"]
    inside = sum(seconds[word] for word, is_inside in stage_table().items() if is_inside)
    return {"stages": seconds, "engine_share": inside / (figures["wall_s"] * CORES)}
