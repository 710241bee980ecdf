"""What version 0.1.0 has stored is read: three nights of `restorecheck demo`, and a drill that was killed.

`stored/0.1.sql` is the history that version 0.1.0 wrote. Only the folder was replaced by `/srv/courses` afterwards,
and the hashes of the chain were computed again.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from restorecheck import codec
from restorecheck.hosts.cli.arguments import main
from restorecheck.model import Verdict
from restorecheck.report import document
from restorecheck.sqlite.store import SqliteStore

STORED = Path(__file__).parent / "stored" / "0.1.sql"
CONFIGURATION = """\
version: 1
history: {path: history.sqlite}
targets:
  - {name: courses, dump: {path: backups}}
  - {name: courses-plain, dump: {path: backups}}
"""


@pytest.fixture
def history(tmp_path, monkeypatch):
    path = tmp_path / "history.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(STORED.read_text())
    path.chmod(0o600)
    (tmp_path / "restorecheck.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    return path


def test_its_reports_are_read_and_their_chain_holds(history, capsys):
    with closing(SqliteStore(history)) as store:
        entries = store.entries()
        reports = [document.parse(store.report(entry.drill_id)) for entry in entries]

    assert [entry.verdict for entry in entries] == [
        Verdict.VERIFIED,
        Verdict.FAILED,
        Verdict.FAILED,
    ]
    assert {report.restorecheck_version for report in reports} == {"0.1.0"}
    assert main(["history", "verify"]) == 0
    assert "3 reports" in capsys.readouterr().out


@pytest.mark.parametrize("face", ["text", "markdown", "html", "junit", "json"])
def test_its_reports_are_shown_in_every_face(history, face, capsys):
    assert main(["report", "courses", "--format", face]) == 0
    shown = capsys.readouterr().out.replace("<wbr>", "")
    assert "row count of course.answers" in shown


def assert_kept(old, new):
    """Keys may have come, also inside of others; nothing went and nothing changed."""
    if isinstance(old, list):
        assert len(old) == len(new)
        for before, after in zip(old, new, strict=True):
            assert_kept(before, after)
    elif isinstance(old, dict):
        for key, value in old.items():
            assert_kept(value, new[key])
    else:
        assert old == new


def test_its_drills_are_read_and_stored_as_they_were(history):
    with closing(sqlite3.connect(history)) as database:
        states = [text for (text,) in database.execute("select state from drills")]

    assert len(states) == 4
    for text in states:
        known = json.loads(codec.encode(codec.decode(text)))
        assert_kept(json.loads(text), known)


def test_a_drill_that_it_left_unfinished_is_swept(history, capsys):
    with closing(SqliteStore(history)) as store:
        (begun,) = store.unfinished()
        assert begun.ledger

    assert main(["sweep"]) == 0

    with closing(SqliteStore(history)) as store:
        assert store.unfinished() == ()
        assert store.entries()[-1].verdict is Verdict.INCONCLUSIVE
    assert begun.id in capsys.readouterr().out


def test_tonight_is_compared_with_its_verified_night(history):
    with closing(SqliteStore(history)) as store:
        proven = store.standing("courses").proven
        assert proven is not None
        assert proven.verdict is Verdict.VERIFIED
        assert store.load(proven.drill_id).readings
