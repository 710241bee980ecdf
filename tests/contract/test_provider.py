"""What every provider promises; one suite, every provider."""

import os
import shutil
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from restorecheck import config as configuration_room
from restorecheck.aws.session.settings import parse_arn
from restorecheck.aws.snapshots.leftovers import RdsInventory
from restorecheck.aws.snapshots.provider import RdsProvider
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.drill import wiring
from restorecheck.lifecycle import Ensure, Gone, InProgress, Ready, StillThere, apply, intend
from restorecheck.model import Drill, Resource, Step, StepKind
from restorecheck.ports import Provider
from restorecheck.postgres.dump.local_provider import LocalDumpProvider
from restorecheck.postgres.dump.scratch_provider import ScratchProvider
from restorecheck.postgres.dump.scratch_server import ScratchServer
from restorecheck.postgres.dump.settings import DumpSettings, ServerSettings
from restorecheck.postgres.physical.provider import PhysicalProvider
from restorecheck.postgres.physical.settings import PhysicalSettings
from restorecheck.postgres.physical.sources.basebackup import BaseBackups
from restorecheck.postgres.server import cluster
from restorecheck.testing import World, WorldProvider
from tests.missing import left_out
from tests.places import SHORT
from tests.production import majors, producing
from tests.rds.conftest import configuration, run_stage

DRILL_ID = "20260226-031500-a1b2c3"
LONG_AGO = datetime(2026, 2, 26, tzinfo=UTC)


class Case:
    """A provider, a way to let time pass, and what exists of it in the world."""

    def __init__(self, provider, wait, exists):
        self.provider = provider
        self.wait = wait
        self.exists = exists

    def drill(self) -> Drill:
        now = SystemClock().now()
        plan = self.provider.plan(DRILL_ID)
        return Drill(
            id=DRILL_ID,
            target="library",
            plan=plan,
            checks=(),
            started_at=now,
            deadline=now + timedelta(hours=1),
        )

    def bring_about(self, drill: Drill) -> list[Ready]:
        """Every step but the checks, to its end; each learns what the ones before found."""
        events = []
        for step in drill.plan:
            if step.kind is not StepKind.CHECK:
                drill, event = self._step(drill, step)
                events.append(event)
        return events

    def until_ready(self, drill: Drill, step: Step) -> Ready:
        return self._step(drill, step)[1]

    def _step(self, drill: Drill, step: Step) -> tuple[Drill, Ready]:
        clock = SystemClock()
        drill = intend(drill, Ensure(step), clock.now())
        for _ in range(1000):
            event = self.provider.ensure(drill, step)
            drill = apply(drill, event, clock.now())
            if isinstance(event, Ready):
                return drill, event
            assert isinstance(event, InProgress), event
            self.wait(event.wait)
        raise AssertionError(f"step {step.name} is never ready")

    def delete(self, resource):
        for _ in range(1000):
            event = self.provider.delete(resource, LONG_AGO)
            if isinstance(event, Gone):
                return
            self.wait(event.wait)
        raise AssertionError(f"{resource} never goes")


