"""What doctor says of a dump: a clear answer, and what nobody could look at, which is never a clear one."""

import argparse
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from restorecheck.hosts.cli import doctor
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.model import Severity
from restorecheck.postgres.dump.preview import _failed
from restorecheck.rules import machine
from restorecheck.rules.catalogue import RULES, By, RuleSeverity
from restorecheck.rules.facts import DumpFacts, MachineFacts, Preview, Unread
from restorecheck.rules.findings import (
    Ignore,
    Outcome,
    ignoring,
    not_looked_at,
    ok,
    problem,
    problems,
    unseen,
)
from restorecheck.rules.text import summary
from tests.factories import NOW
from tests.nights import check

OK, PROBLEM, UNSEEN = Outcome.OK, Outcome.PROBLEM, Outcome.NOT_LOOKED_AT
GOOD = DumpFacts(
    target="courses",
    path="/b",
    max_age=timedelta(hours=26),
    newest="1.dump",
    size_bytes=10**9,
    taken_at=NOW - timedelta(hours=3),
    major=17,
    majors=(17,),
    preview=Preview(newest="1.dump", server="PostgreSQL 17.5"),
)
MACHINE = MachineFacts(
    history="/h/history.sqlite",
    history_problem="",
    work_dir="/w",
    work_dir_problem="",
    free_bytes=10**10,
    account="",
    account_problem="",
    config_file="/c.yaml",
    config_is_open=False,
    config_holds_secrets=False,
    channels=0,
    channel_problem="",
)


def judged(dump=GOOD, **facts):
    """Rule → outcome, of the dump."""
    found = machine.judge(replace(MACHINE, dumps=(dump,), **facts), NOW)
    return {f.rule.id: f.outcome for f in found if f.resource == "courses"}


def of_discovery(**facts):
    return [
        (f.resource, f.outcome, f.found)
        for f in machine.judge(replace(MACHINE, **facts), NOW)
        if f.rule.id == "RC128"
    ]


def test_a_database_that_was_found_and_is_no_target_is_a_problem():
    assert of_discovery() == []
    assert of_discovery(discovered=("shop", "crm")) == [
        ("discover", OK, "2 databases found, each with a target")
    ]
    assert of_discovery(discovered=("shop",), undiscovered=("shop",)) == [
        ("shop", PROBLEM, "the database was found, and is no target yet")
    ]
    assert of_discovery(discovered=("shop",), discovery_problems=("RDS is denied",)) == [
        ("discover", PROBLEM, "RDS is denied")
    ]


def test_of_a_history_in_postgresql_the_url_is_to_be_corrected():
    facts = replace(MACHINE, history="h/d", history_problem="it is denied")
    (said,) = (f for f in machine.judge(facts, NOW) if f.rule.id == "RC107")

    assert [advice.line for advice in said.advice] == [
        "<correct history.url, or the rights of its role>"
    ]


def test_of_a_dump_that_is_all_right_everything_is():
    assert judged() == dict.fromkeys(
        ("RC102", "RC103", "RC106", "RC101", "RC104", "RC122", "RC123"), OK
    )


@pytest.mark.parametrize(
    ("changes", "rule", "outcome"),
    [
        ({"head": Unread("the key")}, "RC106", UNSEEN),
        ({"head": "is no dump that pg_dump wrote"}, "RC106", PROBLEM),
        ({"majors": Unread("PostgreSQL's programs", "there are none")}, "RC101", PROBLEM),
        ({"majors": ()}, "RC101", PROBLEM),
        ({"majors": (15,)}, "RC101", PROBLEM),
        ({"major": None, "majors": (15,)}, "RC101", OK),
        ({"taken_at": NOW - timedelta(hours=26)}, "RC103", OK),
        ({"taken_at": NOW - timedelta(hours=27)}, "RC103", PROBLEM),
        ({"taken_at": NOW + timedelta(hours=2)}, "RC103", PROBLEM),
        ({"taken_at": NOW - timedelta(days=900), "max_age": None}, "RC103", OK),
        ({"taken_at": None}, "RC103", UNSEEN),
        ({"taken_at": None, "max_age": None}, "RC103", UNSEEN),
        ({"size_bytes": 3_333_333_333}, "RC104", OK),
        ({"size_bytes": 3_333_333_334}, "RC104", PROBLEM),
        ({"preview": Unread("more time", "it is large")}, "RC122", UNSEEN),
        ({"preview": Preview(only_head="it is large")}, "RC122", UNSEEN),
        ({"preview": Preview(verdict="failed", reason="it is cut")}, "RC122", PROBLEM),
        ({"preview": Preview(verdict="inconclusive", reason="no key")}, "RC122", PROBLEM),
        ({"preview": Preview(problems=("a newer one is cut",))}, "RC122", PROBLEM),
        ({"preview": Preview(lacks="it lacks PostGIS")}, "RC123", PROBLEM),
        ({"preview": Preview(server="it")}, "RC123", OK),
    ],
)
def test_each_answer_is_what_it_is_and_an_unclear_one_is_not_looked_at(changes, rule, outcome):
    found = [
        f.outcome
        for f in machine.judge(replace(MACHINE, dumps=(replace(GOOD, **changes),)), NOW)
        if f.rule.id == rule
    ]

    assert found == [outcome], "once, and nothing else beside it"


