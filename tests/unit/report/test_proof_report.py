"""What checks see of damage, in every face of a report."""

from restorecheck import codec
from restorecheck.model import Damaged, Noticed, Proof
from restorecheck.report import document, html, markdown, proof, terminal
from restorecheck.report.past import past_of
from tests.factories import finished

DAMAGES = (
    Damaged(kind="one row lost", what="a.b", noticed=Noticed.UNDETECTED, needs_contents=True),
    Damaged(
        kind="a view is gone",
        what="a.v",
        noticed=Noticed.OWN_WARNING,
        by=("own",),
        proposed=("views",),
    ),
    Damaged(kind="a table is gone", what="a.b", noticed=Noticed.YOURS, by=("m", "n", "o", "p")),
    Damaged(kind="an index is gone", what="a.i", noticed=Noticed.YOURS_WARNING, by=("m",)),
    Damaged(kind="a policy is gone", detail="there is nothing"),
    Damaged(kind="heap: no file", what="a.b", noticed=Noticed.YOURS, by=("m",), of_pages=True),
)
DRILL = finished().evolve(proof=Proof(damages=DAMAGES, seconds=8, reading_seconds=2))
REPORT = document.build(DRILL)
LINE = "configured checks detect 2 of 4 kinds of damage, 1 of them only as a warning; no check detects 1: one row lost"


def rendered(checks=3, of=REPORT):
    assert of.proof is not None
    return proof.render(of.target, of.proof, checks=checks)


def test_the_score_is_of_configured_checks_and_of_what_was_tried():
    assert REPORT.proof is not None
    assert (REPORT.proof.seen, REPORT.proof.of, REPORT.proof.seen_by_own) == (2, 4, 1)
    assert REPORT.proof.unseen == ("one row lost",)


def test_what_fails_a_drill_is_told_from_what_only_warns():
    assert REPORT.proof is not None
    assert (REPORT.proof.failing, REPORT.proof.warned) == (1, 2)
    told = "required checks, configured or built-in, detect 1; only warnings detect 2 more"
    assert f"  {told} (25 % and 50 %)\n" in rendered()
    assert told in terminal.render(REPORT, color=False)
    assert told in html.render(REPORT, past_of([REPORT]))


def test_damage_to_files_is_told_apart_from_what_a_dump_can_have():
    told = rendered()

    assert "not in the numbers above: configured checks detect 1 of 1, required checks 1" in told
    assert told.index("a table is gone") < told.index("of files") < told.index("heap: no file")


def test_what_nobody_sees_comes_first_and_what_would_help_is_said():
    text = rendered()

    assert text.startswith(
        "courses: configured checks detect 2 of 4 kinds of damage, 1 of them only as a warning (50 %)"
    )
    assert (
        text.index("UNDETECTED") < text.index("  built-in, warning") < text.index("  configured   ")
    )
    assert "would be detected by: views" in text
    assert "configured checks detect 2 of them (67 %)" in text
    assert "configured checks would detect 3" in text
    assert "m; n; o and 1 more" in text
    assert "a policy is gone: there is nothing" in text
    assert "8.0 s, 4.0 times one run of all checks" in text


def test_an_empty_list_of_checks_is_said_to_be_empty():
    assert "no checks are configured" in rendered(checks=0)


def test_a_proof_that_came_to_nothing_says_why():
    drill = DRILL.evolve(proof=Proof(detail="the server was lost"))

    report = document.build(drill)

    assert rendered(of=report) == "courses: no proof; the server was lost\n"
    assert "no proof: the server was lost" in terminal.render(report, color=False)


def test_every_face_of_a_report_tells_the_score():
    past = past_of([REPORT])

    assert LINE in terminal.render(REPORT, color=False)
    assert "configured checks detect 2 of 4 kinds of damage" in markdown.render(REPORT, past)
    assert "configured checks detect 2 of 4 kinds of damage" in html.render(REPORT, past)


def test_a_stored_drill_and_report_keep_it():
    assert codec.decode(codec.encode(DRILL)) == DRILL
    assert document.parse(REPORT.to_json()) == REPORT


def of(*damages, **changes):
    drill = finished().evolve(proof=Proof(damages=damages, **changes))
    return rendered(of=document.build(drill))


SEEN = Damaged(kind="a table is gone", what="a.b", noticed=Noticed.YOURS, by=("m",))


def test_a_proof_where_everything_is_seen_says_nothing_of_what_is_not():
    text = of(SEEN)

    assert "1 of 1" in text
    assert "(100 %)" in text
    for absent in ("UNDETECTED", "not tried", "of files", "propose", "built-in, warning"):
        assert absent not in text, absent


def test_a_proof_where_nothing_is_seen_says_nothing_of_verdicts():
    text = of(Damaged(kind="one row lost", noticed=Noticed.UNDETECTED, needs_contents=True))

    assert "0 of 1" in text
    assert "required" not in text
    assert "can be seen without" not in text, "nothing else was tried"


def test_a_proof_that_was_cut_short_says_why_at_its_end():
    assert of(SEEN, detail="the hour was over").endswith("\n  the hour was over\n")
