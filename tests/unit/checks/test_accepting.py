"""A difference of the structure stays, night by night, until somebody says that it is right."""

from dataclasses import replace

import pytest

from restorecheck.checks.judge_scan import judge_built_in
from restorecheck.checks.kinds.compared import NotWidened, StructureSame, settled, unsettled
from restorecheck.checks.structure import in_form
from restorecheck.model import CheckOutcome, CheckSpec, Severity
from tests.scans import context, own, reading

PASSED, FAILED = CheckOutcome.PASSED, CheckOutcome.FAILED
ORDERS = {
    "format": "2",
    "table public.orders": "r",
    "column public.orders.id": "bigint not null",
    "rights table public.orders": "owner app; app: ALL",
    "row security public.orders": "on",
}
ANALYST = {**ORDERS, "rights table public.orders": "owner app; app: ALL; analyst: SELECT"}
WIDER = {**ORDERS, "column public.orders.id": "integer not null"}
NOTE = {"table public.note": "r", "rights table public.note": "owner app; app: ALL"}
WITH_NOTE = {**ORDERS, **NOTE}


class Nights:
    """Tonight becomes what the next night is compared with."""

    def __init__(self, kind, structure, **options):
        self.kind, self.options = kind, options
        self.last = reading(structure=dict(structure))

    def night(self, structure, *, accepted=False):
        tonight = reading(structure=dict(structure))
        found = own(self.kind, tonight, self.last, accepted=accepted, **self.options)
        around = context(self.last, accepted=accepted)
        self.last = replace(tonight, unsettled=unsettled(self.last, tonight, around))
        return found


@pytest.mark.parametrize(
    ("kind", "changed", "said"),
    [
        ("structure_same", WIDER, "column public.orders.id: bigint not null → integer not null"),
        ("not_widened", ANALYST, "rights table public.orders"),
        ("structure_same", ANALYST, "rights table public.orders"),
    ],
)
def test_a_difference_is_told_every_night_until_it_is_accepted(kind, changed, said):
    nights = Nights(kind, ORDERS)

    for _ in range(3):
        found = nights.night(changed)
        assert found.outcome is FAILED
        assert said in found.detail
        assert found.detail.endswith("if the change was intended: `restorecheck history accept`")
    accepted = [nights.night(changed, accepted=True), nights.night(changed), nights.night(changed)]

    assert [(j.outcome, j.detail) for j in accepted] == [(PASSED, "")] * 3


@pytest.mark.parametrize(("kind", "changed"), [("structure_same", WIDER), ("not_widened", ANALYST)])
def test_what_is_taken_back_is_no_difference_any_more(kind, changed):
    nights = Nights(kind, ORDERS)

    assert nights.night(changed).outcome is FAILED
    assert nights.night(ORDERS).outcome is PASSED
    assert nights.night(ORDERS).outcome is PASSED
    assert nights.last.unsettled == {}


def test_after_something_was_accepted_the_way_back_is_the_difference():
    nights = Nights("structure_same", ORDERS)
    nights.night(WIDER)
    nights.night(WIDER, accepted=True)

    assert nights.night(ORDERS).detail.startswith(
        "column public.orders.id: integer not null → bigint not null"
    )


@pytest.mark.parametrize("kind", ["structure_same", "not_widened"])
def test_what_is_new_is_no_difference_and_stays_none(kind):
    nights = Nights(kind, ORDERS)

    for _ in range(3):
        assert nights.night(WITH_NOTE).outcome is PASSED
    assert nights.last.unsettled == {}


def test_what_is_new_is_counted_and_what_was_new_is_watched():
    nights = Nights("structure_same", ORDERS)

    assert nights.night(WITH_NOTE).found == "7 objects compared, 2 of them new"
    assert nights.night(WITH_NOTE).found == "7 objects compared"
    assert nights.night(ORDERS).detail.startswith("table public.note: gone")


@pytest.mark.parametrize("gone", ["table public.note", "column public.note.text"])
def test_what_a_migration_takes_away_is_told_once(gone):
    """A table that is gone, or a column; and with it what belonged to that table."""
    before = {**WITH_NOTE, "column public.note.text": "text", "index public.note.i": "#1"}
    after = {
        key: value for key, value in before.items() if key not in {gone, "index public.note.i"}
    }
    nights = Nights("structure_same", before)

    first, second = nights.night(after), nights.night(after)

    assert first.outcome is FAILED
    assert f"{gone}: gone" in first.detail
    assert second.outcome is PASSED


def test_a_difference_of_another_table_stays_when_one_is_gone():
    nights = Nights("structure_same", WITH_NOTE)
    nights.night(WIDER)

    second = nights.night(WIDER)

    assert second.detail.startswith("column public.orders.id: bigint not null → integer not null")
    assert "note" not in second.detail


def test_a_second_difference_joins_the_first():
    nights = Nights("structure_same", ORDERS)
    nights.night(WIDER)

    found = nights.night(WIDER | {"row security public.orders": "off"})

    assert "column public.orders.id" in found.detail
    assert "row security public.orders" in found.detail


def test_what_was_added_and_widened_later_is_a_wider_right():
    nights = Nights("not_widened", WITH_NOTE)
    open_to_all = {**WITH_NOTE, "rights table public.note": "owner app; app: ALL; PUBLIC: SELECT"}

    assert nights.night(open_to_all).outcome is FAILED
    assert "PUBLIC: SELECT" in nights.night(open_to_all).detail


def test_two_forms_of_a_structure_leave_nothing_to_remember():
    """Keys of the one are no keys of the other."""
    before = reading(structure=ORDERS)
    after = reading(structure=in_form(WIDER, 3))

    assert unsettled(before, after, context(before)) == {}
    assert unsettled(before, reading(structure=WIDER), context(before)) != {}


def test_the_structure_that_counts_is_the_accepted_one():
    night = reading(
        structure=WIDER | {"function public.f()": "#1"},
        unsettled={"column public.orders.id": "bigint not null", "function public.f()": ""},
    )

    assert settled(night, context(night)) == ORDERS
    assert settled(night, context(night, accepted=True)) == night.structure


def test_of_a_dump_the_server_s_own_roles_are_not_compared():
    nights = {
        logical: Nights("not_widened", ORDERS | {"role app": "login"}, logical=logical)
        for logical in (True, False)
    }
    powerful = ORDERS | {"role app": "login superuser"}

    outcomes = {logical: made.night(powerful).outcome for logical, made in nights.items()}

    assert outcomes == {True: PASSED, False: FAILED}
    assert StructureSame().options({}, physical=False) == {"logical": True}
    assert NotWidened().options({"volatile_tables": ["a"]}, physical=True) == {"volatile": ["a"]}


@pytest.mark.parametrize("kind", ["structure_same", "not_widened"])
def test_a_database_that_was_not_there_before_has_nothing_to_be_compared_with(kind):
    spec = CheckSpec(name="own", kind=kind, built_in=True)
    shop = reading(structure=ORDERS)
    around = context(baseline={"shop": shop}, databases=("shop", "new"))

    found = judge_built_in(spec, {"shop": shop, "new": reading(structure=ANALYST)}, around)

    assert found.outcome is PASSED
    assert "new: not compared" in found.found


def test_a_wider_right_fails_the_night_and_another_structure_warns():
    built_ins = [NotWidened.built_in, StructureSame.built_in]

    assert [b and b.severity for b in built_ins] == [Severity.REQUIRED, Severity.WARNING]
