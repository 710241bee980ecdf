"""Databases that are found instead of written: what is looked for, and the targets that follow from what was found. Pure.

What was found is kept as a list, so that a database that disappears is missed, and every command has the same targets.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from restorecheck.checks.keys import Keys, Text, optional
from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.storages.registry import STORAGES
from restorecheck.config.targets import Defaults, Target, WrittenTarget, resolved
from restorecheck.errors import ConfigError, Problem

FORMAT = 1
LONGEST_NAME = 40
DIGITS = 6
"""Of the digest in the name of a target whose database has another name than a target may have."""
PLACEHOLDER = "discovered"
IDENTIFIERS = {"rds": "db_instance_identifier", "aurora": "db_cluster_identifier"}
"""Kinds in AWS that are found by their tags, and the key that names the database."""
MOST = 5000


class Tagged(Keys):
    """Databases of the source account that have all of these tags."""

    tags: Annotated[dict[Text, str], Field(min_length=1)] = Field(
        description='Tag → value, such as restorecheck: "yes".'
    )


Template = Annotated[
    WrittenTarget,
    WithJsonSchema(
        {
            "type": "object",
            "description": "A target without its name and without the identifier of its database.",
        }
    ),
]


class WrittenDiscovery(Keys):
    """Databases that are targets by themselves."""

    model_config = ConfigDict(
        title="Discovery",
        json_schema_extra={
            "oneOf": [{"required": ["rds"]}, {"required": ["aurora"]}, {"required": ["databases"]}]
        },
    )

    rds: Tagged | None = optional(
        "Instances of RDS for PostgreSQL in the account and region of the template."
    )
    aurora: Tagged | None = optional(
        "Clusters of Aurora PostgreSQL in the account and region of the template."
    )
    databases: Literal["all"] | None = optional(
        "all: each database that has a dump in the folder of the template."
    )
    at_most: Annotated[int, Field(ge=1, le=MOST)] = Field(
        default=100,
        description="If more databases are found, none is added, and that is reported.",
    )
    template: Template = Field(
        description="The target of each database that is found; without `name` and the identifier."
    )

    @property
    def tagged(self) -> Tagged | None:
        return self.rds or self.aurora


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDatabase:
    """A database that a rule has found."""

    rule: str
    """`DiscoveryRule.key`."""
    identifier: str
    found_at: datetime
    gone_at: datetime | None = None
    """When it was no longer found; None: it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryRule:
    """A rule with its template worked out."""

    key: str
    """What is looked for and where: a changed rule is another one."""
    template: Target
    tags: dict[str, str]
    at_most: int


# --- the list ---------------------------------------------------------------------------------


def encode(found: Iterable[FoundDatabase]) -> str:
    def plain(one: FoundDatabase) -> dict[str, str | None]:
        gone = one.gone_at.isoformat() if one.gone_at else None
        return {
            "rule": one.rule,
            "identifier": one.identifier,
            "found_at": one.found_at.isoformat(),
            "gone_at": gone,
        }

    ordered = sorted(found, key=lambda one: (one.rule, one.identifier))
    return json.dumps({"format": FORMAT, "found": [plain(one) for one in ordered]}, indent=1) + "\n"


