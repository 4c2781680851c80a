"""Installs the programs that Octavo is measured against: Python ones in a folder of their own, others from Debian."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import place

LOCK = pathlib.Path(__file__).with_name("peers.lock")
LANGUAGES = ("eng", "chi_sim", "jpn", "kor", "fra")
DEBIAN = ("tesseract-ocr", "ocrmypdf", "poppler-utils", "python3-venv",
          *(f"tesseract-ocr-{name.replace('_', '-')}" for name in LANGUAGES))
PYTHON = place.PEERS / "bin/python"


def stop(sentence):
    sys.exit(f"tests/bench/run: {sentence}")


def install():
    """Brings in what is missing; well under a second where nothing is. Ends the program with a sentence on failure."""
    install_debian()
    if place.have_shared():
        install_python()


def install_debian():
    listed = subprocess.run(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\n", *DEBIAN],
                            capture_output=True, text=True, check=False).stdout.splitlines()
    missing = sorted(set(DEBIAN) - {line.split()[1] for line in listed if line.startswith("installed ")})
    if not missing:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    if sudo and not shutil.which("sudo"):
        stop(f"as root, run: apt-get install {' '.join(missing)}")
    print(f"installing {' '.join(missing)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", *missing]):
        done = subprocess.run([*sudo, "apt-get", *step], env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            stop(f"apt-get {step[0]} failed; check the network, then run: apt-get install {' '.join(missing)}")


def install_python():
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    stamp = place.PEERS / "installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"installing the Python peers in {place.PEERS.relative_to(place.ROOT)}", flush=True)
    shutil.rmtree(place.PEERS, ignore_errors=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--requirement", LOCK]
    for step in ([sys.executable, "-m", "venv", place.PEERS], pip):
        if subprocess.run(step, check=False).returncode:
            stop("the Python peers cannot be installed; see above, then run it again")
    stamp.write_text(wanted)


def first_line(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).split("\n")[0]


def versions():
    """Name -> version of what is there of what install() brings."""
    found = {}
    if shutil.which("tesseract"):
        found["Tesseract"] = first_line("tesseract", "--version").removeprefix("tesseract ")
    if shutil.which("ocrmypdf"):
        found["OCRmyPDF"] = first_line("ocrmypdf", "--version")
    if PYTHON.exists():
        code = ("from importlib.metadata import version\n"
                "for name in ('rapidocr', 'onnxruntime', 'openvino', 'fastapi'): print(name, version(name))")
        listed = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout
        names = {"rapidocr": "RapidOCR", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "fastapi": "FastAPI"}
        found |= {names[name]: version for name, version in (line.split() for line in listed.splitlines())}
    return found
