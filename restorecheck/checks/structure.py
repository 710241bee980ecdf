"""What a database looks like, as its catalog describes it: kept small, compared. Pure.

A structure is `kind name` → definition, or a digest of it. The kinds are the blocks of
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
"""Value of the key `format`: what versions that read structures in other ways give differs in it."""

LARGEST_STRUCTURE = 60_000
"""Bytes, compressed; beyond it definitions become digests, then one for each table, then for each schema."""
TIGHTEST = 50
"""No structure is compressed to less than one part in so many: a much longer text need not be tried."""
DIGEST = 12

OF_TABLES = frozenset(
    """table/clustered/row security/view security/tablespace of/foreign table/column/constraint/not null/index/trigger
    system trigger/policy/view/rule/statistics/owned sequence/publication table""".replace(
        "\n    ", "/"
    ).split("/")
)
"""Their names begin with that of the table."""
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
"""Who may do what: never only a digest, as `rights.widened` understands them."""
NOT_IN_A_DUMP = {
    "database": "pg_dump writes it only with --create (pg_dump, -C)",
    "setting": "of a database as above; of a role pg_dumpall writes it",
    "role": "pg_dumpall --roles-only writes them",
    "tablespace": "pg_dumpall --tablespaces-only writes them",
    "tablespace of": "dumps are restored into the default tablespace",
    "rights on parameter": "pg_dumpall --roles-only writes them",
    "not null": "servers before PostgreSQL 18 have no names of NOT NULL constraints (release notes of 18)",
}
"""Kind → why one database's dump cannot bring it back."""
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
)
"""Beginnings of keys. A comment on an extension is that of the version which is installed; pg_dump before
15 leaves schema public out (release notes of 15).
"""
KEPT = READABLE | {"format", *NOT_IN_A_DUMP}
"""Kinds that are not folded away, however many tables there are."""
KINDS = (
    OF_TABLES
    | KEPT
    | frozenset(
        """schema/function/sequence/type/event trigger/publication/publication schema/subscription
    subscription connection/foreign data wrapper/foreign server/user mapping/language/cast/transform/access method
    collation/conversion/operator/operator family/operator class/text search parser/text search template
    text search dictionary/text search configuration/comment/security label/large objects""".replace(
            "\n    ", "/"
        ).split("/")
    )
)


def _first_of(words: Iterable[str]) -> re.Pattern[str]:
    """The longest that a text begins with, before a space or at its end."""
    return re.compile(f"(?:{'|'.join(sorted(words, key=len, reverse=True))})(?= |$)")


