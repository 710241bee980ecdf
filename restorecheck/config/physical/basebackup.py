"""What pg_basebackup wrote."""

from pydantic import Field

from restorecheck.checks.keys import Keys, Text, optional
from restorecheck.config.physical.kind import PhysicalKind


class BaseBackup(Keys):
    path: Text = Field(
        description="kind: basebackup. Folder of one backup, folder of several, or a pattern: directories or tars "
        "as pg_basebackup writes them. Incremental backups are combined with the backups that they need. Relative to "
        "the configuration file."
    )
    archive: Text | None = optional(
        "kind: basebackup. Folder of archived WAL segments, plain or .gz, .zst, .lz4, .bz2, .xz. Without it, the backup's own "
        "WAL is replayed. Relative to the configuration file."
    )


BASEBACKUP = PhysicalKind(
    key="basebackup",
    keys=BaseBackup,
    files=("path", "archive"),
    help="directories or tars of pg_basebackup",
)
