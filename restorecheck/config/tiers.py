"""Tiers: their rules, and what they mean for each target."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from restorecheck.config.document import Document
from restorecheck.config.fields import interval_of, is_interval
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.models import WrittenTier
from restorecheck.config.targets import Defaults, Target
from restorecheck.schedule import Every, Sample, Tier

HOUR = 3600.0


def with_tiers(targets: Sequence[Target], tiers: Mapping[str, WrittenTier]) -> tuple[Target, ...]:
    """The targets with their tiers worked out: a sample is drawn from all that share tier, schedule and time zone."""
    groups: dict[tuple[str | None, ...], list[str]] = defaultdict(list)
    for target in targets:
        groups[_group_of(target)].append(target.name)
    samples = {group: tuple(names) for group, names in groups.items()}
    return tuple(
        target.model_copy(
            update={"slots_of_tier": tier_of(target, tiers, samples[_group_of(target)])}
        )
        if target.tier
        else target
        for target in targets
    )


def tier_of(target: Target, tiers: Mapping[str, WrittenTier], names: tuple[str, ...]) -> Tier:
    """`names`: the targets that a sample is drawn from."""
    assert target.tier is not None, "it is in one"
    tier = tiers[target.tier]
    if tier.every is not None:
        return Every(interval_of(tier.every))
    assert tier.sample is not None, "one of the two keys is there"
    return Sample(tier.sample, names)


def _group_of(target: Target) -> tuple[str | None, ...]:
    return target.tier, target.schedule, target.timezone


def broken_tier_rules(document: Document) -> Iterator[ConfigFinding]:
    tiers = document.data.get("tiers")
    known = tiers if isinstance(tiers, dict) else {}
    for name, keys in known.items():
        if isinstance(keys, dict) and len({"every", "sample"} & set(keys)) != 1:
            yield ConfigFinding(("tiers", name), "expected one of the keys: every, sample")
    defaults = document.data.get("defaults")
    inherited = defaults if isinstance(defaults, dict) else {}
    for path, keys in _with_tier(document, inherited):
        name = keys.get("tier")
        if isinstance(name, str) and name not in known:
            names = ", ".join(known) or "there are none"
            yield ConfigFinding((*path, "tier"), f"no tier '{name}' in `tiers` (known: {names})")
        elif isinstance(name, str):
            yield from _too_rare(path, {**inherited, **keys}, known[name])


def _with_tier(
    document: Document, inherited: dict[str, Any]
) -> Iterator[tuple[Path, dict[str, Any]]]:
    if "tier" in inherited:
        yield ("defaults",), inherited
    targets = document.data.get("targets")
    for index, target in enumerate(targets if isinstance(targets, list) else []):
        if isinstance(target, dict) and {"tier", "max_proof_age_hours"} & set(target):
            yield ("targets", index), {"tier": inherited.get("tier"), **target}


def _too_rare(path: Path, keys: dict[str, Any], tier: object) -> Iterator[ConfigFinding]:
    """A target that is drilled less often than its proof may be old is overdue by design."""
    every = tier.get("every") if isinstance(tier, dict) else None
    allowed = keys.get("max_proof_age_hours", Defaults.model_fields["max_proof_age_hours"].default)
    if not is_interval(every) or isinstance(allowed, bool) or not isinstance(allowed, int | float):
        return  # another rule reports their form
    hours = interval_of(every).total_seconds() / HOUR
    if hours >= allowed:
        message = (
            f"the tier drills every {hours:g} hours, but max_proof_age_hours is {allowed:g}: the target would be overdue "
            "before each drill; set max_proof_age_hours to more, with the hours of a night added"
        )
        yield ConfigFinding((*path, "tier"), message)
