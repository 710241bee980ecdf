"""What Barman's configuration files say of retention. Barman itself is not started."""

import configparser
import glob
import re
from contextlib import suppress
from pathlib import Path

PLACES = ("~/.barman.conf", "/etc/barman.conf", "/etc/barman/barman.conf")
"""The first that exists. Source: barman/config.py, CONFIG_FILES."""
_REDUNDANCY = re.compile(r"\s*redundancy\s+(\d+)\s*", re.IGNORECASE)
"""Source: barman/retention_policies.py."""


def retention(home: str, server: str) -> int | None:
    """How many full backups Barman keeps; None: all, those of some days, or not known: no configuration here is of this folder."""
    parser = _read()
    if Path(_option(parser, "barman", "barman_home")) != Path(home):
        return None
    policy = _REDUNDANCY.fullmatch(_of_server(parser, server, "retention_policy"))
    if policy is None:
        return None
    least = _of_server(parser, server, "minimum_redundancy")
    return max(int(policy[1]), int(least) if least.isdigit() else 0)


def _read() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    places = (Path(place).expanduser() for place in PLACES)
    _add(parser, next((place for place in places if place.is_file()), None))
    if folder := _option(parser, "barman", "configuration_files_directory"):
        for path in sorted(glob.glob(f"{folder}/*.conf")):  # noqa: PTH207  # an absolute pattern
            _add(parser, Path(path))
    return parser


def _add(parser: configparser.ConfigParser, path: Path | None) -> None:
    with suppress(configparser.Error, OSError, UnicodeDecodeError):
        if path is not None:
            parser.read(path)


def _of_server(parser: configparser.ConfigParser, server: str, key: str) -> str:
    return _option(parser, server, key) or _option(parser, "barman", key)


def _option(parser: configparser.ConfigParser, section: str, key: str) -> str:
    found = parser.get(section, key, fallback="") or ""
    return found.strip().strip("\"'")
