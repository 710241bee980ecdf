"""Repositories of pgBackRest, made by the real program, and drills of copies of them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from restorecheck.postgres.server import processes
from tests.production import Production, majors

PROGRAM = shutil.which("pgbackrest")
SINCE = {15: (2, 41), 17: (2, 54), 18: (2, 57)}
"""Major version → the first pgBackRest that knows it."""


def version() -> tuple[int, ...]:
    """Of the program here, as (2, 45)."""
    if PROGRAM is None:
        return (0,)
    said = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def newest_major() -> int:
    """Of the versions of PostgreSQL here that this pgBackRest knows; 0: none."""
    have = version()
    return max((major for major in majors() if SINCE.get(major, (99,)) <= have), default=0)


def pgbackrest(production: Production, config: Path, *arguments: str) -> str:
    assert PROGRAM
    process = processes.spawn(
        [PROGRAM, f"--config={config}", "--stanza=shop", *arguments],
        directory=production.directory,
        account=production.account,
        stdout=-1,
        stderr=-1,
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out.decode() + err.decode()
    return out.decode()


def folders(production: Production, *names: str) -> None:
    """Folders of the cluster's user."""
    for name in names:
        (production.directory / name).mkdir()
        if production.account:
            os.chown(production.directory / name, production.account.uid, production.account.gid)


def configuration(production: Production, *lines: str) -> str:
    """Of a repository that this cluster archives into. `lines`: the repositories, of [global]."""
    here = production.directory
    every = "".join(f"{line}\n" for line in lines)
    return (
        f"[global]\n{every}lock-path={here}/lock\nlog-path={here}/pglog\nspool-path={here}/spool\n"
        f"start-fast=y\nlog-level-console=warn\n"
        f"[shop]\npg1-path={production.data}\npg1-socket-path={here}\npg1-user=postgres\n"
    )


def archive_into(production: Production, *configs: Path) -> None:
    production.stop()
    push = [f"{PROGRAM} --config={config} --stanza=shop archive-push %p" for config in configs]
    production.start(archive_command=" && ".join(push))


def archived(production: Production) -> None:
    while production.archiving():
        production.sql("select pg_sleep(0.05)")
