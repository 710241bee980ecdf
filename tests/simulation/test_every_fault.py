"""Every effect of a night, every way in which it goes wrong, how long, and who goes on.

The provider, the inventory and the retention are the real ones; AWS is `restorecheck.testing.cloud`.
"""

import itertools
import os
from datetime import timedelta

import pytest

from restorecheck.aws.session.settings import After, Credentials
from restorecheck.model import Verdict
from tests.chosen import chosen
from tests.simulation.disturbing import (
    DEATHS,
    OF_CALLS,
    OF_STORE,
    STORE,
    Fault,
    Kind,
    Rescue,
    disturbed,
    effects_of,
    telling,
)
from tests.simulation.stage import Host, Setting, Stage

SETTINGS = {
    "managed secret": Setting(),
    "reset, standby": Setting(credentials=Credentials.RESET, after=After.STOP),
    "iam": Setting(credentials=Credentials.IAM),
    "aurora": Setting(aurora=True),
    "aurora, reset, standby": Setting(aurora=True, credentials=Credentials.RESET, after=After.STOP),
    "aurora, shared": Setting(aurora=True, direct=True),
    "rehearsing": Setting(rehearse=timedelta(hours=1)),
    "aurora, rehearsing": Setting(aurora=True, rehearse=timedelta(hours=1)),
}
PASSING = {
    Kind.BROKEN,
    Kind.LOST,
    Kind.THROTTLED,
    Kind.CONFLICT,
    Kind.STORE_BROKEN,
    Kind.STORE_LOST,
}
"""What changes no verdict when it passes and the host lives."""


def try_out(make, fault: Fault, rescue: Rescue, *, good: bool = True):
    stage = make()
    try:
        drill = disturbed(stage, (fault,), rescue)
    except AssertionError as exc:
        raise AssertionError(f"{exc}\n  {fault}; {rescue}") from exc
    if drill is None:
        return stage, None
    where = f"{fault}; {rescue}: {drill.verdict}: {drill.reason}"
    if not good:
        assert drill.verdict is not Verdict.VERIFIED, where
    elif fault.kind is not Kind.BLIND:
        assert drill.verdict is not Verdict.FAILED, where
    if good and fault.times is not None and rescue is Rescue.SAME and fault.kind in PASSING:
        assert drill.verdict is Verdict.VERIFIED, where
    if good and fault.kind in DEATHS and rescue is Rescue.OTHER and fault.name != "create drill":
        assert drill.verdict is Verdict.VERIFIED, where
    return stage, drill


ALL = os.environ.get("SIMULATION") == "all"
"""`make simulate`: the whole product; otherwise what has the most to tell of it."""

DYING = [
    ("managed secret", Rescue.OTHER, True),
    ("managed secret", Rescue.LATE, True),
    ("managed secret", Rescue.SWEEPER, True),
    ("managed secret", Rescue.SWEEPER, False),
    ("reset, standby", Rescue.OTHER, True),
    ("reset, standby", Rescue.SWEEPER, True),
    ("iam", Rescue.SWEEPER, True),
    ("rehearsing", Rescue.OTHER, True),
    ("rehearsing", Rescue.LATE, True),
    ("rehearsing", Rescue.SWEEPER, True),
]
if ALL:
    rescues = (Rescue.OTHER, Rescue.LATE, Rescue.SWEEPER)
    DYING = [(s, r, g) for s in SETTINGS for r in rescues for g in (True, False)]

REPEATED = (Kind.THROTTLED, Kind.BLIND, Kind.STRANGE)
FOR_LONG = (Kind.BROKEN, Kind.DENIED, Kind.BLIND, Kind.STRANGE)
GOING_WRONG = [
    *((kind, 1, Rescue.SAME) for kind in OF_CALLS),
    *((kind, 1, Rescue.OTHER) for kind in (Kind.LOST, Kind.HANGS, Kind.LATE, Kind.DENIED)),
    *((kind, 3, Rescue.SAME) for kind in REPEATED),
    *((kind, None, Rescue.SAME) for kind in (*FOR_LONG, Kind.THROTTLED)),
    *((kind, None, Rescue.SWEEPER) for kind in FOR_LONG),
]
if ALL:
    every = itertools.product(OF_CALLS, (1, 3, None), Rescue)
    GOING_WRONG = list(every)


