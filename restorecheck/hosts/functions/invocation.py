"""Parts that all handlers share: logs as JSON with the request's id, and errors that are safe to show."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from restorecheck.aws.adopt.provider import INSTANCE_ARN, RESTORE_JOB
from restorecheck.errors import ConfigError, Problem, RestorecheckError
from restorecheck.hosts.process import logs
from restorecheck.model import is_drill_id

log = structlog.get_logger("restorecheck.functions")


HINT = "Only the state machines of infra/backup-account.yaml may call this function."
LONGEST_SHOWN = 80
LONGEST_TEXT = 500
"""Characters of the reason for ending a drill; a longer one is cut. The report contains it."""
JOB = re.compile(r"[A-Za-z0-9-]{1,64}")
ARN = re.compile(r"(?:arn:[A-Za-z0-9:._-]{1,250})?")
"""ARN of a DB instance, or empty."""


class LambdaContext(Protocol):
    """Lambda's second argument to a handler."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


Event = Mapping[str, Any]
Handler = Callable[[Event, LambdaContext], Any]


class FunctionFailedError(Exception):
    """An invocation failed; the text is safe to show and names no causes."""


def invoked(handler: Handler) -> Handler:
    """Log the end of an invocation. An error goes to the state machine, which tries again."""
    logs.configure(default="info")

    def inner(event: Event, context: LambdaContext) -> Any:  # noqa: ANN401  # whatever the handler answers
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=context.aws_request_id)
        try:
            return handler(event, context)
        except RestorecheckError as exc:
            log.warning("invocation.failed", reason=exc.message, hint=exc.hint)
            raise FunctionFailedError(f"{type(exc).__name__}: {exc.message}") from None
        except Exception as exc:
            log.exception("invocation.defect")
            raise FunctionFailedError(f"a defect in restorecheck: {type(exc).__name__}") from None

    return inner


def required(event: Event, key: str) -> str:
    """A text that the event must have.

    Raises:
        ConfigError: It is missing.
    """
    value = event.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigError((Problem(message=f"the event has no {key}"),), hint=HINT)
    return value


def drill_id_in(event: Event) -> str:
    """The id of a drill; names of its resources contain it.

    Raises:
        ConfigError: It is missing or invalid.
    """
    text = required(event, "drill_id")
    if not is_drill_id(text):
        raise unexpected("drill_id", "letters, digits and single hyphens", text)
    return text


def abort_in(event: Event) -> str:
    """The reason for ending the drill; empty: do not end it. One printable line.

    Raises:
        ConfigError: It is not a text.
    """
    found = event.get("abort") or ""
    if not isinstance(found, str):
        raise unexpected("abort", "a text", found)
    printable = "".join(letter if letter.isprintable() else " " for letter in found[:LONGEST_TEXT])
    return printable.strip()


def adopt_in(event: Event) -> dict[str, str]:
    """The adopter's output on an instance that AWS Backup restored: its ARN and the restore job. With
    the job the stepper verifies at AWS Backup that the instance is a backup of the target's database.

    Raises:
        ConfigError: It is something else, or an instance without a restore job.
    """
    said = event.get("adopt") or {}
    if not isinstance(said, Mapping) or set(said) - {INSTANCE_ARN, RESTORE_JOB}:
        raise unexpected("adopt", f"{INSTANCE_ARN} and {RESTORE_JOB}", said)
    if not said:
        return {}
    return {
        INSTANCE_ARN: arn_of(INSTANCE_ARN, said.get(INSTANCE_ARN)),
        RESTORE_JOB: restore_job_of(RESTORE_JOB, said.get(RESTORE_JOB)),
    }


def restore_job_of(key: str, found: object) -> str:
    if not isinstance(found, str) or not JOB.fullmatch(found):
        raise unexpected(key, "letters, digits and hyphens", found)
    return found


def arn_of(key: str, found: object) -> str:
    """The ARN; empty: the restore failed and created no instance."""
    arn = found or ""
    if not isinstance(arn, str) or not ARN.fullmatch(arn):
        raise unexpected(key, "an ARN", found)
    return arn


def moment_in(event: Event, key: str) -> datetime | None:
    """A time with its zone; None: the event has none.

    Raises:
        ConfigError: It is something else.
    """
    value = event.get(key)
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise unexpected(key, "a time such as 2026-02-26T03:15:00Z", value) from None
    if moment.tzinfo is None:
        raise unexpected(key, "a time with its zone, such as 2026-02-26T03:15:00Z", value)
    return moment


def shown(found: object) -> str:
    """The beginning of an outside value, escaped."""
    text = repr(found)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def unexpected(key: str, expected: str, found: object) -> ConfigError:
    message = f"{key}: expected {expected}, found {shown(found)}"
    return ConfigError((Problem(message=message),), hint=HINT)


def remaining(context: LambdaContext) -> timedelta:
    return timedelta(milliseconds=context.get_remaining_time_in_millis())
