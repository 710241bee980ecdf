"""Progress on stderr: live on a terminal, one plain line a step elsewhere."""

import contextlib
import os
import sys
import threading
import time
from typing import TextIO

from restorecheck.errors import ConfigError, RestorecheckError
from restorecheck.lifecycle import (
    Action,
    Checked,
    Delete,
    Ensure,
    Event,
    InProgress,
    Rehearsing,
    Retry,
    RunChecks,
)
from restorecheck.model import CheckOutcome, Drill, Phase, StepOutcome
from restorecheck.ports import Observer
from restorecheck.report.terminal import clean

REFRESH_SECONDS = 0.2
MOST_LINES = 100
"""Problems of a configuration that are printed; the rest is only counted."""


def use_color(stream: TextIO) -> bool:
    """Only on a terminal, and not if NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


class Progress(Observer):
    """Prints the start and end of each step with its time; nothing when `quiet`."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream = stream or sys.stderr
        self._quiet = quiet
        self._live = stream.isatty() and not quiet
        self._began = time.monotonic()
        self._current = ""
        self._detail = ""
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None

    def start(self, drill: Drill) -> None:
        self._line(f"{clean(drill.target)}: drill {drill.id}")
        self._begin(drill.plan[0].name)
        self._stop.clear()
        if self._live:
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()

    def finish(self) -> None:
        self._stop.set()
        if self._ticker is not None:
            self._ticker.join()
            self._clear()

    def say(self, text: str) -> None:
        self._line(clean(text))

    def performed(self, before: Drill, action: Action, event: Event, after: Drill) -> None:
        match event:
            case InProgress(detail=detail) | Rehearsing(detail=detail):
                self._detail = detail
                return
            case Checked(detail=detail) if detail:
                self._detail = detail
                if not self._live:
                    self._line(f"  {self._current}: {clean(detail)}")
                return
            case Retry(reason=reason):
                self._line(f"  {self._current}: {clean(reason)}; trying again")
                return
            case _:
                self._detail = ""
        if isinstance(action, RunChecks):
            for result in after.results[len(before.results) :]:
                mark = "ok" if result.outcome is CheckOutcome.PASSED else result.outcome.value
                self._line(f"  check {clean(result.name)!r}: {mark}  {result.seconds:.1f} s")
        if isinstance(action, Ensure | RunChecks):
            self._tell_ended_step(before, after)
        if isinstance(action, Delete) and not after.ledger:
            self._line("  tear down: everything is deleted")
        upcoming = after.step
        if Phase.REHEARSAL in {before.phase, after.phase} and before.phase is not after.phase:
            self._begin("rehearse the upgrade" if after.phase is Phase.REHEARSAL else "tear down")
        elif upcoming is not None and upcoming != before.step:
            self._begin(upcoming.name)
        elif upcoming is None and before.step is not None:
            self._begin("tear down")

    def _tell_ended_step(self, before: Drill, after: Drill) -> None:
        if before.step is None or before.step == after.step or not after.records:
            return
        record = after.records[-1]
        if record.finished_at is None:
            return
        seconds = (record.finished_at - record.started_at).total_seconds()
        done = record.outcome is StepOutcome.SUCCEEDED
        outcome = "done" if done else (record.outcome or StepOutcome.ABORTED).value
        self._line(f"  {record.name}: {outcome} in {seconds:.1f} s")

    def _begin(self, name: str) -> None:
        self._current = name
        self._began = time.monotonic()

    def _tick(self) -> None:
        while not self._stop.wait(REFRESH_SECONDS):
            detail = f" ({clean(self._detail)})" if self._detail else ""
            elapsed = time.monotonic() - self._began
            self._write(f"\r\x1b[K  {self._current}{detail} … {elapsed:.0f} s")

    def _clear(self) -> None:
        self._write("\r\x1b[K")

    def _line(self, text: str) -> None:
        start = "\r\x1b[K" if self._live else ""
        self._write(f"{start}{text}\n")

    def _write(self, text: str) -> None:
        """A closed stderr does not end a drill."""
        if self._quiet:
            return
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def complain(exc: RestorecheckError) -> None:
    # A key of a configuration may contain line breaks, and a problem is one line.
    lines = (
        [str(p) for p in exc.problems] if isinstance(exc, ConfigError) else exc.message.splitlines()
    )
    for line in lines[:MOST_LINES]:
        print(f"restorecheck: {clean(line)}", file=sys.stderr)
    if len(lines) > MOST_LINES:
        print(f"restorecheck: … and {len(lines) - MOST_LINES:,} more", file=sys.stderr)
    if exc.hint:
        print(f"restorecheck: {clean(exc.hint)}", file=sys.stderr)
