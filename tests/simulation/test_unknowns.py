"""What nobody knows of AWS: each answer is played, every combination, and each ends as promised."""

import os
from dataclasses import asdict
from typing import Any

import pytest

from restorecheck.aws.session.settings import After, Credentials
from restorecheck.model import Verdict
from restorecheck.testing.cloud import CloudPace, Unknowns
from tests.simulation.disturbing import DEATHS, Fault, Rescue, disturbed, effects_of, telling
from tests.simulation.stage import Host, Setting, Stage

ALL = os.environ.get("SIMULATION") == "all"
EVERY = tuple(Unknowns.every())
UNKIND = EVERY[-1]
SOME = (*dict.fromkeys(Unknowns.each()), UNKIND)
"""`make simulate` plays them all."""
SETTINGS = (Setting(), Setting(credentials=Credentials.RESET, after=After.STOP))
SLOW = CloudPace(visible=80)
"""What was made is seen at the second look, and its tags at the third."""


def told(unknowns: Unknowns) -> str:
    return ", ".join(f"{key}={value}" for key, value in asdict(unknowns).items())


def nights(unknowns: Unknowns, setting: Setting) -> None:
    stage = Stage(unknowns=unknowns, pace=SLOW, setting=setting)
    host = Host(stage)
    for _ in range(3):
        drill = host.drive(host.start())
        assert drill.verdict is Verdict.VERIFIED, f"{drill.reason} {drill.hint}"
        assert not drill.ledger
        stage.promises.at_end()
        stage.next_night()
    assert len(stage.cloud.backup.snapshots) == setting.keep_copies


@pytest.mark.parametrize("setting", SETTINGS, ids=["managed secret", "own secret, standby"])
@pytest.mark.parametrize("unknowns", EVERY if ALL else SOME, ids=told)
def test_a_good_backup_is_verified_and_nothing_is_left_however_aws_answers(unknowns, setting):
    nights(unknowns, setting)


def test_every_answer_is_played():
    for name, value in asdict(Unknowns()).items():
        kind: Any = type(value)
        kinds = {False, True} if kind is bool else set(kind)
        assert {getattr(unknowns, name) for unknowns in EVERY} == kinds


@pytest.mark.parametrize("unknowns", EVERY if ALL else [UNKIND], ids=told)
@pytest.mark.parametrize("rescue", [Rescue.OTHER, Rescue.SWEEPER])
def test_a_host_that_dies_leaves_nothing_however_aws_answers(unknowns, rescue):
    def make():
        return Stage(unknowns=unknowns, pace=SLOW)

    effects = effects_of(make)
    for number, name in effects if ALL else telling(effects):
        for kind in DEATHS:
            drill = disturbed(make(), (Fault(number, name, kind),), rescue)
            assert drill is None or drill.verdict is not Verdict.FAILED, (name, kind)
