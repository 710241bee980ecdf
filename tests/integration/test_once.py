"""What `restorecheck run --once` exits with, whatever came of its drills and in which order."""

from dataclasses import dataclass
from typing import Any

import pytest

from restorecheck.hosts.cli.arguments import main
from restorecheck.hosts.daemon import command
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.service import Flags
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.model import Resource, TeardownOutcome, Verdict
from restorecheck.report import document
from restorecheck.sqlite.store import SqliteStore
from restorecheck.testing.world import World
from tests.factories import finished


@dataclass
class PlayedService:
    drills: dict[str, str]

    def once(self):
        return self.drills, 0


CONFIGURATION = """\
version: 1
history: {path: history.sqlite}
targets:
  - {name: a, schedule: "15 3 * * *", dump: {path: backups}}
  - {name: b, dump: {path: backups}}
"""


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "restorecheck.yaml"
    made.write_text(CONFIGURATION)
    return made


def exit_of(path, drills, flags=None):
    service: Any = PlayedService(drills)
    return command._once(service, Watched(path), flags or Flags(), World())


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
def test_the_worst_of_all_counts(history, path, verdicts, stopped, code, capsys):
    names = "abc"[: len(verdicts)]
    for name, verdict in zip(names, verdicts, strict=True):
        put(history, name, verdict)
    drills = {name: f"d-{name}" for name in names}

    assert exit_of(path, drills, Flags(stop=stopped)) == code

    assert [line[0] for line in capsys.readouterr().out.splitlines()] == list(names)


def test_a_target_without_a_drill_is_inconclusive_and_named(history, path, capsys):
    put(history, "a", GOOD)

    assert exit_of(path, {"a": "d-a", "b": ""}) == Exit.INCONCLUSIVE

    assert "b: no drill took place" in capsys.readouterr().err


def test_where_nothing_is_due_nothing_is_called_proven(history, path, capsys):
    put(history, "a", BAD)

    assert exit_of(path, {}) == Exit.VERIFIED

    captured = capsys.readouterr()
    assert captured.out == ""
    first, a, b = captured.err.splitlines()
    assert first == "no drill took place: no target is due"
    assert a.startswith("  a: due ")
    assert "newest drill failed; OVERDUE, never proven" in a
    assert b.startswith("  b: has no schedule; never drilled")


@pytest.mark.parametrize("words", [["run", "--once"], ["run"]])
def test_a_runner_without_any_schedule_is_refused_with_the_line_and_what_to_add(
    path, capsys, words
):
    path.write_text(CONFIGURATION.replace('schedule: "15 3 * * *", ', ""))

    assert main([*words, "-c", str(path)]) == Exit.USAGE

    said = capsys.readouterr().err
    assert f"{path}:3: targets: no target has a schedule" in said
    assert "schedule:" in said
    assert "`restorecheck drill`" in said
