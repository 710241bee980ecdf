"""TLS connections to the restored instance on the network, and to no other server."""

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from restorecheck.errors import AccessDeniedError, DatabaseUnreachableError
from restorecheck.model import Endpoint
from restorecheck.postgres.session.connection import Connection
from restorecheck.postgres.session.messages import UNTRUSTED
from restorecheck.postgres.session.opening import connect

PASSWORD_METHODS = "scram-sha-256,md5"  # noqa: S105  # names of methods
TOKEN_METHODS = "password"  # noqa: S105  # RDS takes an IAM token as a clear password, inside TLS

HINT = "Check that the security group allows this machine to connect to the instance's port."
CERTIFICATE_HINT = "restorecheck ran no check there. Check that aws.ca_bundle is the bundle of RDS for this partition."


class TlsConnector:
    """Opens connections that verify which server answers.

    The certificate must be for the endpoint's own host name and lead to the configured authority
    (`sslmode=verify-full`; libpq's default falls back to plain text), and the server must ask for the
    credentials that were made for this instance.
    """

    def __init__(
        self,
        *,
        ca_bundle: Path,
        password_of: Callable[[Endpoint], str],
        by_token: bool,
        patience: timedelta,
        connect: Callable[..., Connection] = connect,
    ) -> None:
        self._connect = connect
        self._ca_bundle = ca_bundle
        self._password_of = password_of
        self._methods = TOKEN_METHODS if by_token else PASSWORD_METHODS
        self._patience = patience

    def __call__(self, endpoint: Endpoint, database: str) -> Connection:
        """Raises DatabaseUnreachableError; a changed password may take minutes to be accepted."""
        try:
            return self._connect(
                endpoint,
                database,
                password=self._password_of(endpoint),
                sslmode="verify-full",
                sslrootcert=str(self._ca_bundle),
                require_auth=self._methods,
                gssencmode="disable",
            )
        except DatabaseUnreachableError as exc:
            if UNTRUSTED in exc.message:  # waiting does not help
                raise AccessDeniedError(exc.message, hint=CERTIFICATE_HINT) from exc
            raise DatabaseUnreachableError(
                exc.message, hint=exc.hint or HINT, patience=self._patience
            ) from exc


def expired(ca_bundle: Path, now: datetime) -> str:
    """Why these certificates cannot verify any server; empty: they can."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(ca_bundle)
    except (OSError, ssl.SSLError):
        return f"{ca_bundle} contains no readable certificate"
    ends = [ssl.cert_time_to_seconds(str(c["notAfter"])) for c in context.get_ca_certs()]
    if not ends:
        return f"{ca_bundle} contains no certificate of an authority"
    valid = [end for end in ends if end > now.timestamp()]
    return "" if valid else f"every certificate in {ca_bundle} has expired"
