"""What a connection over TLS demands of whoever answers."""

from datetime import timedelta
from pathlib import Path

import pytest

from restorecheck.errors import AccessDeniedError, DatabaseUnreachableError
from restorecheck.postgres.session.messages import UNTRUSTED
from restorecheck.postgres.session.tls import PASSWORD_METHODS, TOKEN_METHODS, TlsConnector
from tests.factories import ENDPOINT

BUNDLE = Path("/etc/rds/global-bundle.pem")


def connector(connect, *, by_token=False):
    return TlsConnector(
        ca_bundle=BUNDLE,
        password_of=lambda endpoint: f"of {endpoint.identity}",
        by_token=by_token,
        patience=timedelta(minutes=5),
        connect=connect,
    )


@pytest.mark.parametrize(
    ("by_token", "methods"), [(False, PASSWORD_METHODS), (True, TOKEN_METHODS)]
)
def test_the_certificate_must_be_of_the_host_and_the_password_of_the_instance(by_token, methods):
    asked = []

    def connect(endpoint, database, **demands):
        asked.append((endpoint, database, demands))

    connector(connect, by_token=by_token)(ENDPOINT, "courses")

    demands = {
        "password": f"of {ENDPOINT.identity}",
        "sslmode": "verify-full",
        "sslrootcert": str(BUNDLE),
        "require_auth": methods,
        "gssencmode": "disable",
    }
    assert asked == [(ENDPOINT, "courses", demands)]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (f"no connection: {UNTRUSTED}", AccessDeniedError),
        ("no connection: timeout expired", DatabaseUnreachableError),
    ],
)
def test_a_certificate_of_somebody_else_is_not_waited_for(said, kind):
    def refused(*_, **__):
        raise DatabaseUnreachableError(said)

    with pytest.raises(kind) as caught:
        connector(refused)(ENDPOINT, "courses")

    assert caught.value.hint
    if kind is DatabaseUnreachableError:
        assert caught.value.patience == timedelta(minutes=5)
