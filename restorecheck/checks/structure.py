"""The structure of a database, from its catalog: stored compactly, and compared. Pure.

A structure is `kind name` → definition or its digest. The kinds are the blocks of
`postgres/scan/structure.sql`; names are those of `tables.full_name`.
"""

import hashlib
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from restorecheck.checks.tables import full_name, parts_of

FORMAT = "2"
"""Value of the key `format`: a version that reads structures differently has another one."""

LARGEST_STRUCTURE = 60_000
"""Bytes, compressed; a larger structure keeps digests: of each definition, then of each table, then of each schema."""
TIGHTEST = 50
"""No structure compresses better than this factor: a longer text is not compressed to test its size."""
DIGEST = 12

OF_TABLES = frozenset(
    """table/clustered/row security/view security/tablespace of/foreign table/column/constraint/not null/index/trigger
    system trigger/policy/view/rule/statistics/owned sequence/publication table""".replace(
        "\n    ", "/"
    ).split("/")
)
"""Kinds whose names begin with that of their table."""
READABLE = frozenset(
    [
        "rights",
        "rights on parameter",
        "role",
        "policy",
        "row security",
        "view security",
        "security definer",
        "extension",
    ]
)
"""Kinds of rights: never stored as a digest only, because `rights.widened` reads them."""
NOT_IN_A_DUMP = {
    "database": "pg_dump writes it only with --create (pg_dump, -C)",
    "setting": "of a database as above; of a role pg_dumpall writes it",
    "role": "pg_dumpall --roles-only writes them",
    "tablespace": "pg_dumpall --tablespaces-only writes them",
    "tablespace of": "dumps are restored into the default tablespace",
    "rights on parameter": "pg_dumpall --roles-only writes them",
    "not null": "servers before PostgreSQL 18 have no names of NOT NULL constraints (release notes of 18)",
}
"""Kind → why a dump of one database does not contain it."""
NOT_IN_A_DUMP_EITHER = (
    "rights database",
    "rights tablespace ",
    "rights installed tablespace ",
    "comment database ",
    "comment role ",
    "comment tablespace ",
    "comment extension ",
    "comment schema public ",
    "security label database ",
    "security label role ",
    "security label tablespace ",
    "user mapping ",
)
"""Prefixes of keys. A comment on an extension is that of the installed version; pg_dump before 15 omits schema
public (release notes of 15). User mappings are left out when a dump is loaded.
"""
KEPT = READABLE | {"format", *NOT_IN_A_DUMP}
"""Kinds that are never combined into one digest."""
KINDS = (
    OF_TABLES
    | KEPT
    | frozenset(
        """schema/function/sequence/type/event trigger/publication/publication schema/subscription
    subscription connection/foreign data wrapper/foreign server/user mapping/user mapping options/language/cast/transform/access method
    collation/conversion/operator/operator family/operator class/text search parser/text search template
    text search dictionary/text search configuration/comment/security label/large objects""".replace(
            "\n    ", "/"
        ).split("/")
    )
)


def _first_of(words: Iterable[str]) -> re.Pattern[str]:
    """Matches the longest of these at the start of a text, before a space or the end."""
    return re.compile(f"(?:{'|'.join(sorted(words, key=len, reverse=True))})(?= |$)")


