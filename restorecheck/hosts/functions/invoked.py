"""What every handler shares: logs as JSON with the request's id, and errors that are safe to show."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

import structlog

from restorecheck.errors import ConfigError, Problem, RestorecheckError
from restorecheck.hosts import logs

log = structlog.get_logger("restorecheck.functions")


class Context(Protocol):
    """What Lambda gives a handler beside the event."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


Event = Mapping[str, Any]
Handler = Callable[[Event, Context], Any]


class FunctionFailedError(Exception):
    """An invocation failed; the text is one that is safe to show, without its causes."""


def invoked(handler: Handler) -> Handler:
    """Log how an invocation ended. What goes wrong goes to the state machine, which tries again."""
    logs.configure(default="info")

    def inner(event: Event, context: Context) -> Any:  # noqa: ANN401  # whatever the handler answers
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
        ConfigError: It has none.
    """
    value = event.get(key)
    if not isinstance(value, str) or not value:
        message = f"the event has no {key}"
        hint = "The state machines of infra/backup-account.yaml call this function as it expects."
        raise ConfigError((Problem(message=message),), hint=hint)
    return value


def remaining(context: Context) -> timedelta:
    return timedelta(milliseconds=context.get_remaining_time_in_millis())
