"""Tables that come and go as a matter of course: by their names, and by what is beside them. Pure.

`log_20261120` leaves and `log_20261121` comes; a tenant's schema leaves, and ten like it stay.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from restorecheck.checks.name_words import VOLATILE
from restorecheck.checks.structure import table_of
from restorecheck.checks.tables import parts_of

PASSING = re.compile(
    r"(^|_)(stg|imports?|incoming|pending|spool|leaderboards?|rankings?|otps?|captchas?|idempotency|rate_?limits?|leases?"
    r"|heartbeats?|presence|dead_?letters?|magic_links?|(password_)?resets?|verifications?|notifications?)(_|$)"
)
"""Names of tables that come and go, besides `VOLATILE`: too many different ones to claim nothing of their values."""
TEMPORARY = re.compile(r"(^|_)(te?mp|staging|stage|stg|scratch|imports?|incoming)(_|$)")
"""Names of tables that are themselves made and dropped."""
CALENDAR = (
    r"(?:mon|tue|wed|thu|fri|sat|sun)(?:day)?|tues|wednesday|thurs(?:day)?|saturday"
    r"|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
DATED = re.compile(rf"(?<!\d)(?:19|20)\d\d|(?:^|_)(?:{CALENDAR}|[wqdmh]\d{{1,3}})(?=_|$)")
MOVING = re.compile(rf"\d+|(?:(?<=_)|^)(?:{CALENDAR})(?=_|$)")
WHOLE = "all of "
"""Begins keys of a large structure: one digest for all of a table."""
OF_A_DATE = 4
"""Digits."""
OF_RELATIONS = frozenset(
    {
        "table",
        "grants on",
        "column",
        "constraint",
        "trigger",
        "policy",
        "view",
        "rule",
        "system trigger",
    }
)
NAMED_FREELY = frozenset({"index", "sequence"})
"""Objects that belong to a table and do not say so in their names."""
WITH_NAME = re.compile(f"({'|'.join((*OF_RELATIONS, *NAMED_FREELY, 'schema'))}) ")


def family(name: str) -> str:
    """The name without its numbers, days and months; equal for all members of a family."""
    return ".".join(MOVING.sub("#", part) for part in name.split("."))


def dated(name: str) -> bool:
    return DATED.search(name.rpartition(".")[2]) is not None


def passing(name: str) -> bool:
    """By their names or those of their schemas: queues, caches, sessions, staging."""
    parts = name.lower().split(".")
    return any(pattern.search(part) for part in parts for pattern in (VOLATILE, PASSING))


def united(before: Collection[str], after: Collection[str]) -> dict[str, str]:
    """Table → what it is compared as, of both nights: its family, where it has a date or its family rotates."""
    members = Counter(family(name) for name in {*before, *after})
    gone = {family(name) for name in set(before) - set(after)}
    come = {family(name) for name in set(after) - set(before)}
    rotating = gone & come
    return {
        name: kin if members[kin] > 1 and (dated(name) or kin in rotating) else name
        for name in {*before, *after}
        for kin in (family(name),)
    }


def like_others(before: Iterable[str], after: Iterable[str]) -> frozenset[str]:
    """Schemas that came or went, and others stay that are called alike or have the same tables: of
    tenants, of years.
    """
    old, new = _by_schema(before), _by_schema(after)
    both = set(old) & set(new)
    forms = {old[s] for s in both} | {new[s] for s in both}
    names = Counter(family(schema) for schema in {*old, *new})
    moved = set(old) ^ set(new)
    return frozenset(
        s
        for s in moved
        if (names[family(s)] > 1 and family(s) != s) or {*old.get(s, ()), *new.get(s, ())} in forms
    )


def _by_schema(names: Iterable[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for name in names:
        schema, _, table = name.partition(".")
        found[schema].add(table)
    return {schema: frozenset(tables) for schema, tables in found.items()}


def ordinary(
    before: Mapping[str, str], after: Mapping[str, str], known: Collection[str] = ()
) -> frozenset[str]:
    """Keys of two structures that differ, and that is no change: a member of a known family comes or
    goes, what was there before comes back, an index has another number in its name.

    `known`: tables of earlier nights that have come and gone (`DatabaseReading.past`).
    """
    old, new = _relations(before), _relations(after)
    families = {family(name) for name in old} & {family(name) for name in new}
    alike = like_others(old, new)
    moved = {
        name
        for name in old ^ new
        if name in known
        or name.partition(".")[0] in alike
        or TEMPORARY.search(name.lower().replace(".", "_"))
        or (family(name) != name and family(name) in families)
    }
    differing = [key for key in {*before, *after} if before.get(key) != after.get(key)]
    of_moved = _of_moved(differing, moved, alike)
    renumbered = _renumbered(differing, before, after, of_moved)
    return frozenset({*of_moved, *renumbered})


def _relations(structure: Mapping[str, str]) -> set[str]:
    """Their names, of whatever form is kept of the structure (`structure.bounded`)."""
    parts = (_parts(key) for key in structure)
    return {name for kind, name in parts if kind == "table"}


def _of_moved(
    keys: Iterable[str], moved: Collection[str], alike: Collection[str]
) -> frozenset[str]:
    """Those that belong to tables or schemas that have come or gone."""
    locals_: dict[str, list[tuple[str, set[str]]]] = defaultdict(list)
    for moving in moved:
        schema, _, name = moving.partition(".")
        locals_[schema].append((name, {n for n in re.findall(r"\d+", name) if len(n) >= OF_A_DATE}))
    found = set()
    for key in keys:
        kind, name = _parts(key)
        table = name if kind == "table" else table_of(key)
        if table in moved or _schema_of(key) in alike:
            found.add(key)
            continue
        schema, _, rest = name.partition(".")
        if kind in NAMED_FREELY:
            # The name of an index holds that of its table, or at least the same date.
            own = set(re.findall(r"\d+", rest))
            if any(one in rest or (of and of <= own) for one, of in locals_[schema]):
                found.add(key)
    return frozenset(found)


def _schema_of(key: str) -> str:
    """Of whatever has one: the first part of the last word that has parts."""
    named = [word for word in key.split(" ") if "." in word] or [key.rpartition(" ")[2]]
    return parts_of(named[0])[0]


def _parts(key: str) -> tuple[str, str]:
    """Kind and name."""
    if key.startswith(WHOLE):
        key = key.removeprefix(WHOLE)
        if " " not in key:
            return "table", key
    found = WITH_NAME.match(key)
    return (found[1], key[found.end() :]) if found else ("", key)


def _renumbered(
    differing: Iterable[str],
    before: Mapping[str, str],
    after: Mapping[str, str],
    settled: Collection[str],
) -> set[str]:
    """Constraints and indexes of one table that are as many as before, under other numbers: those of a
    table that is built anew every night.
    """
    names: dict[tuple[str, str], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for key in differing:
        kind, _ = _parts(key)
        if (
            key in settled
            or kind not in {"constraint", "index", "sequence"}
            or (key in before and key in after)
        ):
            continue
        names[kind, re.sub(r"_new|_old|_te?mp|\d+", "", key)][key in after].append(key)
    found: set[str] = set()
    for gone, come in names.values():
        if Counter(_meaning(before[k]) for k in gone) == Counter(_meaning(after[k]) for k in come):
            found |= {*gone, *come}
    return found


def _meaning(definition: str) -> str:
    """Without the names in it; a digest says nothing without them."""
    return "#" if definition.startswith("#") else re.sub(r"_new|_old|_te?mp|\d+", "", definition)
