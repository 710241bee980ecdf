"""The rehearsal of an upgrade: its keys and rules."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from restorecheck.checks.keys import Keys, Text, optional
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.sources.kind import SourceKind, Written


class RehearseKeys(Keys):
    """After the verdict, the same backup is restored into another version, or the temporary database is upgraded."""

    upgrade: Literal["next"] = Field(
        description="next: the next major version. Of dumps: of those that are on this machine. Of RDS and Aurora: of those "
        "to which AWS upgrades the version of the backup; costs the price of the instance for the time that it takes."
    )
    deadline_minutes: Annotated[float, Field(gt=0, le=1440)] = Field(
        default=60.0,
        description="A rehearsal that takes longer is ended, without an answer. The teardown waits for it.",
    )
    parameter_group_name: Text | None = optional(
        "Of RDS and Aurora: parameter group (of Aurora: cluster parameter group) of the new version; by default the default "
        "group of AWS."
    )


def broken_rules(written: Written, kind: SourceKind[Any]) -> Iterator[ConfigFinding]:
    keys = written.target.get("rehearse")
    if keys is None:
        return
    path = (*written.path, "rehearse")
    if kind.upgrades:
        if written.keys.get("after") == "stop":
            message = "`rehearse` is not allowed with after: stop: the standby would be of the new version"
            yield ConfigFinding(path, message)
        return
    if kind.physical or not kind.starts_server(written.keys):
        message = (
            "an upgrade is rehearsed with dumps without `into`, with rds and with aurora only: files keep their version, "
            "and what is not restorecheck's own is not upgraded"
        )
        yield ConfigFinding(path, message)
    if isinstance(keys, dict) and keys.get("parameter_group_name") is not None:
        message = "parameter_group_name is allowed only with rds and aurora"
        yield ConfigFinding((*path, "parameter_group_name"), message)
