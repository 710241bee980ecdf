"""From the configuration to the settings of an adapter."""

from dataclasses import fields
from typing import Any, TypeVar, cast

from pydantic import BaseModel

T = TypeVar("T")


def settings(adapter: type[T], keys: BaseModel, **others: Any) -> T:  # noqa: ANN401  # whatever it has
    """The settings of an adapter: `keys` of the same names, and `others`."""
    wanted = {field.name for field in fields(cast(Any, adapter))} - set(others)
    same = {name: getattr(keys, name) for name in wanted & set(type(keys).model_fields)}
    return adapter(**same, **others)
