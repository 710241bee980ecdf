"""GET /healthz and GET /metrics. Off unless `runner.listen` is set; read-only, without names of
anything but targets and channels.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog

from restorecheck.errors import ConfigError, Problem, RestorecheckError

log = structlog.get_logger("restorecheck.runner")

STANDS_STILL = timedelta(minutes=2)
"""The service looks around every second; after this long without a look it hangs."""
REQUEST_SECONDS = 10

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
        server = _Server((host.strip("[]"), int(port)), _handler(pages))
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


def _handler(pages: dict[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS
        server_version = "restorecheck"
        sys_version = ""

        def do_GET(self) -> None:  # the base class calls it so
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
