"""Every storage that rclone supports: SFTP, Google Cloud Storage, Azure, Backblaze and many others."""

from pydantic import Field

from restorecheck.checks.keys import Keys, Text
from restorecheck.config.storages.kind import StorageKind


class Rclone(Keys):
    """`path` names the dumps within the remote, as in shop/*.dump."""

    remote: Text = Field(description="A configured remote, with a folder: backups:bucket/folder.")
    config_file: Text | None = Field(
        default=None,
        description="rclone's configuration file; by default its own. Relative to the configuration file.",
    )


RCLONE = StorageKind(
    key="rclone", keys=Rclone, files=("config_file",), help="The dumps are in a remote of rclone."
)
