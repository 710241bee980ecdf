"""Finds passwords in configured commands."""

import re
from collections.abc import Iterator, Sequence

from restorecheck.config.interpolation import MASK

_OPTION = re.compile(
    r"--?(?:passphrase|password|pass|passin|passout)(?:=(?P<value>.*))?", re.DOTALL
)
_ELSEWHERE = re.compile(r"(?:file|env|fd):.+|stdin", re.DOTALL)
"""OpenSSL's sources of a password other than the text itself."""


def plain_password_arguments(arguments: Sequence[str]) -> Iterator[int]:
    """Indexes of the arguments (references masked) with a password in plain text."""
    told: set[int] = set()
    follows_option = False
    # Also split at spaces: `sh -c "gpg --passphrase secret"`.
    for index, word in ((i, word) for i, text in enumerate(arguments) for word in text.split()):
        option = _OPTION.fullmatch(word)
        value = option["value"] if option else word if follows_option else None
        follows_option = option is not None and option["value"] is None
        if index not in told and (_is_plain(value) or _is_plain_pass_form(word)):
            told.add(index)
            yield index


def _is_plain(value: str | None) -> bool:
    if not value or MASK in value or value.startswith("-"):
        return False
    return not _ELSEWHERE.fullmatch(value)


def _is_plain_pass_form(word: str) -> bool:
    """`pass:secret` is OpenSSL's form, after any option."""
    return word.startswith("pass:") and word != "pass:" and MASK not in word
