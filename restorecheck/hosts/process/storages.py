"""The storage of a target's dumps."""

from dataclasses import fields
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
    own = {"limit_rate": limit_of(dump)} if limits_itself(adapter) else {}
    return cast(DumpStorage, settings(adapter, keys, path=dump.path, **secret, **own))


def shown_path(dump: Dump, storage: DumpStorage) -> str:
    """How reports name all dumps of a target: an address without a password, or a repository and a path in it."""
    kind = dump.storage
    return storage.place if kind is not None and kind.schemes else storage.address(dump.path)


def _told(value: SecretStr | dict[str, SecretStr]) -> str | dict[str, str]:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return {key: text.get_secret_value() for key, text in value.items()}


def limit_of(dump: Dump) -> float | None:
    """Bytes a second."""
    return None if dump.limit_rate_mb is None else dump.limit_rate_mb * 1e6


def limits_itself(storage: Any) -> bool:  # noqa: ANN401  # an adapter, or its class
    """Whether its program has an option for that."""
    return any(field.name == "limit_rate" for field in fields(storage))
