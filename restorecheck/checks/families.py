"""Tables that normally come and go: by their names, and by similar tables. Pure.

`log_20261120` is dropped and `log_20261121` is created; a tenant's schema is dropped, and ten like it stay.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from restorecheck.checks.name_words import VOLATILE
from restorecheck.checks.structure import table_of
from restorecheck.checks.tables import parts_of

PASSING = re.compile(
    r"(^|_)(stg|imports?|incoming|pending|spool|leaderboards?|rankings?|otps?|captchas?|idempotency|rate_?limits?|leases?"
    r"|heartbeats?|presence|dead_?letters?|magic_links?|(password_)?resets?|verifications?|notifications?)(_|$)"
)
"""Names of volatile tables besides `VOLATILE`; these are common words, so their values are still checked."""
TEMPORARY = re.compile(r"(^|_)(te?mp|staging|stage|stg|scratch|imports?|incoming)(_|$)")
"""Names of tables that are created and dropped."""
CALENDAR = (
    r"(?:mon|tue|wed|thu|fri|sat|sun)(?:day)?|tues|wednesday|thurs(?:day)?|saturday"
    r"|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
DATED = re.compile(rf"(?<!\d)(?:19|20)\d\d|(?:^|_)(?:{CALENDAR}|[wqdmh]\d{{1,3}})(?=_|$)")
MOVING = re.compile(rf"\d+|(?:(?<=_)|^)(?:{CALENDAR})(?=_|$)")
WHOLE = "all of "
"""Prefix of keys in a large structure: one digest for a whole table."""
OF_A_DATE = 4
"""Digits of a number that may be a date."""
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
"""Objects of a table whose names need not contain the table's."""
WITH_NAME = re.compile(f"({'|'.join((*OF_RELATIONS, *NAMED_FREELY, 'schema'))}) ")


@lru_cache(maxsize=1 << 16)
def family(name: str) -> str:
    """The name without numbers, days and months; the same for all members of a family."""
    return ".".join(MOVING.sub("#", part) for part in name.split("."))


def dated(name: str) -> bool:
    return DATED.search(name.rpartition(".")[2]) is not None


@lru_cache(maxsize=1 << 16)
def passing(name: str) -> bool:
    """Whether the name, or that of its schema, is of a queue, cache, session or staging table."""
    parts = name.lower().split(".")
    return any(pattern.search(part) for part in parts for pattern in (VOLATILE, PASSING))


def united(before: Collection[str], after: Collection[str]) -> dict[str, str]:
    """Table → the name to compare it by, for both nights: its family, if it has a date or the family rotates."""
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
    """Added or removed schemas, if others with similar names or the same tables remain: of tenants, of
    years.
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
    """Differing keys of two structures that are no change: a member of a known family is added or removed,
    an earlier object returns, an index has another number in its name.

    `known`: tables of earlier nights that came and went (`DatabaseReading.past`).
    """
    differing = [key for key in {*before, *after} if before.get(key) != after.get(key)]
    if not differing:
        return frozenset()
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
    of_moved = _of_moved(differing, moved, alike)
    renumbered = _renumbered(differing, before, after, of_moved)
    return frozenset({*of_moved, *renumbered})


def _relations(structure: Mapping[str, str]) -> set[str]:
    """Names of its relations, in every form of a structure (`structure.bounded`)."""
    parts = (_parts(key) for key in structure)
    return {name for kind, name in parts if kind == "table"}


def _of_moved(
    keys: Iterable[str], moved: Collection[str], alike: Collection[str]
) -> frozenset[str]:
    """Keys of objects of added or removed tables or schemas."""
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
            # The name of an index contains that of its table, or at least the same date.
            own = set(re.findall(r"\d+", rest))
            if any(one in rest or (of and of <= own) for one, of in locals_[schema]):
                found.add(key)
    return frozenset(found)


def _schema_of(key: str) -> str:
    """The schema: the first part of the last word that has parts."""
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
    """Constraints and indexes of a table that only have other numbers in their names, as in a table that is
    rebuilt every night.
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
    """The definition without names; empty for a digest."""
    return "#" if definition.startswith("#") else re.sub(r"_new|_old|_te?mp|\d+", "", definition)
