"""schemathesis asks a server whatever its description allows, and does not: no answer that the description does not have."""
import os
import re
import subprocess

import pytest

from octavo import BIN, ROOT, require_models
from server import Server

PACKAGES = ROOT / "runtime" / "schemathesis"  # tools/setup test
SEED = 1
EXAMPLES = 2  # of each call, made up; going through the limits of each parameter takes as many as it needs
PATIENCE = 60  # seconds for an answer: the first page waits for the models, with sanitizers for 10 s and more
# A deadline of one second may pass (504). That what the description allows is accepted cannot be said: bytes are no
# document, two formats no file.
CONFIGURATION = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 504]
[checks.positive_data_acceptance]
enabled = false
"""


def schemathesis(*arguments, folder):
    return subprocess.run(["/usr/bin/python3", "-m", "schemathesis.cli", *map(str, arguments)], cwd=folder,
                          env={**os.environ, "PYTHONPATH": str(PACKAGES)}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory):
    require_models()
    run = schemathesis("--version", folder=tmp_path_factory.mktemp("version"))
    if run.returncode:
        pytest.skip(f"schemathesis cannot be used here: {run.stdout.strip().splitlines()[-1]}")


def ask(server, folder, *options):
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    run = schemathesis("--config-file", "schemathesis.toml", "run", f"http://127.0.0.1:{server.port}/openapi.json",
                       "--max-examples", EXAMPLES, "--seed", SEED, "--generation-database", "none", "--no-color",
                       "--continue-on-failure", "--request-timeout", PATIENCE, *options, folder=folder)
    assert run.returncode == 0, run.stdout
    assert re.search(r"\b(\d\d+) selected / \1 total", run.stdout), run.stdout
    assert server.get("/healthz").status == 200


def test_description_is_true_without_keys(tmp_path):
    with Server(tmp_path / "data") as server:
        ask(server, tmp_path, "--phases", "coverage")


def test_description_is_true_with_keys(tmp_path):
    """Keys are left out and made up as well."""
    keys = tmp_path / "keys"
    made = subprocess.run([BIN / "octavo", "key", "new", "--keys", keys, "--name", "all", "--scopes", "submit,read,admin"],
                          capture_output=True, text=True, check=True)
    with Server(tmp_path / "data", "--keys", keys, environment={"OCTAVO_KEYS_RATE": "1000"}) as server:
        ask(server, tmp_path, "--phases", "fuzzing", "-H", f"Authorization: Bearer {made.stdout.strip()}")
