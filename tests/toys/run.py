"""The `restorecheck` command with one more kind of source.

Usage: run.py FOLDER ARGUMENTS…   FOLDER: holds `restorecheck/`, whose files stand beside ours.
"""

import sys
from importlib import import_module
from pathlib import Path

REGISTRY = "restorecheck.config.sources.registry"


def add(folder: Path) -> None:
    """Its modules are found before ours of the same name: an edited registry is one of them."""
    for package in ("restorecheck", "restorecheck.config.sources", "restorecheck.hosts.sources"):
        own = folder.joinpath(*package.split("."))
        if own.is_dir():
            import_module(package).__path__.insert(0, str(own))


if __name__ == "__main__":
    add(Path(sys.argv[1]))
    from restorecheck.hosts.cli.arguments import main

    sys.exit(main(sys.argv[2:]))
