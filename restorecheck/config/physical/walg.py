"""Backups that WAL-G made."""

from restorecheck.checks.keys import Keys, Text, optional
from restorecheck.config.physical.kind import PhysicalKind


class WalG(Keys):
    settings: Text | None = optional(
        "kind: walg. WAL-G's configuration file. Relative to the configuration file. By default WAL-G is configured by the "
        "environment of restorecheck (WALG_…, AWS_…, and those of other storages)."
    )


WALG = PhysicalKind(key="walg", keys=WalG, files=("settings",), help="backups of WAL-G")
