"""Aurora: automated cluster snapshots, restored into a cluster with one instance."""

from restorecheck.aws.aurora.leftovers import AuroraInventory
from restorecheck.aws.aurora.provider import AuroraProvider
from restorecheck.aws.aurora.settings import AuroraRestoreSettings, AuroraSettings
from restorecheck.config import Config, Target
from restorecheck.config.sources.aurora import Aurora
from restorecheck.hosts.process.adapter_settings import settings
from restorecheck.hosts.sources.rds import SnapshotSource, in_two_accounts, restored_as


class AuroraSource(SnapshotSource[AuroraProvider]):
    listing, listed, listed_as = "describe_db_clusters", "DB clusters", "DBClusters"
    identifier, engine = "DBClusterIdentifier", "aurora-postgresql"
    inventory = AuroraInventory

    def make_provider(self, target: Target) -> AuroraProvider:
        return AuroraProvider(
            settings=self.settings_of(target), accounts=self.accounts, clock=self.host.clock
        )

    def settings_of(self, target: Target) -> AuroraSettings:
        return settings_of(self.host.config, target)


SOURCE = AuroraSource


def settings_of(config: Config, target: Target) -> AuroraSettings:
    aurora = target.keys_of(Aurora)
    limits = aurora.restore.serverless_v2
    restore = settings(
        AuroraRestoreSettings,
        aurora.restore,
        min_acu=limits.min_acu if limits else None,
        max_acu=limits.max_acu if limits else None,
        **restored_as(aurora),
    )
    return settings(
        AuroraSettings,
        aurora,
        restore=restore,
        direct=aurora.origin == "shared",
        **in_two_accounts(config, target, aurora),
    )
