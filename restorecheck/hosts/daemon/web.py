"""GET /healthz and GET /metrics. Off unless `runner.listen` is set; read-only, without names of
anything but targets and channels.

The server limits the number of connections and the time of each, so that slow clients do not block a health check.
"""

import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import structlog

from restorecheck.errors import ConfigError, Problem, RestorecheckError

log = structlog.get_logger("restorecheck.runner")

STANDS_STILL = timedelta(minutes=2)
"""The service looks around every second; after this long without a look it hangs."""
REQUEST_SECONDS = 10
"""Of one connection, from its beginning to its end; it is closed after that."""
MOST_CONNECTIONS = 32
"""At once; for one more, the oldest is closed, so that a health check always gets its turn."""

Answer = tuple[HTTPStatus, str, bytes]
Page = Callable[[], Answer]


def health_page(
    looked_at: datetime, now: datetime, problems: dict[str, str], store_problem: str
) -> Answer:
    """200 while the service does its work; a broken new configuration does not end it."""
    hangs = now - looked_at > STANDS_STILL
    ok = not hangs and not store_problem
    body = {
        "status": "ok" if ok else "unhealthy",
        "looked_at": looked_at.isoformat(timespec="seconds"),
        "history": store_problem or "ok",
        **problems,
    }
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return status, "application/json", json.dumps(body).encode() + b"\n"


@contextmanager
def serving(listen: str | None, pages: dict[str, Page]) -> Iterator[int | None]:
    """Serve while inside; yields the port.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    if listen is None:
        yield None
        return
    host, _, port = listen.rpartition(":")
    try:
        server = _Server((host.strip("[]"), int(port)), _handler(pages, _names(host)))
    except OSError as exc:
        message = f"cannot listen on {listen}: {exc.strerror or exc}"
        raise ConfigError((Problem(message=message, path="runner.listen"),)) from exc
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    log.info("web.listening", address=listen, port=server.server_port)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: dict[socket.socket, float] = {}
        """Connections with the times of their beginnings, the oldest first."""
        self._changing = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # the base class's
        with self._changing:
            if len(self._open) >= MOST_CONNECTIONS:
                self._cut(next(iter(self._open)))
            self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401  # the base class's
        with self._changing:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called twice a second, and after each new connection."""
        end = time.monotonic() - REQUEST_SECONDS
        with self._changing:
            for connection in [c for c, began in self._open.items() if began < end]:
                self._cut(connection)

    def _cut(self, connection: socket.socket) -> None:
        """Its thread reads the end of the request, or cannot write on, and ends."""
        del self._open[connection]
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Called while it is handled: the base class prints a traceback of each caller who went away."""
        log.debug("web.connection_lost", exc_info=True)  # noqa: LOG014  # see above


def _names(host: str) -> frozenset[str]:
    return frozenset({host.strip("[]").lower(), "localhost", socket.gethostname().lower()})


def is_ours(said: str | None, names: Collection[str]) -> bool:
    """Whether the `Host` of a request is a name of this server.

    A page of another site can have its own name resolve to this address, and read what it answers (DNS
    rebinding); its name stands in `Host`. An address cannot be led anywhere. A browser always sends one.
    """
    if said is None:
        return True
    try:
        host = urlsplit(f"//{said.strip()}").hostname or ""
        return (
            host in names or host.endswith(".localhost") or ipaddress.ip_address(host) is not None
        )
    except ValueError:  # no address
        return False


MISDIRECTED = (
    b"this server is not known by the name in the request's Host: ask for its IP address, or let "
    b"runner.listen begin with that name\n"
)


def _handler(pages: dict[str, Page], names: Collection[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS
        server_version = "restorecheck"
        sys_version = ""

        def do_GET(self) -> None:  # the base class calls it so
            if not is_ours(self.headers.get("Host"), names):
                self._send((HTTPStatus.MISDIRECTED_REQUEST, "text/plain", MISDIRECTED))
                return
            page = pages.get(self.path.partition("?")[0])
            if page is None:
                self._send((HTTPStatus.NOT_FOUND, "text/plain", b"not found\n"))
                return
            try:
                self._send(page())
            except RestorecheckError as exc:
                text = f"{exc.message}\n".encode()
                self._send((HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", text))

        do_HEAD = do_GET  # noqa: N815  # as above

        def _send(self, answer: Answer) -> None:
            status, kind, body = answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # the base class's
            log.debug("web.request", line=format % args)

    return Handler
