"""The tables in PostgreSQL, and the migration from each earlier format. Runs in one transaction, one host at a time.

The statements of `restorecheck.sql` read these tables and SQLite's alike. Texts sort by their bytes (collation "C"),
as in SQLite: times are texts.
"""

import psycopg

from restorecheck.sql.database import Row

VERSION = 1

TABLES = """
create table format (version integer not null);
insert into format values (1);

create domain name_ as text collate "C";

create table drills (
  id name_ primary key,
  target name_ not null,
  version bigint not null,
  started_at name_ not null,
  scheduled_for name_,
  finished integer not null,
  left_behind integer not null,
  state text not null
);
create index drills_open on drills (started_at) where finished = 0 or left_behind = 1;
create unique index drills_of_slots on drills (target, scheduled_for) where scheduled_for is not null;

create table reports (
  sequence bigint primary key,
  drill_id name_ not null unique references drills (id),
  target name_ not null,
  verdict name_ not null,
  started_at name_ not null,
  finished_at name_ not null,
  scheduled_for name_,
  left_behind integer not null,
  announce integer not null,
  previous_sha256 name_ not null,
  sha256 name_ not null,
  pruned_at name_,
  about name_ not null,
  report text
);
create index reports_by_target on reports (target, sequence);
create index reports_of_proofs on reports (target, verdict, about, sequence);
create index reports_by_time on reports (finished_at);

create table measurements (
  sequence bigint not null references reports (sequence),
  target name_ not null,
  name text not null,
  database text not null,
  measure text not null,
  value double precision not null
);
create index measurements_by_target on measurements (target, sequence);
create index measurements_by_report on measurements (sequence);

create table schedules (
  target name_ primary key,
  cron text not null,
  timezone text not null,
  since name_ not null,
  seen_until name_ not null
);
create table slots (
  target name_ not null,
  due_at name_ not null,
  reason text,
  settled_at name_,
  settled bigint,
  primary key (target, due_at)
);
create index slots_open on slots (due_at) where reason is null;
create unique index slots_settled on slots (settled) where settled is not null;

create table readers (
  channel name_ not null,
  target name_ not null,
  told text not null,
  primary key (channel, target)
);
create table cursors (
  channel name_ primary key,
  sequence bigint not null,
  settled bigint not null
);
create table messages (
  id bigint generated always as identity primary key,
  channel name_ not null,
  target name_ not null,
  created_at name_ not null,
  body text not null,
  attempts integer not null default 0,
  next_try_at name_ not null,
  done_at name_,
  outcome text,
  error text not null default ''
);
create index messages_open on messages (channel, id) where done_at is null;

create table acceptances (
  target name_ not null,
  drill_id name_ not null,
  sequence bigint not null references reports (sequence),
  at name_ not null,
  who text not null,
  why text not null,
  rowid bigint generated always as identity
);
create index acceptances_by_target on acceptances (target, sequence);

create table signatures (
  sequence bigint primary key references reports (sequence),
  envelope text not null,
  stamped text not null
);
create table notes (
  number bigint primary key,
  text text not null,
  sha256 text not null
);
create table note_signatures (
  number bigint primary key references notes (number),
  envelope text not null,
  stamped text not null
);

create table leases (
  name name_ primary key,
  host text not null,
  holder text not null,
  until timestamptz not null
);

create function refuse() returns trigger language plpgsql as $$
begin raise exception '%', tg_argv[0]; end $$;

create trigger reports_are_final before update on reports for each row
when (not (
  new.report is null and new.pruned_at is not null and old.pruned_at is null
  and new.sequence = old.sequence and new.drill_id = old.drill_id and new.target = old.target
  and new.verdict = old.verdict and new.finished_at = old.finished_at
  and new.previous_sha256 = old.previous_sha256 and new.sha256 = old.sha256
))
execute function refuse('a report never changes');
create trigger reports_stay before delete on reports for each row
execute function refuse('a report is never deleted');
create trigger notes_are_final before update on notes for each row
execute function refuse('a note never changes');
create trigger notes_stay before delete on notes for each row
execute function refuse('a note is never deleted');
create trigger signatures_stay before delete on signatures for each row
execute function refuse('a signature is never deleted');
"""

Connection = psycopg.Connection[Row]


def version_of(connection: Connection) -> int:
    """The format of the tables; 0: there are none."""
    # Not to_regclass, which may answer from before another host's migration, for which this one has waited.
    found = connection.execute(
        "select from pg_class c join pg_namespace n on n.oid = relnamespace"
        " where nspname = 'restorecheck' and relname = 'format'"
    ).fetchone()
    if found is None:
        return 0
    (version,) = connection.execute("select version from restorecheck.format").fetchone() or (0,)
    return int(version)


def migrate(connection: Connection) -> None:
    """Bring the tables to this format, in the caller's transaction, which other hosts wait for."""
    if version_of(connection) >= VERSION:
        return  # another host has migrated them during the wait
    schema = "select from pg_namespace where nspname = 'restorecheck'"
    if connection.execute(schema).fetchone() is None:
        connection.execute("create schema restorecheck")
    connection.execute(TABLES.encode())
