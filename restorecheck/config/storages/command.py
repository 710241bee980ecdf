"""Configured commands: one lists the dumps, one writes a dump to stdout."""

from pydantic import Field

from restorecheck.checks.keys import Keys
from restorecheck.config.fields import Command
from restorecheck.config.storages.kind import StorageKind


class CommandKeys(Keys):
    """For storages that have no key of their own. `path` matches names of the list."""

    list: Command = Field(
        description="Prints a dump a line: a name, or an object of JSON with name, size (bytes) and modified (ISO 8601)."
    )
    fetch: Command = Field(
        description="Writes one dump to stdout; {name} stands for its name. One list item per argument."
    )


COMMAND = StorageKind(
    key="command", keys=CommandKeys, help="Commands of your own list the dumps and read one."
)
