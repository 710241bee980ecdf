"""The part of the Kubernetes API that makes Jobs, as a real HTTP server.

As the API does: names are unique (409), a list is paged and its `continue` expires (410), too many requests are
refused (429), a token is asked for (401, 403), and a deleted Job is there until its finalizer is done.
"""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "of-the-pod"  # noqa: S105  # of nobody
PLACE = "/apis/batch/v1/namespaces/drills/jobs"


class Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        self.jobs = {}
        self.asked = []
        """Method and status of each call."""
        self.busy = 0
        """So many calls are refused as too many."""
        self.expire = 0
        """So many `continue` are refused as expired."""
        self.forbidden = False
        self.slow_deletes = False
        self.page = 2
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def end(self, name, kind="Failed", message="BackoffLimitExceeded"):
        conditions = [{"type": kind, "status": "True", "message": message}]
        self.jobs[name]["status"] = {"conditions": conditions}

    def deletions_are_done(self):
        for name in [
            name for name, job in self.jobs.items() if "deletionTimestamp" in job["metadata"]
        ]:
            del self.jobs[name]


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._guarded(self._list)

    def do_POST(self):
        self._guarded(self._create)

    def do_DELETE(self):
        self._guarded(self._remove)

    def _guarded(self, act):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        answer: Any
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status, answer = 401, "Unauthorized"
        elif self.server.forbidden:
            status, answer = 403, 'jobs.batch is forbidden: User "x" cannot create resource "jobs"'
        elif self.server.busy:
            self.server.busy -= 1
            status, answer = 429, "too many requests, please try again later"
        else:
            status, answer = act(body)
        self.server.asked.append((self.command, status))
        if isinstance(answer, str):
            answer = {"kind": "Status", "status": "Failure", "message": answer, "code": status}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(data)

    def _list(self, _body):
        parts = urlsplit(self.path)
        if parts.path != PLACE:
            return 404, "the server could not find the requested resource"
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        key, _, value = query["labelSelector"].partition("=")
        found = [
            job for job in self.server.jobs.values() if job["metadata"]["labels"].get(key) == value
        ]
        start = int(query.get("continue", 0))
        if start and self.server.expire:
            self.server.expire -= 1
            return (
                410,
                "The provided continue parameter is too old to display a consistent list result.",
            )
        end = start + min(int(query["limit"]), self.server.page)
        more = {"continue": str(end)} if end < len(found) else {}
        return 200, {"kind": "JobList", "metadata": more, "items": found[start:end]}

    def _create(self, body):
        name = body["metadata"]["name"]
        if name in self.server.jobs:
            return 409, f'jobs.batch "{name}" already exists'
        self.server.jobs[name] = body
        return 201, body

    def _remove(self, body):
        assert body["propagationPolicy"] == "Background"
        name = self.path.rpartition("/")[2]
        if name not in self.server.jobs:
            return 404, f'jobs.batch "{name}" not found'
        self.server.jobs[name]["metadata"]["deletionTimestamp"] = "2026-02-27T03:15:00Z"
        if not self.server.slow_deletes:
            self.server.deletions_are_done()
        return 200, {"kind": "Status", "status": "Success"}


@contextlib.contextmanager
def running():
    server = Api()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
