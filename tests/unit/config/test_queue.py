"""The queue of the runner."""

from pathlib import Path

import pytest

from restorecheck import config as configuration
from restorecheck.errors import ConfigError

TEXT = "version: 1\ntargets: [{{name: shop, dump: {{path: /b}}}}]\nrunner: {{queue: {{url: {}}}}}\n"
AMAZON = "https://sqs.eu-central-1.amazonaws.com/111122223333/restorecheck"


def queue(url, **more):
    text = TEXT.format(url).replace(
        "}}\n", "".join(f", {k}: {v}" for k, v in more.items()) + "}}\n"
    )
    found = configuration.parse(
        text, file="f", directory=Path("/"), environment={"HOME": "/"}
    ).runner.queue
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("url", "endpoint", "region"),
    [
        (AMAZON, "https://sqs.eu-central-1.amazonaws.com", "eu-central-1"),
        ("https://queue.amazonaws.com/1/q", "https://queue.amazonaws.com", None),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "https://sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("http://127.0.0.1:4566/1/q", "http://127.0.0.1:4566", None),
    ],
)  # fmt: skip
def test_the_url_says_endpoint_and_region(url, endpoint, region):
    found = queue(url)
    assert (found.endpoint_url, found.region_name) == (endpoint, region)


def test_the_region_can_be_set():
    assert queue("https://queue.example/q", region="eu-west-1").region_name == "eu-west-1"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("arn:aws:sqs:eu-central-1:111122223333:q", "expected the URL of a queue"),
        ("https://user:secret@sqs.eu-central-1.amazonaws.com/1/q", "expected the URL of a queue"),
        ("https://sqs.eu-central-1.amazonaws.com/", "expected the URL of a queue"),
        ("http://sqs.eu-central-1.amazonaws.com/1/q", "expected https: others could read the messages"),
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_queue_is_refused(url, said):
    with pytest.raises(ConfigError) as caught:
        queue(url)
    (problem,) = caught.value.problems
    assert problem.path == "runner.queue.url"
    assert said in problem.message
