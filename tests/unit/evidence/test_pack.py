"""What a pack says of a period."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from restorecheck.evidence import page
from restorecheck.evidence.gaps import Gap
from restorecheck.evidence.notes import NoteKind, NoteLink, StoredNote, write
from restorecheck.evidence.pack import Pack, Scoped, as_json, astray, controls
from restorecheck.history import Link, entry_of, sha256_of
from restorecheck.model import Verdict
from tests.factories import NOW, finished
from tests.unit.evidence.test_rows import row

DAY = timedelta(days=1)
SINCE, UNTIL = NOW - 10 * DAY, NOW + DAY


def drill(number, verdict=Verdict.VERIFIED, target="courses", said=None, **changes):
    made = row(said or {"restore": {"outcome": "succeeded"}}, id=f"d-{number}", verdict=verdict)
    at = SINCE + number * DAY
    values = {"sequence": number, "target": target, "started_at": at, "finished_at": at}
    return replace(made, **(values | changes))


def note(number, kind, **said):
    link = NoteLink(number=number, previous_sha256="", report_sequence=0, report_sha256="")
    text = write(link, kind=kind, by="Ann", **({"at": NOW, "why": "why"} | said))
    return StoredNote(number=number, text=text, sha256=sha256_of(text)).note


def pack(**changes):
    values: dict[str, Any] = {
        "since": SINCE,
        "until": UNTIL,
        "made_at": NOW + DAY,
        "version": "1",
        "targets": (),
        "scope": (Scoped(name="courses", kind="dump", rpo_hours=24.0, rto_minutes=5.0),),
        "unconfigured": (),
        "looked": "3 databases",
        "rows": (drill(1), drill(2)),
        "gaps": (),
        "notes": (),
        "flaws": (),
        "judged": True,
        "keys": ("k" * 64,),
        "sample_size": 1,
        "seed": "s",
    }
    return Pack(**(values | changes))


def test_a_pack_in_which_all_is_well_has_nothing_to_read_first_but_what_is_not_signed():
    assert list(pack().remarks) == ["2 reports of the period not signed"]
    signed = tuple(replace(r, signature="valid") for r in pack().rows)
    assert list(pack(rows=signed).remarks) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"flaws": ("report 3",)}, "The history has a flaw: report 3"),
        ({"rows": (drill(5), drill(2))}, "The clock was set back: drill d-2"),
        ({"made_at": SINCE}, "2 drills ended after this pack was made"),
        ({"rows": (drill(1, restore=""),)}, "Retention reduced 1 report"),
        ({"looked": ""}, "Databases that are no target were not looked for"),
        ({"scope": (Scoped(name="old", configured=False),)}, "No longer configured"),
        ({"judged": False, "rows": (drill(1, signature="not checked"),)}, "were not verified"),
    ],
)
def test_what_a_reader_must_know_comes_first(changes, said):
    assert any(said in remark for remark in pack(**changes).remarks)


def test_a_drill_that_a_wrong_clock_moved_out_of_the_period_is_named():
    entries = [
        entry_of(
            finished().evolve(id=f"d-{n}", finished_at=at), Link(sequence=n, previous_sha256=""), ""
        )
        for n, at in enumerate(
            [
                SINCE - DAY,
                SINCE,
                SINCE - 30 * DAY,
                UNTIL + timedelta(minutes=1),
                UNTIL - DAY,
                UNTIL + DAY,
            ]
        )
    ]

    assert astray(entries, SINCE, UNTIL) == ("d-2",)
    assert astray(entries[:1], SINCE, UNTIL) == ()
    assert any("a clock was wrong: d-2" in remark for remark in pack(astray=("d-2",)).remarks)


def test_reports_that_end_at_nearly_the_same_time_are_no_sign_of_a_wrong_clock():
    later = replace(drill(2), finished_at=drill(1).finished_at - timedelta(minutes=4))

    assert not any("clock" in remark for remark in pack(rows=(drill(1), later)).remarks)


def test_a_deviation_has_its_notes_and_the_next_verified_drill_of_its_target():
    rows = (
        drill(1, Verdict.FAILED),
        drill(2, target="orders"),
        drill(3, Verdict.INCONCLUSIVE, left_behind=True),
        drill(4),
        drill(5, Verdict.FAILED),
    )
    notes = (note(1, NoteKind.NOTE, drill_id="d-1"), note(2, NoteKind.APPROVAL))
    found = pack(rows=rows, notes=notes).deviations

    assert [each.row.drill_id for each in found] == ["d-1", "d-3", "d-5"]
    assert [[n.number for n in each.notes] for each in found] == [[1], [], []]
    again = [each.proven_again.drill_id if each.proven_again else None for each in found]
    assert again == ["d-4", "d-4", None]


def test_a_verified_drill_that_left_something_proves_nothing_again():
    rows = (drill(1, Verdict.FAILED), drill(2, left_behind=True))

    assert pack(rows=rows).deviations[0].proven_again is None


def test_every_target_is_counted_also_one_without_drills():
    scope = (Scoped(name="courses"), Scoped(name="idle"))
    rows = (
        drill(1, rpo_seconds=5.0),
        drill(2, Verdict.FAILED, rpo_seconds=9.0, rto_seconds=3.0),
        drill(3, Verdict.INCONCLUSIVE),
    )
    gap = Gap(target="idle", first=SINCE.date(), last=SINCE.date(), nights=4, reason="r")
    courses, idle = pack(scope=scope, rows=rows, gaps=(gap,)).counted

    assert (courses.drills, courses.verified, courses.failed, courses.inconclusive) == (3, 1, 1, 1)
    assert (courses.worst_rpo, courses.worst_rto, courses.without_drill) == (9.0, 3.0, 0)
    assert courses.last_verified == drill(1).finished_at
    assert (idle.drills, idle.without_drill, idle.last_verified, idle.worst_rpo) == (
        0,
        4,
        None,
        None,
    )


def test_an_approval_is_of_the_same_period_and_the_same_targets():
    same = {"since": SINCE, "until": UNTIL}
    notes = (
        note(1, NoteKind.APPROVAL, **same),
        note(2, NoteKind.APPROVAL, **same, targets=("courses",)),
        note(3, NoteKind.APPROVAL, since=SINCE - DAY, until=UNTIL),
        note(4, NoteKind.NOTE, **same),
    )

    assert [n.number for n in pack(notes=notes).approvals] == [1]
    of_one = pack(notes=notes, targets=("courses",)).approvals
    assert [n.number for n in of_one] == [2]


def test_acceptances_are_those_of_the_period():
    notes = (
        note(1, NoteKind.ACCEPTANCE, at=SINCE),
        note(2, NoteKind.ACCEPTANCE, at=SINCE - DAY),
        note(3, NoteKind.ACCEPTANCE, at=UNTIL),
    )

    assert [n.number for n in pack(notes=notes).acceptances] == [1]


def test_how_backups_were_chosen_is_counted():
    rows = (
        drill(1, backup="a", backup_chosen="newest of 3"),
        drill(2, backup="b", backup_chosen="newest of 4"),
        drill(3, backup="c"),
        drill(4),
    )

    assert pack(rows=rows).chosen == {"newest": 2, "not recorded": 1}


def test_every_requirement_has_what_answers_it_what_does_not_and_a_source():
    found = controls()

    assert found["as_of"] == "2026-11-30"
    assert "claims no compliance" in found["claim"]
    for each in found["controls"]:
        assert set(each) == {"framework", "id", "asks", "answers", "beyond", "source"}
        assert all(each.values())
        assert each["source"].startswith("https://")


def test_machines_get_the_same():
    rows = (drill(1, Verdict.FAILED), drill(2))
    gap = Gap(target="a", first=SINCE.date(), last=SINCE.date(), nights=1, reason="r")
    found = as_json(pack(rows=rows, gaps=(gap,), notes=(note(1, NoteKind.NOTE, drill_id="d-1"),)))

    assert found["deviations"] == [
        {"drill_id": "d-1", "target": "courses", "verdict": "failed", "reason": "", "notes": [1],
         "proven_again": "d-2"}
    ]  # fmt: skip
    assert found["nights_without_a_drill"][0]["first"] == "2026-02-17"
    assert found["sample"]["size"] == 1
    assert len(found["controls"]["controls"]) == len(controls()["controls"])
    alone = as_json(pack(rows=(drill(1, Verdict.FAILED),)))
    assert alone["deviations"][0]["proven_again"] is None


def test_a_page_of_very_many_drills_names_the_file_that_has_them(monkeypatch):
    assert "<h2>All drills</h2>" in page.render(pack())
    monkeypatch.setattr(page, "MOST", 1)
    rows = tuple(drill(n, Verdict.FAILED) for n in range(1, 4))
    gaps = tuple(
        Gap(target="a", first=SINCE.date(), last=SINCE.date(), nights=1, reason="r")
        for _ in range(3)
    )
    text = page.render(pack(rows=rows, gaps=gaps))

    assert "All 3 drills are in drills.csv" in text
    assert text.count("are in evidence.json") == 2
