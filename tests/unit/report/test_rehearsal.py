"""The rehearsal of an upgrade, in each face of a report."""

import pytest

from restorecheck.model import Rehearsal, Verdict
from restorecheck.report import document, html, markdown, terminal, wording
from restorecheck.report.document import ChainReport
from restorecheck.report.past import Past
from tests.factories import finished

CHAIN = ChainReport(sequence=1, previous_sha256="")


def report(verdict, **changes):
    rehearsal = Rehearsal(
        verdict=verdict, reason="why", from_version="17.10", to_version="18.6", **changes
    )
    return document.build(finished().evolve(rehearsal=rehearsal), CHAIN)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict.VERIFIED, "Yes, as far as the checks see, to PostgreSQL 18.6: why"),
        (Verdict.FAILED, "No, to PostgreSQL 18.6: why"),
        (Verdict.INCONCLUSIVE, "Not known, to PostgreSQL 18.6: why"),
    ],
)
def test_each_face_tells_it_and_keeps_the_verdict_of_the_night(verdict, words):
    made = report(verdict, load_seconds=61.0, plans=("q: from Index Scan to Seq Scan",))
    assert made.verdict is finished().verdict
    assert wording.rehearsed(made).startswith(words)
    assert "its load took 1 min 1 s; 1 query with another plan" in wording.rehearsed(made)
    shown = " ".join(terminal.render(made, color=False).split())
    assert words in shown
    assert "q: from Index Scan to Seq Scan" in shown
    assert "Would an upgrade work?" in markdown.render(made, Past())
    assert "Would an upgrade work?" in html.render(made, Past())
    assert document.parse(made.to_json()).rehearsal == made.rehearsal


def test_an_upgrade_in_place_says_how_long_it_took():
    made = report(Verdict.VERIFIED, upgrade_seconds=61.0)

    assert wording.rehearsed(made).endswith("; the upgrade took 1 min 1 s")


def test_without_one_nothing_is_said():
    made = document.build(finished(), CHAIN)
    assert wording.rehearsed(made) == ""
    assert "upgrade" not in terminal.render(made, color=False)


def test_a_hostile_name_is_only_text():
    made = report(Verdict.FAILED, plans=("a\x1b[2J\u202e<img src=x>",))
    for face in (html.render(made, Past()), terminal.render(made, color=False)):
        assert "\x1b" not in face
        assert "\u202e" not in face
    assert "<img" not in html.render(made, Past())
