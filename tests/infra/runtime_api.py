"""Lambda's Runtime API on the loopback, for the genuine runtime client (awslambdaric).

AWS Lambda developer guide, "Using the Lambda runtime API". Like the service it kills a function at
its deadline, starts another one after a crash, and refuses an answer that is too large.
"""

import itertools
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

VERSION = "/2018-06-01/runtime"
LARGEST_ANSWER = 6 * 1024**2
"""Bytes; quota of a synchronous invocation."""
START = 30.0
NAP = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one invocation ended."""

    status: str
    """`ok`, `error` (the function said so), `crashed`, `timeout`, `too large`."""
    payload: Any = None
    seconds: float = 0.0


class Runtime:
    """One function: its process, started when it is needed, and what it wrote."""

    def __init__(
        self, handler: str, code: Path, environment: Mapping[str, str], *, timeout: float = 60.0
    ) -> None:
        self._handler = handler
        self._code = code
        self._environment = environment
        self.timeout = timeout
        self.starts = 0
        self.start_seconds = 0.0
        self.lines: list[str] = []
        self.largest_answer = LARGEST_ANSWER
        self.process: subprocess.Popen[str] | None = None
        self._ids = itertools.count(1)
        self._pending: queue.Queue[tuple[str, bytes, float] | None] = queue.Queue()
        self._answers: queue.Queue[tuple[str, str, Any]] = queue.Queue()
        self._asked = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(NAP,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._server.shutdown()
        self._server.server_close()

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def kill(self) -> None:
        """End the function's process, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._pending.put(None)  # lets go of a question that nobody waits for any more
            self.process = None

    def invoke(self, event: Mapping[str, Any]) -> Result:
        if self.process is None or self.process.poll() is not None:
            self._start()
        began = time.monotonic()
        name = f"00000000-0000-4000-8000-{next(self._ids):012}"
        self._pending.put((name, json.dumps(event).encode(), _now() + self.timeout))
        while time.monotonic() - began < self.timeout:
            try:
                of, kind, body = self._answers.get(timeout=NAP)
            except queue.Empty:
                if self.process is None or self.process.poll() is not None:
                    self.process = None
                    return Result(status="crashed", seconds=time.monotonic() - began)
                continue
            if of != name:
                continue  # of an invocation that was given up
            return Result(status=kind, payload=body, seconds=time.monotonic() - began)
        self.kill()
        return Result(status="timeout", seconds=self.timeout)

    def _start(self) -> None:
        began = time.monotonic()
        self.starts += 1
        self._asked.clear()
        self._pending = queue.Queue()
        host, port = self._server.server_address[:2]
        environment = {
            "PATH": "/usr/bin:/bin",
            "TZ": ":UTC",
            "_HANDLER": self._handler,
            "LAMBDA_TASK_ROOT": str(self._code),
            "PYTHONPATH": str(self._code),
            "AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "restorecheck",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            **self._environment,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", self._handler],
            env=environment,
            cwd=self._code,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        while not self._asked.wait(NAP):
            assert self.process.poll() is None, self.log
            assert time.monotonic() - began < START, self.log
        self.start_seconds = time.monotonic() - began

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.lines.extend(process.stdout)
        process.stdout.close()

    # --- what the client asks of the API

    def next_invocation(self) -> tuple[str, bytes, float] | None:
        self._asked.set()
        return self._pending.get()

    def answered(self, path: str, body: bytes) -> int:
        name, kind = path.removeprefix(f"{VERSION}/invocation/").split("/")
        if kind == "response" and len(body) > self.largest_answer:
            self._answers.put((name, "too large", len(body)))
            return 413
        self._answers.put((name, "ok" if kind == "response" else kind, json.loads(body)))
        return 202


def _now() -> float:
    """Seconds since 1970, as the API's header counts."""
    return datetime.now(UTC).timestamp()  # noqa: TID251  # the real time: the client compares it with its own


def _handler_for(runtime: Runtime) -> type[BaseHTTPRequestHandler]:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
            pass

        def do_GET(self) -> None:
            item = runtime.next_invocation()
            if item is None:
                self.close_connection = True
                return
            name, body, deadline = item
            self._answer(
                200,
                body,
                {
                    "Lambda-Runtime-Aws-Request-Id": name,
                    "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:1:function:f",
                },
            )

        def do_POST(self) -> None:
            code = runtime.answered(self.path, self._body())
            self._answer(code, b'{"status": "OK"}', {})

        def _body(self) -> bytes:
            if not self.headers.get("Transfer-Encoding"):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, code: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Api
