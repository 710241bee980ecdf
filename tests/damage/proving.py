"""A database of a running server, as the drill that is to prove its checks finds it."""

from datetime import timedelta
from pathlib import Path

from restorecheck import config
from restorecheck.checks.propose.proposal import propose
from restorecheck.checks.registry import built_in
from restorecheck.config import proposed
from restorecheck.hosts.clock import SystemClock
from restorecheck.model import Backup, Drill, Resource
from restorecheck.postgres.damage.injection import Prover, Questions
from restorecheck.postgres.dump import preparation
from restorecheck.postgres.profile.profiler import Profiler
from restorecheck.postgres.server.temporary_server import Temporary
from tests.reading import connection_to, endpoint_of

HEAD = "version: 1\ntargets:\n  - name: shop\n    dump: {path: .}\n"
HOUR = timedelta(hours=1)
CLOCK = SystemClock()


def drill_of(source, name, *, taken_at=None, user=preparation.CHECKER_ROLE, **more) -> Drill:
    """That of the tests' own server: `pg.running` marks its directory with the drill id `source`."""
    now = CLOCK.now()
    values = {
        "id": "source",
        "target": "shop",
        "plan": (),
        "checks": (),
        "started_at": now,
        "deadline": now + HOUR,
        "endpoint": endpoint_of(source, name, user=user),
        "ledger": (Resource(kind="server", identifier=str(source.places.directory)),),
        "backup": Backup(kind="dump", identifier="x", taken_at=taken_at),
    }
    return Drill(**{**values, **more})


def temporary_of(source, drill) -> Temporary:
    return Temporary(
        drill=drill,
        places=source.places,
        installation=source.installation,
        account=source.account,
        jobs=2,
        server=source.server,
    )


def admit_checker(source, name):
    with connection_to(source, name) as connection:
        preparation.make_reading_role(connection, preparation.CHECKER_ROLE, login=True)


def profile_of(source, name, taken_at=None):
    return Profiler(lambda: connection_to(source, name), patience=HOUR).profile(
        taken_at or CLOCK.now()
    )


def proposed_specs(profile):
    text = proposed.merged(HEAD, "shop", propose(profile))
    return (
        config.parse(text, file="t", directory=Path("/"), environment={}).targets[0].check_specs()
    )


def prover(source, name, specs, *, of=Prover, physical=False, taken_at=None, user=None, only=()):
    drill = drill_of(source, name, taken_at=taken_at, user=user or preparation.CHECKER_ROLE)
    return of(
        temporary_of(source, drill),
        Questions(asked=(*built_in(physical=physical, baseline=True), *specs)),
        profile_of(source, name, taken_at),
        CLOCK,
        until=drill.deadline,
        only=only,
    )
