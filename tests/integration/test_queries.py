"""`status`, `history` and `report`, asked of a history with a past."""

import json
import sqlite3
import stat
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
import structlog
import time_machine

from restorecheck.engine import _compose
from restorecheck.history import sha256_of
from restorecheck.hosts.cli.arguments import main
from restorecheck.hosts.process.past import past_until
from restorecheck.lifecycle import Gone, apply
from restorecheck.model import TeardownOutcome, Verdict
from restorecheck.report import document
from restorecheck.sql.agenda import Agenda
from restorecheck.sqlite.store import SqliteStore
from tests.factories import SERVER, finished

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime(2026, 2, 27, 9, 15, tzinfo=UTC)
OK, BAD, UNCLEAR = Verdict.VERIFIED, Verdict.FAILED, Verdict.INCONCLUSIVE


@pytest.fixture(autouse=True)
def _logging():
    yield
    structlog.reset_defaults()


class Past:
    """A configuration with two targets, and nights that were."""

    def __init__(self, directory):
        self.path = directory / "restorecheck.yaml"
        self.database = directory / "history.sqlite"
        self.now = NOW
        self.count = 0
        self.configure()

    def configure(self, extra=""):
        self.path.write_text(
            'version: 1\ndefaults: {schedule: "15 3 * * *", max_proof_age_hours: 30}\n'
            "targets:\n  - {name: courses, dump: {path: b}}\n  - {name: orders, dump: {path: b}}\n"
            f"history: {{path: history.sqlite{extra}}}\n"
        )

    def drill(self, target, verdict, ago, **changes):
        self.count += 1
        at = self.now - ago
        done = finished().evolve(
            id=f"d-{self.count}",
            target=target,
            verdict=verdict,
            reason=f"it is {verdict.value}",
            started_at=at - HOUR / 4,
            finished_at=at,
            **changes,
        )
        store = SqliteStore(self.database)
        stored = store.create(done)
        store.finish(done.evolve(version=stored.version), lambda link: _compose(done, link))
        store.close()
        return done

    def skip(self, target, ago, reason):
        store = SqliteStore(self.database)
        Agenda(store.database).settle(target, self.now - ago, reason, self.now)
        store.close()


@pytest.fixture
def past(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with time_machine.travel(NOW, tick=False):  # which the commands read
        made = Past(tmp_path)
        made.drill("courses", OK, 3 * DAY)
        made.drill("orders", OK, 3 * DAY)
        made.drill("courses", BAD, 2 * DAY)
        made.drill("courses", OK, 6 * HOUR)
        made.drill("orders", OK, 6 * HOUR)
        yield made


def ask(capsys, *words):
    code = main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# --- status


def test_status_is_0_while_everything_is_proven(past, capsys):
    code, out, _ = ask(capsys, "status")

    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["courses", "VERIFIED"],
        ["orders", "VERIFIED"],
    ]
    assert "proof 6 h old, limit 30 h" in out


@pytest.mark.parametrize(
    ("verdict", "ago", "code", "nagios"),
    [(BAD, HOUR, 1, 2), (UNCLEAR, HOUR, 0, 1), (OK, HOUR, 0, 0)],
)
def test_status_tells_of_the_newest_drill(past, capsys, verdict, ago, code, nagios):
    past.drill("orders", verdict, ago)

    assert ask(capsys, "status")[0] == code
    assert ask(capsys, "status", "--nagios")[0] == nagios


def test_status_is_1_for_what_is_overdue_left_behind_or_was_never_drilled(past, capsys):
    past.path.write_text(past.path.read_text().replace("hours: 30", "hours: 5"))
    code, out, _ = ask(capsys, "status")
    assert code == 1
    assert out.count("OVERDUE") == 2

    past.configure()
    past.drill("orders", OK, HOUR, ledger=(SERVER,))
    assert ask(capsys, "status")[0] == 1

    past.drill("orders", OK, HOUR / 2)
    assert "LEFT BEHIND" in ask(capsys, "status")[1], "a later good drill deletes nothing of it"

    past.database.unlink()
    code, out, _ = ask(capsys, "status")
    assert code == 1
    assert out.count("NEVER DRILLED") == 2


def test_what_was_left_behind_is_so_until_it_is_swept(past, capsys):
    drill = past.drill("orders", OK, HOUR, ledger=(SERVER,))
    store = SqliteStore(past.database)
    store.save(apply(store.load(drill.id), Gone(SERVER), past.now))
    store.close()

    code, out, _ = ask(capsys, "status")
    assert (code, "LEFT BEHIND" in out) == (0, False)


