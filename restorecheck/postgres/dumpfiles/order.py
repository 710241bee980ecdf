"""Whether the result of a load depends on its order. Pure.

pg_dump does not read the bodies of functions. So a CHECK whose function reads another table, or a
materialized view whose function reads another one, may load or fail depending on the order; with several
jobs of pg_restore the order is random.
"""

import re
from collections.abc import Iterable, Sequence

from restorecheck.postgres.dumpfiles.archive import TocEntry

FUNCTIONS = frozenset({"FUNCTION", "PROCEDURE"})
RELATIONS = frozenset({"TABLE", "VIEW", "MATERIALIZED VIEW"})
_CHECK = re.compile(r"\bCHECK \(.*")


def decides(entries: Sequence[TocEntry]) -> bool:
    functions = [entry for entry in entries if entry.desc in FUNCTIONS]
    views = {entry.tag for entry in entries if entry.desc == "MATERIALIZED VIEW"}
    if not functions:
        return False
    if len(views) > 1 and any(views & _words(function.defn) for function in functions):
        return True
    relations = {entry.tag for entry in entries if entry.desc in RELATIONS}
    readers = {f.tag.partition("(")[0] for f in functions if relations & _words(f.defn)}
    return bool(readers) and any(readers & _words(check) for check in _checks(entries))


def _checks(entries: Iterable[TocEntry]) -> Iterable[str]:
    for entry in entries:
        if entry.desc in {"TABLE", "DOMAIN"}:
            yield from _CHECK.findall(entry.defn)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))