def decode(text: str, place: str) -> tuple[FoundDatabase, ...]:
    """The inverse; an empty text: nothing was looked for yet.

    Raises:
        ConfigError: The text is no such list.
    """
    if not text:
        return ()
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(document["format"])  # noqa: TRY301  # one message for all
        return tuple(
            FoundDatabase(
                rule=str(one["rule"]),
                identifier=str(one["identifier"]),
                found_at=datetime.fromisoformat(one["found_at"]),
                gone_at=datetime.fromisoformat(one["gone_at"]) if one["gone_at"] else None,
            )
            for one in document["found"]
        )
    except (ValueError, KeyError, TypeError) as exc:
        message = "this is no list of found databases; remove the file, and `restorecheck config discover` writes it again"
        raise ConfigError((Problem(message=message, file=place),)) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one look has changed."""

    found: tuple[FoundDatabase, ...]
    new: tuple[FoundDatabase, ...]
    """Also those that are there again."""
    gone: tuple[FoundDatabase, ...]


def merged(
    known: Sequence[FoundDatabase],
    seen: dict[str, frozenset[str]],
    rules: Iterable[str],
    now: datetime,
) -> Looked:
    """`seen`: rule → identifiers, of the rules that could be looked for; of the others nothing changes. `rules`: all rules."""
    kept, new, gone = [], [], []
    for one in known:
        is_there = one.identifier in seen.get(one.rule, ())
        if one.rule not in seen and one.rule in set(rules):
            kept.append(one)
        elif one.gone_at is None and not is_there:
            kept.append(replace(one, gone_at=now))
            gone.append(kept[-1])
        elif one.gone_at is not None and is_there:
            kept.append(replace(one, found_at=now, gone_at=None))
            new.append(kept[-1])
        else:
            kept.append(one)
    before = {(one.rule, one.identifier) for one in known}
    for rule, identifiers in seen.items():
        fresh = [
            FoundDatabase(rule=rule, identifier=name, found_at=now)
            for name in sorted(identifiers)
            if (rule, name) not in before
        ]
        new += fresh
        kept += fresh
    return Looked(found=tuple(kept), new=tuple(new), gone=tuple(gone))


# --- targets ----------------------------------------------------------------------------------


def target_name(identifier: str) -> str:
    """The identifier, where it can be the name of a target; else what is left of it, and a digest."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", identifier).strip("-")
    if plain == identifier and len(plain) <= LONGEST_NAME:
        return plain
    digest = hashlib.sha256(identifier.encode()).hexdigest()[:DIGITS]
    return f"{plain[: LONGEST_NAME - DIGITS - 1].rstrip('-') or 'database'}-{digest}"


def rule_of(
    written: WrittenDiscovery, defaults: Defaults, absolute: Callable[[str], str]
) -> DiscoveryRule:
    template = resolved(written.template, defaults, absolute)
    tags = written.tagged.tags if written.tagged else {}
    where = _where(template)
    said = ",".join(f"{name}={value}" for name, value in sorted(tags.items()))
    key = f"{template.kind.key} {where} {said}".rstrip()
    return DiscoveryRule(key=key, template=template, tags=dict(tags), at_most=written.at_most)


def _where(template: Target) -> str:
    source: Any = template.source
    if template.kind.key in IDENTIFIERS:
        return f"{source.source.account_id}/{source.region}"
    return str(source.path)


def found_targets(
    rules: Sequence[DiscoveryRule], found: Sequence[FoundDatabase], configured: Sequence[Target]
) -> Iterator[tuple[int, Target]]:
    """The targets of the databases that are there, each with the place of its rule. A database that has a target of its own gets no
    second one.
    """
    own = {_database_of(target) for target in configured}
    for index, rule in enumerate(rules):
        for one in found:
            if one.rule == rule.key and one.gone_at is None:
                target = _filled(rule.template, one)
                if _database_of(target) not in own:
                    yield index, target


def _filled(template: Target, one: FoundDatabase) -> Target:
    kind = template.kind.key
    update: dict[str, Any] = {"name": target_name(one.identifier), "found_at": one.found_at}
    if kind in IDENTIFIERS:
        keys = template.source.model_copy(update={IDENTIFIERS[kind]: one.identifier})
        return template.model_copy(update={**update, kind: keys})
    return template.model_copy(update={**update, "databases": (one.identifier,)})


def _database_of(target: Target) -> tuple[str, ...] | None:
    source: Any = target.source
    kind = target.kind.key
    if kind in IDENTIFIERS:
        return kind, source.source.account_id, source.region, getattr(source, IDENTIFIERS[kind])
    if kind == "dump" and target.databases is not None and len(target.databases) == 1:
        return kind, source.path, target.databases[0]
    return None


