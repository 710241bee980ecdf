"""Instances and snapshots as the sandbox keeps them: with real servers and data directories."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from restorecheck.sandbox.servers import Server
from restorecheck.testing.cloud.described import Description, RdsInstance, RdsSnapshot


@dataclass(slots=True, kw_only=True)
class Instance(RdsInstance):
    """A DB instance; `server` is there while its storage is."""

    visible_from: float
    server: Server | None = None
    pending_from: float = 0.0
    """Modifications are not seen at once: until then all looks done."""
    restart_at: datetime | None = None
    replications: list[str] = field(default_factory=list)
    """ARNs of its automated backups in other regions."""

    @property
    def visible(self) -> bool:
        return time.monotonic() >= self.visible_from

    @property
    def master(self) -> str:
        return str(self.settings["MasterUsername"])

    def describe(self) -> Description:
        described = self.described(shows_pending=time.monotonic() >= self.pending_from)
        if self.server is not None and self.server.port:
            described["Endpoint"] = {
                "Address": "127.0.0.1",
                "Port": self.server.port,
                "HostedZoneId": "SANDBOX",
            }
        if self.restart_at is not None:
            described["AutomaticRestartTime"] = self.restart_at
        return described


@dataclass(slots=True, kw_only=True)
class Snapshot(RdsSnapshot):
    """A DB snapshot; `data` is a data directory of its own."""

    data: Path | None
    visible_from: float
    database_at: datetime
    shared: dict[str, float] = field(default_factory=dict)
    """Account to the moment from which it may use the snapshot."""

    @property
    def visible(self) -> bool:
        return time.monotonic() >= self.visible_from

    def usable_by(self, account_id: str) -> bool:
        return any(
            time.monotonic() >= self.shared[who]
            for who in (account_id, "all")
            if who in self.shared
        )

    def describe(self, account_id: str) -> Description:
        """As this account sees it: a foreign one has its ARN for a name, and no tags."""
        described = self.described() | {"SnapshotDatabaseTime": self.database_at}
        if account_id != self.account_id:
            foreign = {
                "DBSnapshotIdentifier": self.arn,
                "SnapshotType": "shared",
                "TagList": [],
            }
            return described | foreign
        return described
