"""Dumps in the snapshots of a restic repository."""

from pydantic import Field

from restorecheck.checks.keys import Keys, Text, Texts
from restorecheck.config.fields import Command
from restorecheck.config.storages.kind import StorageKind


class Restic(Keys):
    """`path` names the dump inside of a snapshot, as in /var/backups/*.dump. The repository is read without a lock."""

    repository: Text = Field(
        repr=False,
        description="The repository, as in RESTIC_REPOSITORY, such as sftp:backup@host:/repo.",
    )
    password_file: Text | None = Field(
        default=None,
        description="A file with the password of the repository. Relative to the configuration file.",
    )
    password_command: Command | None = Field(
        default=None, description="A command that prints the password, one list item per argument."
    )
    tags: Texts = Field(default=(), description="Only snapshots with one of these tags.")
    host: Text | None = Field(default=None, description="Only snapshots of this host.")


RESTIC = StorageKind(
    key="restic",
    keys=Restic,
    files=("password_file",),
    help="The dumps are in a restic repository.",
)
