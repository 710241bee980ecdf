"""Shelves in text files: the keys, and what holds between them."""

from collections.abc import Iterator

from pydantic import Field

from restorecheck.checks.dialect import Dialect
from restorecheck.checks.dialects import shelves
from restorecheck.checks.keys import Keys, Text
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.sources.kind import Absolute, SourceKind, Written

ANSWERED = frozenset(
    {
        *("server_answers", "tables_countable", "constraints_hold", "not_emptied", "row_count"),
        *("not_null", "percent_null", "unique", "range", "accepted_values", "references"),
        "even",
    }
)
"""The last is a toy, too."""


class Shelf(Keys):
    path: Text = Field(description="The file of shelves.")
    work_dir: Text = Field(description="Where it is unpacked.")


def _broken_rules(written: Written) -> Iterator[ConfigFinding]:
    if written.keys.get("path") == written.keys.get("work_dir"):
        yield ConfigFinding(
            (*written.path, "shelf", "work_dir"), "the backup itself is no place for it"
        )


def _with_absolute_paths(shelf: Shelf, absolute: Absolute) -> Shelf:
    paths = {key: absolute(getattr(shelf, key)) for key in ("path", "work_dir")}
    return shelf.model_copy(update=paths)


SHELF = SourceKind(
    key="shelf",
    keys=Shelf,
    help="The backups are shelves of books.",
    physical=False,
    dialect=Dialect(name="Shelves", sql=shelves, kinds=ANSWERED),
    broken_rules=_broken_rules,
    with_absolute_paths=_with_absolute_paths,
)
