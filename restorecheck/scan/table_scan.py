"""Reads every table of a database once: over several connections, the largest first, in order.

Results are kept in a `DatabaseReading`, from which a later call continues. A table that cannot be
read does not stop the others. If the server crashes twice while one table is read, the table is bad.
"""

import json
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Any, Protocol

from restorecheck.checks.scan_result import DatabaseReading, TableReading
from restorecheck.checks.scan_statements import (
    BATCH,
    OVER_BUDGET,
    ROWS,
    SMALL_BLOCKS,
    UNIT_BLOCKS,
    Aggregate,
    Depth,
    Plan,
    Question,
    Sql,
    aggregates,
    groups,
    halves,
    merged,
)
from restorecheck.checks.tables import Table
from restorecheck.errors import DatabaseUnreachableError, ProviderError

CRASHES = 2
"""After so many server crashes while one table is read, the table counts as the cause."""
CRASHED = "the server crashed twice while"
COMING_BACK = timedelta(seconds=60)
"""After a crash the server must accept connections within this time, else it counts as unreachable."""
PATIENCE = timedelta(minutes=10)
"""Limit of one statement (at most 512 MB are read by one); a longer one is cancelled, its table counts as unread."""
SLOWEST = 1_000_000
"""Bytes a second: sets the time limit for a table that cannot be read in parts."""
WHO_DID_IT = (
    "Check whether memory ran out, or which process ended the server; then run the drill again."
)
LOSSES = 20
"""After so many lost connections in one call, without a crash, the database counts as unreachable."""
LOOK_AGAIN = 0.2
LEAST_UNIT_BLOCKS = 8_192
"""64 MB: the statements of a smaller unit would take a noticeable part of its time."""
UNITS_EACH = 4
"""Units of each connection at least, as far as `LEAST_UNIT_BLOCKS` allows."""
Scan = tuple[Table, tuple[Aggregate, ...]]


class ReadOutcome(Enum):
    DAMAGED = auto()  # the server cannot read its own data
    GONE = auto()  # the connection was lost, perhaps by a crash
    LATE = auto()  # the time of this call is over; a later call reads on
    STUCK = auto()  # no answer, though there was time
    REFUSED = auto()  # the server refuses this statement, perhaps not a simpler one


class UnreadError(Exception):
    """A statement has no answer. `why`: the reason, safe to show; getting it may query the server."""

    def __init__(self, outcome: ReadOutcome, why: Callable[[], str] = str) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.why = why


class Session(Protocol):
    """A connection to the database that is read."""

    @property
    def lost(self) -> bool: ...

    def ask(
        self, text: str, timeout: timedelta, *, question: Question | None, natural: bool
    ) -> list[tuple[Any, ...]]:
        """The rows of one statement, which uses one snapshot and changes nothing. `question`: the question
        that it answers, or the first of several. `natural`: as `Aggregate.natural`.

        Raises:
            UnreadError: There is no answer, or none within the timeout.
        """

    def since(self) -> str | None:
        """A text that changes with a crash of the server; None: not known."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one connection at a time: several small tables, or one unit of a table."""

    scans: tuple[Scan, ...] = ()
    unit: tuple[int, int] | None = None
    question: Question | None = None
    questions: tuple[Question, ...] = ()
    """Small questions, in one statement."""
    parts: "tuple[Task, ...]" = ()
    """One after the other: tasks with the same prelude, or small tables and the questions about them."""

    @property
    def key(self) -> str:
        return _key(self.unit)


def _key(unit: tuple[int, int] | None) -> str:
    return "all" if unit is None else str(unit[0])


