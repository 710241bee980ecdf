"""Finds passwords in configured commands and their variables."""

import re
from collections.abc import Iterator, Sequence

from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.interpolation import MASK

_OPTION = re.compile(
    r"--?(?:passphrase|password|pass|passin|passout)(?:=(?P<value>.*))?", re.DOTALL
)
_SECRET = re.compile(r"PASS|SECRET|TOKEN|CREDENTIAL|(?:API|PRIVATE|ACCESS)_?KEY", re.IGNORECASE)
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


def plain_arguments(command: object, path: Path, document: Document) -> Iterator[ConfigFinding]:
    """Findings on a configured command. `command`: the plain data, before it is known to be valid."""
    arguments = [
        document.hand_written((*path, index), item) if isinstance(item, str) else ""
        for index, item in enumerate(command if isinstance(command, list) else [])
    ]
    for index in plain_password_arguments(arguments):
        message = (
            "a password is in the file in plain text; let the program read it from a file "
            "(--passphrase-file, file:/path), or write ${VARIABLE} or ${file:/path} instead"
        )
        yield ConfigFinding((*path, index), message)


def plain_variables(variables: object, path: Path, document: Document) -> Iterator[ConfigFinding]:
    """Findings on variables whose names say that they are secret. `variables`: as above."""
    for name, value in variables.items() if isinstance(variables, dict) else ():
        here = (*path, name)
        if not isinstance(name, str) or not isinstance(value, str) or not _SECRET.search(name):
            continue
        if value and MASK not in document.hand_written(here, value):
            message = f"{name} is in the file in plain text; write ${{VARIABLE}} or ${{file:/path}} instead"
            yield ConfigFinding(here, message)
