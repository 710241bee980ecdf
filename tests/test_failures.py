"""The page of failures is what the fault tests expect, and every line of it has a test."""

from pathlib import Path

import pytest

from tests import failures

TESTS = Path(__file__).parent


def test_the_page_is_made_of_the_list():
    assert failures.PAGE.read_text() == failures.page(), "run: python -m tests.failures"


@pytest.mark.parametrize("key", failures.CATALOGUE)
def test_every_line_is_brought_about_by_a_test(key):
    texts = [p.read_text() for p in TESTS.rglob("test_*.py")]

    assert any(f'"{key}"' in text for text in texts)


def test_a_bad_verdict_of_a_fault_is_not_taken_for_the_expected_one():
    seen = {"verdict": "failed", "reason": "was interrupted", "hint": "", "checks": []}
    with pytest.raises(AssertionError):
        failures.expect("load: backend killed", 1, seen)
