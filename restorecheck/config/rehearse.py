"""The rehearsal of an upgrade: its keys and rules."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from restorecheck.checks.keys import Keys
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.sources.kind import SourceKind, Written


class RehearseKeys(Keys):
    """After the verdict, the same backup is restored into another version."""

    upgrade: Literal["next"] = Field(
        description="next: the next major version of PostgreSQL that is on this machine."
    )
    deadline_minutes: Annotated[float, Field(gt=0, le=1440)] = Field(
        default=60.0,
        description="A rehearsal that takes longer is ended, without an answer. The teardown waits for it.",
    )


def broken_rules(written: Written, kind: SourceKind[Any]) -> Iterator[ConfigFinding]:
    if written.target.get("rehearse") is None:
        return
    if kind.physical or not kind.starts_server(written.keys):
        message = "an upgrade is rehearsed with dumps only, without `into`: files and snapshots keep their version"
        yield ConfigFinding((*written.path, "rehearse"), message)
