"""What keeps commands and functions from reaching what they must not: endpoints, credentials, locks."""

import os
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from restorecheck.aws.deployment.sns import SnsMessenger
from restorecheck.errors import ConfigError
from restorecheck.hosts.demo import rehearsal
from restorecheck.hosts.drill.wiring import Parts
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.hosts.process import leases

PLAIN = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """Credentials that are at hand, and open nothing."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")


def surroundings(**environment: str) -> FunctionContext:
    return FunctionContext(environment, session=boto3.Session(region_name="eu-west-1"))


@pytest.mark.parametrize("service", ["dynamodb", "s3", "stepfunctions", "secretsmanager"])
def test_a_function_calls_real_aws_over_tls_and_the_sandbox_only_where_it_is_told_to(
    service, monkeypatch
):
    assert surroundings().client(service).meta.endpoint_url.startswith("https://")
    with pytest.raises(ConfigError, match="only AWS endpoints on this machine"):
        surroundings(RESTORECHECK_SANDBOX="true").client(service)

    monkeypatch.setenv("AWS_ENDPOINT_URL", PLAIN)
    with pytest.raises(ConfigError, match="does not use https"):
        surroundings().client(service)
    assert surroundings(RESTORECHECK_SANDBOX="true").client(service).meta.endpoint_url == PLAIN


def test_a_topic_is_not_asked_at_an_endpoint_that_is_not_tls(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", PLAIN)
    messenger = SnsMessenger("arn:aws:sns:eu-west-1:222222222222:drills", sandbox=False)

    with pytest.raises(ConfigError, match="does not use https"):
        messenger._connected()


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ],
)
def test_the_sandbox_is_not_started_beside_whatever_opens_a_real_account(name):
    with pytest.raises(ConfigError, match=name):
        rehearsal.refuse_real_credentials({"PATH": "/bin", name: "x"})
    rehearsal.refuse_real_credentials({"PATH": "/bin", name: ""})


def test_what_runs_in_the_sandbox_knows_nothing_of_a_real_account(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")

    assert rehearsal.without_aws({"AWS_PROFILE": "production", "PATH": "/bin"}) == {"PATH": "/bin"}
    rehearsal.forget_aws()
    assert [name for name in os.environ if name.startswith("AWS_")] == []
    assert "sandbox: true" in rehearsal.CONFIG


def test_locks_of_dead_drills_are_forgotten_and_those_of_targets_and_living_drills_are_not(
    tmp_path,
):
    dead, living = "20260226-031500-a1b2c3.lock", "20260226-031501-a1b2c3.lock"
    for name in (dead, "target-courses.lock", "history.lock"):
        (tmp_path / name).touch()
    parts: Any = SimpleNamespace(locks=tmp_path)

    with leases.Lease(tmp_path / living):
        Parts.forget_locks(parts)

        assert {path.name for path in tmp_path.iterdir()} == {
            living,
            "target-courses.lock",
            "history.lock",
        }
