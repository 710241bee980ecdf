"""`history note`: cause and correction of a drill, in words of a person; signed where reports are signed."""

import argparse
import getpass
import sys
from typing import TYPE_CHECKING

from restorecheck.config import Config
from restorecheck.errors import ConfigError, Problem
from restorecheck.evidence.notes import NoteKind, StoredNote, write
from restorecheck.history import Acceptance, Entry
from restorecheck.hosts.cli.opened_history import asked_for, proofs_of
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.drill.signing import scribe_of
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.report.terminal import clean
from restorecheck.sql.store import SqlStore

if TYPE_CHECKING:
    from restorecheck.aws.deployment.stores import AwsStore

LONGEST = 2000
"""Characters of a reason: it is read in a table."""


def note(config: Config, drill_id: str | None, arguments: argparse.Namespace) -> int:
    why = (arguments.why or "").strip()
    if drill_id is None or not why:
        message = (
            "expected: history note DRILL --why TEXT [--by NAME]; evidence packs show the text"
        )
        raise ConfigError((Problem(message=message),))
    if len(why) > LONGEST:
        message = f"--why: expected at most {LONGEST} characters, found {len(why)}"
        raise ConfigError((Problem(message=message),))
    with asked_for(config, arguments) as store:
        entry = _drill(store, drill_id)
        written = add(
            config,
            store,
            kind=NoteKind.NOTE,
            by=author(arguments),
            why=why,
            drill_id=entry.drill_id,
            target=entry.target,
        )
    print(f"{clean(entry.target)}: note {written.number} on drill {entry.drill_id}")
    print(f"sha256: {written.sha256}")
    return Exit.VERIFIED


def of_acceptance(config: Config, store: "SqlStore | AwsStore", accepted: Acceptance) -> None:
    """The acceptance as a note, so that it cannot be changed without a trace."""
    add(
        config,
        store,
        kind=NoteKind.ACCEPTANCE,
        by=accepted.by,
        why=accepted.why,
        drill_id=accepted.drill_id,
        target=accepted.target,
    )


def add(config: Config, store: "SqlStore | AwsStore", **said: object) -> StoredNote:
    """Store a note and sign it; a note that cannot be signed now is signed with the next report."""
    clock = SystemClock()
    scribe = scribe_of(config, clock)
    proofs = proofs_of(store)
    written = proofs.note(lambda link: write(link, at=clock.now(), **said))
    if scribe and (why := scribe.catch_up(proofs)):
        print(
            f"restorecheck: stored, but not signed: {clean(why)}; the next drill tries again",
            file=sys.stderr,
        )
    return written


def author(arguments: argparse.Namespace) -> str:
    return arguments.by or getpass.getuser()


def _drill(store: "SqlStore | AwsStore", drill_id: str) -> Entry:
    for entry in store.entries():
        if entry.drill_id == drill_id:
            return entry
    message = f"no finished drill {drill_id!r} in the history; `restorecheck history` lists them"
    raise ConfigError((Problem(message=message),))
