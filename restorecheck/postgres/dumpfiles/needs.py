"""What a dump needs from the server of its restore."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_NAME = r'(?:"(?:[^"]|"")+"|[^\s,;"()]+)'
_NAMES = rf"({_NAME}(?:\s*,\s*{_NAME})*)"

# In pg_dump's form; the server checks everything else in a statement.
_GRANTEES = re.compile(
    rf"^(?:GRANT|REVOKE)\b.*?\b(?:TO|FROM)\s+{_NAMES}\s*(?:WITH|GRANTED|;|$)", re.MULTILINE
)
_GRANTED_BY = re.compile(rf"\bGRANTED BY ({_NAME})")
_DEFAULT_FOR = re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE ({_NAME})", re.MULTILINE)
_DEFAULT_GRANTEES = re.compile(
    rf"^ALTER DEFAULT PRIVILEGES\b.*?\b(?:TO|FROM) {_NAMES};", re.MULTILINE
)
_OWNER = re.compile(rf"\bOWNER TO ({_NAME});")
_POLICY = re.compile(
    rf"^CREATE POLICY .*? TO {_NAMES}(?: USING| WITH CHECK|;)", re.MULTILINE | re.DOTALL
)
_MAPPING = re.compile(rf"^(?:CREATE|ALTER) USER MAPPING FOR ({_NAME})", re.MULTILINE)
_AUTHORIZATION = re.compile(rf"^SET SESSION AUTHORIZATION ({_NAME}|'[^']+');", re.MULTILINE)

_ROLE_OF_FUNCTION = re.compile(rf"^\s+SET role TO ({_NAME}|'[^']+')", re.MULTILINE)
_NAMED_BY_FUNCTION = re.compile(
    rf"\bLANGUAGE ({_NAME})|^\s+SET ({_NAME}) TO |^\s+AS '([^'\n]+)', '[^'\n]+'", re.MULTILINE
)
FUNCTIONS = ("CREATE FUNCTION ", "CREATE PROCEDURE ")
DATABASES = ("CREATE DATABASE ", "ALTER DATABASE ")

_ENCODING = re.compile(r"\bENCODING = '([^']+)'")
_COLLATION = re.compile(r"CREATE COLLATION (\S+) \((.*?)\);", re.DOTALL)
_LOCALE = re.compile(
    r"\b(LOCALE_PROVIDER|LOCALE|LC_COLLATE|LC_CTYPE|ICU_LOCALE|ICU_RULES|BUILTIN_LOCALE)"
    r" = (?:'((?:[^']|'')*)'|(\w+))"
)
_DATABASE_SETTING = re.compile(rf"^ALTER DATABASE {_NAME} (SET [^;\n]+);$", re.MULTILINE)
_PARAMETER = re.compile(r"(\w+)\s*=\s*(?:'([^']*)'|(\w+))")

NO_ROLES = frozenset({"public", "current_user", "session_user", "current_role", "default"})


@dataclass(frozen=True, slots=True)
class Collation:
    name: str
    provider: str
    """`icu`, `libc` or `builtin`."""
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    extensions: tuple[str, ...] = ()
    collations: tuple[Collation, ...] = ()
    roles: tuple[str, ...] = ()
    """As `texts.kept` has them: a name may have any encoding."""
    client_encoding: str = "UTF8"
    """Encoding of the texts in the dump."""
    encoding: str = "UTF8"
    """Encoding of the source database; that of the texts, if not recorded."""
    creates_schema_public: bool = False
    creates_plpgsql: bool = False
    locale: tuple[tuple[str, str], ...] = ()
    """Locale of the source database, in the form of CREATE DATABASE; empty: not recorded."""
    settings: tuple[str, ...] = ()
    """Settings of the source database: `SET search_path TO …`."""
    named: tuple[str, ...] = ()
    """Languages, settings and libraries of its functions."""
    foreign_servers: bool = False
    """Filling a materialized view could log in to another server, possibly production."""

    @property
    def icu(self) -> bool:
        """Whether a collation, or the database itself, needs a server that was built with ICU."""
        providers = {collation.provider for collation in self.collations}
        return "icu" in {*providers, dict(self.locale).get("LOCALE_PROVIDER", "")}


@dataclass
class NeedsCollector:
    """Collects needs statement by statement."""

    extensions: dict[str, None] = field(default_factory=dict)
    collations: dict[str, Collation] = field(default_factory=dict)
    roles: dict[str, None] = field(default_factory=dict)
    named: dict[str, None] = field(default_factory=dict)
    client_encoding: str = "UTF8"
    encoding: str = ""
    creates_schema_public: bool = False
    creates_plpgsql: bool = False
    foreign_servers: bool = False
    locale: dict[str, str] = field(default_factory=dict)
    settings: list[str] = field(default_factory=list)

    def add_database(self, text: str) -> None:
        """Add CREATE DATABASE and ALTER DATABASE … SET."""
        if text.startswith("CREATE DATABASE "):
            self.locale = {m[1]: (m[2] or m[3]).replace("''", "'") for m in _LOCALE.finditer(text)}
            encoding = _ENCODING.search(text)
            self.encoding = encoding[1] if encoding else ""
        self.settings += [match[1] for match in _DATABASE_SETTING.finditer(text)]

    def add_owner(self, owner: str) -> None:
        if owner and owner != "-":
            self._add_roles([owner])

    def add_extension(self, name: str) -> None:
        if name != "plpgsql":
            self.extensions[name] = None

    def add_statement(self, text: str) -> None:
        """Add the SQL of one object, or several statements."""
        text = text.lstrip()
        if text.startswith(FUNCTIONS):
            self._add_roles(unquote(match[1]) for match in _ROLE_OF_FUNCTION.finditer(text))
            found = _NAMED_BY_FUNCTION.finditer(text)
            self.named |= dict.fromkeys(unquote(m[1] or m[2] or m[3]) for m in found)
            return
        if text.startswith(DATABASES):
            self.add_database(text)
        for pattern in (_GRANTEES, _DEFAULT_GRANTEES, _POLICY):
            for match in pattern.finditer(text):
                self._add_roles(split_names(match[1]))
        for pattern in (_GRANTED_BY, _DEFAULT_FOR, _OWNER, _MAPPING, _AUTHORIZATION):
            for match in pattern.finditer(text):
                self._add_roles([unquote(match[1])])
        for match in _COLLATION.finditer(text):
            self._add_collation(match[1], match[2])
        if re.search(r"^CREATE SCHEMA public;", text, re.MULTILINE):
            self.creates_schema_public = True
        if re.search(r"^CREATE (PROCEDURAL )?LANGUAGE plpgsql;", text, re.MULTILINE):
            self.creates_plpgsql = True
        encoding = re.search(r"^SET client_encoding = '([^']+)';", text, re.MULTILINE)
        if encoding:
            self.client_encoding = encoding[1]

    def finish(self) -> Needs:
        return Needs(
            extensions=tuple(self.extensions),
            collations=tuple(self.collations.values()),
            roles=tuple(self.roles),
            named=tuple(self.named),
            client_encoding=self.client_encoding,
            encoding=self.encoding or self.client_encoding,
            creates_schema_public=self.creates_schema_public,
            creates_plpgsql=self.creates_plpgsql,
            foreign_servers=self.foreign_servers,
            locale=tuple(self.locale.items()),
            settings=tuple(self.settings),
        )

    def _add_roles(self, names: Iterable[str]) -> None:
        for name in names:
            # Predefined roles (pg_*) cannot be made.
            if name.lower() not in NO_ROLES and not name.startswith("pg_"):
                self.roles[name] = None

    def _add_collation(self, name: str, parameters: str) -> None:
        values = {m[1].lower(): m[2] or m[3] or "" for m in _PARAMETER.finditer(parameters)}
        self.collations[name] = Collation(
            name=name,
            provider=values.get("provider", "libc"),
            locale=values.get("locale") or values.get("lc_collate", ""),
        )


def split_names(text: str) -> list[str]:
    return [unquote(name) for name in re.findall(_NAME, text)]


def unquote(name: str) -> str:
    """The name without SQL's quotes, double or single."""
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return name.strip("'")
