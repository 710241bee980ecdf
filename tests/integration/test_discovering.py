"""A runner with `discover`: a dump of a new database in the folder is a target and an alarm, one that is gone is said."""

import os
from datetime import timedelta

import pytest
import time_machine
from apscheduler.schedulers.base import STATE_STOPPED, BaseScheduler

from restorecheck.announcing import Kind
from restorecheck.config.loading import found_file
from restorecheck.errors import ProviderError
from restorecheck.hosts.cli.arguments import main
from restorecheck.hosts.drill.standings import overdue_facts
from restorecheck.hosts.drill.wiring import targets_of
from restorecheck.model import Verdict
from tests.integration.test_service import HOUR, MINUTE, NOON, Scene

DUMP = "-- PostgreSQL database dump\n-- Dumped from database version 15.4\n"


class Folder(Scene):
    def __init__(self, tmp_path, traveller):
        super().__init__(tmp_path, traveller)
        self.folder = tmp_path / "dumps"
        self.folder.mkdir()
        self.length = {"shop": timedelta(0), "crm": timedelta(0)}
        self.path.write_text(self.written())

    def written(self, more="", at_most=100):
        return (
            f"version: 1\nhistory: {{path: {self.database}}}\nnotify: [json://x]\n"
            f"discover:\n  databases: all\n  at_most: {at_most}\n  template:\n"
            f"    schedule: '15 3 * * *'\n    dump: {{path: {self.folder}}}\n{more}"
        )

    def dump(self, name):
        path = self.folder / f"{name}-2026-02-23.sql"
        path.write_text(DUMP)
        moment = (NOON - HOUR).timestamp()
        os.utime(path, (moment, moment))
        return path

    def look(self, service):
        service._discover_and_reload()
        if service._flags.reload:
            service._flags.reload = False
            service._reload()

    def targets(self, service):
        return [target.name for target in service._watched.config.targets]

    def said(self, service):
        service._messages()
        return [m.text for m in self.recorder.messages if Kind.TROUBLE in m.kinds]


@pytest.fixture
def scene(tmp_path):
    with time_machine.travel(NOON, tick=False) as traveller:
        made = Folder(tmp_path, traveller)
        yield made
        if made.service is not None and made.service._alarm.state != STATE_STOPPED:
            BaseScheduler.shutdown(made.service._alarm)


def test_a_database_that_appears_is_a_target_a_message_and_an_alarm_until_it_is_proven(scene):
    service = scene.started()
    scene.dump("shop")

    scene.look(service)

    assert scene.targets(service) == ["shop"]
    assert scene.jobs() == {"drill:shop"}
    (told,) = scene.said(service)
    assert "a new database was found: shop" in told
    scene.traveller.shift(MINUTE)
    with scene.history() as store:
        (fact,) = overdue_facts(service._watched.config, store, scene.now())
    assert (fact.target, fact.proven_at) == ("shop", None)

    scene.verdict["shop"] = Verdict.VERIFIED
    service.ask("shop")
    service._night("shop")
    with scene.history() as store:
        assert overdue_facts(service._watched.config, store, scene.now()) == []


def test_a_database_that_disappears_is_said_once_is_not_drilled_and_keeps_its_history(scene):
    kept, gone = scene.dump("shop"), scene.dump("crm")
    service = scene.scheduled()
    scene.look(service)
    service.ask("crm")
    service._night("crm")
    before = len(scene.said(service))
    gone.unlink()

    scene.traveller.shift(HOUR)
    scene.look(service)
    scene.look(service)

    assert kept.exists()
    assert scene.targets(service) == ["shop"]
    assert scene.jobs() == {"drill:shop"}
    (told,) = scene.said(service)[before:]
    assert "the database crm is no longer found" in told
    with scene.history() as store:
        assert len(store.entries(target="crm")) == 1