def test_what_was_kept_on_purpose_is_not_left_behind(past, capsys):
    kept = past.drill("orders", OK, HOUR, ledger=(SERVER,), teardown_outcome=TeardownOutcome.KEPT)

    assert kept.ledger == (SERVER,)
    assert ask(capsys, "status")[0] == 0


def test_status_is_unknown_to_nagios_where_the_history_cannot_be_read(past, capsys):
    past.database.write_bytes(b"rubbish" * 1000)

    code, out, _ = ask(capsys, "status", "--nagios")
    assert code == 3
    assert out.startswith("RESTORECHECK UNKNOWN - could not open the history")

    code, _, err = ask(capsys, "status")
    assert code == 3
    assert "The file is damaged" in err


def test_status_is_unknown_to_nagios_where_the_configuration_is_broken(past, capsys):
    past.path.write_text("version: 1\ntargets: []\n")

    code, out, err = ask(capsys, "status", "--nagios")

    assert (code, err) == (3, "")
    assert out.startswith(f"RESTORECHECK UNKNOWN - {past.path.name}:2: targets: ")
    assert len(out.splitlines()) == 1
    assert ask(capsys, "status")[0] == 2


def test_status_as_json(past, capsys):
    _, out, _ = ask(capsys, "status", "--json")

    assert [t["target"] for t in json.loads(out)["targets"]] == ["courses", "orders"]


# --- history


def test_history_lists_drills_and_slots_without_one_in_order(past, capsys):
    past.skip("courses", DAY, "missed: the runner was not running")

    _, out, _ = ask(capsys, "history")

    rows = [line.split("  ") for line in out.splitlines()]
    assert [row[2].strip() for row in rows] == [
        "verified",
        "verified",
        "FAILED",
        "NO DRILL",
        "verified",
        "verified",
    ]
    assert "missed: the runner was not running" in out


def test_history_of_one_target_and_since(past, capsys):
    _, out, _ = ask(capsys, "history", "orders")
    assert len(out.splitlines()) == 2

    _, out, _ = ask(capsys, "history", "--since", "12h", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["target"], row["verdict"]) for row in rows] == [
        ("courses", "verified"),
        ("orders", "verified"),
    ]
    assert rows[0]["reason"] == "it is verified"


def test_history_lists_the_newest_thirty(past, capsys):
    for n in range(40):
        past.drill("courses", OK, HOUR - n * timedelta(seconds=1))

    assert len(ask(capsys, "history")[1].splitlines()) == 30
    assert len(ask(capsys, "history", "--since", "30d")[1].splitlines()) == 45


def test_history_of_a_target_without_drills_says_so(past, capsys):
    past.database.unlink()
    code, out, err = ask(capsys, "history", "orders")

    assert (code, out) == (0, "")
    assert "no drill of orders" in err


@pytest.mark.parametrize("action", [[], ["export"]])
def test_history_of_an_unknown_target_is_refused_with_the_nearest_name(past, capsys, action):
    code, out, err = ask(capsys, "history", *action, "corses")
    assert (code, out) == (2, "")
    assert "no target 'corses' in the configuration or the history; did you mean 'courses'?" in err

    code, _, err = ask(capsys, "history", *action, "zzz")
    assert code == 2
    assert err.strip().endswith("known: courses, orders")


def test_history_of_a_target_that_was_taken_out_of_the_configuration_is_still_there(past, capsys):
    past.drill("former", BAD, HOUR)

    code, out, _ = ask(capsys, "history", "former")
    assert (code, len(out.splitlines())) == (0, 1)

    code, _, err = ask(capsys, "history", "formr")
    assert code == 2
    assert "did you mean 'former'?" in err


def test_a_misspelt_target_of_report_is_suggested(past, capsys):
    code, _, err = ask(capsys, "report", "corses")
    assert code == 3
    assert "did you mean 'courses'?" in err

    past.database.unlink()
    code, _, err = ask(capsys, "report", "courses")
    assert code == 3
    assert "no drill of courses" in err
    assert "did you mean" not in err


