"""Rules between keys. They use the plain data, so that type errors elsewhere hide nothing."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from restorecheck.checks.dialect import Dialect
from restorecheck.checks.kind import ByProgram
from restorecheck.checks.objectives import NAMES
from restorecheck.checks.registry import BUILT_INS, BY_NAME
from restorecheck.config import after_verified, rehearse
from restorecheck.config.checks import Check
from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.history_rules import broken_history_rules
from restorecheck.config.notify_rules import broken_notify_rules
from restorecheck.config.passwords import plain_arguments, plain_variables
from restorecheck.config.signing import broken_signing_rules
from restorecheck.config.sources.kind import NEEDS_SERVER, SourceKind, Written
from restorecheck.config.sources.rds import HOW_TO_GET
from restorecheck.config.sources.registry import KINDS
from restorecheck.config.telemetry import broken_telemetry_rules
from restorecheck.config.tiers import broken_tier_rules

SUPPORTED_SOURCES = tuple(kind.key for kind in KINDS)
PLANNED_SOURCES = ("aurora-mysql", "mariadb", "mysql")
KNOWN_SOURCES = (*SUPPORTED_SOURCES, *PLANNED_SOURCES)
BUILT_IN_NAMES = frozenset(
    {*(kind.built_in.name for kind in BUILT_INS if kind.built_in), *NAMES.values()}
)


def broken_rules(document: Document) -> Iterator[ConfigFinding]:
    """All violated rules."""
    targets = document.data.get("targets")
    yield from _duplicate_target_names(document, targets)
    for path, target in _targets_and_templates(document):
        yield from _source_problems(target, path, document)
        yield from _duplicate_check_names(target, path, document)
        yield from _plain_in_programs(target, path, document)
        for kind in KINDS:
            keys = target.get(kind.key)
            if isinstance(keys, dict):
                written = Written(target=target, keys=keys, path=path, document=document)
                yield from kind.broken_rules(written)
                yield from unanswerable_checks(target, path, kind.dialect)
                yield from _without_a_list(target, path, kind)
                yield from _without_moments(target, path, kind)
                yield from _without_own_server(target, path, kind)
                yield from _programs_elsewhere(written, kind)
                yield from after_verified.broken_rules(written, kind)
                yield from rehearse.broken_rules(written, kind)
    yield from _missing_bundle(document)
    yield from broken_notify_rules(document)
    yield from broken_signing_rules(document)
    yield from broken_history_rules(document)
    yield from broken_tier_rules(document)
    yield from broken_telemetry_rules(document)


def _targets_and_templates(document: Document) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, target in _mappings(document.data.get("targets")):
        yield ("targets", index), target
    for index, rule in _mappings(document.data.get("discover")):
        if isinstance(rule.get("template"), dict):
            yield ("discover", index, "template"), rule["template"]


def is_about_sources(path: Path, kind: str) -> bool:
    """Whether `_source_problems` has a better message than pydantic."""
    match path:
        case ("targets", int(), str() as key) | ("discover", int(), "template", str() as key):
            return kind == "extra_forbidden" and key in KNOWN_SOURCES
        case _:
            return False


def _mappings(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    for index, item in enumerate(value if isinstance(value, list) else []):
        if isinstance(item, dict):
            yield index, item


def _duplicate_target_names(document: Document, targets: object) -> Iterator[ConfigFinding]:
    named = ((("targets", index), target.get("name")) for index, target in _mappings(targets))
    for path, name, first in _repeated((path, name) for path, name in named):
        line = document.line((*first, "name"))
        shown = document.sources.get((*path, "name"), name)
        message = f"the name '{shown}' is taken by the target on line {line}; names are unique"
        yield ConfigFinding((*path, "name"), message)


def _duplicate_check_names(
    target: dict[str, Any], path: Path, document: Document
) -> Iterator[ConfigFinding]:
    named = (
        ((*path, "checks", index, kind), _check_name(kind, keys))
        for index, check in _mappings(target.get("checks"))
        for kind, keys in check.items()
    )
    named_checks = [*named]
    for check, name in named_checks:
        if name in BUILT_IN_NAMES:
            yield ConfigFinding((*check, "name"), f"'{name}' is the name of a built-in check")
    for check, name, first in _repeated(named_checks):
        line = document.line((*first, "name"))
        parts = ((*check, "name"), (*check, "table"))
        shown = "of this check" if any(part in document.sources for part in parts) else f"'{name}'"
        message = (
            f"the name {shown} is taken by the check on line {line}; give this check another name"
        )
        yield ConfigFinding((*check, "name"), message)


OF_A_LIST = ("select", "every", "when_new")


def _without_a_list(
    target: dict[str, Any], path: Path, kind: SourceKind[Any]
) -> Iterator[ConfigFinding]:
    for key in OF_A_LIST:
        if not kind.selects and target.get(key) is not None:
            why = ": the program that restores chooses the backup" if kind.adopts else ""
            message = f"a target of kind {kind.key} has no list of backups{why}; remove `{key}`"
            yield ConfigFinding((*path, key), message)
    if target.get("when_new") is True and target.get("select", "newest") != "newest":
        message = "when_new drills the newest backup; remove `select`, or write a target for each"
        yield ConfigFinding((*path, "when_new"), message)


def _without_moments(
    target: dict[str, Any], path: Path, kind: SourceKind[Any]
) -> Iterator[ConfigFinding]:
    for index, check in _mappings(target.get("checks")):
        for name, keys in check.items():
            here = (*path, "checks", index, name)
            if not isinstance(keys, dict):
                continue
            if keys.get("at") is None and keys.get("false_after") is True:
                yield ConfigFinding(
                    (*here, "false_after"), "false_after needs `at`, the moment of the check"
                )
            if keys.get("at") is not None and not kind.has_moments:
                message = f"a target of kind {kind.key} has no moments; remove `at`"
                yield ConfigFinding((*here, "at"), message)


def _without_own_server(
    target: dict[str, Any], path: Path, kind: SourceKind[Any]
) -> Iterator[ConfigFinding]:
    if target.get("server") is None:
        return
    if kind.key != "dump":
        message = f"`server` is about the throw-away server of dumps; a target of kind {kind.key} has none"
        yield ConfigFinding((*path, "server"), message)
    elif isinstance(target.get("dump"), dict) and target["dump"].get("into") is not None:
        message = "`into` restores into another server; remove `into` or `server`"
        yield ConfigFinding((*path, "server"), message)


def _programs_elsewhere(written: Written, kind: SourceKind[Any]) -> Iterator[ConfigFinding]:
    if kind.starts_server(written.keys):
        return
    for index, check in _mappings(written.target.get("checks")):
        for name in check:
            if isinstance(BY_NAME.get(name), ByProgram):
                yield ConfigFinding(
                    (*written.path, "checks", index, name), f"{name} {NEEDS_SERVER}"
                )


def _plain_in_programs(
    target: dict[str, Any], path: Path, document: Document
) -> Iterator[ConfigFinding]:
    for index, check in _mappings(target.get("checks")):
        for name, keys in check.items():
            if isinstance(BY_NAME.get(name), ByProgram) and isinstance(keys, dict):
                here = (*path, "checks", index, name)
                yield from plain_arguments(keys.get("run"), (*here, "run"), document)
                yield from plain_variables(
                    keys.get("environment"), (*here, "environment"), document
                )


def unanswerable_checks(
    target: dict[str, Any], path: Path, dialect: Dialect
) -> Iterator[ConfigFinding]:
    for index, check in _mappings(target.get("checks")):
        for kind in check:
            if kind in BY_NAME and not dialect.answers(kind):
                message = f"{kind} is not a check of {dialect.name}"
                yield ConfigFinding((*path, "checks", index, kind), message)


def _check_name(kind: str, keys: object) -> object:
    """The configured or default name: two checks of one kind and table need different names."""
    if not isinstance(keys, dict):
        return None
    try:
        return Check.model_validate({kind: keys}).check_spec().name
    except ValidationError:
        return keys.get("name")  # another rule reports its errors


def _repeated(named: Iterable[tuple[Path, object]]) -> Iterator[tuple[Path, str, Path]]:
    seen: dict[str, Path] = {}
    for path, name in named:
        if not isinstance(name, str):
            continue
        if name in seen:
            yield path, name, seen[name]
        seen.setdefault(name, path)


def _source_problems(
    target: dict[str, Any], path: Path, document: Document
) -> Iterator[ConfigFinding]:
    kinds = [key for key in target if key in KNOWN_SOURCES]
    supported = ", ".join(SUPPORTED_SOURCES)
    if len(kinds) > 1:
        message = (
            f"expected one kind of source, found {' and '.join(kinds)}; write one target for each"
        )
        yield ConfigFinding(path, message, document.line((*path, kinds[1])))
    elif not kinds and not _misspelled_source(target):
        yield ConfigFinding(path, f"missing source: expected one of these keys: {supported}")
    elif kinds and target[kinds[0]] is None:
        yield ConfigFinding((*path, kinds[0]), "expected a mapping, found nothing")
    elif kinds and kinds[0] in PLANNED_SOURCES:
        message = (
            f"{kinds[0]} is not supported by this version of restorecheck, which restores PostgreSQL "
            "only; drills of MySQL, MariaDB and Aurora MySQL are planned for a later version"
        )
        yield ConfigFinding((*path, kinds[0]), message)


def _misspelled_source(target: dict[str, Any]) -> bool:
    """Whether the unknown-key error already suggests the source."""
    return any(get_close_matches(key, SUPPORTED_SOURCES, 1) for key in target)


def _missing_bundle(document: Document) -> Iterator[ConfigFinding]:
    """Reported once, for the first target in AWS."""
    aws = document.data.get("aws")
    bundle = aws.get("ca_bundle") if isinstance(aws, dict) else None
    in_aws = (
        (*path, kind.key)
        for path, target in _targets_and_templates(document)
        for kind in KINDS
        if kind.in_aws and isinstance(target.get(kind.key), dict)
    )
    first = next(in_aws, None)
    if first is not None and not isinstance(bundle, str):
        message = (
            "a target in AWS needs the top-level key aws.ca_bundle: TLS connections need the "
            f"certificates of RDS; download them with: {HOW_TO_GET}"
        )
        yield ConfigFinding(first, message)
