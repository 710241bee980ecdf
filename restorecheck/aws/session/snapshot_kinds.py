"""Snapshots of DB instances and of Aurora clusters: two sets of names, one set of calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from restorecheck.aws.session.cluster_views import cluster_snapshot_view
from restorecheck.aws.session.describe_cache import DescribeCache
from restorecheck.aws.session.naming import Tags, as_list
from restorecheck.aws.session.views import SnapshotView, snapshot_view
from restorecheck.ports import Clock

if TYPE_CHECKING:
    from restorecheck.aws.session.accounts import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotKind:
    """How the RDS API names one of the two, and what differs."""

    name: str
    """In operations and parameters: `DBSnapshot`."""
    method: str
    """In boto3's methods: `db_snapshot`."""
    arn: str
    owner: str
    """What the snapshots are of, in a sentence."""
    owner_arn: str
    engine: str
    """PostgreSQL's, as the API has it."""
    staging_kept: bool
    """The newest staging copy is kept: it makes the next copy incremental."""
    encrypts: bool
    """A copy of a snapshot that is not encrypted can be encrypted."""
    view: Callable[[Mapping[str, Any]], SnapshotView]


OF_INSTANCES = SnapshotKind(
    name="DBSnapshot",
    method="db_snapshot",
    arn="snapshot",
    owner="DB instance",
    owner_arn="db",
    engine="postgres",
    staging_kept=True,
    encrypts=True,
    view=snapshot_view,
)
OF_CLUSTERS = SnapshotKind(
    name="DBClusterSnapshot",
    method="db_cluster_snapshot",
    arn="cluster-snapshot",
    owner="DB cluster",
    owner_arn="cluster",
    engine="aurora-postgresql",
    staging_kept=False,
    encrypts=False,
    view=cluster_snapshot_view,
)
"""Copies are full, "never incremental", and KmsKeyId is refused for what is not encrypted: Aurora User Guide,
"Copying a DB cluster snapshot"; RDS API, CopyDBClusterSnapshot.
"""


class Snapshots:
    """The snapshots of one kind in one account: bulk looks, and the calls that change them.

    Raises (every call): what boto3 does; `attempting` stands around it.
    """

    def __init__(
        self, account: "Account", kind: SnapshotKind, clock: Clock, tick: timedelta
    ) -> None:
        self._account = account
        self._kind = kind

        def cache(of_type: str) -> DescribeCache[SnapshotView]:
            return DescribeCache(lambda: self._read(of_type), clock, tick)

        self.manual = cache("manual")
        self.automated = cache("automated")
        self.aws_backup = cache("awsbackup")

    def copy(self, source: str, target: str, tags: Tags, *, key: str | None) -> None:
        encryption = {"KmsKeyId": key} if key else {}
        self._call(
            f"copy_{self._kind.method}",
            **{f"Source{self._kind.name}Identifier": source},
            **{f"Target{self._kind.name}Identifier": target},
            Tags=as_list(tags),
            **encryption,
        )

    def delete(self, name: str) -> None:
        self._call(f"delete_{self._kind.method}", **self._named(name))

    def share(self, name: str, account_id: str) -> None:
        self._change_share(name, ValuesToAdd=[account_id])

    def unshare(self, name: str, account_id: str) -> None:
        self._change_share(name, ValuesToRemove=[account_id])

    def admitted(self, name: str) -> set[str]:
        """The accounts that may restore it; `all` where it is public."""
        answer = self._call(f"describe_{self._kind.method}_attributes", **self._named(name))
        result = answer[f"{self._kind.name}AttributesResult"]
        return {
            account
            for attribute in result.get(f"{self._kind.name}Attributes", [])
            if attribute.get("AttributeName") == "restore"
            for account in attribute.get("AttributeValues", [])
        }

    def _change_share(self, name: str, **change: list[str]) -> None:
        method = f"modify_{self._kind.method}_attribute"
        self._call(method, **self._named(name), AttributeName="restore", **change)

    def _named(self, name: str) -> dict[str, str]:
        return {f"{self._kind.name}Identifier": name}

    def _call(self, method: str, **parameters: object) -> Any:  # noqa: ANN401  # boto3's answer
        return getattr(self._account.rds(), method)(**parameters)

    def _read(self, of_type: str) -> Mapping[str, SnapshotView]:
        pages = self._account.pages(
            f"describe_{self._kind.method}s", f"{of_type} snapshots", SnapshotType=of_type
        )
        views = (self._kind.view(raw) for page in pages for raw in page[f"{self._kind.name}s"])
        return {view.identifier: view for view in views}
