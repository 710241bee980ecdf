"""Drills and their reports, one row each; a save is conditional on the version."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from restorecheck import codec
from restorecheck.errors import DrillConflictError, NotFoundError
from restorecheck.history import Acceptance, Entry, Link, Standing, Stored, entry_of
from restorecheck.model import Drill, DrillOf, Verdict
from restorecheck.ports import DrillStore, History
from restorecheck.sql.database import Database
from restorecheck.sql.moments import moment, stamp

COLUMNS = (
    "sequence, drill_id, target, verdict, started_at, finished_at, scheduled_for, left_behind,"
    " announce, previous_sha256, sha256, pruned_at, about"
)

PAGE = 500
"""Reports that are read at once, each with its text of some 10 kB; a history need not fit into memory."""

READINGS_KEPT = 30
"""Newest drills of a target whose readings are kept besides the baseline, so that they can be accepted; older readings are deleted."""


class SqlStore(DrillStore, History):
    """A store in one database, safe to use from several processes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def close(self) -> None:
        self.database.close()

    # --- drills ---------------------------------------------------------------------------

    def create(self, drill: Drill) -> Drill:
        stored = drill.evolve(version=1)
        with self.database.transaction():
            self._refuse_settled(drill)
            inserted = self.database.execute(
                "insert into drills (id, target, version, started_at, scheduled_for, finished,"
                " left_behind, state) values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
                (
                    stored.id,
                    stored.target,
                    1,
                    stamp(stored.started_at),
                    stamp(stored.scheduled_for),
                    *_row(stored),
                ),
            )
        if inserted != 1:
            raise DrillConflictError(
                f"drill {drill.id} or a drill for the same slot exists already"
            )
        return stored

    def _refuse_settled(self, drill: Drill) -> None:
        """Another host may have recorded a reason for the slot while this one began: it has one or the other."""
        settled = self.database.row(
            "select reason from slots where target = ? and due_at = ? and reason is not null",
            (drill.target, stamp(drill.scheduled_for)),
        )
        if settled is not None:
            raise DrillConflictError(f"the slot of drill {drill.id} is settled: {settled[0]}")

    def load(self, drill_id: str) -> Drill:
        row = self.database.row("select state from drills where id = ?", (drill_id,))
        if row is None:
            raise NotFoundError(f"no drill {drill_id} in {self.database.place}")
        if not row[0]:
            raise NotFoundError(f"retention reduced drill {drill_id} to one line")
        return codec.decode(row[0])

    def save(self, drill: Drill) -> Drill:
        with self.database.translated("write"):
            return self._update(drill)

    def finish(self, drill: Drill, compose: Callable[[Link], str]) -> Drill:
        with self.database.transaction():
            saved = self._update(drill)
            link = self._link()
            self._insert(drill, link, compose(link))
            self._forget_readings(drill.target)
            return saved

    def unfinished(self) -> tuple[Drill, ...]:
        return self._select("finished = 0")

    def with_leftovers(self) -> tuple[Drill, ...]:
        return self._select("finished = 1 and left_behind = 1")

    def report(self, drill_id: str) -> str:
        row = self.database.row(
            "select report, pruned_at from reports where drill_id = ?", (drill_id,)
        )
        if row is None:
            raise NotFoundError(f"no report of drill {drill_id} in {self.database.place}")
        if row[0] is None:
            raise NotFoundError(f"retention removed the report of drill {drill_id}: {row[1]}")
        return str(row[0])

    def drill_of_slot(self, target: str, due_at: datetime) -> str | None:
        """Id of the drill for this slot; None: there is none."""
        row = self.database.row(
            "select id from drills where target = ? and scheduled_for = ?", (target, stamp(due_at))
        )
        return None if row is None else str(row[0])

    # --- history --------------------------------------------------------------------------

    def entries(
        self,
        *,
        target: str | None = None,
        since: datetime | None = None,
        after: int = 0,
        newest: int | None = None,
    ) -> tuple[Entry, ...]:
        where, values = _where(target, since, after)
        limit = "" if newest is None else " limit ?"
        rows = self.database.rows(
            f"select {COLUMNS} from reports where {where} order by sequence desc{limit}",  # noqa: S608  # our own conditions
            (*values, *([] if newest is None else [newest])),
        )
        return tuple(entry_of_row(row) for row in reversed(rows))

    def stored(
        self, *, target: str | None = None, since: datetime | None = None
    ) -> Iterator[Stored]:
        after = 0
        while True:
            where, values = _where(target, since, after)
            page = self.database.rows(
                f"select {COLUMNS}, report from reports where {where} order by sequence limit {PAGE}",  # noqa: S608  # as above
                values,
            )
            for *entry, text in page:
                yield Stored(entry=entry_of_row(tuple(entry)), text=text)
            if len(page) < PAGE:
                return
            after = page[-1][0]

    def texts(self, target: str, *, until: datetime, newest: int) -> tuple[str, ...]:
        rows = self.database.rows(
            "select report from (select sequence, report from reports where target = ?"
            " and finished_at <= ? and report is not null order by sequence desc limit ?) newest"
            " order by sequence",
            (target, stamp(until), newest),
        )
        return tuple(str(text) for (text,) in rows)

    def standing(self, target: str) -> Standing:
        newest = self._last(target, "and verdict = 'verified' and about = 'newest'")
        sample = self._last(target, "and verdict = 'verified' and about = 'sample'")
        proofs = [proof for proof in (newest, sample) if proof is not None]
        proven = max(proofs, key=lambda proof: proof.sequence, default=None)
        (bad,) = self.database.row(
            "select count(*) from reports where target = ? and sequence > ? and verdict <> 'verified'",
            (target, proven.sequence if proven else 0),
        ) or (0,)
        return Standing(
            target=target,
            latest=self._last(target, ""),
            proven=proven,
            newest_proven=newest,
            bad=bad,
            decisive=self._last(target, "and (about <> 'asked' or verdict = 'failed')"),
        )

    def _last(self, target: str, condition: str) -> Entry | None:
        row = self.database.row(
            f"select {COLUMNS} from reports where target = ? {condition}"  # noqa: S608  # our own conditions
            " order by sequence desc limit 1",
            (target,),
        )
        return entry_of_row(row) if row else None

    def acceptance(self, target: str) -> Acceptance | None:
        row = self.database.row(
            "select target, drill_id, sequence, at, who, why from acceptances"
            " where target = ? order by sequence desc, rowid desc limit 1",
            (target,),
        )
        if row is None:
            return None
        return Acceptance(
            target=row[0],
            drill_id=row[1],
            sequence=row[2],
            at=moment(row[3]),
            by=row[4],
            why=row[5],
        )

    def accept(self, acceptance: Acceptance) -> None:
        with self.database.transaction():
            self.database.execute(
                "insert into acceptances values (?, ?, ?, ?, ?, ?)",
                (
                    acceptance.target,
                    acceptance.drill_id,
                    acceptance.sequence,
                    stamp(acceptance.at),
                    acceptance.by,
                    acceptance.why,
                ),
            )

    def prune(self, before: datetime, now: datetime) -> int:
        old = (
            "pruned_at is null and finished_at < ?1 and sequence not in"
            " (select max(sequence) from reports group by target union all"
            " select max(sequence) from reports where about <> 'asked' or verdict = 'failed' group by target union all"
            " select max(sequence) from reports where verdict = 'verified' and about <> 'asked'"
            " group by target, about union all"
            " select max(sequence) from acceptances group by target)"
        )
        with self.database.transaction():
            self.database.execute(
                "delete from measurements where sequence in"  # noqa: S608  # our own condition
                f" (select sequence from reports where {old})",
                (stamp(before),),
            )
            pruned = self.database.execute(
                f"update reports set report = null, pruned_at = ?2 where {old}",  # noqa: S608  # as above
                (stamp(before), stamp(now)),
            )
            # The reports refer to the drills, but the large parts of drills are not needed again.
            self.database.execute(
                "update drills set state = '' where finished = 1 and left_behind = 0 and state <> ''"
                " and id in (select drill_id from reports where pruned_at is not null)"
            )
        return pruned

    # --- within ---------------------------------------------------------------------------

    def _select(self, condition: str) -> tuple[Drill, ...]:
        rows = self.database.rows(
            f"select state from drills where {condition} order by started_at, id"  # noqa: S608  # our own two conditions
        )
        return tuple(codec.decode(row[0]) for row in rows)

    def _update(self, drill: Drill) -> Drill:
        saved = drill.evolve(version=drill.version + 1)
        updated = self.database.execute(
            "update drills set version = ?, scheduled_for = ?, finished = ?, left_behind = ?, state = ?"
            " where id = ? and version = ?",
            (saved.version, stamp(saved.scheduled_for), *_row(saved), drill.id, drill.version),
        )
        if updated != 1:
            raise DrillConflictError(f"another host has advanced drill {drill.id}")
        return saved

    def _link(self) -> Link:
        row = self.database.row(
            "select sequence, sha256 from reports order by sequence desc limit 1"
        )
        if row is None:
            return Link(sequence=1, previous_sha256="")
        return Link(sequence=row[0] + 1, previous_sha256=row[1])

    def _forget_readings(self, target: str) -> None:
        """Delete the readings of the drill that just became too old to be accepted: they are most of its size."""
        row = self.database.row(
            "select d.id, d.state from drills d join reports r on r.drill_id = d.id"
            " where r.target = ?1 and r.pruned_at is null and r.sequence not in"
            " (select max(sequence) from reports where target = ?1 and verdict = 'verified' group by about"
            " union all select max(sequence) from acceptances where target = ?1 group by target)"
            " order by r.sequence desc limit 1 offset ?2",
            (target, READINGS_KEPT),
        )
        if row is None or not row[1]:
            return
        state = codec.encode(codec.decode(row[1]).evolve(readings=""))
        self.database.execute("update drills set state = ? where id = ?", (state, row[0]))

    def _insert(self, drill: Drill, link: Link, text: str) -> None:
        entry = entry_of(drill, link, text)
        inserted = self.database.execute(
            f"insert into reports ({COLUMNS}, report)"  # noqa: S608  # our own columns
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, ?, ?) on conflict do nothing",
            (
                entry.sequence,
                entry.drill_id,
                entry.target,
                entry.verdict.value,
                stamp(entry.started_at),
                stamp(entry.finished_at),
                stamp(entry.scheduled_for),
                int(entry.left_behind),
                int(entry.announce),
                entry.previous_sha256,
                entry.sha256,
                entry.of.value,
                text,
            ),
        )
        if inserted != 1:
            raise DrillConflictError(f"drill {drill.id} has a report already")
        for result in drill.results:
            for measure, value in result.measured.items():
                self.database.execute(
                    "insert into measurements values (?, ?, ?, ?, ?, ?)",
                    (
                        link.sequence,
                        drill.target,
                        result.name,
                        result.database,
                        measure,
                        float(value),
                    ),
                )


def _row(drill: Drill) -> tuple[int, int, str]:
    return int(drill.finished), int(drill.finished and bool(drill.ledger)), codec.encode(drill)


def _where(
    target: str | None, since: datetime | None, after: int
) -> tuple[str, list[str | int | None]]:
    conditions = ["sequence > ?"]
    found: list[str | int | None] = [after]
    if target is not None:
        conditions.append("target = ?")
        found.append(target)
    if since is not None:
        conditions.append("finished_at >= ?")
        found.append(stamp(since))
    return " and ".join(conditions), found


def entry_of_row(row: tuple[Any, ...]) -> Entry:
    (sequence, drill_id, target, verdict, started, finished, slot, left, announce) = row[:9]
    previous, digest, pruned, about = row[9:]
    return Entry(
        sequence=sequence,
        drill_id=drill_id,
        target=target,
        verdict=Verdict(verdict),
        started_at=moment(started),
        finished_at=moment(finished),
        scheduled_for=moment(slot) if slot else None,
        left_behind=bool(left),
        announce=bool(announce),
        previous_sha256=previous,
        sha256=digest,
        of=DrillOf(about),
        pruned_at=moment(pruned) if pruned else None,
    )