def test_room_that_unknown_cause_is_not_looked_at():
    assert judged(free_bytes=None)["RC104"] is UNSEEN


def test_what_another_rule_says_already_is_not_said_twice():
    assert "RC122" not in judged(replace(GOOD, preview=Unread("the work directory", "see RC108")))
    cut = Preview(verdict="failed", reason="1.dump is no dump that pg_dump wrote")
    same = replace(GOOD, head="is no dump that pg_dump wrote", preview=cut)
    assert "RC122" not in judged(same)


@pytest.mark.parametrize(
    ("outcome", "said"), [("failed", True), ("error", True), ("passed", False), ("skipped", False)]
)
def test_what_is_wrong_with_the_files_is_told_before_the_night_also_where_it_is_unclear(
    outcome, said
):
    whole: Any = check("the newest dump is whole", outcome=outcome, detail="1.dump is locked")
    young: Any = check("the backup is young enough", outcome=outcome, detail="it is old")

    assert _failed([whole, young], Severity.REQUIRED) == (("1.dump is locked",) if said else ())


def test_of_a_dump_that_nobody_can_read_nothing_more_is_said():
    assert judged(replace(GOOD, problem="the folder is empty")) == {"RC102": PROBLEM}


def test_a_dump_for_a_server_elsewhere_needs_no_programs_and_no_room_here():
    elsewhere = replace(GOOD, restores_here=False, majors=(), size_bytes=10**12)

    assert judged(elsewhere).keys().isdisjoint({"RC101", "RC104"})


@pytest.mark.parametrize(("found", "outcome"), [(True, OK), (False, PROBLEM)])
def test_the_program_that_decrypts_a_dump_must_be_there(found, outcome):
    assert judged(replace(GOOD, decrypt="age", decrypt_found=found))["RC105"] is outcome
    assert "RC105" not in judged()


def test_what_the_drill_passes_over_is_told_once_each_and_is_no_problem():
    seen = Preview(newest="1.dump", notes=("2.tmp is being written", "3.log is no dump"))
    found = [*machine.judge(replace(MACHINE, dumps=(replace(GOOD, preview=seen),)), NOW)]
    notes = [(f.found, f.outcome) for f in found if f.rule.id == "RC124"]

    assert notes == [(note, OK) for note in seen.notes]


def test_another_locale_is_told_and_is_no_problem():
    seen = Preview(newest="1.dump", server="PostgreSQL 17.5", other_locale="tr_TR.UTF-8")
    found = machine.judge(replace(MACHINE, dumps=(replace(GOOD, preview=seen),)), NOW)
    (told,) = [f for f in found if f.rule.id == "RC123"]

    assert told.outcome is OK
    assert "tr_TR.UTF-8" in told.found


# --- this machine -----------------------------------------------------------------------------


def of_machine(**changes):
    """Rule → finding."""
    return {f.rule.id: f for f in machine.judge(replace(MACHINE, **changes), NOW)}


def test_of_a_machine_without_dumps_aws_or_channels_only_the_common_is_said():
    found = of_machine()

    assert {rule: f.outcome for rule, f in found.items()} == dict.fromkeys(
        ("RC107", "RC108", "RC109", "RC110", "RC112"), OK
    )