@pytest.mark.parametrize(("setting", "rescue", "good"), DYING)
def test_whenever_the_host_dies_everything_ends_as_promised(setting, rescue, good):
    def make():
        return Stage(setting=SETTINGS[setting], good=good)

    effects = effects_of(make)
    assert len(effects) > 70, "the enumeration covers a whole night"
    verdicts = set()

    for number, name in effects if ALL else telling(effects):
        for kind in DEATHS:
            if kind is Kind.DIES_AFTER and name in STORE and number != len(effects) - 1:
                continue  # the same as before the next effect
            _, drill = try_out(make, Fault(number, name, kind), rescue, good=good)
            verdicts.add(drill and drill.verdict)

    assert Verdict.INCONCLUSIVE in verdicts or rescue is Rescue.OTHER


@pytest.mark.parametrize(("kind", "times", "rescue"), GOING_WRONG, ids=str)
def test_whatever_call_goes_wrong_everything_ends_as_promised(kind, times, rescue):
    effects = effects_of(Stage)
    calls = [(n, name) for n, name in (effects if ALL else telling(effects)) if name not in STORE]
    assert len(calls) > 25, "the enumeration covers a whole night"

    for number, name in calls:
        if name != "answer check":
            try_out(Stage, Fault(number, name, kind, times), rescue)


@pytest.mark.parametrize("kind", [Kind.LOST, Kind.BROKEN, Kind.DENIED])
@pytest.mark.parametrize("times", [1, None], ids=["once", "for long"])
def test_whatever_call_goes_wrong_with_an_own_secret_and_a_standby(kind, times):
    def make():
        return Stage(setting=SETTINGS["reset, standby"])

    for number, name in telling(effects_of(make)):
        if name not in STORE and name != "answer check":
            try_out(make, Fault(number, name, kind, times), Rescue.SAME)


@pytest.mark.parametrize("kind", OF_STORE)
@pytest.mark.parametrize("rescue", [Rescue.SAME, Rescue.SWEEPER])
def test_whatever_save_goes_wrong_everything_ends_as_promised(kind, rescue):
    saves = [(n, name) for n, name in effects_of(Stage) if name in STORE and n]

    for number, name in saves:
        try_out(Stage, Fault(number, name, kind), rescue)


AURORA = [name for name in SETTINGS if name.startswith("aurora")]
FEW = 0.04
"""Of the product of settings, effects, faults and rescues, in a quick run."""


@pytest.mark.parametrize("setting", AURORA)
def test_whatever_goes_wrong_in_a_night_of_aurora_everything_ends_as_promised(setting):
    def make(good=True):
        return Stage(setting=SETTINGS[setting], good=good)

    effects = effects_of(make)
    assert len(effects) > 70, "the enumeration covers a whole night"
    points = effects if ALL else telling(effects)
    deaths = [
        (Fault(number, name, kind), rescue, good)
        for (number, name), kind, rescue, good in itertools.product(
            points, DEATHS, (Rescue.OTHER, Rescue.LATE, Rescue.SWEEPER), (True, False)
        )
        if not (kind is Kind.DIES_AFTER and name in STORE and number != len(effects) - 1)
    ]
    calls = [(n, name) for n, name in points if name not in STORE and name != "answer check"]
    faults = [
        (Fault(number, name, kind, times), rescue, True)
        for (number, name), (kind, times, rescue) in itertools.product(calls, GOING_WRONG)
    ]

    for fault, rescue, good in chosen([*deaths, *faults], FEW):
        try_out(lambda good=good: make(good), fault, rescue, good=good)


def test_an_undisturbed_night_proves_the_backup_and_is_short():
    for setting in SETTINGS.values():
        stage = Stage(setting=setting)
        host = Host(stage)

        drill = host.drive(host.start())

        assert drill.verdict is Verdict.VERIFIED
        assert len(stage.cloud.calls) < (150 if setting.rehearse else 100)
        stage.promises.at_end()
