"""What hosts that share a history in PostgreSQL know of each other's drills, and what they leave to each other."""

import os
from datetime import timedelta

import pytest

from restorecheck import config as configuration
from restorecheck.errors import BusyError
from restorecheck.hosts.drill import wiring
from restorecheck.hosts.process.shared_leases import SharedLeases, is_alive, lease_of
from restorecheck.model import Resource, TeardownOutcome, Verdict
from restorecheck.postgres.dump.finder import SERVER
from tests.contract.postgres_store import empty, url_of
from tests.factories import drill

CONFIG = """
version: 1
targets: [{{name: courses, dump: {{path: backups}}}}]
history: {{url: "{url}", host_timeout_seconds: 5}}
"""


@pytest.fixture
def config(history_server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("RESTORECHECK_HOST", "beta")
    empty(history_server)
    return configuration.parse(
        CONFIG.format(url=url_of(history_server)),
        file="restorecheck.yaml",
        directory=tmp_path,
        environment=os.environ,
    )


@pytest.fixture
def parts(config):
    made = wiring.build(config)
    yield made
    made.close()


def of_alpha(parts, **changes):
    now = parts.clock.now()
    return parts.store.create(
        drill(
            id="20260227-031500-abcdef",
            host="alpha",
            started_at=now,
            deadline=now + timedelta(hours=1),
            **changes,
        )
    )


def test_a_drill_of_another_host_is_alive_while_its_lease_lasts(parts, config, monkeypatch):
    theirs = of_alpha(parts)
    monkeypatch.setenv("RESTORECHECK_HOST", "alpha")
    alpha = SharedLeases(config.history)
    monkeypatch.setenv("RESTORECHECK_HOST", "beta")

    with alpha.hold(lease_of(theirs.id)):
        assert is_alive(theirs, parts.store, parts.locks)
        assert parts.sweeper.plan().finish == ()
        with (
            pytest.raises(BusyError, match="the host alpha"),
            parts.shared.hold(lease_of(theirs.id)),
        ):
            pass

    assert not is_alive(theirs, parts.store, parts.locks)
    assert parts.sweeper.plan().finish == (theirs,)


def test_a_lease_is_renewed_by_its_process(parts, config):
    end = "update leases set until = clock_timestamp() + interval '1 hour'"

    with parts.shared.hold("drill x"):
        parts.store.database.execute(end)
        for _ in range(100):
            (left,) = parts.store.database.row("select until - clock_timestamp() from leases")
            if left < timedelta(seconds=6):
                break
            parts.shared._stop.wait(0.05)

    assert left < timedelta(seconds=6)


def test_what_a_dead_host_left_on_its_disk_is_named_and_deleted_by_that_host(parts, monkeypatch):
    local = Resource(kind=SERVER, identifier="/nowhere/restorecheck-20260227-031500-abcdef")
    theirs = of_alpha(parts, ledger=(local,))

    (ended,) = parts.sweeper.sweep().finished

    assert (ended.verdict, ended.host) == (Verdict.INCONCLUSIVE, "alpha")
    assert ended.ledger == (local,)
    assert ended.teardown_outcome is TeardownOutcome.INCOMPLETE
    assert "only the host alpha can delete it" in parts.store.report(theirs.id)
    assert [what for what, _ in parts.sweeper.plan().spared] == [local]
    monkeypatch.setenv("RESTORECHECK_HOST", "alpha")
    back = wiring.build(parts.config)
    assert back.sweeper.sweep().deleted == (local,)
    assert back.store.with_leftovers() == ()
    back.close()


def test_the_files_of_a_pod_are_gone_with_it(parts):
    local = Resource(kind=SERVER, identifier="/nowhere/restorecheck-20260227-031500-abcdef")
    parts.store.create(drill(id="20260227-031500-abcdef", host="pod:x", ledger=(local,)))

    (ended,) = parts.sweeper.sweep().finished

    assert ended.ledger == ()