def test_a_folder_that_cannot_be_read_loses_no_target_and_is_said(scene):
    scene.dump("shop")
    service = scene.started()
    scene.look(service)
    scene.said(service)
    scene.folder.rename(scene.folder.with_name("away"))

    scene.look(service)

    assert scene.targets(service) == ["shop"]
    told = [m.text for m in scene.recorder.messages if "could not look for databases" in m.text]
    assert len(told) == 1
    scene.look(service)
    assert len([m for m in scene.recorder.messages if "could not look" in m.text]) == 1


def test_more_databases_than_allowed_add_none_and_are_said(scene):
    scene.path.write_text(scene.written(at_most=2))
    service = scene.started()
    for name in ("a-shop", "b-shop", "c-shop"):
        scene.dump(name)

    scene.look(service)

    assert scene.targets(service) == []
    assert any("3 databases were found" in m.text for m in scene.recorder.messages)


def test_a_name_that_is_taken_keeps_the_targets_that_are_and_is_said(scene):
    more = f"targets: [{{name: shop, schedule: '0 4 * * *', dump: {{path: {scene.path}}}}}]\n"
    scene.path.write_text(scene.written(more))
    service = scene.started()
    scene.dump("shop")

    scene.look(service)

    assert scene.targets(service) == ["shop"]
    assert "which is the name of the target on line" in service.health.config_problem


def test_run_once_drills_a_database_that_it_has_just_found(scene):
    service = scene.started()
    scene.dump("shop")

    drills, _ = service.once()

    assert list(drills) == ["shop"]
    assert scene.launcher.orders == ["sweep", "drill shop"]


def test_run_once_says_that_a_found_name_is_taken_and_drills_the_others(scene):
    more = f"targets: [{{name: shop, schedule: '0 4 * * *', dump: {{path: {scene.path}}}}}]\n"
    scene.path.write_text(scene.written(more))
    service = scene.started()
    scene.dump("shop")

    drills, _ = service.once()

    assert list(drills) == ["shop"]
    assert any("what was found is not used" in m.text for m in scene.recorder.messages)


def test_the_list_is_told_of_before_it_is_stored(scene, monkeypatch):
    service = scene.started()
    scene.dump("shop")

    def full(*_):
        raise ProviderError("no space left on the device")

    monkeypatch.setattr("restorecheck.hosts.daemon.service.keep", full)
    scene.look(service)

    assert not found_file(service._watched.config).exists()
    assert any("a new database was found: shop" in told for told in scene.said(service))


def test_the_command_looks_keeps_and_says_what_is_gone(scene, capsys):
    def run(*arguments):
        code = main([*arguments, "-c", str(scene.path)])
        return code, capsys.readouterr().out

    path = scene.dump("shop")
    where = f"(dump {scene.folder})"
    assert run("config", "discover", "--dry-run") == (
        0, f"new: shop {where}\n1 database found; each is a target\n",
    )  # fmt: skip
    assert run("config", "validate")[1].endswith("valid; 0 targets; 1 rule to discover others\n")
    assert run("config", "discover")[0] == 0
    assert run("config", "validate")[1].endswith("valid; 1 target; 1 rule to discover others\n")
    path.unlink()
    assert run("config", "discover") == (
        0,
        f"gone: shop {where}\n0 databases found; each is a target\n",
    )
    assert f"note: the database shop is gone since 2026-02-23 12:00 UTC {where}" in run("status")[1]
    scene.folder.rmdir()
    assert run("config", "discover")[0] == 3


def test_a_discovered_target_is_drilled_from_dumps_of_its_own_name_alone(scene):
    """A plain dump of pg_dump does not name its database: without this, the dump of another one would prove it."""
    scene.dump("shop"), scene.dump("crm")
    service = scene.started()
    scene.look(service)
    (scene.folder / "crm-2026-02-23.sql").unlink()

    targets = targets_of(service._watched.config)

    assert targets.provider_of("crm").newest(scene.now()) == ()
    assert len(targets.provider_of("shop").newest(scene.now())) == 1
