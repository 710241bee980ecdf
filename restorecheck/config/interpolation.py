"""`${VARIABLE}` and `${file:/path}` inside text; `$${` is a literal `${`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from restorecheck.config.files import content_of

MASK = "\ue000"
"""Replaces a reference where only the original text matters; a private-use character of Unicode."""

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<body>[^{}]*)\}|\$\{")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_FILE_BYTES = 64 * 1024
"""A larger file is a problem of the configuration."""
_MIN_SECRET_LENGTH = 4  # shorter ones occur everywhere in reports


@dataclass(frozen=True, slots=True)
class Expansion:
    """One text after interpolation."""

    text: str
    masked: str
    """The original text, with `MASK` for every reference."""
    problems: tuple[str, ...] = ()

    @property
    def interpolated(self) -> bool:
        return MASK in self.masked


@dataclass(slots=True)
class Interpolator:
    environment: Mapping[str, str]
    directory: Path
    _values: dict[str, str] = field(default_factory=dict)

    def expand(self, source: str) -> Expansion:
        problems: list[str] = []

        def value(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            try:
                return self._value(match)
            except _UnresolvedError as exc:
                problems.append(str(exc))
                return match[0]

        text = _REFERENCE.sub(value, source)
        masked = _REFERENCE.sub(lambda m: "${" if m[0] == "$${" else MASK, source)
        return Expansion(text, masked, tuple(problems))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values of references that are long enough to be recognised."""
        found = dict.fromkeys(
            part.strip()
            for value in self._values.values()
            # Logs break long secrets into lines, and a password in a URL is used decoded.
            for part in (value, unquote(value), *value.splitlines())
        )
        return tuple(part for part in found if len(part) >= _MIN_SECRET_LENGTH)

    @property
    def references(self) -> dict[str, str]:
        """Value → `NAME`, or `file:` with an absolute path."""
        return {value: self._absolute(body) for body, value in self._values.items() if value}

    def _absolute(self, body: str) -> str:
        if not body.startswith("file:"):
            return body
        path = self.directory / expand_home(body.removeprefix("file:"), self.environment)
        return f"file:{path}"

    def _value(self, match: re.Match[str]) -> str:
        body = match["body"]
        if body is None:
            raise _UnresolvedError("'${' without a closing '}'; write '$${' for a literal '${'")
        if body not in self._values:
            self._values[body] = self._look_up(body)
        return self._values[body]

    def _look_up(self, body: str) -> str:
        if body.startswith("file:"):
            return self._file(body.removeprefix("file:"), f"${{{body}}}")
        if not _VARIABLE.fullmatch(body):
            expected = "expected ${VARIABLE} or ${file:/path}"
            raise _UnresolvedError(f"{expected}, found '${{{body}}}'; '$${{' is a literal '${{'")
        if body not in self.environment:
            raise _UnresolvedError(f"${{{body}}}: the environment variable is not set")
        return self.environment[body]

    def _file(self, name: str, source: str) -> str:
        if not name:
            raise _UnresolvedError(f"{source} names no file")
        try:
            path = self.directory / expand_home(name, self.environment)
            content = content_of(path, _MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or "not a usable path"
            raise _UnresolvedError(f"{source} cannot be read: {reason}") from None
        return _file_text(content, source)


def expand_home(path: str, environment: Mapping[str, str]) -> str:
    """Expands `~` by the given environment, `~user` by the system."""
    home = environment.get("HOME")
    if home and (path == "~" or path.startswith("~/")):
        return home + path[1:]
    try:
        return str(Path(path).expanduser())
    except RuntimeError:  # no such user: using the path reports that it does not exist
        return path


def _file_text(content: bytes, source: str) -> str:
    if len(content) > _MAX_FILE_BYTES:
        raise _UnresolvedError(f"{source} is larger than 64 KiB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise _UnresolvedError(f"{source} is not UTF-8 text") from None
    if "\0" in text:
        raise _UnresolvedError(
            f"{source} contains a zero byte, which is not allowed in an argument or URL"
        )
    return text.removesuffix("\n").removesuffix("\r")


class _UnresolvedError(Exception):
    """Raised when a reference has no value; the text shows its source, never a value."""
