"""Logs: one JSON line each on stderr, when RESTORECHECK_LOG names a level; progress is not a log.

A closed or broken stderr prevents neither a teardown nor a report.
"""

import contextlib
import logging
import os
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger


class StderrLogger:
    """Writes to the present `sys.stderr`, not to that of the time when logging was configured."""

    def msg(self, message: str) -> None:
        # ValueError: the stream is closed, so there is no reader.
        # One write with the line break: several processes write to one stderr.
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{message}\n")
            sys.stderr.flush()

    log = debug = info = warning = warn = error = critical = fatal = exception = msg


def where_it_was_raised(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """An exception as its type and stack; its text may contain data and is left out."""
    if not event.pop("exc_info", None):
        return event
    kind, _, trace = sys.exc_info()
    event["exception"] = kind.__name__ if kind else ""
    event["raised_at"] = [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)
    ]
    return event


def trace(exc: BaseException) -> None:
    """Print the stack of a defect on stderr, without the texts of exceptions: they may contain rows."""
    met: BaseException | None = exc
    while met is not None:
        with contextlib.suppress(OSError, ValueError):
            traceback.print_tb(met.__traceback__, file=sys.stderr)
            print(type(met).__name__, file=sys.stderr)
        met = met.__cause__ or met.__context__


QUIET = ("apscheduler",)
"""Libraries whose warnings restorecheck replaces by its own."""


def configure(default: str = "warning") -> None:
    level: Any = logging.getLevelName(os.environ.get("RESTORECHECK_LOG", default).upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            where_it_was_raised,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            level if isinstance(level, int) else logging.WARNING
        ),
        logger_factory=lambda *_: StderrLogger(),
    )
