"""Configured commands: one lists the dumps, one writes a dump to stdout."""

from pydantic import Field

from restorecheck.checks.keys import Keys
from restorecheck.config.fields import Command
from restorecheck.config.storages.kind import StorageKind


class CommandKeys(Keys):
    """For storages that have no key of their own. `path` matches names of the list."""

    list: Command = Field(
        description="Command that prints one dump on each line: a name, or a JSON object with name, size (bytes) and modified (ISO 8601)."
    )
    fetch: Command = Field(
        description="Command that writes one dump to stdout; {name} is replaced by its name. One list item per argument."
    )


COMMAND = StorageKind(
    key="command", keys=CommandKeys, help="Configured commands list the dumps and read one."
)
