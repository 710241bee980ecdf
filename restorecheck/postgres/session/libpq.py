"""Parameters of libpq for connections to a throw-away server, beside its address.

Code in a restored database can replace the socket by a server of its own. Until its identity is checked,
such a server must not get what libpq finds by itself: a password from `~/.pgpass` or `PGPASSWORD`, a
certificate. Nor may the environment name another address.

Source: PostgreSQL documentation, libpq, "Parameter Key Words" and "Environment Variables". A parameter that
is set, even to an empty text, is not looked up elsewhere.
"""

import os
from collections.abc import Mapping
from typing import Any

NO_FILE = f"{os.devnull}/none"
"""Cannot exist. For an existing file that is not a password file libpq warns on stderr (fe-connect.c, passwordFromFile)."""

THROW_AWAY: Mapping[str, Any] = {
    "hostaddr": "",
    "passfile": NO_FILE,
    "require_auth": "none",
    "sslmode": "disable",
    "sslcert": "",
    "sslkey": "",
    "gssencmode": "disable",
    "channel_binding": "disable",
    "requirepeer": "",
    "target_session_attrs": "any",
}
"""Parameters of a connection. `require_auth`: refuse a server that asks for authentication (since libpq 16)."""

VARIABLES: Mapping[str, str] = {
    "PGPASSFILE": NO_FILE,
    "PGREQUIREAUTH": "none",
    "PGSSLMODE": "disable",
    "PGGSSENCMODE": "disable",
    "PGCHANNELBINDING": "disable",
    "PGSERVICEFILE": NO_FILE,
    "PGSYSCONFDIR": NO_FILE,
}
"""The same for psql and pg_restore, which get no other variable of libpq; older versions ignore unknown
variables.
"""

ELSEWHERE = ("PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR")
"""Variables that can redirect a connection to another server."""


def forget_other_servers() -> None:
    """Unset the variables that name another server: no parameter switches off `PGSERVICE`."""
    for name in ELSEWHERE:
        os.environ.pop(name, None)


def options_of(settings: Mapping[str, str]) -> str:
    """Settings of a session from its start; they override those of databases and roles."""
    return " ".join(f"-c {name}={value}" for name, value in settings.items())
