"""The server with a certificate: who is let in, who is refused, and another certificate while it runs."""
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest

from octavo import LETTER, octavo, pdf, require_models, wait_for
from server import Server, is_problem, read_events, receive_all

PATIENCE = 2  # seconds that a client has to say something


def make_certificate(folder, name, days=2):
    """NAME.pem and NAME.key of this machine's loopback address; days may be over already."""
    key, request, certificate = (folder / f"{name}.{end}" for end in ("key", "request", "pem"))
    extension = folder / "extension"
    extension.write_text("subjectAltName=IP:127.0.0.1\n")
    for command in (["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                     f"/CN={name}", "-keyout", key, "-out", request],
                    ["x509", "-req", "-in", request, "-signkey", key, "-days", str(days), "-extfile", extension,
                     "-out", certificate]):
        subprocess.run(["openssl", *command], capture_output=True, check=True)
    return certificate, key


def trusting(*certificates):
    context = ssl.create_default_context()
    for certificate in certificates:
        context.load_verify_locations(certificate)
    return context


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls")
    for name in ("first", "second"):
        make_certificate(path, name)
    return path


def serve(data, certificate, key, **options):
    return Server(data, "--tls-certificate", certificate, "--tls-key", key, **options)


@pytest.fixture(scope="module")
def server(folder):
    require_models()
    with serve(folder / "data", folder / "first.pem", folder / "first.key", tls=trusting(folder / "first.pem"),
               environment={"OCTAVO_SERVER_SEND_TIMEOUT": str(PATIENCE)}) as running:
        yield running


def dial(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def shake_hands(server, context, connection=None):
    return context.wrap_socket(connection or dial(server), server_hostname="127.0.0.1")


def test_calls_are_as_without(server):
    assert server.first.startswith("octavo serves https://127.0.0.1:")
    assert server.get("/healthz").status == 200
    is_problem(server.get("/v1/tasks/none"), 404, "not_found")
    large = server.get("/openapi.json")
    assert large.status == 200 and len(large.body) == int(large.headers["Content-Length"]) > 16384


def test_curl_reads_a_document(server, folder):
    run = subprocess.run(["curl", "-sS", "--cacert", folder / "first.pem", "--data-binary", f"@{LETTER}",
                          f"https://127.0.0.1:{server.port}/v1/ocr?format=text"], capture_output=True, text=True, check=False)
    assert run.returncode == 0 and run.stdout.count("\n") > 3, run


def test_events_come_as_they_happen(server):
    task = server.submit(pdf(2))
    connection = server.connect()
    connection.request("GET", f"/v1/tasks/{task}/events")
    events = read_events(connection.getresponse())
    connection.close()
    assert [event for _, event, _ in events] == ["queued", "started", "page", "page", "done"]


def test_client_commands_check_the_certificate(server, folder):
    there = ["--server", f"https://127.0.0.1:{server.port}"]
    stranger = octavo("list", *there)
    assert stranger.returncode == 69 and "certificate" in stranger.stderr
    run = octavo("submit", "--wait", LETTER, *there, "--cacert", folder / "first.pem")
    assert run.returncode == 0, run
    run = octavo("result", run.stdout.strip(), *there, env={"PATH": "/usr/bin", "OCTAVO_CACERT": str(folder / "first.pem")})
    assert run.returncode == 0 and run.stdout.count("\n") > 3, run


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_of_today_are_spoken(server, folder, version):
    context = trusting(folder / "first.pem")
    context.minimum_version = context.maximum_version = version
    with shake_hands(server, context) as connection:
        assert connection.version() == version.name.replace("_", ".")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_versions_of_old_are_refused(server, folder):
    context = trusting(folder / "first.pem")
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        shake_hands(server, context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # so it was that, and nothing else
    shake_hands(server, context).close()


@pytest.mark.parametrize("data", [b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\0" * 999],
                         ids=["http", "record", "zeros"])
def test_what_is_no_tls_ends(server, data):
    assert b"HTTP/" not in server.raw(data)
    assert server.get("/healthz").status == 200


def test_who_does_not_shake_hands_is_cut(server):
    began = time.monotonic()
    silent, halfway = dial(server), dial(server)
    halfway.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a hello
    with silent, halfway:
        assert receive_all(silent) == b""
        assert b"HTTP/" not in receive_all(halfway)
    assert PATIENCE - 0.5 < time.monotonic() - began < PATIENCE + 10
    assert server.get("/healthz").status == 200


def test_certificate_is_read_again(folder, tmp_path):
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"

    def use(certificate_name, key_name):
        shutil.copy(folder / f"{certificate_name}.pem", certificate)
        shutil.copy(folder / f"{key_name}.key", key)

    def reload(certificate_name, key_name, told):
        server.log.clear()
        use(certificate_name, key_name)
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: any(told in line for line in server.log))

    first, second = trusting(folder / "first.pem"), trusting(folder / "second.pem")
    use("first", "first")
    with serve(tmp_path / "data", certificate, key, tls=first) as server:
        kept, early = server.connect(), dial(server)
        kept.request("GET", "/healthz")
        assert kept.getresponse().read()
        reload("second", "second", "settings, certificate are read again")
        shake_hands(server, second).close()
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(server, first)
        kept.request("GET", "/healthz")
        assert kept.getresponse().status == 200
        kept.close()
        shake_hands(server, first, early).close()  # it connected before, and began with the old one
        reload("first", "second", "it is not the key of the certificate")
        assert any("all stays as it was" in line for line in server.log)
        shake_hands(server, second).close()
        reload("first", "first", "settings, certificate are read again")
        shake_hands(server, first).close()


def test_certificate_that_is_over_is_warned_of(folder, tmp_path):
    """The times of others are tested in unit/test_tls.c."""
    certificate, key = make_certificate(tmp_path, "old", days=-1)
    with serve(tmp_path / "data", certificate, key, tls=ssl._create_unverified_context()) as server:
        assert server.get("/healthz").status == 200
        assert any('"warning"' in line and "the certificate has expired at " in line for line in server.log)


@pytest.mark.parametrize("files, told", [
    ({"certificate": "none.pem", "key": "first.key"}, "none.pem: No such file or directory"),
    ({"certificate": ".", "key": "first.key"}, "Is a directory"),
    ({"certificate": "first.key", "key": "first.key"}, "first.key: a certificate in PEM is expected"),
    ({"certificate": "first.pem", "key": "first.pem"}, "first.pem: a private key in PEM, without a password, is expected"),
    ({"certificate": "first.pem", "key": "locked.key"}, "locked.key: a private key in PEM, without a password, is expected"),
    ({"certificate": "first.pem", "key": "second.key"}, "it is not the key of the certificate in "),
    ({"certificate": "first.pem"}, "tls.certificate is given without tls.key"),
    ({"key": "first.key"}, "tls.key is given without tls.certificate"),
], ids=["missing", "folder", "no certificate", "no key", "password", "other key", "certificate alone", "key alone"])
def test_wrong_files_are_told(folder, tmp_path, files, told):
    locked = folder / "locked.key"
    if not locked.exists():
        subprocess.run(["openssl", "pkey", "-in", folder / "first.key", "-aes256", "-passout", "pass:x", "-out", locked],
                       check=True)
    options = [word for name, file in files.items() for word in (f"--tls-{name}", folder / file)]
    run = octavo("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "data", *options)
    assert run.returncode == 78 and run.stdout == "" and run.stderr.count("\n") == 1 and told in run.stderr, run