@pytest.mark.parametrize(
    ("changes", "rule", "outcome"),
    [
        ({"history_problem": "it cannot be written"}, "RC107", PROBLEM),
        ({"work_dir_problem": "it is not there"}, "RC108", PROBLEM),
        ({"account_problem": "there is no such user"}, "RC109", PROBLEM),
        ({"config_is_open": True}, "RC110", OK),
        ({"config_holds_secrets": True}, "RC110", OK),
        ({"config_is_open": True, "config_holds_secrets": True}, "RC110", PROBLEM),
        ({"config_changer": "ann", "config_change_at": "/etc"}, "RC112", PROBLEM),
        ({"channels": 2}, "RC111", OK),
        ({"channels": 2, "channel_problem": "it is unreachable"}, "RC111", PROBLEM),
        ({"pages": "127.0.0.1:9188"}, "RC125", OK),
        ({"pages": "127.9.9.9:9188"}, "RC125", OK),
        ({"pages": "localhost:9188"}, "RC125", OK),
        ({"pages": "LocalHost:9188"}, "RC125", OK),
        ({"pages": "[::1]:9188"}, "RC125", OK),
        ({"pages": "0.0.0.0:9188"}, "RC125", PROBLEM),
        ({"pages": "[::]:9188"}, "RC125", PROBLEM),
        ({"pages": "10.0.0.7:9188"}, "RC125", PROBLEM),
        ({"pages": "localhost.example.org:9188"}, "RC125", PROBLEM),
        ({"pages": "127.0.0.1:9188", "token_file": "/t"}, "RC126", OK),
        (
            {"pages": "127.0.0.1:9188", "token_file": "/t", "token_is_open": True},
            "RC126",
            PROBLEM,
        ),
        (
            {"pages": "127.0.0.1:9188", "token_file": "/t", "token_problem": "it is empty"},
            "RC126",
            PROBLEM,
        ),
        ({"bundle": "/b.pem"}, "RC120", OK),
        ({"bundle": "/b.pem", "bundle_problem": "it is empty"}, "RC120", PROBLEM),
        ({"unscheduled": ("courses",)}, "RC121", PROBLEM),
        ({"dumps": (GOOD,)}, "RC113", OK),
        ({"dumps": (GOOD,), "missing_walls": ("no user namespaces",)}, "RC113", PROBLEM),
    ],
)
def test_the_machine_is_looked_at_fact_by_fact(changes, rule, outcome):
    assert of_machine(**changes)[rule].outcome is outcome


@pytest.mark.parametrize(
    ("owns", "command"),
    [(True, "chown root /etc/restorecheck"), (False, "chmod go-w /etc/restorecheck")],
)
def test_who_may_change_the_configuration_is_named_and_the_way_is_barred(owns, command):
    found = of_machine(
        config_changer="ann", config_change_at="/etc/restorecheck", config_changer_owns_it=owns
    )["RC112"]

    assert [advice.line for advice in found.advice] == [command]
    assert "ann" in found.found
    assert "/etc/restorecheck" in found.found


OPEN_TOKEN = {"token_file": "/a b", "token_is_open": True}


def test_pages_that_start_no_drill_have_no_token_to_be_looked_at():
    assert "RC126" not in of_machine(pages="127.0.0.1:9188")
    assert "RC125" not in of_machine(**OPEN_TOKEN)


def test_pages_that_are_open_are_to_listen_on_their_own_port_of_this_machine():
    (advice,) = of_machine(pages="[::]:9200")["RC125"].advice

    assert "127.0.0.1:9200" in advice.line


def test_what_is_wrong_with_the_token_is_told_and_its_rights_only_where_nothing_else_is():
    wrong = {"token_problem": "it is empty"}
    broken = of_machine(pages="[::1]:1", **OPEN_TOKEN, **wrong)["RC126"]
    readable = of_machine(pages="[::1]:1", **OPEN_TOKEN)["RC126"]

    assert broken.found == "it is empty"
    assert "/a b" in broken.advice[0].line
    assert [advice.line for advice in readable.advice] == ["chmod o-rwx '/a b'"]


def test_every_target_without_a_schedule_is_named():
    found = machine.judge(replace(MACHINE, unscheduled=("a", "b")), NOW)

    assert [f.resource for f in found if f.rule.id == "RC121"] == ["a", "b"]


# --- what all of it comes to ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "outcome"),
    [
        ((), {"RC127": OK}),
        (("s3:PutObject", "s3:DeleteObject"), {"RC127": PROBLEM}),
        (Unread("iam:SimulatePrincipalPolicy", "denied"), {"RC127": UNSEEN}),
        (None, {}),
    ],
)
def test_rights_to_change_the_dumps_are_a_finding_where_they_are_known(allowed, outcome):
    found = judged(replace(GOOD, changes_allowed=allowed))
    assert {rule: found[rule] for rule in found if rule == "RC127"} == outcome


