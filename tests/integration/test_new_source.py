"""A kind of source that is added as a contributor would: its files, and one line in the registry. It is of
an engine of its own, so nothing of PostgreSQL is asked for.
"""

import json

from tests.toys.library import CHECK, WHOLE


def test_a_drill_of_a_new_source_and_engine_is_planned_and_verified_and_leaves_nothing(library):
    planned = library.run("drill", "--plan")
    drilled = library.run("drill", "--json")
    known = library.run("status")

    assert "unpack the shelves" in planned.stdout, planned.stderr
    assert drilled.returncode == 0, drilled.stderr
    report = json.loads(drilled.stdout)
    assert report["verdict"] == "verified"
    kinds = [check["kind"] for check in report["checks"]]
    assert kinds == ["server_answers", "tables_countable", "constraints_hold", "row_count"]
    assert list(library.work.iterdir()) == []
    assert "library" in known.stdout
    assert known.returncode == 0


def test_a_bad_backup_and_a_check_that_does_not_hold_fail(library):
    library.backup("poems: Duino\nend of shelves\n")
    too_few = json.loads(library.run("drill", "--json").stdout)
    library.backup("poems: Duino, Iliad\n")
    cut = json.loads(library.run("drill", "--json").stdout)

    assert (too_few["verdict"], cut["verdict"]) == ("failed", "failed")
    assert cut["reason"] == "shelves.txt has no end"
    assert list(library.work.iterdir()) == []


TITLE = {"table": "poems", "column": "title"}
TITLES = {"table": "poems", "columns": ["title"]}
HOLDS = (
    {"not_null": TITLES},
    {"percent_null": {**TITLE, "max": "0%"}},
    {"unique": TITLES},
    {"range": {**TITLE, "min": "A", "max": "Z"}},
    {"accepted_values": {**TITLE, "values": ["Duino", "Iliad", "Sonnets"]}},
    {"references": {**TITLES, "to": "all", "to_columns": ["title"]}},
)


def test_its_scan_speaks_its_own_sql_and_is_judged_as_every_other_one(library):
    def outcomes():
        report = json.loads(library.run("drill", "--json").stdout)
        return {c["kind"]: c["outcome"] for c in report["checks"] if c["kind"] in kinds}

    kinds = [kind for check in HOLDS for kind in check]
    library.configure(*HOLDS)
    library.backup("poems: Duino, Iliad\nall: Iliad, Duino, Faust\nend of shelves\n")
    good = outcomes()
    library.backup("poems: Duino, Duino, it's `new`\nall: Duino\nend of shelves\n")
    bad = outcomes()

    assert good == dict.fromkeys(kinds, "passed")
    wrong = {"unique", "range", "accepted_values", "references"}
    assert bad == {kind: "failed" if kind in wrong else "passed" for kind in kinds}


def test_its_nights_are_compared_with_each_other(library):
    plays = ", ".join(f"play {number}" for number in range(300))
    library.backup(WHOLE.replace("Faust", plays))
    library.run("drill", "--json")
    library.backup("poems: Duino, Iliad, Sonnets\nend of shelves\n")

    second = json.loads(library.run("drill", "--json").stdout)

    assert second["verdict"] == "failed"
    (failed,) = (check for check in second["checks"] if check["outcome"] == "failed")
    assert failed["kind"] == "not_emptied"
    assert "plays" in failed["detail"]


def test_its_keys_and_rules_are_part_of_the_configuration(library):
    library.configure(CHECK, {"query": {"sql": "select 1", "expect": 1}}, work_dir="shelves.txt")

    answer = library.run("config", "validate")

    assert answer.returncode == 2
    assert "shelf.work_dir: the backup itself is no place for it" in answer.stderr
    assert "query is not a check of Shelves" in answer.stderr
    assert "The backups are shelves of books." in library.run("config", "schema").stdout
    library.write({"name": "library"})
    said = library.run("config", "validate").stderr
    assert "these keys: dump, physical, rds, aurora, adopt, shelf" in said


def test_a_sweep_takes_away_what_it_left_and_the_doctor_looks_at_the_machine(library):
    left = library.work / "restorecheck-20260226-031500-a1b2c3"
    left.mkdir()

    swept = library.run("sweep")
    doctor = library.run("doctor")

    assert f"deleted   unpacked shelves {left}" in swept.stdout, swept.stderr
    assert not left.exists()
    assert doctor.returncode in {0, 1, 3}, doctor.stderr
    assert "library" not in doctor.stderr


def test_a_command_that_needs_postgresql_says_that_it_is_another_engine(library):
    answer = library.run("propose", "library")

    assert answer.returncode == 2
    assert "propose is for PostgreSQL; 'library' restores Shelves" in answer.stderr
