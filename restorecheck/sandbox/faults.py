"""Injected faults, and the record of every call."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    ERROR = "error"  # an answer of AWS's with a code
    RESET = "reset"  # the connection is cut without an answer
    HANG = "hang"  # the answer comes after `seconds`


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which calls fail."""

    operation: str
    """Name as in AWS's API, `CopyDBSnapshot`; `*` for every one."""
    service: str = "rds"
    account_id: str = ""
    """Empty: in every account."""
    kind: FaultKind = FaultKind.ERROR
    code: str = "Throttling"
    message: str = "Rate exceeded"
    status: int = 400
    """HTTP status of the answer."""
    skip: int = 0
    """So many matching calls pass first."""
    times: int | None = 1
    """How often; None: from then on for ever."""
    after_effect: bool = False
    """The call takes effect, and only its answer is lost."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WireCall:
    """A call that reached the sandbox."""

    service: str
    account_id: str
    region: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    caller: str = ""
    """Name of the user; `role` for a caller with an assumed role."""
    error: str = ""
    """AWS's error code; empty: success."""


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    done: int = 0


class Faults:
    """The faults that wait for matching calls."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(_Armed(fault))

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def take(self, service: str, account_id: str, operation: str) -> Fault | None:
        """The fault for this call, counted."""
        with self._lock:
            for armed in self._armed:
                if self._hits(armed, service, account_id, operation):
                    return armed.fault
        return None

    @staticmethod
    def _hits(armed: _Armed, service: str, account_id: str, operation: str) -> bool:
        fault = armed.fault
        if (
            fault.service != service
            or fault.operation not in {"*", operation}
            or fault.account_id not in {"", account_id}
        ):
            return False
        armed.seen += 1
        if armed.seen <= fault.skip or (fault.times is not None and armed.done >= fault.times):
            return False
        armed.done += 1
        return True
