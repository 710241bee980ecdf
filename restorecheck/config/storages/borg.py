"""Dumps in the archives of a borg repository."""

from pydantic import Field

from restorecheck.checks.keys import Keys, Text
from restorecheck.config.fields import Command
from restorecheck.config.storages.kind import StorageKind


class Borg(Keys):
    """`path` names the dump inside of an archive, as in var/backups/*.dump."""

    repository: Text = Field(
        repr=False, description="The repository, as in BORG_REPO, such as ssh://backup@host/./repo."
    )
    passcommand: Command | None = Field(
        default=None,
        description="A command that prints the passphrase, one list item per argument.",
    )
    archives: Text | None = Field(
        default=None, description="Only archives whose name matches this glob, such as 'db-*'."
    )


BORG = StorageKind(key="borg", keys=Borg, help="The dumps are in a borg repository.")
