"""One Job of Kubernetes for each drill. The cluster decides when it runs: Kueue, where it is installed.

The manifest is the user's (image, volumes, resources); what is added makes the Job one of ours and the drill of one
slot. The API is asked by plain HTTP: three calls need no client library.

Sources: Kubernetes API, batch/v1 Job; "Kubernetes API Concepts" (conflict 409, too many requests 429, an expired
`continue` 410); Kueue, "Run a Kubernetes Job" (the label `kueue.x-k8s.io/queue-name`).
"""

import copy
import hashlib
import http.client
import json
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from restorecheck.errors import AccessDeniedError, ProviderError, TransientError
from restorecheck.ports import Clock

OURS = "app.kubernetes.io/managed-by=restorecheck"
TARGET = "restorecheck/target"
TRY = "restorecheck/try"
QUEUE = "kueue.x-k8s.io/queue-name"
MOST_TRIES = 3
"""Jobs for one slot that end without a report; then the slot gets a reason."""
LISTED_FOR = timedelta(seconds=20)
PAGE = 500
SECONDS = 15.0
KEPT_SECONDS = 24 * 3600
"""A finished Job stays for a day, with its log, unless the manifest says otherwise."""
MOST_BYTES = 64 << 20
RESTARTS = 3
"""Lists that are begun again because their `continue` expired."""

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where the API is, and who asks."""

    api: str
    namespace: str
    token_file: Path
    """Read for each call: Kubernetes replaces it."""
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    attempt: int
    ended: str
    """Why it ended; empty: it waits or runs."""


class KubernetesJobs:
    """For the runner, whose threads may call at the same time."""

    def __init__(
        self, cluster: Cluster, manifest: Manifest, *, queue: str | None, clock: Clock
    ) -> None:
        self._cluster = cluster
        self._manifest = manifest
        self._queue = queue
        self._clock = clock
        self._listed: dict[str, _Job] = {}
        self._listed_at: datetime | None = None
        self._tries: dict[str, int] = {}
        """Of Jobs that were deleted, to be made again."""
        self._turn = threading.Lock()

    def defer(self, target: str, slot: datetime) -> str:
        """Make the Job of a slot unless there is one. Returns why there will be no drill; empty: there may be.

        Raises:
            TransientError: The API does not answer, or has too much to do: the same call may succeed later.
            AccessDeniedError: The service account may not list, create or delete Jobs.
            ProviderError: Anything else.
        """
        with self._turn:
            return self._defer(name_of(target, slot), target)

    def _defer(self, name: str, target: str) -> str:
        job = self._jobs().get(name)
        if job is None:
            self._create(name, target, attempt=self._tries.get(name, 0) + 1)
            return ""
        if not job.ended:
            return ""
        if job.attempt >= MOST_TRIES:
            return (
                f"the Kubernetes Job {name} ended without a report {MOST_TRIES} times: {job.ended}"
            )
        self._tries[name] = job.attempt
        self._delete(name)
        self._create(name, target, attempt=job.attempt + 1)
        return ""

    def _create(self, name: str, target: str, attempt: int) -> None:
        body = job_of(self._manifest, name=name, target=target, attempt=attempt, queue=self._queue)
        try:
            self._ask("POST", self._place(), body)
        except _ConflictError:
            return  # it was made in between, or the one before is still being deleted: looked at again in a minute
        self._listed[name] = _Job(attempt=attempt, ended="")

    def _delete(self, name: str) -> None:
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        try:
            self._ask("DELETE", f"{self._place()}/{name}", options)
        except _GoneError:
            return
        finally:
            self._listed_at = None

    def _jobs(self) -> dict[str, _Job]:
        """By name. Listed anew after a while: a list for each slot would be too much for the API."""
        now = self._clock.now()
        if self._listed_at is None or not timedelta(0) <= now - self._listed_at < LISTED_FOR:
            self._listed = dict(self._list())
            self._listed_at = now
        return self._listed

    def _list(self) -> list[tuple[str, _Job]]:
        for _ in range(RESTARTS):
            try:
                return [(_name(item), _seen(item)) for item in self._pages()]
            except _GoneError:
                continue
        raise TransientError(
            "could not list the Kubernetes Jobs: the list changes faster than it is read"
        )

    def _pages(self) -> Iterator[Manifest]:
        more = ""
        while True:
            query = urllib.parse.urlencode(
                {"labelSelector": OURS, "limit": str(PAGE)} | ({"continue": more} if more else {})
            )
            page = self._ask("GET", f"{self._place()}?{query}")
            yield from page.get("items") or ()
            more = (page.get("metadata") or {}).get("continue") or ""
            if not more:
                return

    def _place(self) -> str:
        return f"/apis/batch/v1/namespaces/{self._cluster.namespace}/jobs"

    def _ask(self, method: str, path: str, body: Manifest | None = None) -> Manifest:
        request = urllib.request.Request(  # noqa: S310  # https, or this machine: a rule of the configuration
            self._cluster.api.rstrip("/") + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token()}",
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS, context=self._tls()) as answer:  # noqa: S310  # as above
                found = json.loads(answer.read(MOST_BYTES))
        except urllib.error.HTTPError as exc:
            raise _error(exc, method) from exc
        except (OSError, http.client.HTTPException, ValueError) as exc:
            reason = exc.reason if isinstance(exc, urllib.error.URLError) else type(exc).__name__
            raise TransientError(
                f"could not reach the Kubernetes API {self._cluster.api}: {reason}",
                hint="Check runner.kubernetes.api and the network policy of the runner.",
            ) from exc
        return found if isinstance(found, dict) else {}

    def _tls(self) -> ssl.SSLContext | None:
        if not self._cluster.api.startswith("https:"):
            return None
        return ssl.create_default_context(cafile=self._cluster.ca_file)

    def _token(self) -> str:
        try:
            return self._cluster.token_file.read_text().strip()
        except OSError as exc:
            raise ProviderError(
                f"could not read the token of the Kubernetes API, {self._cluster.token_file}: {exc.strerror}",
                hint="Run the runner with a service account, or set runner.kubernetes.token_file.",
            ) from exc


class _ConflictError(ProviderError):
    """409: there is one of this name."""


class _GoneError(ProviderError):
    """404 or 410: it is not there any more."""


def _error(exc: urllib.error.HTTPError, method: str) -> ProviderError:
    message = f"the Kubernetes API refused to {_VERBS[method]} a Job: {_said(exc)}"
    match exc.code:
        case HTTPStatus.CONFLICT:
            return _ConflictError(message)
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE if method != "POST":
            return _GoneError(message)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            hint = "Give its service account: verbs list, create and delete on jobs of the group batch."
            return AccessDeniedError(message, hint=hint, code=str(exc.code))
        case HTTPStatus.TOO_MANY_REQUESTS:
            return TransientError(message, code=str(exc.code))
        case code if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return TransientError(message, code=str(exc.code))
        case _:
            return ProviderError(message, code=str(exc.code))


_VERBS = {"GET": "list", "POST": "create", "DELETE": "delete"}


def _said(exc: urllib.error.HTTPError) -> str:
    """The message of its `Status`."""
    try:
        text = json.loads(exc.read(MOST_BYTES)).get("message", "")
    except (OSError, ValueError, AttributeError):
        text = ""
    return f"{text[:300] or exc.reason} ({exc.code})"


def name_of(target: str, slot: datetime) -> str:
    """Of the Job of a slot: the same each time, so that the API refuses a second one. At most 63 characters."""
    digest = hashlib.sha256(f"{target} {slot.isoformat()}".encode()).hexdigest()[:10]
    return f"restorecheck-{target.lower()[:38].rstrip('-')}-{digest}"


def job_of(
    manifest: Mapping[str, Any], *, name: str, target: str, attempt: int, queue: str | None
) -> Manifest:
    """The manifest of one drill: `restorecheck work --once TARGET` in the first container."""
    job: Manifest = copy.deepcopy(dict(manifest))
    labels = {"app.kubernetes.io/managed-by": "restorecheck", TRY: str(attempt)}
    metadata = job.setdefault("metadata", {})
    metadata |= {"name": name, "labels": (metadata.get("labels") or {}) | labels}
    metadata["annotations"] = (metadata.get("annotations") or {}) | {TARGET: target}
    if queue is not None:
        metadata["labels"][QUEUE] = queue
    spec = job["spec"]
    spec |= {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
    }  # what failed is tried again by the runner
    spec.setdefault("ttlSecondsAfterFinished", KEPT_SECONDS)
    template = spec["template"]
    pod = template.setdefault("metadata", {})
    pod["labels"] = (pod.get("labels") or {}) | labels
    template["spec"]["restartPolicy"] = "Never"
    container = template["spec"]["containers"][0]
    container["args"] = ["work", "--once", target]
    own = [each for each in container.get("env") or () if each.get("name") not in {_POD, _HOST}]
    field = {"fieldRef": {"fieldPath": "metadata.name"}}
    container["env"] = [
        *own,
        {"name": _POD, "valueFrom": field},
        {"name": _HOST, "value": f"pod:$({_POD})"},
    ]
    return job


_POD = "RESTORECHECK_POD"
_HOST = "RESTORECHECK_HOST"


def _name(item: Manifest) -> str:
    return str((item.get("metadata") or {}).get("name", ""))


def _seen(item: Manifest) -> _Job:
    labels = (item.get("metadata") or {}).get("labels") or {}
    attempt = str(labels.get(TRY, "1"))
    ended = ""
    for condition in (item.get("status") or {}).get("conditions") or ():
        if condition.get("type") in {"Complete", "Failed"} and condition.get("status") == "True":
            why = condition.get("message") or condition.get("reason") or ""
            ended = f"{condition['type']}{': ' * bool(why)}{str(why)[:200]}"
    return _Job(attempt=int(attempt) if attempt.isdecimal() else MOST_TRIES, ended=ended)
