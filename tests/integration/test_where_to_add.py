"""The table "Where do I add …": a toy of each row is added to the files that the row names, and works."""

import json
import re

import pytest

from tests.toys.library import ROOT

PAGE = (ROOT / "docs/explanation/design.md").read_text()
(SECTION,) = re.findall(r"## Where do I add …\n(.*?)\n## ", PAGE, re.DOTALL)
ROWS = {
    what.strip(): (re.findall(r"`([^`]+)`", files), re.findall(r"`([^`]+)`", also))
    for what, files, also in re.findall(r"^\| (.*?) \|(.*?)\|(.*)\|$", SECTION, re.MULTILINE)
    if what != "what"
}
TOYS_OF = {
    "a kind of check": ("check", {"NAME": "even"}),
    "a rule of `doctor` or `audit`": ("rule", {"SUBJECT": "machine"}),
    "a notification channel": ("channel", {"NAME": "memo"}),
    "a face of `report`": ("face", {"NAME": "brief"}),
    "a flag of a command": ("flag", {"COMMAND": "reports"}),
    "a runtime of dumps": ("runtime", {"NAME": "folder"}),
    "a storage of dumps": ("storage", {"NAME": "drawer"}),
    "a kind of physical backup": ("physical", {"NAME": "cellar"}),
}
SHELF = {"NAME": "shelf", "ROOM": "shelves"}


def named(row, names):
    files, _ = ROWS[row]
    return {re.sub(r"[A-Z]+", lambda word: names[word[0]], file) for file in files}


def drilled(library, *arguments):
    done = library.run("drill", "--json", *arguments)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("row", TOYS_OF)
def test_a_row_names_what_its_toy_touches(row, library):
    toy, names = TOYS_OF[row]

    assert library.add(toy) == named(row, names)


def test_a_source_with_an_engine_of_its_own_touches_what_the_two_rows_name(library):
    files = library.files()
    engine = {name for name, text in files.items() if re.search("Checker|Dialect|Aggregate", text)}

    assert named("an engine", SHELF) == engine
    assert named("a kind of source", SHELF) == files.keys() - {
        "shelves/checker.py",
        "checks/dialects/shelves.py",
    }


def test_every_row_has_a_toy_and_every_other_file_that_it_names_is_there():
    assert ROWS.keys() == TOYS_OF.keys() | {"a kind of source", "an engine"}
    for files, also in ROWS.values():
        for file in (*files, *also):
            if "/" in file and not re.search("[A-Z]", file):
                assert (ROOT / "restorecheck" / file).exists(), file


def test_a_new_check_is_in_the_schema_and_is_asked(library):
    library.add("check")
    library.configure({"even": {"table": "poems"}})

    schema = json.loads(library.run("config", "schema").stdout)
    report = drilled(library)

    assert "even" in schema["$defs"]["Check"]["properties"]
    (asked,) = (check for check in report["checks"] if check["kind"] == "even")
    assert (asked["outcome"], asked["found"]) == ("failed", "3 rows")


def test_a_new_rule_is_held_against_this_machine(library):
    library.add("rule")

    answer = json.loads(library.run("doctor", "--format", "json").stdout)

    (finding,) = (one for one in answer["findings"] if one["rule"] == "RC199")
    assert finding["found"] == "it has another suffix"


def test_a_new_channel_is_in_the_schema_and_hears_of_a_failed_drill(library):
    library.add("channel")
    library.configure(
        {"row_count": {"table": "poems", "min": 9}}, more={"notify": [{"memo": {"file": "m"}}]}
    )

    schema = json.loads(library.run("config", "schema").stdout)
    drilled(library, "--notify")

    assert {"required": ["memo"]} in schema["$defs"]["Channel"]["oneOf"]
    assert "library" in (library.folder / "m").read_text()


def test_a_new_face_is_printed(library):
    library.add("face")
    drilled(library)

    assert library.run("report", "--format", "brief").stdout == "library: verified\n"


def test_a_new_flag_is_in_the_help_and_acts(library):
    library.add("flag")
    drilled(library)

    assert "--loud" in library.run("report", "--help").stdout
    assert library.run("report", "--loud").stdout == library.run("report").stdout.upper() != ""


def test_a_new_runtime_holds_the_server_and_a_sweep_finds_it_there(library, source):
    library.add("runtime")
    source.dump(library.folder / "library.dump", "--format=custom")
    other = library.folder / "other"
    other.mkdir()
    library.write({"name": "library", "dump": {"path": "library.dump", "folder": str(other)}})

    report = drilled(library, "--keep")
    kept = [path.name for path in other.iterdir()]
    (library.folder / "history.sqlite").unlink()  # so nothing else knows of it
    swept = library.run("sweep", report["drill_id"])

    assert report["verdict"] == "verified", report
    assert kept == [f"restorecheck-{report['drill_id']}"]
    assert swept.returncode == 0, swept.stderr
    assert list(other.iterdir()) == list(library.work.iterdir()) == []


def test_a_new_storage_is_listed_and_its_newest_dump_is_restored(library, source):
    library.add("storage")
    drawer = library.folder / "drawer"
    drawer.mkdir()
    source.dump(drawer / "library.dump", "--format=custom")
    library.write({"name": "library", "dump": {"path": "*.dump", "drawer": {"folder": "drawer"}}})

    report = drilled(library)

    assert report["verdict"] == "verified", report
    assert report["backup"]["identifier"] == "drawer: library.dump"


def test_a_new_kind_of_physical_backup_is_listed(library):
    library.add("physical")
    library.write({"name": "library", "physical": {"kind": "cellar", "cask": "oak"}})

    report = drilled(library)

    assert report["verdict"] == "failed", report
    assert report["reason"] == "cellar: old is corked"
