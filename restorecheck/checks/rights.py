"""Rights that are wider than before, by comparing two structures. Pure.

A backup with widened rights restores, and a restore in an emergency would open the data to others. A new
object with the default rights of its kind is no widening. Other changes are reported by the structure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from restorecheck.checks.structure import Difference, alike, kind_of, table_of
from restorecheck.checks.tables import full_name, parts_of

PUBLIC, ALL, OWNER = "PUBLIC", "ALL", "owner"
BY_DEFAULT = {
    "function": {"EXECUTE"},
    "type": {"USAGE"},
    "language": {"USAGE"},
    "database": {"CONNECT", "TEMPORARY"},
    "new functions": {"EXECUTE"},
    "new types": {"USAGE"},
}
"""Default privileges of PUBLIC (PostgreSQL documentation, "Privileges", table 5.2)."""
OF_INITDB = "as initdb makes it"
POWERFUL = ("superuser", "createrole", "createdb", "replication", "bypassrls")
POWERFUL_GROUPS = re.compile(r"pg_|rds_(superuser|replication)$")
"""Predefined roles, which may read, write or run without a grant."""
ROLE = re.compile(r'"(?:[^"]|"")*"|[^\s,;:"()]+')
ENTRY = re.compile(rf"(?P<who>{ROLE.pattern})(?: by (?:{ROLE.pattern}))?: (?P<what>[A-Z *,]+)")
OF_OWNER = re.compile(rf"{OWNER} (?P<who>{ROLE.pattern})")
NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Rights on one object."""

    owners: frozenset[str] = frozenset()
    """More than one if the objects of a schema are combined."""
    granted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Grantee → privileges; `X*` is X with the right to grant it on."""


def widened(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Difference, ...]:
    """Every right that is wider than before.

    For logical dumps pass `structure.comparable`: the rest comes from the throw-away server. Empty if another
    version of restorecheck read one of the two, which `structure_changes` reports.
    """
    if before.get("format") != after.get("format"):
        return ()
    old, new = alike(before, after)
    found = [
        Difference(what=key, before=old.get(key, NOTHING), after=new.get(key, NOTHING))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key) and _is_wider(key, old, new)
    ]
    return (*found, *_new_powers(old, new))


def rights_of(value: str) -> Rights:
    """Parses a value of `rights …`."""
    if value == OF_INITDB:
        return Rights(granted={PUBLIC: frozenset({"USAGE"})})
    granted: dict[str, frozenset[str]] = {}
    owners = set()
    for entry in re.findall(r'(?:"(?:[^"]|"")*"|[^;"])+', value):
        if found := OF_OWNER.fullmatch(entry.strip()):
            owners.add(found["who"])
        elif found := ENTRY.fullmatch(entry.strip()):
            what = {part.strip() for part in found["what"].split(",")} - {NOTHING.upper()}
            granted[found["who"]] = granted.get(found["who"], frozenset()) | what
    return Rights(owners=frozenset(owners), granted=granted)


def _is_wider(key: str, old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    before, after = old.get(key, ""), new.get(key, "")
    match kind_of(key):
        case "rights" | "rights on parameter":
            return _more_rights(key, old, new)
        case "row security" | "view security":
            return bool({*before.split()} - {*after.split()}) and _is_there(key, new)
        case "policy":
            return _more_rows(key, old, new)
        case "security definer":
            return bool(after) and f"rights function {key.removeprefix('security definer ')}" in old
        case _:
            return False


def _is_there(key: str, structure: Mapping[str, str]) -> bool:
    """Whether the table or view of a key exists; not known for very large schemas."""
    table = table_of(key) or ""
    return f"rights table {table}" in structure or any(
        key.startswith("rights on every table ") for key in structure
    )


def _more_rights(key: str, old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    subject = key.removeprefix("rights ").removeprefix("on every ")
    if subject.startswith("installed "):
        return False
    usual = _usual(subject)
    now = rights_of(new[key]) if key in new else Rights(granted=usual)
    if key in old:
        earlier = rights_of(old[key])
    elif f"rights installed {subject}" in new:
        earlier = rights_of(new[f"rights installed {subject}"])
    elif (
        subject.startswith("column ") and subject in old and f"rights table {table_of(key)}" in old
    ):
        earlier = rights_of(old[f"rights table {table_of(key)}"])
    elif subject.startswith("new ") or kind_of(key) == "rights on parameter":
        earlier = Rights(granted=usual)
    else:
        # A new object: only rights of PUBLIC beyond the defaults and earlier default privileges.
        everybody = usual.get(PUBLIC, frozenset()) | _arranged(subject, now.owners, old)
        return _beyond(now.granted.get(PUBLIC, frozenset()), everybody)
    if key in new and earlier.owners and now.owners - earlier.owners:
        return True
    everybody = earlier.granted.get(PUBLIC, frozenset())
    return (key in new or subject.startswith("new ")) and any(
        _beyond(what, earlier.granted.get(who, frozenset()) | everybody)
        for who, what in now.granted.items()
        if who not in earlier.owners
    )


def _usual(subject: str) -> Mapping[str, frozenset[str]]:
    """Default privileges of a schema are added to those for all schemas."""
    if subject.startswith("new ") and " in " in subject:
        return {}
    kind = next((kind for kind in BY_DEFAULT if f"{subject} ".startswith(f"{kind} ")), "")
    return {PUBLIC: frozenset(BY_DEFAULT[kind])} if kind else {}


def _beyond(now: frozenset[str], before: frozenset[str]) -> bool:
    """Whether `now` has more than `before`; "all of a kind" is more than any list."""
    plain = {what.rstrip("*") for what in before}
    return any(
        not ({what, f"{ALL}*"} & before or ("*" not in what and {what, ALL} & plain))
        for what in now
    )


def _arranged(subject: str, owners: frozenset[str], old: Mapping[str, str]) -> frozenset[str]:
    """What default privileges grant PUBLIC on new objects of this kind."""
    kind, _, name = subject.removeprefix("owned ").partition(" ")
    schema = full_name(*parts_of(name)[:1])
    keys = [
        f"rights new {kind}s of {owner}{where}"
        for owner in owners
        for where in ("", f" in {schema}")
    ]
    given = (rights_of(old[key]).granted.get(PUBLIC, frozenset()) for key in keys if key in old)
    return frozenset().union(*given)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Policy:
    permissive: bool
    command: str
    roles: frozenset[str]
    every_row: frozenset[str]
    """Those of USING and WITH CHECK that are just `true`."""


def _policy(value: str) -> _Policy:
    found = re.match(
        r"(permissive|restrictive) for (\w+) to (.*?)(?: (?:using|with check) \(true\)| #|$)", value
    )
    mode, command, roles = found.groups() if found else ("restrictive", "ALL", "")
    true = re.findall(r"(using|with check) \(true\)", value)
    return _Policy(
        permissive=mode == "permissive",
        command=command,
        roles=frozenset(ROLE.findall(roles)),
        every_row=frozenset(true),
    )


def _more_rows(key: str, old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Permissive policies add rows, restrictive ones remove rows; without row security neither has an effect."""
    if "on" not in old.get(f"row security {table_of(key)}", "").split() or not _is_there(key, new):
        return False
    if key not in old:
        added = _policy(new[key])
        # Under another name, or for one of the commands that it was for.
        same = {new[key], new[key].replace(f" for {added.command} ", " for ALL ", 1)}
        there = {
            v for k, v in old.items() if kind_of(k) == "policy" and table_of(k) == table_of(key)
        }
        return added.permissive and not same & there
    before = _policy(old[key])
    if key not in new:
        return not before.permissive
    now = _policy(new[key])
    if before.permissive != now.permissive:
        return now.permissive
    larger = (now, before) if now.permissive else (before, now)
    return (
        bool(now.every_row - before.every_row)
        or (PUBLIC not in larger[1].roles and bool(larger[0].roles - larger[1].roles))
        or larger[1].command not in {"ALL", larger[0].command}
    )


