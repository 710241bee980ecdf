"""The pages that the deployment writes: brought up to date by whatever event comes."""

from datetime import timedelta

import pytest

from restorecheck.errors import ProviderError
from restorecheck.hosts.functions import notifier
from restorecheck.hosts.functions.surroundings import FunctionContext
from tests.rds.test_functions import planned, run


class Later:
    """A clock of its own."""

    def __init__(self, clock, by):
        self._clock, self._by = clock, by

    def now(self):
        return self._clock.now() + self._by


@pytest.fixture
def pages(around):
    def read(name):
        answer = around.client("s3").get_object(
            Bucket=around.setting("RESTORECHECK_BUCKET"), Key=f"pages/{name}"
        )
        assert answer["ContentType"] == "text/html; charset=utf-8"
        return answer["Body"].read().decode()

    return read


def other_clock(around, by):
    made = FunctionContext(
        around._environment, clock=Later(around.clock, by), session=around._session
    )
    made._clients = around._clients
    return made


def written(around):
    return notifier.publish({}, around)["pages"]


def test_pages_follow_the_drills_and_the_clock(scene, around, pages):
    assert written(around) == ["index.html"]
    assert "never drilled" in pages("index.html")

    assert run(around, planned(around))[-1]["verdict"] == "verified"
    assert written(around) == [f"{scene.target}.html", "index.html"]
    assert "1 of 1" in pages("index.html")
    assert f'href="{scene.target}.html"' in pages("index.html")
    assert "The backup restores." in pages(f"{scene.target}.html")

    later = other_clock(around, timedelta(days=2))
    notifier.publish({}, later)
    assert "overdue" in pages("index.html")


def test_a_page_is_not_made_again_when_nothing_happened(scene, around, monkeypatch):
    run(around, planned(around))
    assert f"{scene.target}.html" in written(around)
    monkeypatch.setattr(notifier, "DOUBT", timedelta(seconds=-2))  # S3 counts in seconds

    assert written(around) == ["index.html"]


def test_a_page_that_was_lost_comes_back(scene, around, pages):
    run(around, planned(around))
    written(around)
    bucket = around.setting("RESTORECHECK_BUCKET")
    around.client("s3").delete_object(Bucket=bucket, Key=f"pages/{scene.target}.html")

    assert f"{scene.target}.html" in written(around)
    assert "Did it restore?" in pages(f"{scene.target}.html")


def test_a_bucket_that_is_gone_is_an_error_and_no_page(around):
    around._environment["RESTORECHECK_BUCKET"] = "not-there"

    with pytest.raises(ProviderError):
        notifier.publish({}, around)
