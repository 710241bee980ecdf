"""The rehearsal of an upgrade in the sandbox: through the command line, and through the functions."""

import pytest

from restorecheck.sandbox import Fault
from restorecheck.simulated.pace import PlannedOutcome
from tests.rds.conftest import configure
from tests.rds.test_functions import planned, report_of, run

QUERY = {
    "query": {
        "name": "answers are numbered",
        "sql": "select max(id) from public.answers",
        "expect": {"at_least": 1},
    }
}


@pytest.fixture
def rehearsing(scene):
    target = scene.keys["targets"][0]
    target["rehearse"] = {"upgrade": "next"}
    target["checks"].append(QUERY)
    return scene


def upgrades_of(scene):
    """What was asked for since the sandbox was there, newest last."""
    calls = [c for c in scene.sandbox.calls if c.operation == "ModifyDBInstance"]
    return [c.parameters for c in calls if "EngineVersion" in c.parameters]


def test_the_temporary_instance_is_upgraded_asked_again_and_deleted(rehearsing):
    done = rehearsing.drill()

    found = done.report["rehearsal"]
    assert (done.code, done.verdict) == (0, "verified"), done.reason
    assert found["verdict"] == "verified", found["reason"]
    assert found["reason"] == "the upgrade succeeds, and all 3 required checks passed"
    before, after = (int(found[key].partition(".")[0]) for key in ("from_version", "to_version"))
    assert after == before + 1
    assert found["upgrade_seconds"] > 0
    asked = upgrades_of(rehearsing)[-1]
    assert asked["DBInstanceIdentifier"] == f"restorecheck-{done.report['drill_id']}"
    assert (asked["AllowMajorVersionUpgrade"], asked["ApplyImmediately"]) == (True, True)
    assert asked["DBParameterGroupName"] == f"default.postgres{after}"
    assert rehearsing.leftovers() == []


def test_the_functions_upgrade_in_one_and_ask_in_the_other(rehearsing, around):
    configure(rehearsing, around)
    drill = planned(around)

    answers = run(around, drill)

    assert answers[-1]["verdict"] == "verified", answers[-1]
    found = report_of(around, drill).rehearsal
    assert found is not None
    assert found.verdict == "verified", found.reason
    assert "could not be compared" not in found.reason
    details = [answer.get("detail", "") for answer in answers]
    assert "upgrade requested" in details
    assert rehearsing.leftovers() == []


def test_what_would_break_is_in_the_report_and_the_drill_stays_verified(rehearsing):
    rehearsing.sandbox.rds.state.upgrades.append(PlannedOutcome(status="refused"))

    done = rehearsing.drill()

    assert (done.code, done.verdict) == (0, "verified")
    found = done.report["rehearsal"]
    assert found["verdict"] == "failed"
    assert "public.settings.dictionary" in found["reason"]
    assert rehearsing.leftovers() == []


def test_without_the_right_nothing_is_upgraded_and_the_report_says_so(rehearsing):
    denied = Fault(
        operation="DescribeDBEngineVersions", code="AccessDenied", status=403, times=None
    )
    rehearsing.sandbox.faults.add(denied)
    asked = len(upgrades_of(rehearsing))
    try:
        done = rehearsing.drill()
    finally:
        rehearsing.sandbox.faults.clear()

    assert done.verdict == "verified"
    assert done.report["rehearsal"]["verdict"] == "inconclusive"
    assert "AccessDenied" in done.report["rehearsal"]["reason"]
    assert len(upgrades_of(rehearsing)) == asked


def test_the_plan_says_what_is_upgraded_and_what_it_costs(rehearsing):
    plan = rehearsing.run("drill", "--plan")

    assert "if it is verified: rds:ModifyDBInstance on restorecheck-" in plan.out
    assert "costs the hourly price of db.t4g.small" in plan.out
    assert "(within 60 minutes)" in plan.out


def test_a_kept_instance_is_not_upgraded(rehearsing):
    done = rehearsing.drill("--keep")

    assert done.verdict == "verified"
    assert done.report["rehearsal"] is None
    rehearsing.run("sweep", done.report["drill_id"])
    assert rehearsing.leftovers() == []