def resources(drill: Drill) -> list[Resource]:
    return list(dict.fromkeys(r for step in drill.plan for r in step.makes))


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name:
        Path(name).chmod(0o755)
        (Path(name) / "work").mkdir(mode=0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def stage():
    yield from run_stage()


@pytest.fixture(scope="module")
def base_backup():
    with producing(next(iter(majors().values()))) as production:
        yield production.backup("full")


def in_the_sandbox(stage, folder, monkeypatch):
    """The RDS provider against the simulated AWS."""
    sandbox = stage.sandbox
    for key, value in sandbox.environment().items():
        monkeypatch.setenv(key, value)
    file = folder / "restorecheck.yaml"
    file.write_text(yaml.safe_dump(configuration(sandbox, stage.land, "library")))
    provider = first_rds_provider(file)

    def exists(resource):
        name = parse_arn(resource.identifier).name
        if resource.kind == "DB instance":
            return name in sandbox.instances(sandbox.backup)
        snapshot = sandbox.snapshots(sandbox.source).get(name)
        return snapshot is not None and bool(snapshot.shared)

    return Case(provider, pause, exists)


def on_real_aws():
    """Opt-in: RESTORECHECK_LIVE_CONFIG names a configuration whose first RDS target is drilled,
    with the credentials of the environment. Costs money, and takes an hour.
    """
    if "RESTORECHECK_LIVE_CONFIG" not in os.environ:
        left_out("RESTORECHECK_LIVE_CONFIG names no configuration; .ci/run has no AWS account")
    provider = first_rds_provider(Path(os.environ["RESTORECHECK_LIVE_CONFIG"]))
    inventory = RdsInventory(provider, SystemClock())
    return Case(
        provider, pause, lambda resource: resource in [found.resource for found in inventory.find()]
    )


def first_rds_provider(file: Path) -> RdsProvider:
    config = configuration_room.load(file, os.environ)
    targets = wiring.targets_of(config)
    made = (targets.provider_of(target.name) for target in config.targets)
    return next(provider for provider in made if isinstance(provider, RdsProvider))


def pause(duration: timedelta) -> None:
    threading.Event().wait(duration.total_seconds())


@pytest.fixture(
    params=[
        "world",
        "local",
        "scratch",
        "physical",
        pytest.param("sandbox", marks=pytest.mark.allow_hosts(["127.0.0.1"])),
        pytest.param("live", marks=[pytest.mark.live, pytest.mark.enable_socket]),
    ]
)
def case(request, folder, dumps, source, monkeypatch):
    if request.param == "world":
        world = World()
        yield Case(WorldProvider(world), world.pass_time, world.exists)
        return
    if request.param == "sandbox":
        yield in_the_sandbox(request.getfixturevalue("stage"), folder, monkeypatch)
        return
    if request.param == "live":
        yield on_real_aws()
        return
    shutil.copy(dumps["custom"], folder / "library.dump")
    settings: dict[str, Any] = {
        "server": ServerSettings(work_dir=folder / "work", cache_dir=folder / "cache"),
        "clock": SystemClock(),
        "lock_of": lambda drill_id: folder / f"{drill_id}.lock",
        "deadline": timedelta(hours=1),
    }
    directory = folder / "work" / f"restorecheck-{DRILL_ID}"
    dump = DumpSettings(path=str(folder / "library.dump"))
    provider: Provider
    if request.param == "local":
        provider = LocalDumpProvider(dump=dump, **settings)
    elif request.param == "physical":
        made = BaseBackups(path=str(request.getfixturevalue("base_backup")))
        provider = PhysicalProvider(physical=PhysicalSettings(source=made), **settings)
    else:
        scratch = ScratchServer(host=str(source.places.sockets), port=cluster.PORT, user="postgres")
        provider = ScratchProvider(scratch=scratch, dump=dump, **settings)

    def exists(resource):
        if resource.kind == "throw-away server":
            return directory.exists()
        catalog = (
            "pg_database where datname" if "database" in resource.kind else "pg_roles where rolname"
        )
        with cluster.superuser_connection(source.places) as connection:
            query = f"select 1 from {catalog} = '{resource.identifier}'"
            return connection.execute(query.encode()).fetchone() is not None

    yield Case(provider, lambda _wait: None, exists)


def test_a_plan_names_what_it_makes_after_the_drill_and_makes_nothing(case):
    made = resources(case.drill())

    assert made
    for resource in made:
        assert DRILL_ID in resource.identifier.replace("_", "-")
        assert not case.exists(resource)
    assert case.provider.plan(DRILL_ID) == case.provider.plan(DRILL_ID)


def test_a_plan_restores_before_it_checks_and_ends_with_the_checks(case):
    kinds = [step.kind for step in case.drill().plan]

    assert StepKind.RESTORE in kinds
    assert kinds[-1] is StepKind.CHECK
    assert kinds.count(StepKind.CHECK) == 1


def test_the_steps_bring_about_an_endpoint_and_a_backup(case):
    drill = case.drill()
    try:
        events = case.bring_about(drill)
    finally:
        for resource in reversed(resources(drill)):
            case.delete(resource)

    assert any(event.backup for event in events)
    assert events[-1].endpoint is not None
    assert events[-1].endpoint.identity


def test_a_step_can_be_repeated_before_the_next(case):
    drill = case.drill()
    first = drill.plan[0]
    try:
        once, again = case.until_ready(drill, first), case.until_ready(drill, first)
    finally:
        for resource in reversed(resources(drill)):
            case.delete(resource)

    assert (once.backup is None) == (again.backup is None)


def test_everything_that_was_made_can_be_deleted_and_deleted_again(case):
    drill = case.drill()
    case.bring_about(drill)

    for resource in reversed(resources(drill)):
        case.delete(resource)

    assert not [resource for resource in resources(drill) if case.exists(resource)]
    assert all(isinstance(case.provider.delete(r, LONG_AGO), Gone) for r in resources(drill))


def test_what_was_never_made_is_gone(case):
    for resource in resources(case.drill()):
        assert isinstance(case.provider.delete(resource, LONG_AGO), Gone)


def test_a_directory_of_that_name_which_somebody_else_made_is_left_alone(case, folder):
    directories = [r for r in resources(case.drill()) if r.kind == "throw-away server"]
    for resource in directories:
        Path(resource.identifier).mkdir()
        (Path(resource.identifier) / "precious").touch()

        assert isinstance(case.provider.delete(resource, LONG_AGO), StillThere)
        assert (Path(resource.identifier) / "precious").exists()


def test_the_newest_backup_is_listed_before_anything_is_made_and_is_the_one_that_a_drill_restores(
    case,
):
    if isinstance(case.provider, PhysicalProvider):
        return  # its configuration refuses what needs a list
    before = case.provider.newest(SystemClock().now())
    assert len(before) == 1
    drill = case.drill()
    assert not [resource for resource in resources(drill) if case.exists(resource)]

    try:
        events = case.bring_about(drill)
    finally:
        for resource in reversed(resources(drill)):
            case.delete(resource)

    (backup,) = [event.backup for event in events if event.backup]
    about = {backup.identifier: backup.version} | backup.about
    assert about[before[0].identifier] == before[0].version
    assert case.provider.newest(SystemClock().now()) == before
