"""What is behind the RDS of memory: values, keys that admit accounts, and the world's time."""

import heapq
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from restorecheck.simulated.refusals import Refusal
from restorecheck.simulated.things import Cluster, Database, Region, Snapshot
from restorecheck.testing.cloud.things import Data, Home, Key, Secret
from restorecheck.testing.world import World


class EventQueue:
    """What happens later; nothing happens but when the world's time is looked at."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = itertools.count(1)
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        return self._world.now()

    def after(self, duration: timedelta, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now() + duration, next(self._numbers), action))

    def tick(self) -> None:
        """Let happen what is due by now."""
        now = self.now()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()


class Vault:
    """The keys of both accounts. RDS asks for no single operation here: a key admits an account or not."""

    def __init__(self, homes: tuple[Home, ...]) -> None:
        self._homes = homes

    def find(self, arn: str) -> Key | None:
        found = (home.keys.get(arn) for home in self._homes)
        return next((key for key in found if key is not None), None)

    def resolve(self, key: str, _region: Region) -> str:
        return key

    def default(self, region: Region) -> str:
        keys = next(h for h in self._homes if h.account_id == region.account_id).keys.values()
        return next(key.arn for key in keys if key.manager == "AWS")

    def is_default(self, arn: str) -> bool:
        key = self.find(arn)
        return key is not None and key.manager == "AWS"

    def require(self, arn: str, account_id: str, _operations: tuple[str, ...]) -> None:
        key = self.find(arn)
        if key is None or not key.enabled or account_id not in key.admits:
            raise Refusal(
                "KMSKeyNotAccessibleFault",
                f"The specified KMS key [{arn}] does not exist, is not enabled or you do not have "
                "permissions to access it.",
            )


class Values:
    """Databases that are values."""

    def __init__(self, homes: tuple[Home, ...], world: World) -> None:
        self._homes = homes
        self._world = world
        self._numbers: Iterator[int] = itertools.count(1)
        self.server_log = ""
        self.secrets_made: list[str] = []
        """Every password and token that there ever was; none may be seen anywhere."""
        self.denied: set[tuple[str, str]] = set()
        """Callers, and actions that IAM denies them."""

    def born(self, region: Region, thing: Database) -> None:
        cluster = isinstance(thing, Cluster)
        thing.resource_id = f"{'cluster' if cluster else 'db'}-{next(self._numbers):026d}"
        # The part after the name is the same for all of an account: who takes the name over takes
        # the address over.
        place = f"c{region.account_id}.{region.region}.rds.amazonaws.com"
        thing.host = f"{thing.identifier}.{'cluster-' if cluster else ''}{place}"

    def create(self, thing: Database, _database: str) -> None:
        thing.data = Data(thing.arn)

    def bring_back(self, thing: Database, snapshot: Snapshot) -> None:
        thing.data = snapshot.data

    def back_up(self, thing: Database) -> Data:
        data: Data = thing.data
        return data

    def set_password(self, thing: Database, password: str) -> None:
        pass

    def stop(self, thing: Database) -> None:
        pass

    def start(self, thing: Database) -> None:
        pass

    def remove(self, region: Region, thing: Database) -> None:
        self.home(region).secrets.pop(thing.secret_arn.rpartition(":")[2][:-7], None)

    def endpoint(self, thing: Database) -> tuple[str, int] | None:
        return (thing.host, 5432) if thing.up else None

    def log_text(self, _thing: Database) -> str:
        return self.server_log

    def make_secret(self, region: Region, thing: Database) -> tuple[str, str]:
        home = self.home(region)
        password = f"managed-{next(self._numbers):026d}"
        self.secrets_made.append(password)
        name = f"rds!{thing.resource_id}"
        home.secrets[name] = Secret(
            name=name,
            arn=home.arn("secret", f"{name}-AbCdEf", "secretsmanager"),
            text=json.dumps({"username": thing.master, "password": password}),
            tags={f"aws:rds:primary{thing.family.owner}Arn": thing.arn},
            visible_from=self._world.now(),
            made_by="rds",
        )
        return home.secrets[name].arn, password

    def may(self, _region: Region, caller: str, action: str, _resource: str) -> bool:
        return (caller, action) not in self.denied

    def groups(self, region: Region) -> Home:
        return self.home(region)

    def home(self, region: Region) -> Home:
        return next(home for home in self._homes if home.account_id == region.account_id)
