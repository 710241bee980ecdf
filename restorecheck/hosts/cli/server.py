"""`restorecheck server`: PostgreSQL's programs on this machine, and those that pip brings."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from restorecheck import config as configuration
from restorecheck.config.files import DEFAULT_NAME, VARIABLE
from restorecheck.errors import RestorecheckError
from restorecheck.hosts.process.console import complain
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.hosts.sources.server_settings import server_settings
from restorecheck.postgres.dump.settings import ServerSettings
from restorecheck.postgres.server import containers, libraries, pinned
from restorecheck.postgres.server.binaries import (
    Installation,
    ProgramSource,
    UnusablePrograms,
    of_container,
)
from restorecheck.postgres.server.cache import default_cache

CONTRIB = ("citext", "hstore", "pg_trgm", "pgcrypto", "unaccent", "uuid-ossp")
"""Extensions of PostgreSQL itself that applications often use; `server list` names the missing ones."""


def run(arguments: argparse.Namespace) -> int:
    if arguments.action in {"pull", "pin"}:
        from restorecheck.hosts.cli import server_images

        path = configuration.locate(arguments.config, os.environ)
        loaded = configuration.load(path, os.environ)
        fetch = arguments.action == "pull"
        return server_images.note(loaded, arguments.majors, fetch=fetch)
    settings = _settings(arguments.config)
    if arguments.action == "install":
        offline = Path(arguments.folder) if arguments.folder else None
        return install(arguments.majors, settings, offline)
    return show(settings, as_json=arguments.json)


def _settings(option: str | None) -> ServerSettings:
    """Of the configuration; without a configuration file, the defaults: programs are installed before it is written."""
    if option is not None or os.environ.get(VARIABLE) or Path(DEFAULT_NAME).exists():
        path = configuration.locate(option, os.environ)
        return server_settings(configuration.load(path, os.environ))
    return ServerSettings(work_dir=Path(tempfile.gettempdir()), cache_dir=default_cache())


def install(majors: Sequence[int], settings: ServerSettings, offline: Path | None) -> int:
    """Install each, whatever becomes of the others."""
    code = Exit.VERIFIED
    for major in dict.fromkeys(majors):
        try:
            bin_dir = pinned.install(major, settings.cache_dir, offline=offline)
        except RestorecheckError as exc:
            complain(exc)
            code = Exit.INCONCLUSIVE
            continue
        print(f"PostgreSQL {pinned.pins()[major].version.removesuffix('.0')} is in {bin_dir}")
        code = max(code, _try(bin_dir, settings))
    return code


def _try(bin_dir: Path, settings: ServerSettings) -> Exit:
    """Whether the user of a drill can run it, and what it lacks."""
    unusable: list[UnusablePrograms] = []
    found = _found(settings, unusable)
    here = next((one for one in found if one.bin_dir == bin_dir.resolve()), None)
    if here is not None:
        for line in _lacks(here):
            print(f"  {line}")
        return Exit.VERIFIED
    for one in unusable:
        if one.bin_dir == bin_dir.resolve():
            print(f"restorecheck: it cannot be used: {_why(one)}", file=sys.stderr)
            return Exit.INCONCLUSIVE
    print("restorecheck: drills do not use it: postgres.bin_dir is configured", file=sys.stderr)
    return Exit.INCONCLUSIVE


def _found(settings: ServerSettings, unusable: list[UnusablePrograms]) -> list[Installation]:
    # Of the same major version, the preferred one stays first.
    return sorted(settings.installations(unusable), key=lambda one: one.major)


def show(settings: ServerSettings, *, as_json: bool) -> int:
    unusable: list[UnusablePrograms] = []
    images = containers.recorded(settings.cache_dir).values()
    found = [*_found(settings, unusable), *map(of_container, images)]
    if as_json:
        document = {
            "servers": [_document(one) for one in found],
            "unusable": [
                {
                    "bin_dir": str(one.bin_dir),
                    "source": str(one.source),
                    "why": one.why,
                    "fix": one.fix,
                }
                for one in unusable
            ],
        }
        print(json.dumps(document, indent=2))
    else:
        _print(found, unusable)
    return Exit.VERIFIED if found else Exit.INCONCLUSIVE


def _document(one: Installation) -> dict[str, Any]:
    names = one.extensions()
    return {
        "version": one.version,
        "source": str(one.source),
        "image": one.container.image if one.container else None,
        "bin_dir": str(one.bin_dir),
        "icu": one.has_icu,
        "extensions": list(names),
        "unusable_extensions": {
            name: list(missing) for name in names if (missing := one.unloadable(name))
        },
    }


def _print(found: Sequence[Installation], unusable: Sequence[UnusablePrograms]) -> None:
    for one in found:
        place = one.container.image if one.container else one.bin_dir
        print(f"{one.version:7} {one.source:10} {place}")
        print(f"        {len(one.extensions())} extensions{', ICU' if one.has_icu else ''}")
        for line in _lacks(one):
            print(f"        {line}")
    for failed in unusable:
        print(
            f"-       {failed.source:10} {failed.bin_dir}\n        cannot be used: {_why(failed)}"
        )
    missing = [major for major in pinned.pins() if major not in {one.major for one in found}]
    if missing:
        print(
            f"\nnot installed: {', '.join(map(str, missing))}; `{pinned.COMMAND} MAJOR` installs one"
        )


def _lacks(one: Installation) -> list[str]:
    """What an ordinary application's dump may need and this server lacks."""
    lines = []
    if one.source is not ProgramSource.INSTALLED and not one.has_icu:
        lines.append("no ICU: a dump with ICU collations needs the operating system's PostgreSQL")
    absent = [name for name in CONTRIB if name not in one.extensions()]
    if absent:
        lines.append(f"no {', '.join(absent)}")
    broken = {name: missing for name in one.extensions() if (missing := one.unloadable(name))}
    needed = tuple(dict.fromkeys(library for missing in broken.values() for library in missing))
    if needed:
        fix = libraries.install_command(needed)
        said = f"{', '.join(broken)} need {', '.join(needed)}"
        lines.append(said + (f": {fix}" if fix else ""))
    return lines


def _why(one: UnusablePrograms) -> str:
    return one.why + (f"; install it: {one.fix}" if one.fix else "")