KIND = _first_of(KINDS)
ABOUT = frozenset({"rights", "comment", "security label"})
"""Kinds whose names begin with the kind of what they are about."""
ABOUT_TABLES = _first_of(
    """table/column/owned sequence/view/materialized view/foreign table/table column/view column
    materialized view column/foreign table column/table constraint/trigger/policy/rule""".replace(
        "\n    ", "/"
    ).split("/")
)
"""Of those, what belongs to a table: our own words, and those of pg_identify_object_as_address."""
OF_OBJECTS = re.compile(r"rights (table|column|sequence|owned sequence|function|type) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was."""

    what: str
    before: str
    after: str
    certain: bool = True
    """The backup is bad; else it may be ordinary life, and is a warning."""

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
    """The kind that a key begins with; of a folded one only its first word."""
    found = KIND.match(key)
    return found[0] if found else key.partition(" ")[0]


def table_of(key: str) -> str | None:
    """The table, view or foreign table that a key is about, by its full name; None: about none."""
    kind = kind_of(key)
    if kind in ABOUT:
        key = key.removeprefix(f"{kind} ")
        found = ABOUT_TABLES.match(key)
        kind = found[0] if found else ""
    elif kind not in OF_TABLES:
        kind = ""
    return full_name(*parts_of(key.removeprefix(f"{kind} "))[:2]) if kind else None


def bounded(structure: Mapping[str, str]) -> dict[str, str]:
    """The structure as it is, or as much of it as may be kept."""
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
    """One digest for everything of one table: its columns, constraints, triggers."""
    return _grouped(structure, lambda key: f"{ALL_OF}table {t}" if (t := table_of(key)) else key)


def _folded(structure: Mapping[str, str]) -> dict[str, str]:
    """One digest for all tables of one schema, and so on."""

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
    """Of rights too only who has any, by schema and kind of object."""
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
"""Each is made of what the one before it has left: of an earlier night there is nothing else."""
ALL_OF, EVERY, RIGHTS_ON_EVERY = "all of ", "every ", "rights on every "
A_DIGEST = re.compile(rf"#[0-9a-f]{{{DIGEST}}}$")


def alike(
    first: Mapping[str, str], second: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Both in the form of the coarser one, so that they can be compared."""
    form = max(_form_of(first), _form_of(second))
    return in_form(first, form), in_form(second, form)


def in_form(structure: Mapping[str, str], form: int) -> dict[str, str]:
    """0: as it is; 1 to 4: after so many of `COARSER`. A finer one there is not any more."""
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
    values = [value for key, value in structure.items() if kind_of(key) not in KEPT]
    return int(bool(values) and all(len(value) <= DIGEST + 1 for value in values))


def structure_changes(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[Difference, ...]:
    """What differs. Of two versions of this product everything would: that is one difference."""
    if before and after and before.get("format") != after.get("format"):
        formats = (structure.get("format", "1") for structure in (before, after))
        return (
            Difference(what="format of the structure", before=next(formats), after=next(formats)),
        )
    old, new = alike(before, after)
    return tuple(
        Difference(what=key, before=old.get(key, ""), after=new.get(key, ""))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    )


def comparable(structure: Mapping[str, str], *, logical: bool) -> dict[str, str]:
    """What of a source can be there again: of a logical dump of one database not all of it.

    The server that a dump is restored on has its own roles, and its own versions of extensions.
    """
    if not logical:
        return dict(structure)
    return {
        key: re.sub(r"^\S+ in ", "in ", value) if kind_of(key) == "extension" else value
        for key, value in structure.items()
        if kind_of(key) not in NOT_IN_A_DUMP and not f"{key} ".startswith(NOT_IN_A_DUMP_EITHER)
    }


NOT_FILLED = " not populated"
"""As `postgres/scan/structure.sql` says it of a materialized view."""
FOREIGN_SERVER = "foreign server "


def unfilled(structure: Mapping[str, str]) -> frozenset[str]:
    """Materialized views without rows of their own: nothing that a backup could have lost."""
    return frozenset(
        key.removeprefix("table ")
        for key, value in structure.items()
        if key.startswith("table ") and value.startswith("m ") and NOT_FILLED in value
    )


def filled_alike(*several: Mapping[str, str]) -> list[dict[str, str]]:
    """Where one of them has a foreign server, its drill has filled no materialized view: then none of them
    tells whether views are filled.
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
    """An expression as a server writes it that has read it from a dump.

    `(ARRAY[a, b])::t[]` is read as `ARRAY[(a)::t, (b)::t]` (transformArrayExpr in parse_expr.c), so
    that a constraint with IN looks different after each first restore.
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
    """The place of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += (tokens[place] in OPENING) - (tokens[place] in CLOSING)
        if depth == 0:
            return place
    return len(tokens) - 1


OPENING, CLOSING = ("(", "["), (")", "]")


def _listed(tokens: Sequence[str]) -> list[str]:
    """Split at the commas that are in no bracket."""
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
    """A view of one relation, without that relation's name before its columns.

    So PostgreSQL writes it from 16 on; before, a view had two hidden relations, OLD and NEW (commit
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
    """Tokens in no bracket, with their places; an opening bracket for what is in it."""
    depth = 0
    for place, part in enumerate(tokens):
        depth -= part in CLOSING
        if not depth and not part.isspace():
            yield place, part
        depth += part in OPENING


def _alias(tokens: Sequence[str], item: Sequence[tuple[int, str]]) -> str | None:
    """Of the one relation in FROM; None: there are several."""
    if not item or any(part == "," or part.endswith("JOIN") for _, part in item):
        return None
    first, part = item[0]
    inside = next((t for t in tokens[first + 1 :] if not t.isspace() and t != "("), "")
    if part == "(" and inside not in SUBQUERIES:
        return None
    names = [t for _, t in item if re.match(r'[\w"]', t) and t not in NO_ALIAS]
    return names[-1] if names else None
