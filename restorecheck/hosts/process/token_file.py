"""The token for the runner's pages, from its file."""

from pathlib import Path

from restorecheck.config.files import content_of
from restorecheck.errors import ConfigError, Problem

SHORTEST = 16
"""Characters of a token; a shorter one can be guessed, and is refused."""
LONGEST = 1024
"""Bytes of the file that are read; a token that does not end within them is refused."""


def token_of(path: str) -> str:
    """The file's text without surrounding white space. Read at each use, so it may be changed.

    Raises:
        ConfigError: The file is missing, cannot be read, or its text is not a token.
    """
    try:
        text = content_of(Path(path), LONGEST + 1).decode().strip()
    except OSError as exc:
        raise _refused(path, f"cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise _refused(path, "is not text") from None
    if not SHORTEST <= len(text) <= LONGEST:
        expected = f"expected {SHORTEST} to {LONGEST} characters"
        raise _refused(path, f"has {len(text)} characters, {expected}")
    return text


def _refused(path: str, why: str) -> ConfigError:
    message = f"the token's file '{path}' {why}"
    hint = "Write one: (umask 077; openssl rand -hex 32 > FILE)"
    return ConfigError((Problem(message=message, path="runner.pages.token_file"),), hint=hint)
