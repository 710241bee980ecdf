"""Passwords that are written out in the keys of a storage."""

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import SecretStr

from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding, Path
from restorecheck.config.interpolation import MASK
from restorecheck.config.storages.kind import StorageKind

_IN_URL = re.compile(r"://[^/@:\s]*:(?P<password>[^/@\s]+)@")
_IN_REMOTE = re.compile(r"[,:](?:pass|\w*(?:secret|token|key|sas_url)\w*)=", re.IGNORECASE)
"""Of rclone's remotes that are written out: `:sftp,host=x,pass=y:`. They become an argument of the program."""
PLAIN = "the password is in the file in plain text; write ${VARIABLE} or ${file:/path} instead"


def plain_secrets(
    kind: StorageKind[Any], dump: dict[str, Any], path: Path, document: Document
) -> Iterator[ConfigFinding]:
    """`dump`: the plain data of the dump's keys, before they are known to be valid."""
    where = dump.get("path")
    if kind.schemes and isinstance(where, str):
        yield from _in_url(where, (*path, "path"), document)
    keys = dump.get(kind.key)
    for name, value in keys.items() if isinstance(keys, dict) else ():
        here = (*path, kind.key, name)
        if not isinstance(value, str):
            continue
        if _is_secret(kind, name) and MASK not in document.hand_written(here, value):
            yield ConfigFinding(here, PLAIN)
        yield from _in_url(value, here, document)
        if kind.key == "rclone" and name == "remote" and _IN_REMOTE.search(value):
            message = "other users of this machine would see the secret among rclone's arguments; use a remote of config_file"
            yield ConfigFinding(here, message)


def _in_url(value: str, here: Path, document: Document) -> Iterator[ConfigFinding]:
    found = _IN_URL.search(document.hand_written(here, value))
    if found is not None and MASK not in found["password"]:
        yield ConfigFinding(here, PLAIN)


def _is_secret(kind: StorageKind[Any], name: str) -> bool:
    field = kind.keys.model_fields.get(name)
    return field is not None and _holds_secret(field.annotation)


def _holds_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(map(_holds_secret, get_args(annotation)))
