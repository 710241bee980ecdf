"""Servers that speak PostgreSQL's protocol wrongly, endlessly or not at all: an error of ours, in time."""

import random
import resource
import socket
import struct
import threading
from contextlib import closing, contextmanager, suppress
from datetime import timedelta

import pytest

from restorecheck.checks.registry import built_in
from restorecheck.errors import DatabaseUnreachableError, RestorecheckError
from restorecheck.hosts.clock import SystemClock
from restorecheck.model import Endpoint
from restorecheck.ports import Inquiry
from restorecheck.postgres.dump.scratch_server import ScratchServer
from restorecheck.postgres.scan import checker
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.session import opening
from restorecheck.postgres.session.opening import by_system_identifier, connect
from tests import chosen

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

READY = b"Z" + struct.pack("!ic", 5, b"I")
AUTHENTICATED = b"R" + struct.pack("!ii", 8, 0) + READY
BLOCK = b"x" * 65536


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


def columns(*names):
    """A RowDescription of texts."""
    fields = (name.encode() + b"\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0) for name in names)
    return message(b"T", struct.pack("!h", len(names)) + b"".join(fields))


def row(*values):
    fields = (struct.pack("!i", len(value)) + value for value in values)
    return message(b"D", struct.pack("!h", len(values)) + b"".join(fields))


def garbage(wire):
    wire.sendall(random.Random(chosen.SEED).randbytes(100_000))


def endless_error_at_once(wire):
    wire.sendall(b"E" + struct.pack("!i", 2**30))
    while True:
        wire.sendall(BLOCK)


def silent(wire):
    while wire.recv(4096):
        pass


def silent_once_connected(wire):
    wire.sendall(AUTHENTICATED)
    silent(wire)


def endless_notices(wire):
    wire.sendall(AUTHENTICATED)
    wire.recv(4096)
    notice = message(b"N", b"SNOTICE\0C00000\0M" + b"n" * 30_000 + b"\0\0")
    while True:
        wire.sendall(notice)


def answering(*answers):
    """Whatever is asked, this is answered."""

    def answer(wire):
        wire.sendall(AUTHENTICATED)
        while wire.recv(4096):
            wire.sendall(b"".join(answers) + READY)

    return answer


DONE = message(b"C", b"SELECT 1\0")
BEHAVIOURS = {
    "garbage": garbage,
    "an endless error at once": endless_error_at_once,
    "silent": silent,
    "silent once connected": silent_once_connected,
    "endless notices": endless_notices,
    "no rows": answering(columns("a"), message(b"C", b"SELECT 0\0")),
    "too many columns": answering(columns("a", "b"), row(b"1", b"2"), DONE),
    "another identity": answering(columns("a"), row(b"42/5"), DONE),
    "a row without columns": answering(row(b"1"), DONE),
    "an error with escapes": answering(
        message(b"E", b"SERROR\0VERROR\0CXX000\0M\x1b[2J\xff\xfe<b>\n\0\0")
    ),
    "an error without an end": answering(message(b"E", b"SERROR\0CXX000\0Mno end")),
    "hangs up": lambda wire: wire.close(),
}


@contextmanager
def speaking(behaviour):
    """A server on this machine; its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    wires = []

    def serve():
        with suppress(OSError):
            while True:
                wire, _ = listening.accept()
                wires.append(wire)
                threading.Thread(target=converse, args=(wire,), daemon=True).start()

    def converse(wire):
        with suppress(OSError):
            begin(wire)
            behaviour(wire)
            wire.close()

    def begin(wire):
        """The client asks for TLS, then for GSS; this one has neither."""
        while wire.recv(4096)[:4] == struct.pack("!i", 8):
            wire.sendall(b"N")

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        for wire in (listening, *wires):
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()


@pytest.fixture
def _impatient(monkeypatch):
    for module in (checker, opening):
        monkeypatch.setattr(module, "ANSWERS_WITHIN", timedelta(seconds=1))
    monkeypatch.setattr(opening, "CONNECTS_WITHIN", 2)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_server_that_speaks_wrongly_is_unreachable_soon_and_costs_little_memory(name):
    clock = SystemClock()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with speaking(BEHAVIOURS[name]) as port:
        endpoint = Endpoint(identity="1/1", host="127.0.0.1", port=port, user="u", databases=("d",))
        asked = PostgresChecker(by_system_identifier(connect), clock)
        inquiry = Inquiry(
            endpoint=endpoint, pending=tuple(built_in()), until=clock.now() + timedelta(minutes=1)
        )

        with closing(asked), pytest.raises(DatabaseUnreachableError) as caught:
            asked.run(inquiry)

    assert "\x1b" not in caught.value.message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"


@pytest.mark.parametrize("name", ["garbage", "an endless error at once", "hangs up"])
def test_a_scratch_server_that_speaks_wrongly_is_an_error_of_ours(name):
    with speaking(BEHAVIOURS[name]) as port:
        scratch = ScratchServer(host="127.0.0.1", port=port, user="u")

        with pytest.raises(RestorecheckError) as caught:
            scratch.open()

    assert len(caught.value.message) < 500


def test_what_the_url_of_a_scratch_server_demands_of_it_is_demanded():
    """A server without TLS is refused where TLS is wanted, before a password is sent."""
    with speaking(BEHAVIOURS["silent"]) as port:
        scratch = ScratchServer.of_url(
            f"postgresql://u:secret@127.0.0.1:{port}/postgres?sslmode=require"
        )

        with pytest.raises(RestorecheckError, match="does not support SSL"):
            scratch.open()
