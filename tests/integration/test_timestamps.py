"""Time stamps of a real authority: `openssl ts` behind a local server."""

import base64
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from restorecheck.errors import DeliveryError
from restorecheck.signing import dsse, envelopes, timestamps
from tests.integration.test_queries import HOUR, OK
from tests.integration.test_signed_history import ask, loaded, past  # noqa: F401  # a fixture
from tests.missing import need
from tests.signed import Key

pytestmark = pytest.mark.enable_socket

CONFIG = """
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical, CA:true
[tsa]
extendedKeyUsage = critical, timeStamping
keyUsage = critical, digitalSignature
[tsa_conf]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
"""


class Authority:
    """Answers as its certificate says; `answer` replaces what it says."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "c.cnf").write_text(CONFIG)
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root", "-config", "c.cnf",
                 "-extensions", "root", "-days", "3650")  # fmt: skip
        self.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=tsa", "-config", "c.cnf")  # fmt: skip
        self.run("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key",
                 "-CAcreateserial", "-out", "tsa.pem", "-days", "3650", "-extfile", "c.cnf",
                 "-extensions", "tsa")  # fmt: skip
        self.answer = None
        self.status = 200
        self.url = ""

    def run(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def reply(self, query):
        if self.answer is not None:
            return self.answer
        (self.folder / "query").write_bytes(query)
        self.run("ts", "-reply", "-queryfile", "query", "-signer", "tsa.pem", "-inkey", "tsa.key", "-config", "c.cnf", "-section", "tsa_conf", "-out", "reply")  # fmt: skip
        return (self.folder / "reply").read_bytes()


@pytest.fixture
def authority(tmp_path):
    need(shutil.which("openssl"), "openssl", "apt-get install openssl")
    made = Authority(tmp_path / "tsa")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            query = self.rfile.read(int(self.headers["Content-Length"]))
            content = made.reply(query)
            self.send_response(made.status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/"
    yield made
    server.shutdown()
    server.server_close()


def roots(authority, name="root.pem"):
    return timestamps.certificates_of((authority.folder / name).read_bytes())


def test_a_time_stamp_is_verified_by_the_root_of_its_authority_and_by_openssl(authority):
    stamped = timestamps.stamp(authority.url, b"signature")

    proven, problem = timestamps.proven(stamped, b"signature", roots(authority))
    assert (problem, proven.startswith("signed before 20")) == ("", True)
    (authority.folder / "stored").write_bytes(base64.b64decode(stamped))
    (authority.folder / "message").write_bytes(b"signature")
    authority.run("ts", "-verify", "-data", "message", "-in", "stored", "-CAfile", "root.pem")


def test_a_time_stamp_of_another_text_or_another_authority_proves_nothing(authority, tmp_path):
    stamped = timestamps.stamp(authority.url, b"signature")
    other = Authority(tmp_path / "other")

    for text, message, trusted in (
        (stamped, b"other", roots(authority)),
        (stamped, b"signature", roots(other)),
        ("", b"signature", roots(authority)),
        ("AAAA", b"signature", roots(authority)),
        ("!", b"signature", roots(authority)),
    ):
        proven, problem = timestamps.proven(text, message, trusted)
        assert proven == ""
        assert problem.startswith("its time stamp is not one of the given authorities")


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (b"<html>", 200, "its answer is no time stamp"),
        (b"", 503, "HTTP 503"),
        (b"", 302, "HTTP 302"),
    ],
)
def test_what_is_no_time_stamp_is_not_taken_for_one(authority, answer, status, said):
    authority.answer, authority.status = answer, status

    with pytest.raises(DeliveryError, match=said):
        timestamps.stamp(authority.url, b"signature")


def test_an_authority_that_refuses_is_told(authority):
    authority.run("ts", "-query", "-data", "c.cnf", "-md5", "-out", "md5")
    authority.answer = authority.reply((authority.folder / "md5").read_bytes())

    with pytest.raises(DeliveryError, match="status 2"):
        timestamps.stamp(authority.url, b"signature")


def test_a_report_is_signed_also_while_the_authority_is_away(authority, past, capsys):  # noqa: F811
    scribe = past.key.scribe(timestamp_url=authority.url)
    first = scribe.sign(b"{}")
    authority.status = 500
    second = scribe.sign(b"{}")

    assert first.timestamp
    assert second.timestamp == ""
    assert envelopes.opened(second.envelope, [past.key.verifier]).problem == ""


def test_verify_counts_time_stamps_and_finds_a_foreign_one(authority, past, capsys, monkeypatch):  # noqa: F811
    config = past.path.read_text().replace("pem}'", f"pem}}', timestamp_url: '{authority.url}'")
    past.path.write_text(config.replace("}}', timestamp", "}', timestamp"))
    assert loaded(past).history.sign.timestamp_url == authority.url
    past.drill("courses", OK, HOUR, signed=False)
    assert ask(capsys, "history", "note", "d-1", "--why", "x")[0] == 0
    words = ("history", "verify", "--key", "sign.pub", "--tsa-cert", "tsa/root.pem")

    code, out, _ = ask(capsys, *words)
    assert code == 0, out
    assert "1 signature with a time stamp of a given authority" in out

    past.tamper("update signatures set stamped = 'AAAA' where sequence = 5")
    code, out, _ = ask(capsys, *words)
    assert code == 1
    assert "its time stamp is not one of the given authorities" in out


def test_a_key_of_another_machine_makes_no_difference_to_time_stamps(authority):
    """What is stamped is the signature: another signature of the same text needs its own."""
    one, other = Key().scribe(), Key().scribe()
    stamped = timestamps.stamp(authority.url, dsse.signature_bytes(one.sign(b"{}").envelope))
    message = dsse.signature_bytes(other.sign(b"{}").envelope)

    assert timestamps.proven(stamped, message, roots(authority))[0] == ""
