"""What comes from outside and becomes part of names: looked at where it enters, refused with one clear error."""

from datetime import timedelta
from typing import Any

import pytest

from restorecheck import codec
from restorecheck.errors import ConfigError, StoreError
from restorecheck.hosts.cli.arguments import main
from restorecheck.hosts.clock import drill_id_of, new_drill_id
from restorecheck.hosts.functions import adopter, checker, planner, stepper
from restorecheck.model import LONGEST_DRILL_ID, is_drill_id
from tests.factories import NOW, drill
from tests.unit.hosts.functions.test_starting import Around, restored

BAD = {
    "nothing": "",
    "another folder": "../../etc/cron.d/x",
    "a folder": "a/b",
    "a folder of Windows": "a\\b",
    "a dot": "..",
    "a line break": "a\nb",
    "a line break at the end": "20260226-031500-abcdef\n",
    "a zero": "a\0b",
    "an escape": "\x1b[31m",
    "a blank": "a b",
    "a quote": "a'b",
    "an option": "-x",
    "a hyphen at the end": "x-",
    "two hyphens": "a--b",
    "digits of another script": "٢٠٢٦",
    "too long": "a" * (LONGEST_DRILL_ID + 1),
    "megabytes": "a" * (1 << 20),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_no_drill_is_called_is_no_id(text):
    assert not is_drill_id(text)


def test_every_id_that_is_made_is_one():
    assert is_drill_id(new_drill_id(NOW))
    assert is_drill_id(drill_id_of("x/y z", NOW))


@pytest.mark.parametrize("function", ["stepper", "checker"])
@pytest.mark.parametrize(
    "found", [*BAD.values(), None, 7, ["a"], {"a": 1}], ids=[*BAD, "none", "number", "list", "map"]
)
def test_an_event_with_another_id_makes_nothing_and_says_what_is_wrong(function, found):
    around: Any = object()  # nothing of it is asked
    event = {"drill_id": found, "target": "courses"}
    calls: dict[str, Any] = {
        "stepper": lambda: stepper.step(event, around),
        "checker": lambda: checker.check(event, around, timedelta),
    }

    with pytest.raises(ConfigError) as caught:
        calls[function]()

    assert "drill_id" in caught.value.message
    assert len(caught.value.message) < 300
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("found", ["tonight", 7, {"a": 1}, "2026-02-26T03:15:00", "9" * 5000])
def test_a_time_that_is_none_is_no_defect(found):
    around: Any = Around()

    for call in (
        lambda: planner.plan({"scheduled_for": found}, around),
        lambda: stepper.step({"drill_id": "d-1", "scheduled_for": found}, around),
    ):
        with pytest.raises(ConfigError, match="scheduled_for: expected a time") as caught:
            call()
        assert len(caught.value.message) < 300


@pytest.mark.parametrize("found", ["courses", 7, {"courses": 1}, [7], ["../courses"], ["x" * 5000]])
def test_targets_of_an_event_are_names_of_the_configuration(found):
    around: Any = Around()

    with pytest.raises(ConfigError, match=r"targets: expected|no RDS target") as caught:
        planner.plan({"targets": found}, around)

    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("key", "found"),
    [("restoreJobId", bad) for bad in ("../x", "a b", 7, ["x"], "x" * 65)]
    + [("createdResourceArn", bad) for bad in ("x", "arn:../../x", "arn:a\nb", 7, "arn:" + "x" * 999)]
    + [("sourceResourceArn", bad) for bad in ("x", 7, "arn:\x1b[31m")]
    + [("creationDate", "yesterday")],
)  # fmt: skip
def test_an_event_of_aws_backup_is_looked_at_before_anything_is_named_after_it(key, found):
    around: Any = Around()
    event = restored()

    with pytest.raises(ConfigError, match=f"{key}: expected") as caught:
        adopter.adopt({**event, "detail": {**event["detail"], key: found}}, around)

    assert around.started == {}
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("detail", [None, "x", [], 7])
def test_an_event_without_details_is_no_defect(detail):
    around: Any = Around()

    with pytest.raises(ConfigError, match="expected a restore job that has ended"):
        adopter.adopt({**restored(), "detail": detail}, around)


@pytest.mark.parametrize("text", ["../../../etc", "a/b", ""])
def test_a_stored_drill_that_leads_to_files_of_others_is_not_carried_on(text):
    stored = codec.encode(drill(id="d-1")).replace('"d-1"', f'"{text}"', 1)

    with pytest.raises(StoreError, match="could not read a stored drill: its id is not valid"):
        codec.decode(stored)


def test_sweep_takes_ids_of_drills_only(capsys):
    assert main(["sweep", "../../etc"]) == 2
    assert "expected the id of a drill" in capsys.readouterr().err
