"""`restorecheck conformance aws`: the plan and its price, the confirmation, the run, the teardown."""

import argparse
import sys
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import botocore

from restorecheck import __version__
from restorecheck.aws.session import naming
from restorecheck.aws.session.calls import AwsCalls
from restorecheck.aws.session.views import INSTANCE_STATUSES, StatusMeaning
from restorecheck.aws.snapshots import instances
from restorecheck.aws.snapshots.provider import RdsProvider
from restorecheck.config import Config, Target
from restorecheck.config.sources.rds import RDS
from restorecheck.conformance import reading, recording
from restorecheck.conformance.experiments import STEPS
from restorecheck.conformance.port import Raw, Setup, Where
from restorecheck.conformance.pricing import price
from restorecheck.conformance.questions import QUESTIONS
from restorecheck.conformance.running import TEARDOWN, StepResult, run, steps_for
from restorecheck.conformance.sanitising import Sanitiser
from restorecheck.conformance.stage import Stage
from restorecheck.conformance.teardown import tear_down
from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.cli.conformance.recorded_calls import RecordingCloud, Written, open_new
from restorecheck.hosts.cli.target_names import unknown_target
from restorecheck.hosts.clock import SystemClock, new_drill_id
from restorecheck.hosts.process.conformance_journal import Journal
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.hosts.process.leases import locks_of
from restorecheck.hosts.process.signals import Interrupted, Interrupts
from restorecheck.hosts.sources import rds
from restorecheck.hosts.sources.source import Host
from restorecheck.report.terminal import clean

EXPIRES_AFTER = timedelta(hours=4)
"""Twice the time limit of a run: until then a sweep on another machine spares its resources."""
GIGABYTES_UNKNOWN = 100
"""Storage size for the price if production cannot be described."""
PLAN_HOURS = 2.0


def start(config: Config, arguments: argparse.Namespace) -> int:
    target = chosen(config, arguments.target)
    _refuse_unknown_steps(arguments.step or ())
    clock = SystemClock()
    began = clock.now()
    made = _Run(config, target, arguments, clock, began)
    return made.go()


def chosen(config: Config, name: str | None) -> Target:
    """The RDS target of this name; without a name the only one.

    Raises:
        ConfigError: There is none, or several and no name.
    """
    fitting = [target for target in config.targets if target.kind is RDS]
    named = [target for target in fitting if name in {None, target.name}]
    if name is not None and not named:
        raise ConfigError((unknown_target(name, [t.name for t in fitting]),))
    if len(named) != 1:
        message = f"conformance goes with one target of kind rds, found {len(named)}"
        names = ", ".join(t.name for t in fitting)
        hint = f"Name one of: {names}." if names else "Add one: docs/how-to/rds.md."
        raise ConfigError((Problem(message=message),), hint=hint)
    return named[0]


def _refuse_unknown_steps(names: Collection[str]) -> None:
    known = [step.name for step in STEPS]
    unknown = [name for name in names if name not in known]
    if unknown:
        message = f"no step {unknown[0]!r}; known: {', '.join(known)}"
        raise ConfigError((Problem(message=message),))


