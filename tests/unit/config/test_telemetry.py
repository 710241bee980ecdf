"""`opentelemetry`: what can be an endpoint, and where a token may stand."""

import pytest

from tests.unit.config.test_config import parse, problems

TARGETS = "targets: [{name: a, dump: {path: /b}}]"


def written(keys):
    return f"version: 1\n{TARGETS}\nopentelemetry: {keys}"


def test_off_by_default_and_with_an_endpoint_both_are_sent():
    assert parse(f"version: 1\n{TARGETS}").opentelemetry is None

    found = parse(written("{endpoint: 'http://127.0.0.1:4318/'}")).opentelemetry

    assert found is not None
    assert (found.endpoint, found.traces, found.metrics) == ("http://127.0.0.1:4318", True, True)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("{}", "missing key 'endpoint'"),
        ("{endpoint: 'grpc://x:4317'}", "expected the URL of a collector"),
        ("{endpoint: 'collector:4318'}", "expected the URL of a collector"),
        ("{endpoint: 'http://u:hunter22@x'}", "without a user"),
        ("{endpoint: 'https://x/?key=hunter22'}", "without a user and without ?"),
        ("{endpoint: 'https://x', timeout_seconds: 61}", "expected a number not greater than 60"),
        ("{endpoint: 'https://x', headers: {authorization: hunter22}}", "a header in plain text"),
        ("{endpoint: 'http://x', headers: {authorization: '${T}'}}", "headers need https"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line_and_without_its_secret(keys, said):
    found = problems(written(keys), T="token")

    assert any(said in problem for problem in found), found
    assert all(problem.startswith("3: ") for problem in found)
    assert "hunter22" not in "".join(found)


@pytest.mark.parametrize("endpoint", ["https://x", "http://127.0.0.1:4318", "http://localhost:1"])
def test_a_token_from_outside_may_go_over_tls_or_stay_on_this_machine(endpoint):
    keys = f"{{endpoint: '{endpoint}', headers: {{authorization: 'Bearer ${{T}}'}}}}"

    found = parse(written(keys), T="token-1")

    assert found.opentelemetry.headers["authorization"].get_secret_value() == "Bearer token-1"
    assert "token-1" not in repr(found.opentelemetry)
