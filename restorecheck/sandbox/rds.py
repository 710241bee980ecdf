"""The simulated RDS with real servers behind it, on moto's wire."""

import json
import secrets
import string
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends
from moto.secretsmanager.models import secretsmanager_backends

from restorecheck.sandbox.keys import KmsService
from restorecheck.sandbox.pace import Pace, Worker
from restorecheck.sandbox.permissions import may
from restorecheck.sandbox.servers import Farm
from restorecheck.simulated import PlannedOutcome, Quotas, SimulatedRds, State, rules
from restorecheck.simulated.families import CLUSTERS
from restorecheck.simulated.refusals import Refusal
from restorecheck.simulated.state import Operation
from restorecheck.simulated.things import (
    Cluster,
    Database,
    Description,
    Parameters,
    Region,
    Snapshot,
)

NEVER = float("inf")
"""How many times slower than always is what stays under way."""


NO_ONE_LISTENS = 1
"""The port of a cluster without an instance: its endpoint accepts no connection."""


class MotoTime:
    """Moto's clock, which knows no zones, and the worker's thread."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def now(self) -> datetime:
        return utcnow()

    def after(self, duration: timedelta, action: Callable[[], None]) -> None:
        self._worker.after(duration.total_seconds(), action)


class Servers:
    """What is served, and snapshots that are data directories. Called with the lock held."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self.before_start: deque[Callable[[Path], None]] = deque()
        """Called with the data directory of the next restored instance, before its server starts."""

    def born(self, _region: Region, thing: Database) -> None:
        alphabet = string.ascii_uppercase + string.digits
        prefix = "cluster-" if isinstance(thing, Cluster) else "db-"
        thing.resource_id = prefix + "".join(secrets.choice(alphabet) for _ in range(26))

    def create(self, thing: Database, database: str) -> None:
        thing.server = self._farm.create()
        thing.server.start()
        thing.server.make_master(thing.master, thing.password, database)

    def bring_back(self, thing: Database, snapshot: Snapshot) -> None:
        damage = self.before_start.popleft() if self.before_start else None
        thing.server = self._farm.copy_of(snapshot.data)
        if damage is not None:
            damage(thing.server.places.data)
        thing.server.start()

    def back_up(self, thing: Database) -> Path:
        """A cluster that no instance serves yet has the data that it was restored from."""
        return self._farm.snapshot(thing.server) if thing.server else thing.data

    def set_password(self, thing: Database, password: str) -> None:
        if thing.server.running:
            thing.server.set_password(thing.master, password)

    def stop(self, thing: Database) -> None:
        thing.server.stop()

    def start(self, thing: Database) -> None:
        thing.server.start()

    def remove(self, region: Region, thing: Database) -> None:
        if thing.server is not None:
            thing.server.remove()
        if thing.secret_arn:
            backend: Any = secretsmanager_backends[region.account_id][region.region]
            backend.secrets.pop(thing.secret_arn)

    def endpoint(self, thing: Database) -> tuple[str, int] | None:
        if thing.server is None or not thing.server.port:
            return (
                ("127.0.0.1", NO_ONE_LISTENS) if isinstance(thing, Cluster) and thing.up else None
            )
        return "127.0.0.1", thing.server.port

    def log_text(self, thing: Database) -> str:
        return thing.server.log_text() if thing.server else ""

    def make_secret(self, region: Region, thing: Database) -> tuple[str, str]:
        password = secrets.token_urlsafe(24)
        backend: Any = secretsmanager_backends[region.account_id][region.region]
        secret = backend.create_managed_secret(
            service_name="rds",
            secret_id=f"rds!{thing.resource_id.lower()}",
            secret_string=json.dumps({"username": thing.master, "password": password}),
            tags=[{"Key": f"aws:rds:primary{thing.family.owner}Arn", "Value": thing.arn}],
        )
        return str(secret.arn), password

    def may(self, region: Region, caller: str, action: str, resource: str) -> bool:
        return may(region.account_id, caller, action, resource)

    def groups(self, region: Region) -> "MotoGroups":
        return MotoGroups(region)


