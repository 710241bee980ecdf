"""Databases in a Terraform state or plan. Pure: parsed JSON in, findings out.

It reads a `terraform.tfstate` (version 4), and the output of `terraform show -json` for a state (`values`) or a plan
(`planned_values`, `resource_changes`); Terraform's documentation, "JSON Output Format". None of them has the
`lifecycle` of a resource, which is only in the configuration.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from restorecheck.rules.findings import AdvicePlace, Finding, RuleAdvice, not_looked_at, ok, problem

KINDS = ("aws_db_instance", "aws_rds_cluster")
Json = Mapping[str, Any]

PREVENT_DESTROY = "the .tf files (--terraform-files): prevent_destroy is not in a state or a plan"


class NotTerraformError(Exception):
    """Raised when a document is neither a state nor a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A database in Terraform."""

    address: str
    kind: str
    name: str
    """Name of the resource in the configuration, without module and index."""
    values: Json
    deleted: bool = False
    """Deleted or replaced by this plan; both delete the data."""


@dataclass(frozen=True, slots=True)
class Block:
    """A resource in a .tf file."""

    kind: str
    name: str
    prevents_destroy: bool


def databases_in(document: Any) -> list[Managed]:  # noqa: ANN401  # JSON
    """Every RDS database of the document.

    Raises:
        NotTerraformError: It is neither a state nor a plan.
    """
    if not isinstance(document, Mapping):
        raise NotTerraformError
    if "planned_values" in document or "resource_changes" in document:
        return [*_of_plan(document)]
    if "values" in document:
        return [*_of_values(document["values"])]
    if document.get("version") == STATE_VERSION and "resources" in document:
        return [*_of_state(document["resources"])]
    if "format_version" in document:
        return []  # of an empty state
    raise NotTerraformError


STATE_VERSION = 4


def _of_plan(plan: Json) -> Iterator[Managed]:
    changes = [c for c in plan.get("resource_changes", ()) if c.get("type") in KINDS]
    gone = {c["address"] for c in changes if "delete" in c["change"]["actions"]}
    planned = [*_of_values(plan.get("planned_values") or {})]
    for managed in planned:
        yield _with_fate(managed, deleted=managed.address in gone)
    seen = {managed.address for managed in planned}
    for change in changes:
        if change["address"] in gone - seen and change.get("mode", "managed") == "managed":
            yield Managed(
                address=change["address"],
                kind=change["type"],
                name=change["name"],
                values=change["change"].get("before") or {},
                deleted=True,
            )


def _with_fate(managed: Managed, *, deleted: bool) -> Managed:
    return Managed(
        address=managed.address,
        kind=managed.kind,
        name=managed.name,
        values=managed.values,
        deleted=deleted,
    )


def _of_values(values: Json) -> Iterator[Managed]:
    yield from _of_module(values.get("root_module") or {})


def _of_module(module: Json) -> Iterator[Managed]:
    for resource in module.get("resources", ()):
        if resource.get("mode", "managed") == "managed" and resource.get("type") in KINDS:
            yield Managed(
                address=resource["address"],
                kind=resource["type"],
                name=resource["name"],
                values=resource.get("values") or {},
            )
    for child in module.get("child_modules", ()):
        yield from _of_module(child)


def _of_state(resources: Iterable[Json]) -> Iterator[Managed]:
    for resource in resources:
        if resource.get("mode") != "managed" or resource.get("type") not in KINDS:
            continue
        base = f"{resource['type']}.{resource['name']}"
        base = f"{resource['module']}.{base}" if resource.get("module") else base
        for instance in resource.get("instances", ()):
            key = instance.get("index_key")
            index = "" if key is None else f"[{key}]" if isinstance(key, int) else f'["{key}"]'
            yield Managed(
                address=f"{base}{index}",
                kind=resource["type"],
                name=resource["name"],
                values=instance.get("attributes") or {},
            )


def judge(databases: Iterable[Managed], blocks: Iterable[Block] | None) -> Iterator[Finding]:
    """Findings for each database; `blocks`: None without .tf files."""
    known = None if blocks is None else {(b.kind, b.name): b for b in blocks}
    for database in databases:
        yield _fate(database)
        yield _flag(
            database, "RC902", "deletion_protection", wanted=True, default=False, mend="true"
        )
        yield _flag(
            database,
            "RC903",
            "skip_final_snapshot",
            wanted=False,
            default=False,
            mend="false",
            besides=_final_snapshot(database),
        )
        yield _flag(
            database, "RC904", "delete_automated_backups", wanted=False, default=True, mend="false"
        )
        yield _prevention(database, known)


def _final_snapshot(database: Managed) -> tuple[str, ...]:
    """Advice for a final snapshot; Terraform refuses to destroy without a name for it."""
    values = database.values
    if values.get("final_snapshot_identifier"):
        return ()
    name = values.get("identifier") or values.get("cluster_identifier") or database.name
    return (f"final_snapshot_identifier = {json.dumps(f'{name}-final'.replace('_', '-'))}",)


def _fate(database: Managed) -> Finding:
    if database.deleted:
        return problem("RC901", database.address, "the plan deletes or replaces the database")
    return ok("RC901", database.address, "the plan does not delete the database")


def _flag(
    database: Managed,
    rule: str,
    key: str,
    *,
    wanted: bool,
    default: bool,
    mend: str,
    besides: Sequence[str] = (),
) -> Finding:
    value = database.values.get(key)
    found = default if value is None else bool(value)
    by_default = " (the provider's default)" if value is None else ""
    said = f"{key} is {str(found).lower()}{by_default}"
    if found is wanted:
        return ok(rule, database.address, said)
    return problem(rule, database.address, said, *_written(database, f"{key} = {mend}", *besides))


def _written(database: Managed, *lines: str) -> Iterator[RuleAdvice]:
    """Lines for the block of the database."""
    for line in lines:
        yield RuleAdvice(AdvicePlace.TERRAFORM, f"{line}  # {database.kind}.{database.name}")


def _prevention(database: Managed, known: Mapping[tuple[str, str], Block] | None) -> Finding:
    if known is None:
        return not_looked_at("RC905", database.address, PREVENT_DESTROY)
    block = known.get((database.kind, database.name))
    if block is None:
        needs = (
            f"the .tf file with {database.kind}.{database.name}; the given folders do not "
            "contain it"
        )
        return not_looked_at("RC905", database.address, needs)
    if block.prevents_destroy:
        return ok("RC905", database.address, "prevent_destroy is true")
    advice = _written(database, "lifecycle { prevent_destroy = true }")
    return problem("RC905", database.address, "prevent_destroy is not set", *advice)


def blocks_in(parsed: Json) -> Iterator[Block]:
    """The databases of a .tf file, parsed by python-hcl2: names in quotes, blocks in lists."""
    for resources in parsed.get("resource", ()):
        for kind, named in resources.items():
            if _bare(kind) not in KINDS:
                continue
            for name, body in named.items():
                lifecycles = body.get("lifecycle", ()) if isinstance(body, Mapping) else ()
                prevents = any(_is_true(one.get("prevent_destroy")) for one in lifecycles)
                yield Block(_bare(kind), _bare(name), prevents)


def _bare(text: str) -> str:
    return text.strip('"')


def _is_true(value: object) -> bool:
    """Whether the value is the literal `true`."""
    return value is True or (isinstance(value, str) and value.strip('"${} ').lower() == "true")