# --- roles -----------------------------------------------------------------------------------------


def _new_powers(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    """Roles with new attributes, or with a new membership in a powerful role."""
    owners = _owners(old) | _owners(new)
    for key in sorted(key for key in new if kind_of(key) == "role" and old.get(key) != new[key]):
        attributes, groups = _role(old.get(key, ""))
        now, groups_now = _role(new[key])
        powerful = {
            g
            for g in groups_now
            if POWERFUL_GROUPS.match(g) or g in owners or _reaches(g, new, owners)
        }
        if (now & {*POWERFUL}) - attributes or {
            g for g in powerful if groups_now[g] - groups.get(g, set())
        }:
            yield Difference(what=key, before=old.get(key, NOTHING), after=new[key])


def _owners(structure: Mapping[str, str]) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for key, value in structure.items():
        if kind_of(key) == "rights":
            found |= rights_of(value).owners
    return found


def _role(value: str) -> tuple[set[str], dict[str, set[str]]]:
    """Attributes, and the groups with the options of each membership."""
    first, _, groups = f" {value}".partition(" in ")
    found: dict[str, set[str]] = {}
    for group in re.findall(rf"(?:{ROLE.pattern})(?: with(?:out)? \w+)*", groups):
        name = ROLE.match(group)
        assert name is not None, "a role"
        rest = group[name.end() :]
        found[name[0]] = {"member"} | ({"admin"} if "with admin" in rest else set())
        found[name[0]] |= set() if "without inherit" in rest else {"inherit"}
        found[name[0]] |= set() if "without set" in rest else {"set"}
    return {*first.split()}, found


def _reaches(group: str, structure: Mapping[str, str], owners: frozenset[str]) -> bool:
    """Whether the group, or a group of it, is powerful."""
    seen, ahead = set(), [group]
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        attributes, groups = _role(structure.get(f"role {name}", ""))
        if attributes & {*POWERFUL} or name in owners or POWERFUL_GROUPS.match(name):
            return True
        ahead += groups
    return False
