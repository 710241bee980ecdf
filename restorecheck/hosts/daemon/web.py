"""The runner's HTTP servers: `runner.listen` (GET /healthz and /metrics) and `runner.pages`. Both are off by default.

A server limits the number of connections, the time of each and the size of a request, so that slow clients do not
block others.
"""

import ipaddress
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import structlog

from restorecheck.errors import ConfigError, Problem, RestorecheckError

log = structlog.get_logger("restorecheck.runner")

STANDS_STILL = timedelta(minutes=2)
"""The service updates its time every second; after this long without an update /healthz says that it hangs."""
REQUEST_SECONDS = 10
"""Limit of one connection, from start to end; after that it is closed."""
MOST_CONNECTIONS = 32
"""Connections at once; for one more the oldest is closed, so that a health check is always answered."""

LONGEST_FORM = 4096
"""Bytes of a POST's body; a longer one is refused unread."""
MOST_FIELDS = 20
"""Fields of a query or a form; a request with more gets the status 400."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every answer, errors included: no script, no frame, nothing from other sites, no cache."""


class Answer(NamedTuple):
    status: HTTPStatus
    kind: str
    """Media type of the content, as in `text/plain`."""
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    """As sent: percent-encoded, without the query."""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    """Fields of a POST; empty for a GET."""


Handle = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Site:
    get: Handle
    """Answers GET and HEAD."""
    post: Handle | None = None
    """Answers the POST of a form of this site; None: a POST gets the status 501."""


def text(status: HTTPStatus, said: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{said}\n".encode())


def fixed(pages: Mapping[str, Callable[[], Answer]]) -> Site:
    """A site with only these paths."""

    def get(request: Request) -> Answer:
        page = pages.get(request.path)
        return page() if page else text(HTTPStatus.NOT_FOUND, "not found")

    return Site(get)


def health_page(
    looked_at: datetime, now: datetime, problems: dict[str, str], store_problem: str
) -> Answer:
    """Status 200 while the service works; a broken new configuration does not change it."""
    hangs = now - looked_at > STANDS_STILL
    ok = not hangs and not store_problem
    body = {
        "status": "ok" if ok else "unhealthy",
        "looked_at": looked_at.isoformat(timespec="seconds"),
        "history": store_problem or "ok",
        **problems,
    }
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, "application/json", json.dumps(body).encode() + b"\n")


@contextmanager
def serving(key: str, listen: str, site: Site) -> Iterator[int]:
    """Serve inside the `with`; yields the port. `key`: the configuration key of the address.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    host, _, port = listen.rpartition(":")
    try:
        server = _Server((host.strip("[]"), int(port)), key, site)
    except OSError as exc:
        message = f"cannot listen on {listen}: {exc.strerror or exc}"
        raise ConfigError((Problem(message=message, path=key),)) from exc
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    log.info("web.listening", key=key, address=listen, port=server.server_port)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], key: str, site: Site) -> None:
        # Of the class it is the family of IPv4. A name is looked up as one of IPv4, as ever.
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)
        self.key, self.site, self.names = key, site, _names(address[0])
        self._open: dict[socket.socket, float] = {}
        """Connections with the time of their start, the oldest first."""
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
        """Close a connection: its thread reads the end of the request or fails to write, and ends."""
        del self._open[connection]
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Called in an exception handler; the base class prints a traceback for each lost connection."""
        log.debug("web.connection_lost", exc_info=True)  # noqa: LOG014  # see above


def _names(host: str) -> frozenset[str]:
    return frozenset({host.strip("[]").lower(), "localhost", socket.gethostname().lower()})


def is_ours(said: str | None, names: Collection[str]) -> bool:
    """Whether the `Host` of a request names this server.

    Another site can resolve its own name to this address and read the answer (DNS rebinding); then
    `Host` has the name of that site. An IP address in `Host` is safe. A browser always sends `Host`.
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


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"  # which the base class sets
    timeout = REQUEST_SECONDS
    server_version = "restorecheck"
    sys_version = ""
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(message)s\n"

    def do_GET(self) -> None:  # the base class calls it so
        self._answer(self.server.site.get, "")

    do_HEAD = do_GET  # noqa: N815  # as above

    def do_POST(self) -> None:  # as above
        if self.server.site.post is None:
            self.send_error(HTTPStatus.NOT_IMPLEMENTED)
            return
        if refusal := _refusal(self.headers):
            self.send_error(refusal)
            return
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) == length:  # else the connection was lost
            self._answer(self.server.site.post, body.decode("utf-8", "replace"))

    def _answer(self, handle: Handle, form: str) -> None:
        if not is_ours(self.headers.get("Host"), self.server.names):
            said = (
                "the Host of the request is not a name of this server: use the IP address, or begin "
                f"{self.server.key} with that name"
            )
            self._send(text(HTTPStatus.MISDIRECTED_REQUEST, said))
            return
        path, _, query = self.path.partition("?")
        try:
            request = Request(path, _fields(query), _fields(form))
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST, "too many fields")
            return
        try:
            answer = handle(request)
        except RestorecheckError as exc:
            answer = text(HTTPStatus.SERVICE_UNAVAILABLE, exc.message)
        except Exception:
            log.exception("web.defect", path=path)
            answer = text(HTTPStatus.INTERNAL_SERVER_ERROR, "a defect in restorecheck")
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # the base class's
        log.debug("web.request", line=format % args)


def _refusal(headers: Message) -> HTTPStatus | None:
    """Why the body of a POST is not read."""
    length = headers.get("Content-Length", "")
    if not re.fullmatch("[0-9]{1,9}", length):
        return HTTPStatus.LENGTH_REQUIRED
    if int(length) > LONGEST_FORM:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if headers.get_content_type() != "application/x-www-form-urlencoded":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    # No page of another site knows the token, but it could use up the attempts.
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return HTTPStatus.FORBIDDEN
    return None


def _fields(encoded: str) -> dict[str, str]:
    """Raises ValueError: too many fields."""
    return dict(parse_qsl(encoded, max_num_fields=MOST_FIELDS))
