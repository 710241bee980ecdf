"""A socket through which a program reaches one database as one role, and nothing else of the server.

A throw-away server accepts every client that reaches its socket, also as its superuser. So a program of the user's gets this
socket instead: role and database are written into the start of each connection, and sessions begin read-only.

Source: PostgreSQL documentation, "Message Formats" (StartupMessage, SSLRequest, GSSENCRequest, CancelRequest).
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from restorecheck.errors import RestorecheckError
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.cluster import Places

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_VERSION = 3
LONGEST_START = 10_000
"""Bytes; a longer start of a connection is refused. Source: src/include/libpq/pqcomm.h, MAX_STARTUP_PACKET_LENGTH."""
START_SECONDS = 30.0
"""A connection that has not started by then is closed."""
CHUNK = 65_536
READ_ONLY = b"-c default_transaction_read_only=on"


class _RefusedError(Exception):
    """The start of a connection is not accepted."""


@contextmanager
def relayed(places: Places, folder: Path, *, role: str, database: str) -> Iterator[None]:
    """Listen in `folder`, which exists, as a server would. Ends with all its connections."""
    path = folder / places.socket_path.name
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        relay = _Relay(places, listener, role.encode(), database.encode())
        relay.start()
        try:
            yield
        finally:
            relay.end()
            path.unlink(missing_ok=True)


class _Relay:
    def __init__(
        self, places: Places, listener: socket.socket, role: bytes, database: bytes
    ) -> None:
        self._places = places
        self._listener = listener
        self._role = role
        self._database = database
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ended = False

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def end(self) -> None:
        with self._lock:
            self._ended = True
            wires = [self._listener, *self._open]
        for wire in wires:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):  # the end
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            if not self._hold(client, server):
                return
            try:
                client.settimeout(START_SECONDS)
                start = self._start_of(client)
                client.settimeout(None)
                cluster.refuse_link(self._places)
                server.connect(str(self._places.socket_path))
                cluster.refuse_stranger(server, self._places)
                server.sendall(start)
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()
            except _RefusedError as exc:
                with suppress(OSError):
                    client.sendall(_refusal(str(exc)))
            except (OSError, RestorecheckError):
                return  # the program sees the end of its connection
            finally:
                with self._lock:
                    self._open -= {client, server}

    def _hold(self, *wires: socket.socket) -> bool:
        with self._lock:
            if not self._ended:
                self._open |= set(wires)
            return not self._ended

    def _start_of(self, client: socket.socket) -> bytes:
        """The start to send to the server: a request to cancel as it is, everything else as the role."""
        while True:
            (length,) = struct.unpack("!i", _exactly(client, 4))
            if not 8 <= length <= LONGEST_START:  # noqa: PLR2004  # length and code
                raise _RefusedError("the connection does not begin like one of PostgreSQL")
            body = _exactly(client, length - 4)
            (code,) = struct.unpack("!i", body[:4])
            if code in {_SSL, _GSS}:
                client.sendall(b"N")
                continue
            if code == _CANCEL:
                return struct.pack("!i", length) + body
            if code >> 16 != _VERSION:
                raise _RefusedError("this version of the protocol is not supported")
            return _packed(body[:4], self._as_role(body[4:]))

    def _as_role(self, body: bytes) -> dict[bytes, bytes]:
        words = body.split(b"\0")
        given = dict(zip(words[::2], words[1::2], strict=False))
        given.pop(b"", None)
        asked = given.get(b"database") or given.get(b"user", b"")
        if asked != self._database:
            raise _RefusedError("only the database of this check can be reached")
        options = b" ".join(filter(None, (given.get(b"options", b""), READ_ONLY)))
        given.pop(b"replication", None)
        return given | {b"user": self._role, b"database": asked, b"options": options}


def _packed(version: bytes, given: dict[bytes, bytes]) -> bytes:
    body = version + b"".join(k + b"\0" + v + b"\0" for k, v in given.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def _refusal(text: str) -> bytes:
    """An ErrorResponse: invalid authorization specification."""
    fields = b"SFATAL\0VFATAL\0C28000\0M" + text.encode() + b"\0\0"
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


def _exactly(wire: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = wire.recv(count - len(found))
        if not part:
            raise ConnectionResetError
        found += part
    return found


def _pump(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)