def test_a_misspelt_action_of_history_is_suggested(past, capsys):
    code, _, err = ask(capsys, "history", "verfy")

    assert code == 2
    assert "did you mean 'verify'?" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "soon"], "--since: expected an age (36h, 30d, 8w) or a date"),
        (["a", "b"], "unexpected word 'b'"),
        (["verify", "courses"], "unexpected word 'courses'"),
        (["prune"], "the age is missing: set history.keep_days"),
        (["export", "-o", "/nowhere/x"], "could not write"),
        (["verify", "--file", "/nowhere/x"], "cannot be read"),
    ],
)
def test_what_history_cannot_do_is_said(past, capsys, words, said):
    code, _, err = ask(capsys, "history", *words)

    assert code == 2
    assert said in err


def test_verify_finds_nothing_where_nothing_was_changed(past, capsys):
    code, out, _ = ask(capsys, "history", "verify")

    assert code == 0
    assert out.startswith("5 reports, each tied to the one before; 0 reduced by retention")


def without_guard(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("drop trigger reports_are_final")
    db.execute("drop trigger reports_stay")
    db.execute("pragma foreign_keys = off")
    return db


def test_verify_finds_a_report_that_somebody_changed(past, capsys):
    db = without_guard(past.database)
    db.execute(
        "update reports set report = replace(report, 'failed', 'verified') where sequence = 3"
    )
    db.close()

    code, out, _ = ask(capsys, "history", "verify")

    assert code == 1
    assert "FLAW  report 3 (drill d-3): the text of the report was changed" in out


def test_verify_finds_a_report_that_was_changed_with_its_hash(past, capsys):
    db = without_guard(past.database)
    (text,) = db.execute("select report from reports where sequence = 3").fetchone()
    forged = text.replace("failed", "verified")
    db.execute(
        "update reports set report = ?, sha256 = ? where sequence = 3", (forged, sha256_of(forged))
    )
    db.close()

    code, out, _ = ask(capsys, "history", "verify")

    assert code == 1
    assert (
        "FLAW  report 4 (drill d-4): the report does not hold the hash of the previous report"
    ) in out


def test_verify_finds_a_report_that_is_missing(past, capsys):
    db = without_guard(past.database)
    db.execute("delete from reports where sequence in (2, 3)")
    db.close()

    code, out, _ = ask(capsys, "history", "verify")

    assert code == 1
    assert "2 reports before this one missing, from 2" in out


def test_verify_finds_what_was_cut_off_by_a_hash_that_somebody_was_told(past, capsys):
    _, out, _ = ask(capsys, "history", "verify")
    told = out.rpartition("sha256: ")[2].strip()
    assert ask(capsys, "history", "verify", "--expect", told)[0] == 0
    db = without_guard(past.database)
    db.execute("delete from reports where sequence = 5")
    db.close()

    assert ask(capsys, "history", "verify")[0] == 0
    code, out, _ = ask(capsys, "history", "verify", "--expect", told)

    assert code == 1
    assert f"no report has the hash {told}" in out


def test_an_export_has_the_reports_as_they_are_and_can_be_verified_by_itself(
    past, capsys, tmp_path
):
    file = tmp_path / "all.jsonl"
    assert ask(capsys, "history", "export", "-o", str(file))[0] == 0
    lines = file.read_text().splitlines()

    for line in lines:
        jsonschema.validate(json.loads(line), document.json_schema())
    assert json.loads(lines[1])["chain"]["previous_sha256"] == sha256_of(lines[0])
    past.database.unlink()
    assert ask(capsys, "history", "verify", "--file", str(file))[0] == 0

    forged = lines[2].replace("failed", "verified")
    file.write_text("\n".join([*lines[:2], forged, *lines[3:]]) + "\n")
    code, out, _ = ask(capsys, "history", "verify", "--file", str(file))
    assert code == 1
    assert "report 4" in out


def test_an_export_of_something_else_is_refused_with_its_line(past, capsys, tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_text('{"a": 1}\n')

    code, _, err = ask(capsys, "history", "verify", "--file", str(file))

    assert code == 2
    assert f"{file}:1: not a line of `history export`" in err


def test_prune_reduces_old_reports_and_the_chain_still_holds(past, capsys, tmp_path):
    past.configure(", keep_days: 1")

    _, out, _ = ask(capsys, "history", "prune")
    assert out.startswith("3 reports older than 1 day reduced")

    code, out, _ = ask(capsys, "history", "verify")
    assert (code, "3 reduced by retention" in out) == (0, True)
    _, out, _ = ask(capsys, "history")
    assert out.count("(retention removed the report)") == 3
    file = tmp_path / "all.jsonl"
    ask(capsys, "history", "export", "-o", str(file))
    assert ask(capsys, "history", "verify", "--file", str(file))[0] == 0
    code, _, err = ask(capsys, "report", "d-3")
    assert code == 3
    assert "retention removed the report" in err


# --- report


def test_report_of_a_drill_of_a_target_and_of_the_newest(past, capsys):
    assert json.loads(ask(capsys, "report", "d-3", "--format", "json")[1])["drill_id"] == "d-3"
    assert json.loads(ask(capsys, "report", "courses", "--format", "json")[1])["drill_id"] == "d-4"
    assert json.loads(ask(capsys, "report", "--format", "json")[1])["drill_id"] == "d-5"


def test_report_into_a_file(past, capsys, tmp_path):
    file = tmp_path / "report.txt"

    code, out, _ = ask(capsys, "report", "d-3", "-o", str(file))

    assert (code, out) == (0, "")
    assert file.read_text().startswith("courses  FAILED\n")
    assert [p.name for p in tmp_path.glob(".report*")] == []


def test_report_of_what_is_not_there(past, capsys):
    code, _, err = ask(capsys, "report", "d-99")
    assert (code, "no report of drill d-99" in err) == (3, True)

    past.database.unlink()
    code, _, err = ask(capsys, "report", "orders")
    assert (code, "no drill of orders" in err) == (3, True)


def test_numbers_of_all_targets_go_to_stdout_or_into_a_file_for_everybody(past, capsys, tmp_path):
    file = tmp_path / "restorecheck.prom"

    code, out, _ = ask(capsys, "report", "--format", "openmetrics")
    written, said, _ = ask(capsys, "report", "--format", "openmetrics", "--all", "-o", str(file))

    assert (code, written, said) == (0, 0, "")
    for text in (out, file.read_text()):
        assert 'restorecheck_target_overdue{target="orders"} 0.0' in text
        assert 'restorecheck_backup_size_bytes{target="courses"} 3.42e+07' in text
        assert f'written_timestamp_seconds{{history="{past.database}"}}' in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [p.name for p in tmp_path.glob(".restorecheck.prom*")] == []


def test_other_reports_are_files_for_their_owner(past, capsys, tmp_path):
    ask(capsys, "report", "--format", "markdown", "-o", str(tmp_path / "report.md"))

    assert stat.S_IMODE((tmp_path / "report.md").stat().st_mode) == 0o600


def test_numbers_of_one_target_are_refused(past, capsys):
    code, _, err = ask(capsys, "report", "courses", "--format", "openmetrics")

    assert code == 2
    assert "openmetrics has the metrics of all targets" in err


def test_a_file_of_numbers_that_cannot_be_replaced_stays_as_it_was(past, capsys, tmp_path):
    (tmp_path / "restorecheck.prom").mkdir()

    code, _, err = ask(
        capsys, "report", "--format", "openmetrics", "-o", str(tmp_path / "restorecheck.prom")
    )

    assert (code, "could not write" in err) == (2, True)
    assert [p.name for p in tmp_path.glob(".restorecheck.prom*")] == []


def test_a_report_of_a_newer_version_silences_no_alarm(past, capsys):
    store = SqliteStore(past.database)
    text = store.report("d-5").replace('"schema_version":1', '"schema_version":1,"newer":1')
    store.close()
    db = sqlite3.connect(past.database)
    db.execute("drop trigger reports_are_final")
    db.execute("update reports set report = ? where drill_id = 'd-5'", (text,))
    db.commit()
    db.close()

    code, out, _ = ask(capsys, "report", "--format", "openmetrics")

    assert code == 0
    assert 'restorecheck_target_overdue{target="orders"} 0.0' in out
    assert 'restorecheck_backup_size_bytes{target="orders"}' not in out
    assert 'restorecheck_backup_size_bytes{target="courses"}' in out


def test_a_past_night_knows_nothing_of_the_nights_after_it(past):
    store = SqliteStore(past.database)

    known = [
        past_until(document.parse(store.report(drill)), store).nights for drill in ("d-3", "d-4")
    ]

    store.close()
    assert [[night.drill_id for night in nights] for nights in known] == [
        ["d-1", "d-3"],
        ["d-1", "d-3", "d-4"],
    ]
