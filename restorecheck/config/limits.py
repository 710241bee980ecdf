"""Where a valid configuration passes a limit of AWS, with its line: found when it is written, not in the night.

Default quotas that can be raised, and limits that cannot. Sources: Amazon RDS User Guide, "Quotas and constraints for Amazon
RDS"; Amazon DynamoDB Developer Guide, "Quotas". The list of a night's drills and their number have no limit here: Step Functions
reads the list from S3 (docs/explanation/scale.md).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter

from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.models import Config
from restorecheck.config.sources.aurora import Aurora
from restorecheck.config.sources.rds import Rds
from restorecheck.config.targets import Target
from restorecheck.model import CheckSpec

SNAPSHOTS = 100
"""Manual snapshots of a region, and as many of clusters; can be raised."""
INSTANCES = 40
"""DB instances of a region; can be raised."""
ITEM_BYTES = 390_000
"""Of the state of a drill in DynamoDB, whose items may have 400 KB; a larger one is refused."""
RESULT_BYTES = 500
"""Of the answer of one check, beside its name; more with a long detail."""
DEADLINE_MINUTES = 1440
"""Longest drill of the deployed functions, whose execution ends after two days."""


@dataclass(frozen=True)
class _InAws:
    target: Target
    path: Path
    keys: Rds | Aurora

    @property
    def region(self) -> str:
        return self.keys.backup.region or self.keys.region

    @property
    def copies(self) -> int:
        """Copies that stay, and the new one, which is made before an old one is deleted."""
        is_shared = isinstance(self.keys, Aurora) and self.keys.origin == "shared"
        return 0 if is_shared else self.keys.backup.keep_copies + 1


def passed_limits(config: Config, document: Document) -> tuple[ConfigFinding, ...]:
    """Each limit once for each place, at the target that passes it. `document` tells the lines."""
    found = [
        _InAws(target, ("targets", index, target.kind.key), target.source)
        for index, target in enumerate(config.targets)
        if isinstance(target.source, Rds | Aurora)
    ]
    findings = [*_snapshots(found), *_sizes(found), *_deadlines(found), *_regions(found)]
    if found:
        findings += _instances(config)
    return tuple(
        ConfigFinding(one.path, one.message, one.line or document.line(one.path))
        for one in findings
    )


def _snapshots(found: list[_InAws]) -> Iterator[ConfigFinding]:
    """Of copies in the backup account, and of staging copies in the source account."""
    for one, place, key in _passing(found, SNAPSHOTS):
        what = "cluster snapshots" if isinstance(one.keys, Aurora) else "snapshots"
        advice = "raise the quota" + (", or lower keep_copies" if key == "backup" else "")
        message = (
            f"the targets up to this one need more than {SNAPSHOTS} manual {what} in account {place[1]}, {place[2]}, the "
            f"default quota of a region: {advice}"
        )
        yield ConfigFinding((*one.path, key, "keep_copies"), message)


def _passing(found: list[_InAws], limit: int) -> Iterator[tuple[_InAws, tuple[str, str, str], str]]:
    """The targets whose copies bring a place above the limit. A place: kind, account, region."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in found:
        kind = one.target.kind.key
        of_source = min(one.copies, 2)  # the newest staging copy stays until the next one is copied
        wanted = (
            ((kind, one.keys.backup.account_id, one.region), one.copies, "backup"),
            ((kind, one.keys.source.account_id, one.keys.region), of_source, "source"),
        )
        for place, number, key in wanted:
            before = counts[place]
            counts[place] += number
            if before <= limit < counts[place]:
                yield one, place, key


def _sizes(found: list[_InAws]) -> Iterator[ConfigFinding]:
    adapter = TypeAdapter(tuple[CheckSpec, ...])
    for one in found:
        specs = one.target.check_specs()
        answers = sum(RESULT_BYTES + len(spec.name.encode()) for spec in specs)
        size = len(adapter.dump_json(specs)) + answers
        if size > ITEM_BYTES:
            message = (
                f"the {len(specs)} checks of this target and their answers take about {size // 1000} KB; a drill of the "
                f"deployed functions may have {ITEM_BYTES // 1000} KB in DynamoDB: write fewer checks, or two targets"
            )
            yield ConfigFinding((*one.path[:2], "checks"), message)


def _deadlines(found: list[_InAws]) -> Iterator[ConfigFinding]:
    for one in found:
        minutes = one.target.deadline_minutes
        if minutes > DEADLINE_MINUTES:
            message = (
                f"deadline_minutes is {minutes:g}; a drill of the deployed functions may take {DEADLINE_MINUTES}: lower "
                "it, or drill this target with `restorecheck run`"
            )
            yield ConfigFinding((*one.path[:2], "deadline_minutes"), message)


def _regions(found: list[_InAws]) -> Iterator[ConfigFinding]:
    other = next((one for one in found if one.region != found[0].region), None)
    if other is not None:
        message = (
            f"this target restores in {other.region}, {found[0].target.name} in {found[0].region}; the deployed functions "
            "reach databases of their own region only: drill the others with `restorecheck run`"
        )
        yield ConfigFinding((*other.path, "backup", "region"), message)


def _instances(config: Config) -> Iterator[ConfigFinding]:
    wanted = config.runner.max_parallel_drills
    if wanted > INSTANCES:
        message = (
            f"max_parallel_drills is {wanted}; the default quota of a region is {INSTANCES} DB instances, those of "
            "production included: raise the quota, else drills wait"
        )
        yield ConfigFinding(("runner", "max_parallel_drills"), message)
