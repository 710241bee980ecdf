"""The storage of a target's dumps."""

from importlib import import_module
from typing import Any, cast

from pydantic import SecretStr

from restorecheck.config.sources.dump import Dump
from restorecheck.hosts.process.adapter_settings import settings
from restorecheck.ports import DumpStorage


def storage_of(dump: Dump) -> DumpStorage | None:
    """None: the dumps are in a folder of this machine."""
    kind = dump.storage
    if kind is None:
        return None
    adapter: type[Any] = import_module(f"restorecheck.storages.{kind.key}").STORAGE
    keys = getattr(dump, kind.key) or kind.keys()
    secret = {name: _told(value) for name, value in keys if isinstance(value, dict | SecretStr)}
    return cast(DumpStorage, settings(adapter, keys, path=dump.path, **secret))


def shown_path(dump: Dump, storage: DumpStorage) -> str:
    """How reports name all dumps of a target: an address without a password, or a repository and a path in it."""
    kind = dump.storage
    return storage.place if kind is not None and kind.schemes else storage.address(dump.path)


def _told(value: SecretStr | dict[str, SecretStr]) -> str | dict[str, str]:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return {key: text.get_secret_value() for key, text in value.items()}
