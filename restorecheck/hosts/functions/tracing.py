"""Sends the trace of a finished drill, where `opentelemetry` is configured.

The whole trace is sent at the end, made from the stored drill: it does not matter how many invocations there were. Its id
follows from the drill's, so an invocation that is repeated sends the same trace.
"""

import structlog

from restorecheck.errors import RestorecheckError
from restorecheck.hosts.drill.telemetry import send_trace, wants_traces
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.model import Drill

log = structlog.get_logger("restorecheck.telemetry")


def trace(drill: Drill, around: FunctionContext) -> None:
    """Raises nothing: neither a verdict nor the end of a drill depends on it."""
    try:
        config = around.config()
    except RestorecheckError as exc:
        log.warning("trace.unsent", drill_id=drill.id, reason=exc.message)
        return
    if wants_traces(config):
        send_trace(config, drill)
