"""`restorecheck propose`: a drill that also profiles the restored database, and proposes checks."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

from restorecheck import config as configuration
from restorecheck.checks.nights import night_of, profile_of
from restorecheck.checks.profiles import NightProfile
from restorecheck.checks.propose.proposal import Proposal, propose
from restorecheck.checks.scan_result import DatabaseReading, unpack
from restorecheck.config import Config, Target, proposed
from restorecheck.config.files import read
from restorecheck.errors import ConfigError, NotFoundError, Problem, ProviderError
from restorecheck.hosts.drill import performer, wiring
from restorecheck.hosts.drill.extra_analysis import OneStudy
from restorecheck.hosts.drill.wiring import Parts
from restorecheck.hosts.process.atomic_files import writing
from restorecheck.hosts.process.console import Progress
from restorecheck.hosts.process.exit_codes import Exit, of_report
from restorecheck.model import CheckOutcome, CheckSpec, Drill, Verdict
from restorecheck.ports import Inquiry, Provider
from restorecheck.postgres.profile.profiler import Profiler
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.session.messages import told
from restorecheck.report.terminal import clean
from restorecheck.spelling import number_of

NIGHTS = 30
PATIENCE = timedelta(minutes=10)
"""Limit of one statement about one table; a longer one is cancelled."""
LIMIT = timedelta(hours=24)
"""Limit for running all proposed checks; those not answered by then are not proposed."""
MINIMAL = "version: 1\ntargets:\n  - name: proposed\n    dump: {path: .}\n"


def run(loaded: Config, path: Path, name: str, arguments: argparse.Namespace) -> int:
    """Print, or write, the proposed checks of one target.

    Raises:
        ConfigError: The proposals cannot be merged, or there is no history to propose from.
    """
    target = next(t for t in loaded.targets if t.name == name)
    progress = Progress()
    interested = _Interest(target, progress)
    parts = wiring.build(loaded, progress, study=interested.one)
    try:
        interested.parts = parts
        if arguments.from_history:
            found: tuple[Proposal, ...] = _from_history(parts, target)
            code = Exit.VERIFIED
        else:
            report = performer.once(parts, progress, name, study=interested.one)
            code = of_report(report)
            if interested.found is None:
                why = clean(report.proof.detail if report.proof else report.reason)
                print(f"restorecheck: nothing is proposed: {why}", file=sys.stderr)
                return code if code is not Exit.VERIFIED else Exit.INCONCLUSIVE
            found = interested.found
    finally:
        parts.close()
    _answer(path, target, found, arguments)
    return code


class _Interest:
    """Proposes checks for a verified database before its teardown."""

    def __init__(self, target: Target, progress: Progress) -> None:
        self.one = OneStudy(self._study)
        self.parts: Parts | None = None
        self.found: tuple[Proposal, ...] | None = None
        self._target = target
        self._progress = progress

    def _study(self, drill: Drill, _provider: Provider) -> None:
        assert self.parts is not None, "set before the drill begins"
        self.found = of_drill(self.parts, drill, self._progress)


def of_drill(parts: Parts, drill: Drill, progress: Progress) -> tuple[Proposal, ...]:
    """Proposals for every database of a verified drill.

    Raises:
        ProviderError: The catalog cannot be read.
    """
    endpoint, checker = drill.endpoint, parts.targets.checker_for(drill)
    assert endpoint is not None, "a verified drill has one"
    assert isinstance(checker, PostgresChecker), "there is no other kind"
    names = checker.databases(endpoint)
    opener = parts.targets.connect_for(drill)
    found: list[Proposal] = []
    for name in names:
        earlier = _nights(parts, drill.target, name)
        profiler = Profiler(lambda name=name: opener(endpoint, name), patience=PATIENCE)  # type: ignore[misc]  # bound in the loop on purpose
        try:
            profile = profiler.profile(drill.data_until, progress.say)
        except psycopg.Error as exc:
            raise ProviderError(f"could not read the restored database: {told(exc)}") from exc
        found += _within(propose(profile, earlier), name, several=len(names) > 1)
    progress.say("running the proposed checks")
    return _that_pass(found, drill, checker, parts)


def _that_pass(
    proposals: Sequence[Proposal], drill: Drill, checker: PostgresChecker, parts: Parts
) -> tuple[Proposal, ...]:
    """Runs the proposals with the code of every drill: one that does not pass tonight is not proposed."""
    assert drill.endpoint is not None, "a verified drill has one"
    specs = {spec_of(proposal).name: proposal for proposal in proposals}
    pending = tuple(spec_of(proposal) for proposal in specs.values())
    until = parts.clock.now() + LIMIT
    passed: set[str] = set()
    readings = ""
    while pending:
        answers = checker.run(
            Inquiry(
                endpoint=drill.endpoint,
                pending=pending,
                until=until,
                backup=drill.backup,
                readings=readings,
            )
        )
        readings = answers.readings or readings
        passed |= {r.name for r in answers.results if r.outcome is CheckOutcome.PASSED}
        answered = {r.name for r in answers.results}
        pending = tuple(spec for spec in pending if spec.name not in answered)
    return tuple(proposal for name, proposal in specs.items() if name in passed)


def spec_of(proposal: Proposal) -> CheckSpec:
    """The check as the configuration reads it."""
    check = configuration.Check.model_validate({proposal.kind: dict(proposal.keys)})
    return check.check_spec()


def _within(proposals: Sequence[Proposal], database: str, *, several: bool) -> tuple[Proposal, ...]:
    """With several databases each check names its database."""
    if not several:
        return tuple(proposals)
    return tuple(
        Proposal(
            kind=p.kind,
            keys={**p.keys, "name": _named(p, database), "database": database},
            because=p.because,
            tables=p.tables,
        )
        for p in proposals
    )


def _named(proposal: Proposal, database: str) -> str:
    """Names are unique within a target, and two databases may have the same tables."""
    return f"{spec_of(proposal).name} in {database}"


def _nights(parts: Parts, target: str, database: str) -> tuple[NightProfile, ...]:
    return tuple(night_of(reading, at) for reading, at in _readings(parts, target, database))


def _readings(parts: Parts, target: str, database: str) -> list[tuple[DatabaseReading, datetime]]:
    """Readings of verified drills, the oldest first."""
    found = []
    for entry in parts.store.entries(target=target, newest=NIGHTS):
        if entry.verdict is not Verdict.VERIFIED:
            continue
        try:
            drill = parts.store.load(entry.drill_id)
        except NotFoundError:
            continue  # reduced to one line
        readings = unpack(drill.readings)
        reading = readings.get(database)
        if reading is None and len(readings) == 1 and not database:
            (reading,) = readings.values()
        if reading is not None:
            found.append((reading, drill.data_until))
    return found


def _from_history(parts: Parts, target: Target) -> tuple[Proposal, ...]:
    names = _databases_of(parts, target.name)
    if not names:
        message = f"the history has no readings of {target.name}: no drill was verified"
        raise ConfigError(
            (Problem(message=message),), hint="Run a drill first, or leave out --from-history."
        )
    found: list[Proposal] = []
    for name in names:
        readings = _readings(parts, target.name, name)
        newest, taken_at = readings[-1]
        earlier = tuple(night_of(reading, at) for reading, at in readings)
        proposals = propose(profile_of(newest, taken_at), earlier)
        found += _within(proposals, name, several=len(names) > 1)
    return tuple(found)


def _databases_of(parts: Parts, target: str) -> tuple[str, ...]:
    """Databases of the last verified drill."""
    proven = parts.store.standing(target).proven
    if proven is None:
        return ()
    try:
        return tuple(sorted(unpack(parts.store.load(proven.drill_id).readings)))
    except NotFoundError:
        return ()


def _answer(
    path: Path, target: Target, found: Sequence[Proposal], arguments: argparse.Namespace
) -> None:
    new = proposed.unwritten(found, target)
    if arguments.merge:
        text = proposed.merged(read(path), target.name, new)
    else:
        text = proposed.block(found)
    _refuse_invalid(text if arguments.merge else _alone(text), path)
    with writing(arguments.output, keeps=arguments.merge) as stream:
        stream.write(text)
    known = len(found) - len(new)
    said = f"{number_of(len(found), 'check')} proposed"
    if known:
        said += f", {known} of them on subjects that are checked already"
    print(f"restorecheck: {said}", file=sys.stderr)


def _alone(block: str) -> str:
    return MINIMAL + "".join(f"    {line}\n" for line in block.splitlines())


def _refuse_invalid(text: str, path: Path) -> None:
    """Validates the printed configuration with the loader of every command."""
    configuration.parse(
        text, file="proposed", directory=path.absolute().parent, environment=os.environ
    )
