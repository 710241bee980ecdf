"""What a check says night after night."""

import itertools

import pydantic
import pytest

from tests.reading import ask, database
from tests.world import nights
from tests.world.histories import MANY
from tests.world.nights import spec

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def weak(source):
    source.sql("create role weak login")
    yield
    source.sql("drop role weak")


@pytest.mark.parametrize("history", MANY, ids=lambda history: history.name)
def test_a_check_says_what_has_happened(weak, source, history):
    wrong, before = [], None
    specs = [check for check, _ in history.checks]
    with database(source, f"history {next(NUMBERS)}", history.made) as name:
        for number, happens in enumerate(("", *history.later)):
            if happens:
                source.sql(happens, name)
            found, before = ask(source, name, specs, before=before, user=history.user)
            wrong += [
                f"night {number + 1}, {check.name}: {' or '.join(map(str, right[number]))} is right,"
                f" not {nights.said(found.get(check.name) or found.get(check.kind))}"
                for check, right in history.checks
                if not nights.is_right(
                    found.get(check.name) or found.get(check.kind), right[number]
                )
            ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "values", [["yes", False], [True, "open"], ["a", True, "b"]], ids=["no", "yes", "on"]
)
def test_a_word_that_yaml_takes_for_a_truth_value_is_to_be_quoted(values):
    with pytest.raises(pydantic.ValidationError, match=r"(?i)quote"):
        spec("accepted_values", "values", table="t", column="c", values=values)
