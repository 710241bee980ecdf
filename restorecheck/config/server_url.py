"""The address of a server for `into` and for the history.

A URL is read here and later by libpq. Parts that the two could read differently are refused, because the restore
could go to production: a second `@`, several hosts, `host=` in the query (which overrides the host), a database name
that libpq would read as a connection string.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from restorecheck.config.interpolation import MASK

DEFAULT_PORT = 5432
_URL = re.compile(
    r"postgres(?:ql)?://"
    r"(?:(?P<user>[^:/?#@\s]*)(?::(?P<password>[^/?#@\s]*))?@)?"
    r"(?P<host>[^:/?#@,\s\[\]]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]+))?"
    r"(?:/(?P<database>[^/?#@\s]*))?(?:\?(?P<query>[^#\s]*))?"
)
_SERVER = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]|/[^\s:]*):(?P<port>[0-9]+)")
_SAFE_OPTIONS = frozenset(
    {
        *("application_name", "channel_binding", "client_encoding", "connect_timeout"),
        *("gssencmode", "host", "keepalives", "keepalives_count", "keepalives_idle"),
        *("keepalives_interval", "options", "passfile", "password", "port", "require_auth"),
        *("sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation", "sslpassword"),
        *("sslrootcert", "tcp_user_timeout", "user"),
    }
)
"""Parameters of libpq that cannot lead to another server."""
_PLAIN_PASSWORDS = (
    re.compile(rf"(?:://|{MASK})[^/?#@:]*:([^@]*)@"),
    re.compile(r"[?&](?:ssl)?password=([^&]*)"),
)


class MalformedUrlError(Exception):
    """Raised with the expected form; never with the URL, which may contain a password."""


@dataclass(frozen=True, slots=True)
class ServerUrl:
    host: str
    port: int
    database: str = ""

    @property
    def server(self) -> str:
        """The form in `scratch_servers`."""
        return f"{self.host}:{self.port}"


def parse_server_url(url: str) -> ServerUrl:
    """The one server that the URL names."""
    match = _URL.fullmatch(url)
    if match is None:
        raise MalformedUrlError(
            "expected postgresql://user:${PASSWORD}@host:port/database, found something else; in a "
            "user or password the characters @ : / ? # % must be written as %40 %3A %2F %3F %23 %25"
        )
    options = _options(match["query"] or "")
    host = _one_of("host", unquote(match["host"]), options.get("host", ""))
    port = _one_of("port", match["port"] or "", options.get("port", "")) or str(DEFAULT_PORT)
    _refuse_hidden_connection_string(unquote(match["database"] or ""))
    if not host:
        raise MalformedUrlError("expected a URL that names its host, found none")
    if "," in host or "," in port:
        raise MalformedUrlError("expected a URL that names one host, found several")
    return ServerUrl(_canonical(host), _port(port), unquote(match["database"] or ""))


def parse_server(text: str) -> str:
    """`host:port` or `/socket/directory:port`, in the form of `ServerUrl.server`."""
    match = _SERVER.fullmatch(text)
    if match is None:
        raise MalformedUrlError("expected 'host:port' or '/socket/directory:port'")
    return f"{_canonical(match['host'])}:{_port(match['port'])}"


def has_plain_password(masked: str) -> bool:
    """Whether the URL (references masked) contains a password in plain text."""
    found = (
        match[1]
        for pattern in _PLAIN_PASSWORDS
        for text in (masked, unquote(masked))  # libpq decodes the names of parameters too
        for match in pattern.finditer(text)
    )
    return any(password.strip(MASK) for password in found)


IN_PLAIN_TEXT = (
    "the password is in the file in plain text; write ${VARIABLE} or ${file:/path} instead"
)


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        name = unquote(name)
        if name not in _SAFE_OPTIONS:
            shown = name if name.isidentifier() else "…"
            raise MalformedUrlError(f"the parameter '{shown}' is not supported in this URL")
        if name in options:
            raise MalformedUrlError(f"the parameter '{name}' occurs twice in this URL")
        options[name] = unquote(value)
    return options


def _one_of(what: str, before: str, in_query: str) -> str:
    if before and in_query:
        raise MalformedUrlError(
            f"the URL sets its {what} twice: once in the URL, once as a parameter"
        )
    return before or in_query


def _refuse_hidden_connection_string(database: str) -> None:
    if "=" in database or "://" in database:
        raise MalformedUrlError(
            "expected a plain database name in the URL, found '=' or '://' in it"
        )


def _canonical(host: str) -> str:
    return host.rstrip("/") if host.startswith("/") else host.lower()


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text[:6]) < 2**16:
        raise MalformedUrlError("expected a port from 1 to 65535")
    return int(text)