FINE = ok("RC102", "a", "it is there")
WRONG = problem("RC101", "a", "there are no programs")
UNCLEAR = not_looked_at("RC106", "a", "the key")
UNTIL = date(2026, 3, 1)


def known(rule, until=UNTIL):
    return Ignore(rule=rule, resource="*", reason="we know", until=until)


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([FINE], Exit.VERIFIED),
        ([FINE, UNCLEAR], Exit.INCONCLUSIVE),
        ([WRONG, FINE], Exit.FAILED),
        ([UNCLEAR, WRONG], Exit.FAILED),
        ([WRONG, UNCLEAR], Exit.FAILED),
        ([], Exit.VERIFIED),
    ],
)
def test_a_problem_outranks_what_is_unclear_and_that_outranks_what_is_fine(findings, code, capsys):
    arguments = argparse.Namespace(output=None, format="text", fail_on="low")

    assert doctor.answer(None, findings, By.DOCTOR, arguments, NOW) == code
    assert ("1 not looked at" in capsys.readouterr().out) is (UNCLEAR in findings)


def test_a_problem_below_the_threshold_leaves_what_is_unclear(capsys):
    arguments = argparse.Namespace(output=None, format="text", fail_on="critical")

    mild = problem(
        next(r.id for r in RULES if r.severity is not RuleSeverity.CRITICAL), "a", "mild"
    )
    assert doctor.answer(None, [mild, UNCLEAR], By.DOCTOR, arguments, NOW) == Exit.INCONCLUSIVE
    assert doctor.answer(None, [mild, FINE], By.DOCTOR, arguments, NOW) == Exit.VERIFIED


@pytest.mark.parametrize(("today", "counts"), [(UNTIL, 0), (date(2026, 3, 2), 1)])
def test_what_could_not_be_looked_at_may_be_ignored_up_to_the_last_day_as_a_problem_is(
    today, counts
):
    found = ignoring([WRONG, UNCLEAR, FINE], [known("RC101"), known("RC106")], today)

    assert (len(problems(found)), len(unseen(found))) == (counts, counts)
    assert found[2].counts is False


def test_the_summary_counts_each_finding_once():
    found = ignoring([WRONG, UNCLEAR, FINE, UNCLEAR], [known("RC101")], UNTIL)

    assert summary(found) == "0 problems, 1 ok, 2 not looked at, 1 ignored"
    assert summary([WRONG, UNCLEAR]) == "1 problem, 0 ok, 1 not looked at"
    assert summary([FINE]) == "0 problems, 1 ok"


def programs(**facts):
    found = machine.judge(replace(MACHINE, dumps=(replace(GOOD, **facts),)), NOW)
    return next(f for f in found if f.rule.id == "RC101")


def test_a_dump_that_a_higher_version_would_restore_is_told_the_command_of_its_own():
    command = "restorecheck server install 16"

    higher = programs(major=16, majors=(15, 17), own_major=command)
    own = programs(major=16, majors=(16, 17), own_major=command)

    assert (higher.outcome, own.outcome) == (OK, OK)
    assert "the dump is of 16: `restorecheck server install 16` installs" in higher.found
    assert command not in own.found
    assert "13" not in programs(major=13, majors=(17,)).found
    broken = programs(
        major=16, majors=(17,), own_major=command, unusable=("/x/bin does not run: why",)
    )
    assert broken.found.endswith("; /x/bin does not run: why")


def test_where_no_programs_fit_the_missing_library_and_the_version_are_the_advice():
    found = programs(
        majors=(),
        own_major="restorecheck server install 17",
        unusable=("/x/bin does not run: this machine lacks libxml2.so.2",),
        unusable_fixes=("apt-get install libxml2",),
    )

    assert found.outcome is PROBLEM
    assert "versions: none; the dump needs 17; /x/bin does not run" in found.found
    assert [advice.line for advice in found.advice] == [
        "apt-get install libxml2",
        "restorecheck server install 17",
    ]


def test_a_version_that_pip_does_not_bring_is_the_operating_systems():
    found = programs(major=13, majors=())

    assert [advice.line for advice in found.advice] == [
        "<install PostgreSQL 13 of the operating system>"
    ]


def test_without_any_programs_and_without_a_known_version_the_system_s_own_are_advised():
    found = programs(major=None, majors=())

    assert (found.outcome, found.found) == (PROBLEM, "installed PostgreSQL versions: none")
    assert [advice.line for advice in found.advice] == [
        "<install PostgreSQL of the operating system>"
    ]
