"""The command that runs after a verified verdict: its keys and rules."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Self

from pydantic import Field

from restorecheck.checks.keys import Keys
from restorecheck.checks.kinds.command import Arguments, Variables
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.passwords import plain_arguments, plain_variables
from restorecheck.config.sources.kind import NEEDS_SERVER, SourceKind, Written


class AfterVerifiedKeys(Keys):
    """A command that gets a connection to the verified database before the teardown."""

    run: Arguments = Field(
        repr=False,  # may hold an interpolated secret
        description="The command, one list item per argument: [/srv/mask/nightly.sh]. No shell is started.",
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=21_600)] = Field(
        default=600.0,
        description="A command that takes longer is ended. The teardown waits for it.",
    )
    environment: Variables = Field(
        default={},
        repr=False,  # as above
        description="Variables of the command, besides DATABASE_URL, PGHOST, PGPORT, PGUSER, PGDATABASE and "
        "RESTORECHECK_TARGET, _DRILL, _BACKUP, _TAKEN_AT. Of restorecheck's own variables it gets only PATH, HOME and LANG.",
    )
    show_output: bool = Field(
        default=False,
        description="Show the last line that the command prints. It may contain data of the restored database.",
    )

    def with_absolute_paths(self, absolute: Callable[[str], str]) -> Self:
        program, *rest = self.run
        first = absolute(program) if "/" in program else program
        return self.model_copy(update={"run": (first, *rest)})


def broken_rules(written: Written, kind: SourceKind[Any]) -> Iterator[ConfigFinding]:
    keys = written.target.get("after_verified")
    if keys is None:
        return
    path = (*written.path, "after_verified")
    if not kind.starts_server(written.keys):
        yield ConfigFinding(path, f"after_verified {NEEDS_SERVER}")
    if isinstance(keys, dict):
        yield from plain_arguments(keys.get("run"), (*path, "run"), written.document)
        yield from plain_variables(
            keys.get("environment"), (*path, "environment"), written.document
        )
