"""Numbers with their nouns."""

from restorecheck.spelling import number_of


def test_one_is_singular_and_every_other_number_is_plural():
    assert [number_of(n, "night") for n in (0, 1, 2)] == ["0 nights", "1 night", "2 nights"]
    assert number_of(1, "copy", "copies") == "1 copy"
    assert number_of(2_450, "copy", "copies") == "2,450 copies"