def refuse_taken_names(
    targets: Sequence[Target],
    found: Sequence[tuple[int, Target]],
    line_of: Callable[[Path], int | None],
    file: str,
) -> None:
    """Raises ConfigError: a database that was found would have the name of another target."""
    taken = {
        target.name: f"the target on line {line_of(('targets', n))}"
        for n, target in enumerate(targets)
    }
    problems = []
    for index, target in found:
        if target.name in taken:
            message = (
                f"a database that was found would be the target {target.name!r}, which is the name of {taken[target.name]}: "
                "rename that target, or take the tag away"
            )
            path = ("discover", index)
            problems.append(
                Problem(message=message, file=file, line=line_of(path), path=f"discover[{index}]")
            )
        taken[target.name] = f"another database that was found by discover[{index}]"
    if problems:
        raise ConfigError(tuple(problems))


# --- rules between keys -----------------------------------------------------------------------


def normalised(document: Document) -> None:
    """One rule may stand without its list. Name and identifier of each template are filled in, so that it is validated as a target."""
    written = document.data.get("discover")
    if isinstance(written, dict):
        document.data["discover"] = written = [written]
        for kept in (document.lines, document.sources, document.masked):
            _one_deeper(kept)
        document.broken.update({_deeper(path) for path in document.broken})
    for index, rule in enumerate(written if isinstance(written, list) else []):
        template = rule.get("template") if isinstance(rule, dict) else None
        if isinstance(template, dict):
            _refuse_names(document, rule, template, ("discover", index))
            _fill(rule, template)


def _deeper(path: Path) -> Path:
    return ("discover", 0, *path[1:]) if path[:1] == ("discover",) and len(path) > 1 else path


def _one_deeper(kept: dict[Path, Any]) -> None:
    kept.update({_deeper(path): value for path, value in kept.items()})


def _refuse_names(
    document: Document, rule: dict[str, Any], template: dict[str, Any], path: Path
) -> None:
    here = (*path, "template")
    if "name" in template:
        document.findings.append(
            ConfigFinding(
                (*here, "name"), "a template has no name: each target is named after its database"
            )
        )
    for kind, key in IDENTIFIERS.items():
        keys = template.get(kind)
        if isinstance(keys, dict) and key in keys:
            message = f"a template has no {key}: it is found"
            document.findings.append(ConfigFinding((*here, kind, key), message))
    wanted = [kind for kind in (*IDENTIFIERS, "databases") if kind in rule]
    if len(wanted) != 1:
        message = "expected one of the keys: rds, aurora, databases"
        document.findings.append(ConfigFinding(path, message))
        return
    kind = "dump" if wanted == ["databases"] else wanted[0]
    if not isinstance(template.get(kind), dict):
        message = f"discover by {wanted[0]} needs a template with the key {kind}"
        document.findings.append(ConfigFinding(here, message))
    elif kind == "dump":
        _refuse_elsewhere(document, template, here)


def _refuse_elsewhere(document: Document, template: dict[str, Any], here: Path) -> None:
    dump = template["dump"]
    schemes = tuple(scheme for kind in STORAGES for scheme in kind.schemes)
    stored = [kind.key for kind in STORAGES if kind.key in dump]
    if stored or str(dump.get("path", "")).startswith(schemes):
        message = "databases are discovered in a folder of this machine only; for a storage write a target with `databases: all`"
        document.findings.append(ConfigFinding((*here, "dump", "path"), message))
    if "databases" in template:
        message = "a template has no databases: they are found"
        document.findings.append(ConfigFinding((*here, "databases"), message))


def _fill(rule: dict[str, Any], template: dict[str, Any]) -> None:
    filled = {**template, "name": PLACEHOLDER}
    for kind, key in IDENTIFIERS.items():
        if isinstance(filled.get(kind), dict):
            filled[kind] = {**filled[kind], key: PLACEHOLDER}
    rule["template"] = filled
