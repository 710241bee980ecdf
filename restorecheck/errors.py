"""Everything that restorecheck raises.

```
RestorecheckError                 .hint: what to do next; safe to print
├─ ConfigError                    .problems: every one, with file, line and dotted path
├─ ProviderError                  .operation .resource .code .request_id
│   ├─ TransientError             throttling, 5xx, reset      → same step again, with backoff, bounded
│   │   └─ CapacityError          no capacity, quota, disk    → later, bounded
│   ├─ AccessDeniedError          IAM, KMS, file permissions  → inconclusive
│   └─ NotFoundError · AlreadyExistsError · InvalidStateError
├─ DatabaseUnreachableError       restored, no connection     → inconclusive
├─ DrillConflictError             another host advanced it    → drop this tick
├─ StoreError                     the drill store is unusable → exit 3, nothing started
├─ BusyError                      another process does it     → exit 3, nothing started
└─ DeliveryError                  a message was not accepted  → sent again, bounded; no verdict changes
```

A failed check and an unrestorable backup are values (`CheckResult`, `Broken`), not exceptions.
Messages say what was attempted, on what, why in the provider's words, and what to do next.
They never carry a password, a connection string or a row value.
"""

from dataclasses import dataclass
from datetime import timedelta


class RestorecheckError(Exception):
    """Base of every error that restorecheck raises on purpose; its text is safe to print."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with the configuration."""

    message: str
    file: str = ""
    line: int | None = None
    path: str = ""
    """Dotted path of the key, `targets[0].dump.path`."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else self.file
        dotted = f"{self.path}: " if self.path else ""
        return f"{where}: {dotted}{self.message}" if where else f"{dotted}{self.message}"


class ConfigError(RestorecheckError):
    """Raised when the configuration cannot be used; `problems` has every reason at once."""

    def __init__(self, problems: tuple[Problem, ...], *, hint: str = "") -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = problems


class ProviderError(RestorecheckError):
    """Raised when a provider (AWS, a PostgreSQL program, the file system) refused a call or failed."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        operation: str = "",
        resource: str = "",
        code: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.operation = operation
        self.resource = resource
        self.code = code
        self.request_id = request_id


class TransientError(ProviderError):
    """Raised when the same call may succeed a little later."""


class CapacityError(TransientError):
    """Raised when capacity is missing now: a quota, an instance class, disk space."""


class AccessDeniedError(ProviderError):
    """Raised when a right is missing; a retry does not help."""


class NotFoundError(ProviderError):
    """Raised when the requested resource does not exist."""


class AlreadyExistsError(ProviderError):
    """Raised when the name is used by a resource that this drill did not make."""


class InvalidStateError(ProviderError):
    """Raised when the state of the resource does not allow the call."""


class DatabaseUnreachableError(RestorecheckError):
    """Raised when the restored database accepts no connection."""

    def __init__(self, message: str, *, hint: str = "", patience: timedelta | None = None) -> None:
        super().__init__(message, hint=hint)
        self.patience = patience
        """How long to wait before the next try; None: the engine's own retry wait."""


class DrillConflictError(RestorecheckError):
    """Raised when another host advanced the drill since it was loaded."""


class StoreError(RestorecheckError):
    """Raised when the drill store cannot be opened, read or written."""


class BusyError(RestorecheckError):
    """Raised when another process already does what was requested."""


class DeliveryError(RestorecheckError):
    """Raised when a message was not accepted; its text names no URL, since URLs hold tokens."""
