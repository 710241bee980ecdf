"""A drill with an extra analysis, which may change the database: what does not run after it."""

from typing import Any

from restorecheck.hosts.drill.extra_analysis import OneStudy, Studied
from restorecheck.model import Verdict
from tests.factories import finished


class Hooked:
    """Would run both."""

    def after_verified(self, _drill):
        raise AssertionError("it was run")

    rehearse = after_verified


def test_neither_the_hook_nor_a_rehearsal_gets_a_database_that_may_be_changed_and_both_are_told():
    inner: Any = Hooked()
    studied = Studied(inner, OneStudy(lambda _drill, _provider: None))

    (note,) = studied.after_verified(finished())
    rehearsal = studied.rehearse(finished())

    assert note.startswith("after_verified was not run: the extra analysis")
    assert rehearsal.verdict is Verdict.INCONCLUSIVE
    assert rehearsal.reason.startswith("no upgrade is rehearsed in a drill with an extra analysis")