KIND = _first_of(KINDS)
ALONE = KINDS - {k for k in KINDS for other in KINDS if other.startswith(f"{k} ")}
"""Kinds that no other kind begins with: the first word of a key tells them, and most keys are of these."""
SHOWN_TO_SOME = ("subscription connection", "user mapping options")
"""Kinds that only some roles may read: what was read as another role does not have them."""
ABOUT = frozenset({"rights", "comment", "security label"})
"""Kinds whose names begin with the kind of their subject."""
ABOUT_TABLES = _first_of(
    """table/column/owned sequence/view/materialized view/foreign table/table column/view column
    materialized view column/foreign table column/table constraint/trigger/policy/rule""".replace(
        "\n    ", "/"
    ).split("/")
)
"""Kinds of subjects that belong to a table: of restorecheck, and of pg_identify_object_as_address."""
OF_OBJECTS = re.compile(r"rights (table|column|sequence|owned sequence|function|type) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference."""

    what: str
    before: str
    after: str
    certain: bool = True
    """The backup is bad; False: it may be a normal change, and is a warning."""

    def __str__(self) -> str:
        if not self.before:
            return f"{self.what}: new"
        if not self.after:
            return f"{self.what}: gone"
        return f"{self.what}: {_shown(self.before)} → {_shown(self.after)}"


def _shown(value: str) -> str:
    return "other text" if value.startswith("#") else value


def digest(text: str) -> str:
    return "#" + hashlib.sha256(text.encode()).hexdigest()[:DIGEST]


def kind_of(key: str) -> str:
    """The kind of a key; for a combined key only its first word."""
    first = key.partition(" ")[0]
    if first in ALONE:
        return first
    found = KIND.match(key)
    return found[0] if found else first


def table_of(key: str) -> str | None:
    """Full name of the key's table, view or foreign table; None: it has none."""
    kind = kind_of(key)
    if kind in ABOUT:
        key = key.removeprefix(f"{kind} ")
        found = ABOUT_TABLES.match(key)
        kind = found[0] if found else ""
    elif kind not in OF_TABLES:
        kind = ""
    return full_name(*parts_of(key.removeprefix(f"{kind} "))[:2]) if kind else None


def bounded(structure: Mapping[str, str]) -> dict[str, str]:
    """The structure, in a form that is small enough to be stored."""
    reduced = dict(structure)
    for coarser in (*COARSER, None):
        if _fits(json.dumps(reduced)):
            return reduced
        if coarser is not None:
            reduced = coarser(reduced)
    return {"everything": digest(json.dumps(sorted(structure.items())))}


def _fits(text: str) -> bool:
    if len(text) > LARGEST_STRUCTURE * TIGHTEST:
        return False
    return len(zlib.compress(text.encode())) <= LARGEST_STRUCTURE


def _digested(structure: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        if kind_of(key) in KEPT or len(value) <= DIGEST or A_DIGEST.match(value)
        else digest(value)
        for key, value in structure.items()
    }


def _by_relation(structure: Mapping[str, str]) -> dict[str, str]:
    """One digest for each table with its columns, constraints and triggers."""
    return _grouped(structure, lambda key: f"{ALL_OF}table {t}" if (t := table_of(key)) else key)


def _folded(structure: Mapping[str, str]) -> dict[str, str]:
    """One digest for all tables of a schema, and so on for other kinds."""

    def group_of(key: str) -> str:
        kind, name = kind_of(key), key.removeprefix(kind_of(key)).strip()
        return f"{EVERY}{kind} of {full_name(*parts_of(name)[:1])}"

    return _grouped(structure, lambda key: group_of(key.removeprefix(ALL_OF)))


def _grouped(structure: Mapping[str, str], group_of: Callable[[str], str]) -> dict[str, str]:
    kept = {key: value for key, value in structure.items() if kind_of(key) in KEPT}
    groups: dict[str, list[str]] = {}
    for key, value in sorted(structure.items()):
        if key not in kept:
            groups.setdefault(group_of(key), []).append(f"{key}={value}")
    return kept | {key: digest("\n".join(values))[:9] for key, values in groups.items()}


def _gathered(structure: Mapping[str, str]) -> dict[str, str]:
    """Rights, too, only as the roles that have any, by schema and kind of object."""
    rest: dict[str, str] = {}
    rights: dict[str, set[str]] = defaultdict(set)
    for key, value in structure.items():
        found = OF_OBJECTS.match(key)
        if found:
            schema = full_name(*parts_of(key[found.end() :])[:1])
            rights[f"{RIGHTS_ON_EVERY}{found[1]} of {schema}"] |= set(value.split("; "))
        else:
            rest[key] = value
    return rest | {key: "; ".join(sorted(values)) for key, values in rights.items()}


COARSER = (_digested, _by_relation, _folded, _gathered)
"""Each is made from the previous form: of an earlier drill only one form is stored."""
ALL_OF, EVERY, RIGHTS_ON_EVERY = "all of ", "every ", "rights on every "
A_DIGEST = re.compile(rf"#[0-9a-f]{{{DIGEST}}}$")


def alike(
    first: Mapping[str, str], second: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Both in the coarser form of the two, so that they can be compared."""
    if first == second:
        return {**first}, {**second}
    form = max(_form_of(first), _form_of(second))
    return in_form(first, form), in_form(second, form)


def in_form(structure: Mapping[str, str], form: int) -> dict[str, str]:
    """0: unchanged; 1 to 4: after so many of `COARSER`. A finer form cannot be restored."""
    reduced = dict(structure)
    for coarser in COARSER[_form_of(structure) : form]:
        reduced = coarser(reduced)
    return reduced


def _form_of(structure: Mapping[str, str]) -> int:
    beginnings = {RIGHTS_ON_EVERY: 4, EVERY: 3, ALL_OF: 2}
    folded = [key for key in structure if key.startswith((*beginnings,))]
    if folded:
        return max(
            form for start, form in beginnings.items() for k in folded if k.startswith(start)
        )
    if all(kind_of(key) in KEPT for key in structure):
        return 0
    return int(all(len(v) <= DIGEST + 1 or kind_of(k) in KEPT for k, v in structure.items()))


def structure_changes(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[Difference, ...]:
    """The differences. Between two formats everything would differ: that is one difference."""
    if before and after and before.get("format") != after.get("format"):
        formats = (structure.get("format", "1") for structure in (before, after))
        return (
            Difference(what="format of the structure", before=next(formats), after=next(formats)),
        )
    old, new = alike(before, after)
    if old == new:
        return ()
    hidden = tuple(
        kind
        for one in SHOWN_TO_SOME
        for kind in (f"{one} ", f"{EVERY}{one} ")
        if not all(any(key.startswith(kind) for key in each) for each in (old, new))
    )
    return tuple(
        Difference(what=key, before=old.get(key, ""), after=new.get(key, ""))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key) and not key.startswith(hidden)
    )


OWN_EXTENSIONS = "restorecheck_extensions"
"""Schema of the extensions that restorecheck makes in a copy."""
RESET_IN_A_COPY = ("setting ", "database connection limit ")
"""What could hinder the checks, or hide damage from them, is reset in a copy."""
OF_PUBLIC = re.compile(r"; PUBLIC: ([A-Z, ]+)")


def comparable(structure: Mapping[str, str], *, logical: bool) -> dict[str, str]:
    """The part of a source's structure that a backup can restore: for a logical dump of one database not all.

    The server of the restore has its own roles, and its own versions of extensions. In a copy of files, restorecheck makes
    extensions that check pages, takes the rights of a superuser from all roles but one, that to make schemas from PUBLIC,
    and resets settings.
    """
    if not logical:
        made = {key for key, value in structure.items() if OWN_EXTENSIONS in f"{key} {value}"}
        return {
            key: _as_in_a_copy(key, value)
            for key, value in structure.items()
            if key not in made
            and key.removeprefix("comment ") not in made
            and not f"{key} ".startswith(RESET_IN_A_COPY)
        }
    return {
        key: re.sub(r"^\S+ in ", "in ", value) if kind_of(key) == "extension" else value
        for key, value in structure.items()
        if kind_of(key) not in NOT_IN_A_DUMP and not f"{key} ".startswith(NOT_IN_A_DUMP_EITHER)
    }


def _as_in_a_copy(key: str, value: str) -> str:
    """What is left of the rights of a role or on the database."""
    if kind_of(key) == "role":
        return re.sub(r"^(superuser|there) ?", "", value)
    return OF_PUBLIC.sub(_without_create, value) if key == "rights database" else value


def _without_create(found: re.Match[str]) -> str:
    every = ["CONNECT", "CREATE", "TEMPORARY"] if found[1] == "ALL" else found[1].split(", ")
    left = ", ".join(right for right in every if right != "CREATE")
    return f"; PUBLIC: {left}" if left else ""


NOT_FILLED = " not populated"
"""Suffix of a materialized view in `postgres/scan/structure.sql`."""
FOREIGN_SERVER = "foreign server "


def unfilled(structure: Mapping[str, str]) -> frozenset[str]:
    """Unfilled materialized views: a backup cannot lose their rows."""
    return frozenset(
        key.removeprefix("table ")
        for key, value in structure.items()
        if key.startswith("table ") and value.startswith("m ") and NOT_FILLED in value
    )


def filled_alike(*several: Mapping[str, str]) -> list[dict[str, str]]:
    """If one of them has a foreign server, its drill filled no materialized view: then the mark for unfilled
    views is removed from all.
    """
    if not any(key.startswith(FOREIGN_SERVER) for each in several for key in each):
        return [dict(each) for each in several]
    return [
        {
            key: value.replace(NOT_FILLED, "") if key.startswith("table ") else value
            for key, value in each.items()
        }
        for each in several
    ]


# --- definitions -----------------------------------------------------------------------------------

TOKEN = re.compile(r"""E?'(?:[^']|'')*'|"(?:[^"]|"")*"|::|\w+|\s+|.""", re.DOTALL)