class MotoGroups:
    """Moto keeps subnet groups, parameter groups and security groups."""

    def __init__(self, region: Region) -> None:
        self._rds: Any = rds_backends[region.account_id][region.region]
        self._ec2: Any = ec2_backends[region.account_id][region.region]

    def zones_of(self, subnet_group: str) -> int | None:
        group = self._rds.subnet_groups.get(subnet_group)
        if group is None:
            return None
        return len({getattr(s, "availability_zone", None) for s in group._subnets})  # noqa: SLF001  # moto's

    def parameters_of(self, parameter_group: str) -> Mapping[str, str] | None:
        of_clusters = self._rds.db_cluster_parameter_groups
        group = self._rds.db_parameter_groups.get(parameter_group, of_clusters.get(parameter_group))
        if group is None:
            return None
        return {p["ParameterName"]: p.get("ParameterValue", "") for p in group.parameters.values()}

    def has_security_group(self, identifier: str) -> bool:
        return self._ec2.get_security_group_from_id(identifier) is not None

    def change_subnets(self, name: str, identifiers: list[str]) -> None:
        """Moto's own ModifyDBSubnetGroup forgets the group."""
        group = self._rds.subnet_groups.get(name)
        if group is None:
            raise rules.no_subnet_group(name)
        subnets = [self._ec2.get_subnet(identifier) for identifier in identifiers]
        if len({subnet.availability_zone for subnet in subnets}) < rules.FEWEST_ZONES:
            message = (
                "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement."
            )
            raise Refusal("DBSubnetGroupDoesNotCoverEnoughAZs", message)
        group.subnets = subnets


class ServedRds:
    """The machine, with the sandbox behind it. Called with the lock held, in the thread of a request."""

    def __init__(self, farm: Farm, worker: Worker, pace: Pace, quotas: Quotas) -> None:
        self.servers = Servers(farm)
        self._machine = SimulatedRds(
            State(
                time=MotoTime(worker),
                keys=KmsService(),
                behind=self.servers,
                pace=pace,
                quotas=quotas,
                defaults=_DEFAULTS | {"EngineVersion": farm.installation.version},
                cluster_version=farm.installation.version,
            )
        )
        self.state = self._machine.state

    def operation(self, name: str) -> Operation | None:
        if name == "ModifyDBSubnetGroup":
            return self._modify_subnet_group
        return self._machine.operation(name)

    def take_automated_snapshot(
        self, region: Region, identifier: str, *, age: timedelta = timedelta(0)
    ) -> Snapshot:
        of_cluster = identifier in region.clusters
        snapshots = self._machine.cluster_snapshots if of_cluster else self._machine.snapshots
        return snapshots.take_automated(region, identifier, age=age)

    def restore_for_test(self, region: Region, snapshot: Snapshot) -> Database:
        """AWS Backup's own restore, with its name and its tag, in no public place. A cluster gets no instance."""
        if snapshot.family is CLUSTERS:
            return self._machine.clusters.restore_for_test(region, snapshot, _name(), dict(_TAGS))
        settings = rules.settings_of_restore(snapshot, {"PubliclyAccessible": False})
        instances = self._machine.instances
        instance = instances.add(region, _name(), settings, dict(_TAGS), caller="AWS Backup")
        instances.bring_restore_to_its_end(region, instance, snapshot)
        return instance

    def calm(self) -> None:
        """Nothing goes wrong from now on, whatever was ordered and has not happened yet."""
        state = self.state
        for ordered in (
            state.restores,
            state.copies,
            state.passwords,
            state.members,
            state.upgrades,
        ):
            ordered.clear()
        self.servers.before_start.clear()

    def _modify_subnet_group(self, region: Region, given: Parameters, _caller: str) -> Description:
        name = given["DBSubnetGroupName"]
        MotoGroups(region).change_subnets(name, given["SubnetIds"])
        return {"DBSubnetGroup": {"DBSubnetGroupName": name}}


def _name() -> str:
    return f"awsbackup-restore-test-{secrets.token_hex(8)}"


_TAGS = {"awsbackup-restore-test": "x"}
_DEFAULTS: Description = {
    "Engine": "postgres",
    "AllocatedStorage": 20,
    "StorageType": "gp3",
    "BackupRetentionPeriod": 1,
    "PubliclyAccessible": False,
    "DeletionProtection": False,
    "VpcSecurityGroupIds": [],
}

__all__ = ["NEVER", "PlannedOutcome", "ServedRds"]
