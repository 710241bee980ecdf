"""What the list of an archive says is not in it, though it was in the database. Pure."""

import re
from collections.abc import Iterator

from restorecheck.postgres.dumpfiles.archive import TocEntry, label
from restorecheck.spelling import first_of

AFTERWARDS = frozenset({"CONSTRAINT", "FK CONSTRAINT", "INDEX", "TRIGGER", "CHECK CONSTRAINT"})
"""Entries of the section post-data."""
DATA_ONLY = frozenset(
    {"TABLE DATA", "SEQUENCE SET", "BLOBS", "BLOB", "BLOB METADATA", "ENCODING", "STDSTRINGS",
     "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES", "STATISTICS DATA"}
)  # fmt: skip
"""Entries of a dump made with --data-only."""
RELATIONS = frozenset({"TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "DOMAIN"})
"""Relations to which entries of post-data belong."""
NEVER_OF_A_TABLE = frozenset(
    {"SCHEMA", "EXTENSION", "FUNCTION", "PROCEDURE", "AGGREGATE", "TYPE", "DOMAIN", "EVENT TRIGGER",
     "PUBLICATION", "SUBSCRIPTION", "SERVER", "FOREIGN DATA WRAPPER"}
)  # fmt: skip
"""Left out by `pg_dump --table`. Source: PostgreSQL documentation, pg_dump, `-t`."""
PARTITIONED = re.compile(r"^\)?\s*PARTITION BY ", re.MULTILINE)
MOST_NAMED = 3
ROWS_ONLY = (
    "holds rows only and defines no table (pg_dump --data-only): it cannot be restored alone"
)
TABLES_ONLY = "holds no rows of any table (pg_dump --schema-only)"
NO_ROWS = f"the dump {TABLES_ONLY}"


def missing(entries: tuple[TocEntry, ...]) -> tuple[str, ...]:
    """Sentences, one for each part that was left out; empty: the dump is complete."""
    return tuple(_missing(entries))


def without_rows(entries: tuple[TocEntry, ...]) -> tuple[str, ...]:
    """The sentence on a dump without rows; a file of pg_dumpall cannot leave out anything else."""
    return tuple(sentence for sentence in _missing(entries) if sentence == NO_ROWS)


def without_definitions(entries: tuple[TocEntry, ...]) -> str:
    """Completes `the dump …` if it has rows or keys but no table; else empty."""
    kinds = {entry.desc for entry in entries}
    if kinds & AFTERWARDS and not kinds & RELATIONS:
        return (
            "holds keys and indexes only and defines no table (pg_dump --section=post-data): "
            "it cannot be restored alone"
        )
    if kinds <= DATA_ONLY and "TABLE DATA" in kinds:
        return ROWS_ONLY
    if kinds <= DATA_ONLY and "STATISTICS DATA" in kinds:
        return "holds statistics only (pg_dump --statistics-only): it cannot be restored alone"
    return ""


def _missing(entries: tuple[TocEntry, ...]) -> Iterator[str]:
    tables = [entry for entry in entries if entry.desc == "TABLE"]
    filled = {(e.namespace, e.tag) for e in entries if e.desc == "TABLE DATA"}
    if len(tables) == 1 and not any(entry.desc in NEVER_OF_A_TABLE for entry in entries):
        yield f"the dump holds one table only (pg_dump -t?): {_named(tables)}"
    empty = [t for t in tables if (t.namespace, t.tag) not in filled and _has_rows(t)]
    if empty and not filled:
        yield NO_ROWS
    elif empty:
        yield f"the dump leaves out the rows of {_named(empty)}"
    if len(tables) > 1 and not any(entry.desc in AFTERWARDS for entry in entries):
        yield "the dump has no key, no index and no foreign key (pg_dump --section without post-data?)"


def _has_rows(table: TocEntry) -> bool:
    """Whether the table should have rows: partitioned tables have none, and those of unlogged ones may be omitted."""
    text = table.defn.lstrip()
    return PARTITIONED.search(text) is None and not text.startswith("CREATE UNLOGGED")


def _named(tables: list[TocEntry]) -> str:
    names = [label(table) for table in tables]
    noun = "table" if len(names) == 1 else "tables"
    return f"{noun} {first_of(names, MOST_NAMED)}" if names else "no table"