@dataclass(slots=True)
class ScanProgress:
    """State that the connections share; every change holds the lock."""

    reading: DatabaseReading
    open: dict[str, set[str]]
    """Table → units not read yet."""
    wanted: dict[str, tuple[Aggregate, ...]]
    questions: dict[str, Question]
    """Questions not asked yet."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    trouble: Exception | None = None
    gone: bool = False

    def note(
        self, table: Table, key: str, values: Mapping[str, str | None], seconds: float
    ) -> None:
        with self.lock:
            name = table.full_name
            if key not in self.open[name]:  # another connection gave up the table
                return
            self.reading.parts.setdefault(name, {})[key] = dict(values)
            self.open[name].discard(key)
            found = self._of(table)
            found.seconds = round(found.seconds + seconds, 3)
            if not self.open[name]:
                found.values = merged(self.wanted[name], self.reading.parts.pop(name).values())

    def doubt(self, table: Table, lost: Sequence[Aggregate], reason: str) -> None:
        with self.lock:
            self._of(table).doubts |= {aggregate.key: reason for aggregate in lost}

    def answerable(self, table: Table, wanted: Sequence[Aggregate]) -> tuple[Aggregate, ...]:
        """The aggregates that no other part of the table has refused."""
        with self.lock:
            doubts = self._of(table).doubts
            return tuple(aggregate for aggregate in wanted if aggregate.key not in doubts)

    def give_up(self, table: Table, *, problem: str = "", doubt: str = "") -> None:
        """End a table without its numbers: damaged, or unknown."""
        with self.lock:
            name = table.full_name
            self.open[name] = set()
            self.reading.parts.pop(name, None)
            found = self._of(table)
            found.values = {}
            found.problem = problem
            if doubt:
                found.doubts[ROWS] = doubt

    def settle(
        self,
        question: Question,
        *,
        answer: str = "",
        problem: str = "",
        doubt: str = "",
        seconds: float = 0.0,
    ) -> None:
        with self.lock:
            self.questions.pop(question.key, None)
            self.reading.seconds[question.key] = round(seconds, 3)
            kept = self.reading.problems if problem else self.reading.doubts
            if not problem and not doubt:
                kept = self.reading.answers
            kept[question.key] = problem or doubt or answer

    def suspect(self, names: Sequence[str], among: Sequence[str] = ()) -> None:
        """Record a crash while these were read; after `CRASHES` of one, it is the cause. `among`: these are
        read one by one from now on, which shows whether one of them is the cause.
        """
        with self.lock:
            self.gone = True
            for name in among:
                self.reading.crashed.setdefault(name, 0)
            for name in names:
                self.reading.crashed[name] = self.reading.crashed.get(name, 0) + 1

    def _of(self, table: Table) -> TableReading:
        return self.reading.tables.setdefault(
            table.full_name, TableReading(group=table.group, bytes=table.bytes, traits=table.traits)
        )


class Survey:
    """The scan of one database."""

    def __init__(
        self,
        connect: Callable[[], Session],
        tables: Sequence[Table],
        reading: DatabaseReading,
        *,
        sql: Sql,
        depth: Depth,
        asked: Mapping[str, Sequence[Aggregate]],
        questions: Sequence[Question] = (),
        connections: int,
        major: int,
        budget: timedelta = timedelta(0),
        killed: Callable[[], str] = str,
    ) -> None:
        """`connect`: raises DatabaseUnreachableError. `budget`: time for the questions that have a budget.
        `killed`: why the server ended, if no question caused it; empty: not known.
        """
        self._sql = sql
        self._budget = budget
        self._killed = killed
        self._run_began: str | None = None
        self._losses = 0
        self._connect = connect
        self._tables = tables
        self._connections = connections
        self._major = major
        self._unit_blocks = unit_blocks(tables, connections)
        self._soon = 0.0
        self._spent = sum(reading.seconds.get(q.key, 0.0) for q in questions if q.budgeted)
        reading.bytes_there = sum(table.bytes for table in tables)
        self._progress = ScanProgress(
            reading=reading,
            open=self._still_open(reading),
            wanted={
                table.full_name: aggregates(
                    table, depth, asked.get(table.full_name, ()), sql=sql, major=major
                )
                for table in tables
            },
            questions={},
        )
        self.add(questions)

    def add(self, questions: Sequence[Question]) -> None:
        """Add questions without an answer, for the next run."""
        reading = self._progress.reading
        self._progress.questions |= {q.key: q for q in questions if not _is_settled(q.key, reading)}

    def run(self, soon: timedelta, allowed: timedelta) -> None:
        """Read until everything is read. After `soon` no task starts, after `allowed` running tasks are
        cancelled. Every finished part is in the reading.

        Raises:
            DatabaseUnreachableError: The server is unreachable, and no table is the cause.
        """
        began = time.monotonic()
        end = began + allowed.total_seconds()
        self._soon = min(end, time.monotonic() + soon.total_seconds())
        while True:
            self._progress.gone = False
            before = dict(self._progress.reading.crashed)
            self._round(end)
            if self._progress.trouble is not None:
                raise self._progress.trouble
            if not self._progress.gone or time.monotonic() >= end:
                break
            self._find_out_why(before, end)
        reading = self._progress.reading
        reading.rounds += 1
        reading.bytes_read = sum(self._bytes_read(table) for table in self._tables)
        reading.wall = round(reading.wall + time.monotonic() - began, 3)
        reading.done = not any(self._progress.open.values()) and not self._progress.questions

    # --- within

    def _units(self, table: Table) -> tuple[tuple[int, int] | None, ...]:
        return self._sql.units(table, major=self._major, size=self._unit_blocks)

    def _still_open(self, reading: DatabaseReading) -> dict[str, set[str]]:
        found = {}
        for table in self._tables:
            name = table.full_name
            done = reading.tables.get(name)
            if done is not None and (done.values or done.problem or ROWS in done.doubts):
                continue
            keys = {_key(unit) for unit in self._units(table)}
            if not set(reading.parts.get(name, {})) <= keys:
                del reading.parts[name]  # the table had another size then
            found[name] = keys - set(reading.parts.get(name, {}))
        return found

    def _bytes_read(self, table: Table) -> int:
        there = len(self._units(table))
        missing = len(self._progress.open.get(table.full_name, ()))
        return table.bytes * (there - missing) // there

    def _round(self, end: float) -> None:
        tasks: queue.Queue[Task] = queue.Queue()
        for task in self._tasks():
            tasks.put(task)
        alone = bool(self._progress.reading.crashed)
        count = min(1 if alone else self._connections, tasks.qsize())
        workers = [
            threading.Thread(target=self._work, args=(tasks, end), daemon=True)
            for _ in range(count)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _tasks(self) -> Iterator[Task]:
        """The largest table first, each in the order of its blocks; small tables last, many at once."""
        small: list[Scan] = []
        heavy: list[tuple[int, Task]] = []
        calm = not self._progress.reading.crashed
        for table in self._tables:
            keys = self._progress.open.get(table.full_name)
            if not keys:
                continue
            scan = (table, self._progress.wanted[table.full_name])
            ranges = self._units(table)
            plain = not any(aggregate.natural for aggregate in scan[1])
            if calm and plain and table.blocks <= SMALL_BLOCKS and ranges == (None,):
                small.append(scan)
                continue
            heavy += [(table.blocks, Task((scan,), unit)) for unit in ranges if _key(unit) in keys]
        places = {table.quoted: number // BATCH for number, (table, _) in enumerate(small)}
        light: dict[tuple[str, Plan, bool, int | None], list[Question]] = defaultdict(list)
        made: dict[str, list[tuple[int, Task]]] = defaultdict(list)
        for question in self._progress.questions.values():
            if calm and question.small:
                place = places.get(question.table)
                light[question.prelude, question.plan, question.natural, place].append(question)
            else:
                some = made[question.prelude] if question.prelude else heavy
                some.append((question.weight, Task(question=question)))
        together: list[Task] = []
        beside: dict[int, list[Task]] = defaultdict(list)
        for (prelude, *_, place), alike in light.items():
            for first in range(0, len(alike), BATCH):
                task = Task(questions=tuple(alike[first : first + BATCH]))
                if prelude:
                    made[prelude].append((0, task))
                elif place is not None:
                    beside[place].append(task)
                else:
                    together.append(task)
        shared = {q.prelude for q in self._progress.questions.values() if q.shared}
        for prelude, parts in made.items():
            heavy += _shares(parts, self._connections if prelude in shared else 1)
        yield from _heaviest_first(heavy)
        for number, first in enumerate(range(0, len(small), BATCH)):
            scans = Task(tuple(small[first : first + BATCH]))
            yield Task(parts=(scans, *beside[number]))
        yield from together

    def _work(self, tasks: "queue.Queue[Task]", end: float) -> None:
        session: Session | None = None
        progress = self._progress
        parts: list[Task] = []
        try:
            limit = end  # at least one task, so that every call makes progress
            while time.monotonic() < limit and progress.trouble is None and not progress.gone:
                limit = self._soon
                if not parts:
                    try:
                        task = tasks.get_nowait()
                    except queue.Empty:
                        return
                    parts = [*task.parts] or [task]
                task = parts.pop(0)
                if session is None or session.lost:
                    try:
                        session = self._prepared()
                    except DatabaseUnreachableError:
                        progress.suspect(
                            ()
                        )  # the table of another connection may have caused the crash
                        return
                self._read(session, task, end)
        except Exception as exc:  # noqa: BLE001  # the waiting thread raises it again
            with progress.lock:
                progress.trouble = progress.trouble or exc
        finally:
            if session is not None:
                session.close()

    def _is_new(self, session: Session) -> bool:
        """Whether the server may have crashed since the first look; not known counts as a crash."""
        since = session.since()
        if since is None:
            return True
        before, self._run_began = self._run_began, since
        return before != since

    def _prepared(self) -> Session:
        session = self._connect()
        if self._run_began is None:
            self._is_new(session)
        return session

    def _read(self, session: Session, task: Task, end: float) -> None:
        if task.question is not None:
            self._put(session, task.question, end)
            return
        if task.questions:
            self._put_together(session, task.questions, end)
            return
        if len(task.scans) == 1:
            self._read_one(session, task.scans[0], task, end)
            return
        began = time.perf_counter()
        try:
            rows = self._ask(session, self._sql.batch(task.scans), end)
        except UnreadError as exc:
            match exc.outcome:
                case ReadOutcome.GONE:
                    self._progress.suspect((), among=[table.full_name for table, _ in task.scans])
                case ReadOutcome.LATE:
                    pass
                case _:  # one of them has a problem: read each alone
                    for scan in task.scans:
                        if self._progress.gone or time.monotonic() >= end:
                            return
                        self._read_one(session, scan, Task((scan,)), end)
            return
        each = (time.perf_counter() - began) / len(task.scans)
        for number, values in rows:
            table, wanted = task.scans[number]
            self._progress.note(table, task.key, _named(wanted, values), each)

    def _read_one(self, session: Session, scan: Scan, task: Task, end: float) -> None:
        """In as few statements as possible: an aggregate without an answer does not affect the others."""
        table, wanted = scan
        found: dict[str, str | None] = {}
        seconds = 0.0
        left = [*groups(self._progress.answerable(table, wanted))]
        while left:
            some = left.pop(0)
            began = time.perf_counter()
            try:
                text = self._sql.statement(table, some, task.unit)
                ((values,),) = self._ask(
                    session,
                    text,
                    end,
                    patience=_patience(table, task),
                    natural=some[0].natural,
                )
            except UnreadError as exc:
                reason = exc.why()
                match exc.outcome:
                    case ReadOutcome.DAMAGED:
                        return self._progress.give_up(table, problem=reason)
                    case ReadOutcome.GONE:
                        return self._progress.suspect((table.full_name,))
                    case ReadOutcome.LATE:
                        return None
                    case ReadOutcome.STUCK:
                        minutes = _patience(table, task) / timedelta(minutes=1)
                        reason = f"no answer within {minutes:g} minutes"
                        return self._progress.give_up(table, doubt=reason)
                    case ReadOutcome.REFUSED:
                        less = [*halves(some)]
                        left[:0] = less
                        if less:
                            continue
                if some[0].key == ROWS:
                    return self._progress.give_up(table, doubt=reason)
                self._progress.doubt(table, some, reason)
                continue
            seconds += time.perf_counter() - began
            found |= _named(some, values)
        return self._progress.note(table, task.key, found, seconds)

    def _put(self, session: Session, question: Question, end: float) -> None:
        if self._is_spent(question):
            self._progress.settle(question, doubt=OVER_BUDGET)
            return
        began = time.perf_counter()
        try:
            patience = question.patience or PATIENCE
            rows = self._ask(session, question.sql, end, question, patience=patience)
        except UnreadError as exc:
            reason = exc.why()
            match exc.outcome:
                case ReadOutcome.DAMAGED:
                    self._progress.settle(question, problem=reason)
                case ReadOutcome.GONE:
                    self._progress.suspect((question.key,))
                case ReadOutcome.LATE:
                    pass
                case ReadOutcome.STUCK:
                    limit = (question.patience or PATIENCE).total_seconds()
                    self._progress.settle(question, doubt=f"no answer within {limit:g} s")
                case ReadOutcome.REFUSED:
                    self._progress.settle(question, doubt=reason)
            return
        seconds = time.perf_counter() - began
        answer = _answer(rows[0][0] if rows else None)
        self._progress.settle(question, answer=answer, seconds=seconds)
        self._spend(question, seconds)

    def _put_together(self, session: Session, questions: Sequence[Question], end: float) -> None:
        if self._is_spent(questions[0]):
            for question in questions:
                self._progress.settle(question, doubt=OVER_BUDGET)
            return
        began = time.perf_counter()
        try:
            (answers,) = self._ask(session, self._sql.together(questions), end, questions[0])
        except UnreadError as exc:
            match exc.outcome:
                case ReadOutcome.GONE:
                    self._progress.suspect([question.key for question in questions])
                case ReadOutcome.LATE:
                    pass
                case _:  # one of them has no answer: ask each alone
                    for question in questions:
                        if self._progress.gone or time.monotonic() >= end:
                            return
                        self._put(session, question, end)
            return
        each = (time.perf_counter() - began) / len(questions)
        for question, value in zip(questions, answers, strict=True):
            self._progress.settle(question, answer=_answer(value), seconds=each)
            self._spend(question, each)

    def _is_spent(self, question: Question) -> bool:
        with self._progress.lock:
            return question.budgeted and self._spent >= self._budget.total_seconds()

    def _spend(self, question: Question, seconds: float) -> None:
        with self._progress.lock:
            self._spent += seconds * question.budgeted

    def _ask(
        self,
        session: Session,
        text: str,
        end: float,
        question: Question | None = None,
        *,
        patience: timedelta = PATIENCE,
        natural: bool = False,
    ) -> list[tuple[Any, ...]]:
        """A statement without an answer at the end of this call is `LATE`, not refused or stuck."""
        left = timedelta(seconds=max(0.001, end - time.monotonic()))
        natural = natural or (question is not None and question.natural)
        try:
            return session.ask(text, min(left, patience), question=question, natural=natural)
        except UnreadError as exc:
            if exc.outcome in {ReadOutcome.STUCK, ReadOutcome.GONE} and time.monotonic() >= end:
                raise UnreadError(ReadOutcome.LATE) from exc
            raise

    def _find_out_why(self, before: dict[str, int], end: float) -> None:
        """Find out why connections were lost: a crash while something was read, or another reason.

        Raises:
            ProviderError: Another process killed the server; its further answers prove nothing.
            DatabaseUnreachableError: The network lost connections repeatedly.
        """
        crashed = self._await_server(end)
        killed = self._killed()  # the log has it by now
        if killed:
            raise ProviderError(killed, hint=WHO_DID_IT)
        if crashed:
            self._blame()
            return
        self._progress.reading.crashed = before
        self._losses += 1
        if self._losses >= LOSSES:
            raise DatabaseUnreachableError(
                f"the connection to the restored database was lost {LOSSES} times, "
                "by a server that did not crash"
            )

    def _blame(self) -> None:
        crashed = self._progress.reading.crashed
        guilty = {name for name, times in crashed.items() if times >= CRASHES}
        for table in self._tables:
            if table.full_name in guilty and self._progress.open.get(table.full_name):
                self._progress.give_up(table, problem=f"{CRASHED} it was read")
        for question in list(self._progress.questions.values()):
            if question.key in guilty:
                self._progress.settle(question, problem=f"{CRASHED} it was asked")

    def _await_server(self, end: float) -> bool:
        """Wait for the server's recovery after a crash; it takes seconds if little was written.

        Returns whether there was one.
        """
        limit = min(end, time.monotonic() + COMING_BACK.total_seconds())
        pause = threading.Event()
        while True:
            try:
                with closing(self._connect()) as session:
                    return self._is_new(session)
            except DatabaseUnreachableError:
                if time.monotonic() >= limit:
                    raise
                pause.wait(LOOK_AGAIN)


def unit_blocks(tables: Iterable[Table], connections: int) -> int:
    """Blocks of one unit, so that no connection waits long for the last one: smaller in a small database."""
    if connections == 1:
        return UNIT_BLOCKS
    share = sum(table.blocks for table in tables) // (connections * UNITS_EACH)
    return min(UNIT_BLOCKS, max(LEAST_UNIT_BLOCKS, share))


def _answer(value: object) -> str:
    """The answer as text; empty: none; several values as JSON."""
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list) else str(value)


def _heaviest_first(weighed: Iterable[tuple[int, Task]]) -> Iterator[Task]:
    return (task for _, task in sorted(weighed, key=lambda one: -one[0]))


def _shares(parts: Sequence[tuple[int, Task]], count: int) -> Iterator[tuple[int, Task]]:
    """The tasks with one prelude for so many connections, each with about the same work."""
    shares: list[list[Task]] = [[] for _ in range(count)]
    work = [0] * count
    for weight, task in sorted(parts, key=lambda part: -part[0]):
        least = work.index(min(work))
        shares[least].append(task)
        work[least] += weight + 1  # small questions weigh nothing
    return ((w, Task(parts=tuple(share))) for w, share in zip(work, shares, strict=True) if share)


def _patience(table: Table, task: Task) -> timedelta:
    if task.unit is not None:
        return PATIENCE
    return max(PATIENCE, timedelta(seconds=table.bytes / SLOWEST))


def _is_settled(key: str, reading: DatabaseReading) -> bool:
    return any(key in kept for kept in (reading.answers, reading.problems, reading.doubts))


def _named(wanted: Sequence[Aggregate], values: Sequence[str | None]) -> dict[str, str | None]:
    return {aggregate.key: value for aggregate, value in zip(wanted, values, strict=True)}
