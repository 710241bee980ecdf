"""The tables, and the migration from each earlier format. Runs in one transaction."""

import sqlite3

from restorecheck.history import sha256_of
from restorecheck.sql.moments import moment, stamp

VERSION = 5
FIRST_TABLE = "drills"
"""Every format has it."""

_DRILLS_1 = """
create table drills (
  id text primary key,
  target text not null,
  version integer not null,
  started_at text not null,
  finished integer not null,
  left_behind integer not null,
  state text not null
) strict;
create index drills_open on drills (started_at) where finished = 0 or left_behind = 1;
"""

_TABLES_2 = """
alter table drills add column scheduled_for text;
create unique index drills_of_slots on drills (target, scheduled_for)
  where scheduled_for is not null;

create table reports (
  sequence integer primary key,
  drill_id text not null unique references drills (id),
  target text not null,
  verdict text not null,
  started_at text not null,
  finished_at text not null,
  scheduled_for text,
  left_behind integer not null,
  announce integer not null,
  previous_sha256 text not null,
  sha256 text not null,
  pruned_at text,
  report text
) strict;
create index reports_by_target on reports (target, sequence);
create index reports_by_verdict on reports (target, verdict, sequence);
create index reports_by_time on reports (finished_at);

create trigger reports_are_final before update on reports
when not (
  new.report is null and new.pruned_at is not null and old.pruned_at is null
  and new.sequence = old.sequence and new.drill_id = old.drill_id and new.target = old.target
  and new.verdict = old.verdict and new.finished_at = old.finished_at
  and new.previous_sha256 = old.previous_sha256 and new.sha256 = old.sha256
)
begin select raise(abort, 'a report never changes'); end;
create trigger reports_stay before delete on reports
begin select raise(abort, 'a report is never deleted'); end;

create table measurements (
  sequence integer not null references reports (sequence),
  target text not null,
  name text not null,
  database text not null,
  measure text not null,
  value real not null
) strict;
create index measurements_by_target on measurements (target, sequence);

create table schedules (
  target text primary key,
  cron text not null,
  timezone text not null,
  since text not null,
  seen_until text not null
) strict;
create table slots (
  target text not null,
  due_at text not null,
  reason text,
  settled_at text,
  settled integer,
  primary key (target, due_at)
) strict, without rowid;
create index slots_open on slots (target, due_at) where reason is null;
create unique index slots_settled on slots (settled) where settled is not null;

create table readers (
  channel text not null,
  target text not null,
  told text not null,
  primary key (channel, target)
) strict, without rowid;
create table cursors (
  channel text primary key,
  sequence integer not null,
  settled integer not null
) strict, without rowid;
create table messages (
  id integer primary key,
  channel text not null,
  target text not null,
  created_at text not null,
  body text not null,
  attempts integer not null default 0,
  next_try_at text not null,
  done_at text,
  outcome text,
  error text not null default ''
) strict;
create index messages_open on messages (channel, id) where done_at is null;
"""


_TABLES_3 = """
create table acceptances (
  target text not null,
  drill_id text not null,
  sequence integer not null references reports (sequence),
  at text not null,
  who text not null,
  why text not null
) strict;
create index acceptances_by_target on acceptances (target, sequence);
"""

_TABLES_4 = """
create table signatures (
  sequence integer primary key references reports (sequence),
  envelope text not null,
  stamped text not null
) strict;
create table notes (
  number integer primary key,
  text text not null,
  sha256 text not null
) strict;
create table note_signatures (
  number integer primary key references notes (number),
  envelope text not null,
  stamped text not null
) strict;
create trigger notes_are_final before update on notes
begin select raise(abort, 'a note never changes'); end;
create trigger notes_stay before delete on notes
begin select raise(abort, 'a note is never deleted'); end;
create trigger signatures_stay before delete on signatures
begin select raise(abort, 'a signature is never deleted'); end;
"""

_TABLES_5 = """
alter table reports add column about text not null default 'newest';
create index reports_of_proofs on reports (target, verdict, about, sequence);
drop index reports_by_verdict;
"""


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Bring the file to this format; a new file is of format 0."""
    if version >= VERSION:
        return
    if version < 2:  # noqa: PLR2004  # the first format with chained reports
        _to_version_2(db, version)
    if version < 3:  # noqa: PLR2004  # the first format with acceptances
        _run(db, _TABLES_3)
    if version < 4:  # noqa: PLR2004  # the first format with signatures
        _run(db, _TABLES_4)
    _run(db, _TABLES_5)
    db.execute(f"pragma user_version = {VERSION}")


def _to_version_2(db: sqlite3.Connection, version: int) -> None:
    if version == 0:
        _run(db, _DRILLS_1)
    else:
        _run(db, "drop index reports_by_target;\nalter table reports rename to reports_1;")
    _run(db, _TABLES_2)
    if version == 1:
        _chain_reports(db)
        _run(db, "drop table reports_1;")


def _run(db: sqlite3.Connection, script: str) -> None:
    """Instead of executescript, which would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
    for rest in statement.split(";"):
        if rest.strip():
            db.execute(rest)


def _chain_reports(db: sqlite3.Connection) -> None:
    """Chain the reports that were written before there was a chain, in the order of their ends."""
    rows = db.execute(
        "select r.drill_id, r.target, r.verdict, d.started_at, r.finished_at, d.left_behind,"
        " r.report from reports_1 r join drills d on d.id = r.drill_id"
        " order by r.finished_at, r.drill_id"
    ).fetchall()
    previous = ""
    for sequence, (drill, target, verdict, started, finished, left, text) in enumerate(rows, 1):
        digest = sha256_of(text)
        db.execute(
            "insert into reports values (?, ?, ?, ?, ?, ?, null, ?, 0, ?, ?, null, ?)",
            (
                sequence,
                drill,
                target,
                verdict,
                stamp(moment(started)),
                stamp(moment(finished)),
                left,
                previous,
                digest,
                text,
            ),
        )
        previous = digest
