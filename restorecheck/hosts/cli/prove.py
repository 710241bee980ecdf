"""`restorecheck prove`: a drill whose restored copy is damaged in many ways, to see which checks detect it.

It damages only a throw-away server that this drill made: see `postgres.server.temporary_server`.
"""

import argparse
import json
import sys
from datetime import timedelta

from restorecheck.checks.damage.kinds import PHYSICAL
from restorecheck.checks.kind import ByProgram
from restorecheck.checks.propose.proposal import propose
from restorecheck.checks.registry import kind_of
from restorecheck.config import Config, Target, proposed
from restorecheck.errors import ConfigError, InvalidStateError, Problem
from restorecheck.hosts.cli.propose import spec_of
from restorecheck.hosts.drill import performer, wiring
from restorecheck.hosts.drill.extra_analysis import OneStudy
from restorecheck.hosts.drill.wiring import Parts
from restorecheck.hosts.process.console import Progress
from restorecheck.hosts.process.exit_codes import Exit, of_report
from restorecheck.hosts.sources.drill_settings import checks_of
from restorecheck.model import CheckSpec, Drill, Proof
from restorecheck.ports import Provider
from restorecheck.postgres.damage.file_damage import Breaker
from restorecheck.postgres.damage.injection import Prover, Questions, together
from restorecheck.postgres.profile.profiler import Profiler
from restorecheck.postgres.server.temporary_server import Provable, Temporary
from restorecheck.report import proof as proofs
from restorecheck.report.document import ProofReport

PATIENCE = timedelta(minutes=10)
"""Limit of one statement of the profiler; a table that takes longer is left out."""


def run(loaded: Config, name: str, arguments: argparse.Namespace) -> int:
    """Drill, damage, print which checks detected it.

    Raises:
        ConfigError: The target does not restore into a throw-away server.
    """
    target = next(t for t in loaded.targets if t.name == name)
    _refuse_impossible(loaded, target)
    progress = Progress()
    attempt = _Attempt(target, progress, arguments)
    parts = wiring.build(loaded, progress, study=attempt.one)
    try:
        attempt.parts = parts
        report = performer.once(parts, progress, name, study=attempt.one)
    finally:
        parts.close()
    if report.proof is None:
        print(f"restorecheck: nothing is proven: {report.reason}", file=sys.stderr)
        return of_report(report)
    if arguments.json:
        print(json.dumps(json.loads(report.to_json()), indent=2))
    else:
        print(proofs.render(name, report.proof, checks=len(target.checks)), end="")
    return _code(of_report(report), report.proof, arguments.min_score)


def _code(drilled: Exit, proof: ProofReport, wanted: float | None) -> Exit:
    if drilled is not Exit.VERIFIED:
        return drilled
    if not proof.of:
        return Exit.INCONCLUSIVE
    percent = 100 * proof.seen / proof.of
    return Exit.FAILED if wanted is not None and percent < wanted else Exit.VERIFIED


def _refuse_impossible(loaded: Config, target: Target) -> None:
    """Refuse before anything is restored."""
    if not isinstance(wiring.targets_of(loaded).provider_of(target.name), Provable):
        message = (
            f"the target {target.name!r} does not restore into a throw-away server; restorecheck "
            "damages nothing else"
        )
        hint = "A dump without `into` is restored into a throw-away server."
        raise ConfigError((Problem(message=message),), hint=hint)


class _Attempt:
    """Damages a verified copy before its teardown."""

    def __init__(self, target: Target, progress: Progress, arguments: argparse.Namespace) -> None:
        self.one = OneStudy(self._study)
        self.parts: Parts | None = None
        self._target = target
        self._progress = progress
        self._tables = tuple(arguments.table or ())
        self._slow = arguments.slow

    def _study(self, drill: Drill, provider: Provider) -> Proof:
        if not isinstance(provider, Provable):
            raise InvalidStateError("only a server that this drill made is ever damaged")
        assert self.parts is not None, "set before the drill begins"
        return self._proven(provider.temporary(drill), self.parts)

    def _proven(self, temporary: Temporary, parts: Parts) -> Proof:
        endpoint, drill = temporary.endpoint, temporary.drill
        opener = parts.targets.connect_for(drill)
        profiler = Profiler(lambda: opener(endpoint, endpoint.databases[0]), patience=PATIENCE)
        profile = profiler.profile(drill.data_until)
        more = tuple(
            (proposal, spec_of(proposal))
            for proposal in proposed.unwritten(propose(profile), self._target)
        )
        prover = Prover(
            temporary,
            Questions(asked=_at_the_end(checks_of(self._target, baseline=True)), proposed=more),
            profile,
            parts.clock,
            until=drill.deadline,
            only=self._tables,
            tell=self._progress.say,
        )
        found = prover.prove()
        if not self._slow:
            return found
        physical = checks_of(self._target, baseline=True, physical=True)
        breaker = Breaker(
            temporary,
            Questions(asked=_at_the_end(physical), proposed=more),
            profile,
            parts.clock,
            until=drill.deadline,
            only=self._tables,
            unproven=prover.unproven,
            tell=self._progress.say,
        )
        return together(found, breaker.prove(PHYSICAL))


def _at_the_end(specs: tuple[CheckSpec, ...]) -> tuple[CheckSpec, ...]:
    """Without the checks of named moments: the damaged copy is at the last one. Programs see no damage
    that is not committed.
    """
    return tuple(spec for spec in specs if not spec.at and not isinstance(kind_of(spec), ByProgram))
