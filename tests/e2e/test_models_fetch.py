"""``vqmon models fetch`` from a server that serves the genuine files, over HTTP and HTTPS, well and in all wrong ways."""

from __future__ import annotations

import http.server
import ipaddress
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from monitor.models.files import KNOWN, locate

SECONDS = 60
"""Longest run of a command on a busy machine."""

NAME = "vmaf_v0.6.1"
FILE = KNOWN[NAME].path


def genuine(path: str) -> bytes:
    name = next(name for name, known in KNOWN.items() if known.path == path)  # several models may share a file
    found = locate(name)
    assert found is not None
    return found.read_bytes()


class Server(http.server.ThreadingHTTPServer):
    """Answers by the first part of the path: well, or in a wrong way."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.ended = threading.Event()
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """A client that leaves is part of the tests."""


class Answer(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, _, path = self.path.strip("/").partition("/")
        if kind.isdecimal():
            self.send_error(int(kind))
            return
        if kind in ("moved", "round"):
            self.send_response(302)
            self.send_header("Location", f"/good/{path}" if kind == "moved" else self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = genuine(path)
        sent = {"wrong": body.replace(b"1", b"2"), "page": b"<html>log in</html>", "silent": body[: len(body) // 2]}
        self.send_response(200)
        if kind == "silent":  # about its length
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(sent.get(kind, body))))
        if kind == "packed":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if kind in ("torn", "stalled"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            if kind == "stalled":
                self.server.ended.wait(SECONDS)
        elif kind == "drips":
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline and not self.server.ended.wait(0.05):
                self.wfile.write(b" ")
                self.wfile.flush()
        else:
            self.wfile.write(sent.get(kind, body))

    def log_message(self, *_: object) -> None:
        """Quiet."""


def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def plain() -> Iterator[Server]:
    yield from serving(Server())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, and its key, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.fixture(scope="module")
def secure(authority: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    yield from serving(Server(context))


def fetch(folder: Path, address: str, *words: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of the command with ``folder`` as the user's data folder."""
    inherited = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "models", "fetch", *words, "--from", address],
        env=inherited | {"XDG_DATA_HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])} | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def kept(folder: Path) -> dict[str, bytes]:
    """Everything under a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("way", ["good", "moved"])
def test_every_known_file_comes_whole(plain: Server, tmp_path: Path, way: str) -> None:
    had = [name for name in KNOWN if locate(name) is not None]
    code, output, errors = fetch(tmp_path, f"{plain.url}/{way}/", *had)
    assert (code, errors) == (0, "")
    assert kept(tmp_path) == {f"vqmon/models/{KNOWN[name].file}": genuine(KNOWN[name].path) for name in had}
    assert [line.split(": ")[0] for line in output.splitlines()] == had


def test_over_https_with_a_certificate_that_the_environment_names(secure: Server, authority: Path, tmp_path: Path) -> None:
    code, _, errors = fetch(tmp_path, f"{secure.url}/good", NAME)
    assert (code, kept(tmp_path)) == (1, {})
    assert errors.startswith(f"vqmon: {secure.url}/good/{FILE} can't be had: ")
    assert "CERTIFICATE_VERIFY_FAILED" in errors
    assert "SSL_CERT_FILE" in errors
    code, _, errors = fetch(tmp_path, f"{secure.url}/good", NAME, SSL_CERT_FILE=str(authority))
    assert (code, errors) == (0, "")
    assert kept(tmp_path) == {f"vqmon/models/{KNOWN[NAME].file}": genuine(FILE)}


WRONG = {
    "404": ("answered HTTP 404", "give the address of a copy of Netflix/vmaf that serves the file"),
    "503": ("answered HTTP 503", "the server is in trouble, try again later"),
    "wrong": ("is not the published vmaf_v0.6.1.json", "nothing was kept; take it from another address"),
    "page": ("is not the published vmaf_v0.6.1.json: of its 19 bytes", "nothing was kept; take it from another address"),
    "silent": ("is not the published vmaf_v0.6.1.json", "nothing was kept; take it from another address"),
    "torn": ("can't be had: peer closed connection without sending complete message body", "or try again later"),
    "packed": ("can't be had: ", "or try again later"),
    "round": ("can't be had: Exceeded maximum allowed redirects", "or try again later"),
    "stalled": ("no answer in time", "try again, or give --timeout"),
    "drips": ("bytes came in time", "try again later, or take it from another address"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_goes_wrong_is_one_line_with_the_address_and_a_way_out(plain: Server, tmp_path: Path, kind: str) -> None:
    before = tmp_path / "vqmon" / "models" / KNOWN[NAME].file
    before.parent.mkdir(parents=True)
    before.write_bytes(b"before")
    code, output, errors = fetch(tmp_path, f"{plain.url}/{kind}", NAME, "--timeout", "0.5" if kind != "drips" else "0.1")
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith(f"vqmon: {plain.url}/{kind}/{FILE}")
    what, remedy = WRONG[kind]
    assert what in errors
    assert errors.rstrip().endswith(remedy)
    assert kept(tmp_path) == {f"vqmon/models/{before.name}": b"before"}


def test_what_came_before_a_failure_is_kept_and_told(plain: Server, tmp_path: Path) -> None:
    code, output, errors = fetch(tmp_path, f"{plain.url}/good", NAME, "nothing")
    assert (code, list(kept(tmp_path))) == (2, [f"vqmon/models/{KNOWN[NAME].file}"])
    assert output.startswith(f"{NAME}: ")
    assert "no VMAF model 'nothing'" in errors


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1/x/model/vmaf_v0.6.1.json can't be had: "),
        ("ftp://127.0.0.1/x", "ftp://127.0.0.1/x/model/vmaf_v0.6.1.json can't be had: "),
        ("nowhere", "/model/vmaf_v0.6.1.json can't be had: "),
        ("http://127.0.0.1:port/", "is no address: Invalid port: 'port'"),
    ],
)
def test_addresses_where_nobody_answers(tmp_path: Path, address: str, words: str) -> None:
    code, output, errors = fetch(tmp_path, address, NAME, "--timeout", "5")
    assert code in (1, 2)
    assert (output, errors.count("\n"), kept(tmp_path)) == ("", 1, {})
    assert words in errors
