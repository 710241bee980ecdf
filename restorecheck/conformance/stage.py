"""What every step uses: calls that are expected to work, waiting, and what is a surprise."""

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
"""The SDK had repeated a call whose answer was lost: RDS has no client tokens."""
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
THROTTLED = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "NoAnswer"})
MOST_THROTTLED = 20
"""In a row. More end the run: it costs money while nothing is learnt."""


class Surprise(Exception):  # noqa: N818  # an answer that nobody expected is the result of the run
    """The run ends here, and is torn down."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class StepSkipped(Exception):  # noqa: N818  # as above
    """The step cannot be asked here; never taken for an answer."""


@dataclass(slots=True)
class Stage:
    """One run. Everything that was made is known by `setup`; nothing else is ever deleted."""

    cloud: CloudPort
    setup: Setup
    found: dict[str, Raw] = field(default_factory=dict)
    """What a step found for later ones: the automated snapshot, the instance."""

    def call(
        self,
        where: Where,
        operation: str,
        *,
        service: str = "rds",
        expected: Collection[str] = (),
        **parameters: object,
    ) -> CallAnswer:
        """Its answer. Raises Surprise for a code that is not `expected`."""
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
        """As it is described; None where it is not seen."""
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
        """Look until `done`. Raises Surprise where the status is hopeless or the time is over."""
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