class _Run:
    """One call of the command."""

    def __init__(
        self,
        config: Config,
        target: Target,
        arguments: argparse.Namespace,
        clock: SystemClock,
        began: datetime,
    ) -> None:
        settings = rds.settings_of(config, target)
        restore = replace(settings.restore, db_instance_class=arguments.instance_class)
        self._settings = replace(settings, restore=restore)
        self._config = config
        self._arguments = arguments
        self._clock = clock
        self._began = began
        self._journal = Journal(locks_of(Path(config.history.path)))
        self._source = rds.RdsSource(Host(config=config, clock=clock), [target])
        accounts = self._source.accounts
        self._provider = RdsProvider(settings=self._settings, accounts=accounts, clock=clock)
        self._calls = AwsCalls(
            source=self._provider.source_account(),
            backup=self._provider.backup_account(),
            adopted=accounts.adopted(settings.backup.place),
        )
        self._steps = steps_for(arguments.step or ())
        self._interrupts = Interrupts()

    def go(self) -> int:
        self._source.check()
        setup = self._setup(new_drill_id(self._began))
        self._calls.identify()
        self._print_plan(setup)
        if self._arguments.plan:
            return Exit.VERIFIED
        if not self._may_start():
            print("nothing was started", file=sys.stderr)
            return Exit.USAGE
        with self._journal.lease(), self._interrupts.handled():
            return self._record(setup)

    # --- before it starts ------------------------------------------------------------------

    def _setup(self, run_id: str) -> Setup:
        settings = self._settings
        source, backup = settings.source, settings.backup

        def tags_of(drill_id: str, role: str) -> list[object]:
            tags = naming.common_tags(
                drill_id=drill_id,
                target=settings.target,
                role=role,
                expires_at=self._began + EXPIRES_AFTER,
            )
            return naming.as_list(tags)

        def restore(copy: Raw, drill_id: str) -> dict[str, object]:
            return {
                "DBInstanceIdentifier": naming.identifier_of(drill_id),
                "DBSnapshotIdentifier": str(copy["DBSnapshotIdentifier"]),
                **instances.chosen_by_us(settings),
                **instances.storage_of(
                    str(copy.get("StorageType") or ""), copy.get("Iops"), copy["AllocatedStorage"]
                ),
                "Tags": tags_of(drill_id, naming.INSTANCE),
            }

        hopeless = {StatusMeaning.BAD_BACKUP, StatusMeaning.HOPELESS}
        return Setup(
            run_id=run_id,
            production=settings.db_instance_identifier,
            source_account=source.place.account_id,
            backup_account=backup.place.account_id,
            staging_arn=lambda name: source.place.arn("snapshot", name),
            transit_key=source.transit_kms_key_id or "",
            backup_key=backup.kms_key_id,
            tags_of=tags_of,
            restore=restore,
            hopeless=frozenset(s for s, p in INSTANCE_STATUSES.items() if p in hopeless),
            settling=settings.settling,
            restore_job=self._arguments.restore_job or "",
        )

    def _print_plan(self, setup: Setup) -> None:
        settings, first, second = self._settings, setup.name(1), setup.name(2)
        print(f"plan for {clean(settings.target)}; every call needs only the rights of a drill\n")
        for number, step in enumerate(self._steps, 1):
            does = step.does.format(
                first=first, second=second, instance_class=self._arguments.instance_class
            )
            print(f"  {number:2}. {step.name:12} {does} (about {step.minutes} min)")
        print(f"   x. {TEARDOWN:12} delete {first} and {second}: instances, copies, staging copies")
        print(
            f"\n  source account {setup.source_account}: reads {clean(setup.production)}, changes "
            f"nothing of it\n  backup account {setup.backup_account}: all restores are here"
        )
        size, whose = self._gigabytes()
        cost = price(
            gigabytes=size, instance_class=self._arguments.instance_class, hours=PLAN_HOURS
        )
        print(
            f"  price: about ${cost.total:.2f} for {PLAN_HOURS:.0f} hours and {size} GB ({whose}): "
            f"instances ${cost.instances:.2f}, storage ${cost.storage:.2f}, snapshots "
            f"${cost.snapshots:.2f}; list prices of us-east-1\n"
            f"  ends at the first unexpected answer, or after {setup.limit // timedelta(hours=1)} hours; "
            "everything is deleted then",
            flush=True,
        )

    def _gigabytes(self) -> tuple[int, str]:
        wanted = {"DBInstanceIdentifier": self._settings.db_instance_identifier}
        answer = self._calls.call(Where.SOURCE, "rds", "DescribeDBInstances", wanted)
        found: Raw = next(iter(answer.value.get("DBInstances") or ()), {})
        size = int(found.get("AllocatedStorage") or 0)
        if size:
            return size, "production's storage"
        return GIGABYTES_UNKNOWN, "assumed: production could not be described"

    def _may_start(self) -> bool:
        if self._arguments.yes:
            return True
        if not sys.stdin.isatty():
            message = "there is no terminal to confirm on"
            raise ConfigError(
                (Problem(message=message),), hint="Use --yes to start without the question."
            )
        return input("Start? Type yes: ").strip().lower() == "yes"

    # --- the run ------------------------------------------------------------------------------

    def _record(self, setup: Setup) -> int:
        name = self._arguments.output or f"restorecheck-conformance-{setup.run_id}.jsonl"
        try:
            stream = open_new(Path(name))
        except OSError as exc:
            message = f"{name} cannot be written: {exc.strerror}"
            raise ConfigError((Problem(message=message),)) from exc
        with stream:
            written = Written(stream)
            written.write(self._header())
            cloud = self._cloud(setup, written)
            self._finish_dead(setup, cloud)
            code = self._perform(setup, cloud, written)
        print(f"recording: {name}")
        self._print_answers(Path(name))
        return code

    def _header(self) -> recording.Header:
        settings = self._settings
        return recording.Header(
            restorecheck=__version__,
            botocore=botocore.__version__,
            simulated=self._config.sandbox,
            regions=(settings.source.place.region, settings.backup.place.region),
        )

    def _cloud(self, setup: Setup, written: Written) -> RecordingCloud:
        settings = self._settings
        restore = settings.restore
        known = [
            (setup.source_account, "source"),
            (setup.backup_account, "backup"),
            (setup.production, "production"),
            (setup.name(1), "first"),
            (setup.name(2), "second"),
            (setup.drill_id(1), "first-id"),
            (setup.drill_id(2), "second-id"),
            (settings.target, "target"),
            (restore.db_subnet_group_name, "subnet-group"),
            (restore.db_parameter_group_name or "", "parameter-group"),
            (settings.source.external_id, "external-id"),
            (settings.source.role_arn.rpartition("/")[2], "role"),
            ("Check", "state-check"),
        ]
        return RecordingCloud(
            self._calls,
            self._source.connect_of(self._provider),
            written=written,
            sanitiser=Sanitiser(self._began, known),
            clock=self._clock,
            start=self._began,
            poll=settings.poll,
        )

    def _finish_dead(self, setup: Setup, cloud: RecordingCloud) -> None:
        """Delete what killed runs of this machine left."""
        for run_id in self._journal.begun():
            print(f"deleting what the run {run_id} left", file=sys.stderr)
            cloud.step = "earlier run"
            left = tear_down(Stage(cloud, replace(setup, run_id=run_id)))
            self._tell_left(left)
            if not left:
                self._journal.end(run_id)

    def _perform(self, setup: Setup, cloud: RecordingCloud, written: Written) -> int:
        stage = Stage(cloud, setup)
        self._journal.begin(setup.run_id)
        surprise: StepResult | None = None
        interrupted = False

        def begin(step: str) -> None:
            self._interrupts.look()
            cloud.step = step
            print(f"  {step} …", file=sys.stderr, flush=True)

        def tell(result: StepResult) -> None:
            because = cloud.message(result.because)
            written.write(
                recording.StepEnd(
                    at=cloud.at, step=result.step, outcome=result.outcome, because=because
                )
            )
            detail = f": {clean(result.because)}" if result.because else ""
            print(f"  {result.step}: {result.outcome}{detail}", file=sys.stderr, flush=True)

        try:
            with self._interrupts.raising():
                surprise = run(stage, self._steps, tell, begin)
        except Interrupted:
            interrupted = True
        finally:
            left = self._tear_down(stage, cloud)
        if not left:
            self._journal.end(setup.run_id)
        ended = "interrupted" if interrupted else "surprise" if surprise else "complete"
        written.write(recording.End(at=cloud.at, ended=ended, left=len(left)))
        if left:
            return Exit.LEFT_BEHIND
        if interrupted:
            return Exit.INTERRUPTED
        return Exit.INCONCLUSIVE if surprise else Exit.VERIFIED

    def _tear_down(self, stage: Stage, cloud: RecordingCloud) -> list[str]:
        print(f"  {TEARDOWN} …", file=sys.stderr, flush=True)
        cloud.step = TEARDOWN
        left = tear_down(stage)
        self._tell_left(left)
        return left

    @staticmethod
    def _tell_left(left: list[str]) -> None:
        for line in left:
            print(f"LEFT      {clean(line)}", file=sys.stderr)

    def _print_answers(self, path: Path) -> None:
        found = reading.answers(recording.parse(path.read_text()))
        print()
        for question in QUESTIONS:
            answer = found.get(question.id, "not asked")
            new = answer not in question.answers and question.id in found
            mark = "  (the simulation does not know this answer)" if new else ""
            print(f"{question.asks}\n    {answer}{mark}")
