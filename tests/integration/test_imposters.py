"""A server that a dump has put in the place of the throw-away one: what it is told of the caller's."""

import os
import socket
import struct
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from restorecheck.errors import DatabaseUnreachableError
from restorecheck.model import Endpoint
from restorecheck.postgres.dump.load import Destination
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.cluster import Places
from restorecheck.postgres.session import libpq, opening
from tests import pg
from tests.places import SHORT

CLEARTEXT = b"R" + struct.pack("!II", 8, 3)
"""AuthenticationCleartextPassword. Source: PostgreSQL documentation, "Message Formats"."""
SECRET = "secret-of-the-caller"  # noqa: S105  # planted here


@contextmanager
def imposter(path):
    """Asks every caller for a password; gives all that it was sent."""
    heard: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(30)

    def ask():
        try:
            while True:
                caller, _ = listener.accept()
                with caller:
                    caller.settimeout(5)
                    heard.append(caller.recv(4096))
                    caller.sendall(CLEARTEXT)
                    heard.append(caller.recv(4096))
        except OSError:
            return  # closed below

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        yield heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        asking.join(10)


@pytest.fixture
def places():
    with tempfile.TemporaryDirectory(dir=SHORT, prefix="rc") as base:
        places = Places(Path(base))
        places.sockets.mkdir()
        yield places


@pytest.fixture
def callers_secrets(tmp_path, monkeypatch):
    """Where libpq looks by itself."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".pgpass").write_text(f"*:*:*:*:{SECRET}\n")
    (home / ".pgpass").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PGPASSFILE", str(home / ".pgpass"))
    monkeypatch.setenv("PGPASSWORD", SECRET)


def endpoint_of(places):
    return Endpoint(
        host=str(places.sockets), port=cluster.PORT, user="u", databases=("d",), identity="1"
    )


CALLS = {
    "superuser": cluster.superuser_connection,
    "checker": lambda places: opening.connect_to_throw_away(endpoint_of(places), "d"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_password_of_the_callers_is_sent_to_who_sits_at_the_socket(
    places, callers_secrets, call
):
    with (
        imposter(places.socket_path) as heard,
        pytest.raises((psycopg.OperationalError, DatabaseUnreachableError)),
    ):
        call(places)

    assert heard, "it was spoken to"
    assert SECRET.encode() not in b"".join(heard)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_variable_leads_to_another_server(places, monkeypatch, call):
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    monkeypatch.setenv("PGREQUIREPEER", "nobody-of-this-name")
    monkeypatch.setenv("PGCHANNELBINDING", "require")

    with (
        imposter(places.socket_path) as heard,
        pytest.raises((psycopg.OperationalError, DatabaseUnreachableError)),
    ):
        call(places)

    assert heard, "the socket was spoken to"


def test_psql_sends_no_password_that_a_file_in_its_home_has(places):
    installation = max(pg.installations(), key=lambda i: i.major)
    planted = places.directory / ".pgpass"
    planted.write_text(f"*:*:*:*:{SECRET}\n")
    planted.chmod(0o600)
    destination = Destination(host=str(places.sockets), port=cluster.PORT, user="u", database="d")

    with imposter(places.socket_path) as heard:
        psql = processes.spawn(
            [installation.program("psql"), *destination.arguments(), "--no-psqlrc"],
            directory=places.directory,
            account=None,
            stderr=subprocess.PIPE,
            extra_environment=dict(libpq.VARIABLES),
        )
        psql.communicate(timeout=60)

    assert heard
    assert SECRET.encode() not in b"".join(heard)


def test_a_service_of_the_callers_is_forgotten(monkeypatch):
    for name in libpq.ELSEWHERE:
        monkeypatch.setenv(name, "production")

    libpq.forget_other_servers()

    assert not set(libpq.ELSEWHERE) & set(os.environ)
