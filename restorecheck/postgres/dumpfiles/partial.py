"""What the list of an archive says is not in it, though it was in the database. Pure."""

import re
from collections.abc import Iterator

from restorecheck.postgres.dumpfiles.archive import Toc, TocEntry

AFTERWARDS = frozenset({"CONSTRAINT", "FK CONSTRAINT", "INDEX", "TRIGGER", "CHECK CONSTRAINT"})
"""Of the section post-data."""
PARTITIONED = re.compile(r"^\)?\s*PARTITION BY ", re.MULTILINE)
SHOWN = 3


def missing(toc: Toc) -> tuple[str, ...]:
    """Sentences, each about one thing that was left out; nothing where the dump is whole."""
    return tuple(_missing(toc.entries))


def _missing(entries: tuple[TocEntry, ...]) -> Iterator[str]:
    tables = [entry for entry in entries if entry.desc == "TABLE"]
    filled = {(e.namespace, e.tag) for e in entries if e.desc == "TABLE DATA"}
    if len(tables) == 1:
        yield f"the dump holds one table only (pg_dump -t?): {_named(tables)}"
    empty = [t for t in tables if (t.namespace, t.tag) not in filled and _has_rows(t)]
    if empty and not filled:
        yield "the dump holds no rows (pg_dump --schema-only): of no table is there any data"
    elif empty:
        yield f"the dump leaves out the rows of {_named(empty)}"
    if len(tables) > 1 and not any(entry.desc in AFTERWARDS for entry in entries):
        yield "the dump has no key, no index and no foreign key (pg_dump --section without post-data?)"


def _has_rows(table: TocEntry) -> bool:
    """Its own: those of a partitioned table are in its partitions; unlogged ones may be left out by purpose."""
    text = table.defn.lstrip()
    return PARTITIONED.search(text) is None and not text.startswith("CREATE UNLOGGED")


def _named(tables: list[TocEntry]) -> str:
    names = [f"{t.namespace}.{t.tag}" for t in tables]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    noun = "table" if len(names) == 1 else "tables"
    return f"{noun} {', '.join(names[:SHOWN])}{more}" if names else "no table"