def canonical(definition: str) -> str:
    """An expression in the form that a server writes after restoring it.

    `(ARRAY[a, b])::t[]` is read as `ARRAY[(a)::t, (b)::t]` (transformArrayExpr in parse_expr.c), so a
    constraint with IN differs after the first restore.
    """
    if "(ARRAY[" not in definition:
        return definition
    tokens = TOKEN.findall(definition)
    at = 0
    while at < len(tokens):
        if tokens[at : at + 3] == ["(", "ARRAY", "["]:
            tokens[at:] = _with_cast_inside(tokens[at:])
        at += 1
    return "".join(tokens)


def _with_cast_inside(tokens: list[str]) -> list[str]:
    """`tokens` begin with `(ARRAY[`."""
    end = _closing(tokens, 2)
    after = re.match(r"\)::([\w .\"]+(?:\([\d,]+\))?)\[\]", "".join(tokens[end + 1 :]))
    if after is None:
        return tokens
    elements = ", ".join(f"({text.strip()})::{after[1]}" for text in _listed(tokens[3:end]))
    rest = "".join(tokens[end + 1 :])[after.end() :]
    return TOKEN.findall(f"ARRAY[{elements}]{rest}")


def _closing(tokens: Sequence[str], start: int) -> int:
    """Position of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += (tokens[place] in OPENING) - (tokens[place] in CLOSING)
        if depth == 0:
            return place
    return len(tokens) - 1


OPENING, CLOSING = ("(", "["), (")", "]")


def _listed(tokens: Sequence[str]) -> list[str]:
    """Splits at commas outside brackets."""
    texts, depth = [""], 0
    for part in tokens:
        depth += (part in OPENING) - (part in CLOSING)
        if part == "," and not depth:
            texts.append("")
        else:
            texts[-1] += part
    return texts


SET_OPERATIONS = frozenset({"UNION", "INTERSECT", "EXCEPT"})
AFTER_FROM = frozenset(
    {"WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "OFFSET", "LIMIT", "FETCH", "FOR", ";"}
)
NO_ALIAS = frozenset({"ONLY", "LATERAL", "ROWS", "WITH", "ORDINALITY"})
SUBQUERIES = frozenset({"SELECT", "VALUES", "WITH"})


def unqualified(definition: str) -> str:
    """The definition of a view on one relation, without the relation's name before columns.

    PostgreSQL writes it so from 16 on; earlier a view had two hidden relations, OLD and NEW (commit
    1b4d280ea "Get rid of the placeholder OLD and NEW entries").
    """
    tokens = TOKEN.findall(definition)
    outer = list(_outermost(tokens))
    if any(part in SET_OPERATIONS for _, part in outer):
        return definition
    start = next((place for place, part in outer if part == "FROM"), len(tokens))
    end = next((p for p, t in outer if p > start and t in AFTER_FROM), len(tokens))
    item = [(place, part) for place, part in outer if start < place < end]
    alias = _alias(tokens, item)
    kept, place = [], 0
    while place < len(tokens):
        inside = start < place < end
        here = tokens[place : place + 2] == [alias, "."] and tokens[place - 1 : place] != ["."]
        if here and not inside:
            place += 2
            continue
        kept.append(tokens[place])
        place += 1
    return "".join(kept)


def _outermost(tokens: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Tokens outside brackets, with their positions; an opening bracket stands for its content."""
    depth = 0
    for place, part in enumerate(tokens):
        depth -= part in CLOSING
        if not depth and not part.isspace():
            yield place, part
        depth += part in OPENING


def _alias(tokens: Sequence[str], item: Sequence[tuple[int, str]]) -> str | None:
    """Alias of the only relation in FROM; None: there are several."""
    if not item or any(part == "," or part.endswith("JOIN") for _, part in item):
        return None
    first, part = item[0]
    inside = next((t for t in tokens[first + 1 :] if not t.isspace() and t != "("), "")
    if part == "(" and inside not in SUBQUERIES:
        return None
    names = [t for _, t in item if re.match(r'[\w"]', t) and t not in NO_ALIAS]
    return names[-1] if names else None
