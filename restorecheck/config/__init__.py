"""Reads `restorecheck.yaml`: a frozen `Config`, or every problem in the file.

The names below are looked up when first used, so that importing this package costs nothing:
YAML and pydantic take a tenth of a second that `restorecheck --help` does not need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restorecheck.config.checks import Check
    from restorecheck.config.files import locate
    from restorecheck.config.loading import load, load_with_limits, parse
    from restorecheck.config.models import Config, History, Postgres
    from restorecheck.config.publishing import example, json_schema
    from restorecheck.config.targets import Defaults, Objectives, Target

__all__ = [
    "Check",
    "Config",
    "Defaults",
    "History",
    "Objectives",
    "Postgres",
    "Target",
    "example",
    "json_schema",
    "load",
    "load_with_limits",
    "locate",
    "parse",
]

_HOMES = {
    "checks": ("Check",),
    "files": ("locate",),
    "loading": ("load", "load_with_limits", "parse"),
    "models": ("Config", "History", "Postgres"),
    "publishing": ("example", "json_schema"),
    "targets": ("Defaults", "Objectives", "Target"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever the name stands for
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
