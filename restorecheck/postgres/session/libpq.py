"""What libpq is told of a throw-away server, beside its address.

What runs in a restored database can put a server of its own in the place of the socket. Such a server is
asked questions all the same, until its identity is looked at; it must not be given what libpq finds by
itself: a password of `~/.pgpass` or of `PGPASSWORD`, a certificate, another address of the environment.

Source: PostgreSQL documentation, libpq, "Parameter Key Words" and "Environment Variables". A parameter that
is set, also to nothing, is not looked up elsewhere.
"""

import os
from collections.abc import Mapping
from typing import Any

NO_FILE = f"{os.devnull}/none"
"""Cannot exist. Of a password file that exists and is none, libpq warns on stderr (fe-connect.c, passwordFromFile)."""

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
"""Parameters of a connection. `require_auth`: a server that asks who we are is refused (since libpq 16)."""

VARIABLES: Mapping[str, str] = {
    "PGPASSFILE": NO_FILE,
    "PGREQUIREAUTH": "none",
    "PGSSLMODE": "disable",
    "PGGSSENCMODE": "disable",
    "PGCHANNELBINDING": "disable",
    "PGSERVICEFILE": NO_FILE,
    "PGSYSCONFDIR": NO_FILE,
}
"""The same for psql and pg_restore, which get no other variable of libpq's; older ones ignore what they
do not know.
"""

ELSEWHERE = ("PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR")
"""Variables that can lead a connection of ours to another server than the one that is named."""


def forget_other_servers() -> None:
    """From now on, no variable of this process names another server. No parameter switches off `PGSERVICE`."""
    for name in ELSEWHERE:
        os.environ.pop(name, None)


def options_of(settings: Mapping[str, str]) -> str:
    """Settings of a session from its first moment; they win over those of databases and roles."""
    return " ".join(f"-c {name}={value}" for name, value in settings.items())
