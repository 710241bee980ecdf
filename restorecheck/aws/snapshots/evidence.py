"""Evidence for a verdict, collected before the instance is deleted: events, log, differences.

A server's log may contain rows. Only lines about the server and its files are kept, without values.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.describe_cache import DescribeCache
from restorecheck.aws.session.settings import SnapshotSettings
from restorecheck.aws.session.translation import attempting
from restorecheck.aws.session.views import EventView, InstanceView
from restorecheck.aws.snapshots.instances import name_of
from restorecheck.checks.server_messages import shown_of_log
from restorecheck.errors import ProviderError
from restorecheck.model import Drill, Observation
from restorecheck.spelling import number_of

LOG_LINES = 300
"""Newest lines of a log that are read; older ones are ignored."""
MOST_LINES = 20
"""Newest lines that the report has; older ones are left out."""
MOST_DIFFERENCES = 10
LONGEST_LINE = 200
"""Characters of a line; the rest is cut."""

_LINE = re.compile(r"(LOG|WARNING|ERROR|FATAL|PANIC):\s+(.*)")


def collect(
    settings: SnapshotSettings, backup: Account, source: Account, drill: Drill
) -> tuple[Observation, ...]:
    """Of a DB instance."""
    name = name_of(drill)
    first = naming.identifier_of(drill.id)
    view = backup.instances.latest().get(name)
    if view is None or not naming.is_managed(view.tags):
        return ()
    return gather(
        {
            "events": lambda: events_of(backup.events, dict.fromkeys((first, name))),
            "server log": lambda: log_of(backup, name),
            "parameters": lambda: _differences(settings, backup, source, view),
        }
    )


def gather(parts: Mapping[str, Callable[[], tuple[Observation, ...]]]) -> tuple[Observation, ...]:
    """All available evidence, with a note for each part that is not available."""
    found: list[Observation] = []
    for part, read in parts.items():
        try:
            found += read()
        except ProviderError as exc:
            found.append(Observation(at=None, source=part, text=f"not available: {exc.message}"))
    return tuple(found)


def safe_lines(log: str) -> list[str]:
    """The last lines of a server's log that cannot contain a row.

    Restored code can write any text there (`RAISE LOG`), also from a background process.
    """
    matches = (_LINE.search(line) for line in log.splitlines())
    found = ((match[1], shown_of_log(match[2])) for match in matches if match)
    return [f"{level}:  {text}"[:LONGEST_LINE] for level, text in found if text][-MOST_LINES:]


def events_of(
    cache: DescribeCache[tuple[EventView, ...]], names: Iterable[str]
) -> tuple[Observation, ...]:
    known = cache.latest()
    events = [e for name in names for e in known.get(name, ())]
    return tuple(Observation(at=e.at, source="RDS event", text=e.message) for e in events)


def log_of(backup: Account, name: str) -> tuple[Observation, ...]:
    with attempting(f"list the logs of {name}", name):
        files = backup.rds().describe_db_log_files(
            DBInstanceIdentifier=name, FilenameContains="postgres"
        )["DescribeDBLogFiles"]
    if not files:
        return ()
    newest = max(files, key=lambda file: file.get("LastWritten", 0))
    with attempting(f"read the log of {name}", name):
        portion = backup.rds().download_db_log_file_portion(
            DBInstanceIdentifier=name,
            LogFileName=newest["LogFileName"],
            NumberOfLines=LOG_LINES,
        )
    lines = safe_lines(portion.get("LogFileData") or "")
    return tuple(Observation(at=None, source="server log", text=line) for line in lines)


def _differences(
    settings: SnapshotSettings, backup: Account, source: Account, view: InstanceView
) -> tuple[Observation, ...]:
    """Differences between the settings of the restored instance and production."""
    production = source.instances.latest().get(settings.identifier)
    if production is None:
        return (difference(f"the DB instance {settings.identifier} does not exist now"),)
    found = []
    if production.engine_version != view.engine_version:
        found.append(
            f"production runs {production.engine_version}, the restored instance "
            f"{view.engine_version}"
        )
    if production.option_groups != view.option_groups:
        found.append(
            f"production has the option group {', '.join(production.option_groups) or 'none'}, "
            f"the restored instance {', '.join(view.option_groups) or 'none'}"
        )
    found += parameter_differences(_set_in(source, production), _set_in(backup, view))
    return tuple(difference(text) for text in found)


def parameter_differences(production: dict[str, str], here: dict[str, str]) -> list[str]:
    differing = sorted(k for k in production | here if production.get(k) != here.get(k))
    found = [
        f"parameter {name}: {production.get(name, 'default')} in production, "
        f"{here.get(name, 'default')} in the restored instance"
        for name in differing[:MOST_DIFFERENCES]
    ]
    if len(differing) > MOST_DIFFERENCES:
        found.append(f"{number_of(len(differing) - MOST_DIFFERENCES, 'more difference')}")
    return found


def _set_in(account: Account, view: InstanceView) -> dict[str, str]:
    """Parameters that were set in the parameter groups of this instance."""
    values: dict[str, str] = {}
    for group in view.parameter_groups:
        values |= set_in_group(account, group)
    return values


def set_in_group(account: Account, group: str, *, of_cluster: bool = False) -> dict[str, str]:
    word = "db_cluster_parameters" if of_cluster else "db_parameters"
    named = "DBClusterParameterGroupName" if of_cluster else "DBParameterGroupName"
    rds: Any = account.rds()
    pages = rds.get_paginator(f"describe_{word}").paginate(**{named: group}, Source="user")
    with attempting(f"read the parameter group {group} in {account.place}", group):
        return {
            parameter["ParameterName"]: parameter.get("ParameterValue", "")
            for page in pages
            for parameter in page["Parameters"]
        }


def difference(text: str) -> Observation:
    return Observation(at=None, source="difference from production", text=text)
