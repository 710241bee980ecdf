"""What `restorecheck run --once` exits with, whatever came of its drills and in which order."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from restorecheck.hosts.daemon import command
from restorecheck.hosts.daemon.service import Flags
from restorecheck.hosts.exit_codes import Exit
from restorecheck.model import Resource, TeardownOutcome, Verdict
from restorecheck.report import document
from restorecheck.sqlite.store import SqliteStore
from tests.factories import finished


@dataclass
class PlayedService:
    drills: dict[str, str]

    def once(self):
        return self.drills, 0


@dataclass
class Kept:
    path: Path


@dataclass
class Settings:
    history: Kept


@dataclass
class Read:
    config: Settings


@pytest.fixture
def history(tmp_path):
    return tmp_path / "history.sqlite"


def put(history, name, verdict):
    left = verdict is None
    drill = finished(verdict or Verdict.VERIFIED).evolve(
        id=f"d-{name}",
        target=name,
        version=0,
        ledger=(Resource(kind="server", identifier="s"),) if left else (),
        teardown_outcome=TeardownOutcome.INCOMPLETE if left else TeardownOutcome.COMPLETE,
    )
    store = SqliteStore(history)
    stored = store.create(drill)
    store.finish(stored, lambda _: document.build(drill).to_json())
    store.close()


LEFT = None
GOOD, BAD, UNCLEAR = Verdict.VERIFIED, Verdict.FAILED, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("verdicts", "stopped", "code"),
    [
        ([], False, Exit.VERIFIED),
        ([GOOD, GOOD], False, Exit.VERIFIED),
        ([BAD, GOOD], False, Exit.FAILED),
        ([GOOD, BAD], False, Exit.FAILED),
        ([UNCLEAR, GOOD], False, Exit.INCONCLUSIVE),
        ([UNCLEAR, BAD, GOOD], False, Exit.FAILED),
        ([LEFT, BAD, GOOD], False, Exit.LEFT_BEHIND),
        ([], True, Exit.INTERRUPTED),
        ([BAD, GOOD], True, Exit.INTERRUPTED),
        ([LEFT, GOOD], True, Exit.LEFT_BEHIND),
    ],
)
def test_the_worst_of_all_counts(history, verdicts, stopped, code, capsys):
    names = "abc"[: len(verdicts)]
    for name, verdict in zip(names, verdicts, strict=True):
        put(history, name, verdict)
    service: Any = PlayedService({name: f"d-{name}" for name in names})
    watched: Any = Read(Settings(Kept(history)))

    assert command._once(service, watched, Flags(stop=stopped)) == code

    assert [line[0] for line in capsys.readouterr().out.splitlines()] == list(names)


def test_a_target_without_a_drill_is_inconclusive_and_named(history, capsys):
    put(history, "a", GOOD)
    service: Any = PlayedService({"a": "d-a", "b": ""})
    watched: Any = Read(Settings(Kept(history)))

    assert command._once(service, watched, Flags()) == Exit.INCONCLUSIVE

    assert "b: no drill took place" in capsys.readouterr().err
