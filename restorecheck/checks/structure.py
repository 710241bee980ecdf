"""What a database looks like, as its catalog describes it: kept small, compared. Pure.

A structure is `kind name` → definition, or a digest of it.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

LARGEST_STRUCTURE = 60_000
"""Bytes, compressed; beyond it definitions become digests, then one for each table, then for each schema."""
DIGEST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was."""

    what: str
    before: str
    after: str

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


def bounded(structure: Mapping[str, str]) -> dict[str, str]:
    """The structure as it is, or as much of it as may be kept."""
    for form in (dict, _digested, _by_relation, _folded):
        reduced = form(structure)
        if len(zlib.compress(json.dumps(reduced).encode())) <= LARGEST_STRUCTURE:
            return reduced
    return {"everything": digest(json.dumps(sorted(structure.items())))}


def _digested(structure: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value if len(value) <= DIGEST else digest(value) for key, value in structure.items()
    }


def _by_relation(structure: Mapping[str, str]) -> dict[str, str]:
    """One digest for everything of one table: its columns, constraints, triggers."""
    groups: dict[str, list[str]] = {}
    for key, value in sorted(structure.items()):
        kind, _, name = key.partition(" ")
        parts = name.split(".")
        group = ".".join(parts[:2]) if kind in OF_RELATIONS else key
        groups.setdefault(f"all of {group}", []).append(f"{key}={value}")
    return {key: digest("\n".join(values))[:9] for key, values in groups.items()}


OF_RELATIONS = frozenset(
    {"table", "grants", "column", "constraint", "trigger", "policy", "view", "rule", "system"}
)


def _folded(structure: Mapping[str, str]) -> dict[str, str]:
    """One digest for everything of one schema and kind."""
    groups: dict[str, list[str]] = {}
    for key, value in sorted(structure.items()):
        kind, _, name = key.partition(" ")
        schema = name.partition(".")[0]
        groups.setdefault(f"every {kind} of {schema}", []).append(f"{key}={value}")
    return {key: digest("\n".join(values)) for key, values in groups.items()}


def alike(
    first: Mapping[str, str], second: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Both in the form of the coarser one, so that they can be compared."""
    forms = (dict, _digested, _by_relation, _folded)
    coarser = max(_form_of(first), _form_of(second))
    return (
        dict(first) if _form_of(first) == coarser else forms[coarser](first),
        dict(second) if _form_of(second) == coarser else forms[coarser](second),
    )


def _form_of(structure: Mapping[str, str]) -> int:
    """0: as it is; 1: digests; 2: of relations; 3: of schemas."""
    keys = tuple(structure)
    if any(key.startswith("every ") for key in keys):
        return 3
    if any(key.startswith("all of ") for key in keys):
        return 2
    return int(bool(keys) and not any(len(value) > DIGEST + 1 for value in structure.values()))


def structure_changes(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[Difference, ...]:
    old, new = alike(before, after)
    return tuple(
        Difference(what=key, before=old.get(key, ""), after=new.get(key, ""))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    )
