import pytest

from restorecheck.dispatching import labels_of, lacking

BERLIN = {"site": {"berlin"}, "postgresql": {"16", "17"}}


def test_a_host_lacks_each_need_that_none_of_its_labels_meets():
    assert lacking({}, {}) == ()
    assert lacking({"site": "berlin", "postgresql": "17"}, BERLIN) == ()
    assert lacking({"site": "rome", "size": "large"}, BERLIN) == ("site=rome", "size=large")


def test_labels_are_written_with_one_or_several_values():
    found = labels_of(["site=berlin", "postgresql=16,17", "site=rome"])

    assert found == {"site": {"berlin", "rome"}, "postgresql": {"16", "17"}}


@pytest.mark.parametrize("text", ["berlin", "=berlin", "site=", "site=,"])
def test_a_text_that_is_no_label_is_refused(text):
    with pytest.raises(ValueError, match=text):
        labels_of([text])
