"""What this machine lacks, and what is left out on purpose. No test skips itself in another way.

CI installs everything (`.ci/run` sets RESTORECHECK_CI): there, a part that is missing is a failure, or a whole
suite could be off without a word.
"""

import os
from typing import NoReturn

import pytest

IN_CI = "RESTORECHECK_CI" in os.environ
ROOT = ("the rights of root", "run the tests as root, as .ci/run does")
LINUX = ("Linux", "run the tests there")


def missing(what: str, how: str) -> NoReturn:
    """The test cannot run. `how`: what makes it run here."""
    why = f"it needs {what}: {how}"
    if IN_CI:
        pytest.fail(why)
    pytest.skip(why)


def need(there: object, what: str, how: str) -> None:
    if not there:
        missing(what, how)


def needs(there: object, what: str, how: str) -> pytest.MarkDecorator:
    """As `need`, of a whole test or module; `conftest.py` asks it when the test begins."""
    return pytest.mark.needs(bool(there), what, how)


def left_out(why: str) -> NoReturn:
    """The test says nothing here, in CI either: another version, a real account, more time than there is."""
    pytest.skip(why)


def left_out_if(condition: object, why: str) -> pytest.MarkDecorator:
    """As `left_out`, of a whole test."""
    return pytest.mark.skipif(bool(condition), reason=why)
