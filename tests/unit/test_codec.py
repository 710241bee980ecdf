"""Drills as they are stored: what an earlier version wrote is read, and nothing else is taken for a drill."""

import json

import pytest

from restorecheck.codec import decode, encode
from restorecheck.errors import StoreError
from tests.factories import finished, restored

ID = "20260227-031500-a1b2c3"


def stored(**changes):
    return json.loads(encode(finished().evolve(id=ID))) | changes


@pytest.mark.parametrize("drill", [restored(), finished()], ids=["at work", "finished"])
def test_what_is_stored_is_what_is_read(drill):
    named = drill.evolve(id=ID)

    assert decode(encode(named)) == named


def test_a_key_that_this_version_does_not_know_is_ignored():
    assert decode(json.dumps(stored(invented="x"))) == finished().evolve(id=ID)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", ""),
        ("[]", ""),
        (json.dumps(stored(verdict="splendid")), "verdict"),
        (json.dumps(stored(started_at="once")), "started_at"),
    ],
)
def test_what_is_no_drill_is_refused_with_the_place_that_is_wrong(text, where):
    with pytest.raises(StoreError) as refused:
        decode(text)

    assert where in str(refused.value)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", ".", "x y"])
def test_an_id_that_could_name_another_file_is_refused(name):
    with pytest.raises(StoreError):
        decode(json.dumps(stored(id=name)))
