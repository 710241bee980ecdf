"""Parts that all steps use: calls with expected answers, waiting, unexpected answers."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta

from restorecheck.conformance.port import CallAnswer, CloudPort, Raw, Setup, Where

GONE = frozenset(
    {
        "DBSnapshotNotFound",
        "DBInstanceNotFound",
        "DBInstanceNotFoundFault",
        "DBSnapshotNotFoundFault",
    }
)
"""RDS's codes on the wire, and the names of the shapes in botocore's model."""
THERE = frozenset({"DBSnapshotAlreadyExists", "DBInstanceAlreadyExists"})
"""Codes after the SDK repeated a call whose response was lost: RDS has no client tokens."""
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
THROTTLED = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "NoAnswer"})
MOST_THROTTLED = 20
"""Consecutive throttled calls; with more the run ends, because it costs money without a result."""


class Surprise(Exception):  # noqa: N818  # an unexpected answer is a result of the run
    """An unexpected answer: the run ends with the teardown."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class StepSkipped(Exception):  # noqa: N818  # as above
    """The step is not possible here; this is never taken for an answer."""


@dataclass(slots=True)
class Stage:
    """One run. `setup` names everything that it makes; nothing else is deleted."""

    cloud: CloudPort
    setup: Setup
    found: dict[str, Raw] = field(default_factory=dict)
    """Findings for later steps: the automated snapshot, the instance."""

    def call(
        self,
        where: Where,
        operation: str,
        *,
        service: str = "rds",
        expected: Collection[str] = (),
        **parameters: object,
    ) -> CallAnswer:
        """Make a call; raises Surprise for a code that is not `expected`."""
        answer = self.cloud.call(where, service, operation, parameters)
        for _ in range(MOST_THROTTLED):
            if answer.code not in THROTTLED:
                break
            self.cloud.pause()
            answer = self.cloud.call(where, service, operation, parameters)
        if answer.code and answer.code not in expected:
            raise Surprise(
                f"{operation} in the {where} account failed with {answer.code}: {answer.message}",
                code=answer.code,
            )
        return answer

    def snapshot(self, where: Where, name: str) -> Raw | None:
        """The description; None: AWS does not show it."""
        answer = self.call(where, "DescribeDBSnapshots", expected=GONE, DBSnapshotIdentifier=name)
        return next(iter(answer.value.get("DBSnapshots") or ()), None)

    def instance(self, name: str) -> Raw | None:
        answer = self.call(
            Where.BACKUP, "DescribeDBInstances", expected=GONE, DBInstanceIdentifier=name
        )
        return next(iter(answer.value.get("DBInstances") or ()), None)

    def until(
        self,
        look: Callable[[], Raw | None],
        done: Callable[[Raw], bool],
        what: str,
        *,
        hopeless: Collection[str] = ("failed",),
        limit: timedelta | None = None,
    ) -> Raw:
        """Poll until `done`. Raises Surprise: the status is hopeless, or the time limit was reached."""
        began = self.cloud.elapsed()
        while True:
            seen = look()
            if seen is not None and done(seen):
                return seen
            status = status_of(seen)
            if status in hopeless:
                raise Surprise(f"{what}: the status is {status}")
            elapsed = self.cloud.elapsed()
            if elapsed > self.setup.limit or (limit and elapsed - began > limit):
                raise Surprise(
                    f"{what}: the time limit was reached; the status is {status or 'not seen'}"
                )
            self.cloud.pause()


def status_of(seen: Raw | None) -> str:
    return str((seen or {}).get("DBInstanceStatus") or (seen or {}).get("Status") or "")
