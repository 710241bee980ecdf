"""The commands: each calls its room and prints the answer."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from restorecheck import config as configuration
from restorecheck.checks.dialect import POSTGRESQL
from restorecheck.config import Config, Target
from restorecheck.config.select import rule_of
from restorecheck.errors import ConfigError, Problem, RestorecheckError
from restorecheck.hosts.cli.target_names import unknown_target
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.process import signals
from restorecheck.hosts.process.console import Progress, complain, use_color
from restorecheck.hosts.process.exit_codes import Exit, of_report, worst
from restorecheck.hosts.process.signals import Interrupted, Interrupts
from restorecheck.hosts.process.startup import importing
from restorecheck.model import Select, SelectBy, is_drill_id
from restorecheck.postgres.session import libpq
from restorecheck.report.document import Report
from restorecheck.report.terminal import clean, render
from restorecheck.spelling import first_of, number_of, second_of

if TYPE_CHECKING:
    from restorecheck.hosts.cli.full_text import FullText
    from restorecheck.hosts.drill.wiring import Parts
    from restorecheck.hosts.notifying.outbox import Postman


WITH_LOGS = ("drill", "sweep", "run", "work", "demo", "sandbox", "propose", "prove", "conformance")
"""Commands that log; the others do not import structlog, which takes time."""
OWN_SIGNALS = ("drill", "run", "work", "sandbox", "propose", "prove", "conformance")
"""Commands that handle signals from the moment at which there is something to tear down."""


def run(arguments: argparse.Namespace) -> int:
    """Run the command; every expected error becomes one message and an exit code."""
    if arguments.command in WITH_LOGS:
        from restorecheck.hosts.process import logs

        logs.configure()
    try:
        if arguments.command not in OWN_SIGNALS:
            signals.begin()
        return _do(arguments)
    except ConfigError as exc:
        complain(exc)
        return Exit.USAGE
    except RestorecheckError as exc:
        complain(exc)
        return Exit.INCONCLUSIVE
    except (Interrupted, KeyboardInterrupt):
        return Exit.INTERRUPTED


def _do(arguments: argparse.Namespace) -> int:
    if arguments.command != "manifest":  # which uses libpq's own files and variables
        libpq.forget_other_servers()
    match arguments.command:
        case "drill":
            return drill(arguments)
        case "sweep":
            return sweep(arguments)
        case "run":
            from restorecheck.hosts.daemon import command

            return command.run(arguments)
        case "work":
            from restorecheck.hosts.daemon import work

            return work.run(arguments)
        case "status" | "history" | "report" | "bring-back":
            return ask(arguments)
        case "doctor" | "audit":
            return look(arguments)
        case "conformance":
            from restorecheck.hosts.cli.conformance import command as conformance

            return conformance.start(_load(arguments.config), arguments)
        case "config":
            return config(arguments)
        case "manifest":
            return manifest(arguments)
        case "propose" | "prove":
            return study(arguments)
        case "demo":
            return demo(arguments)
        case "infra":
            return infra(arguments)
        case "server":
            from restorecheck.hosts.cli import server

            return server.run(arguments)
        case "sandbox":
            from restorecheck.hosts.demo import rehearsal

            rehearsal.refuse_real_credentials(os.environ)
            rehearsal.import_sandbox()
            return rehearsal.up(
                factor=arguments.factor, port=arguments.port, answers=arguments.answers
            )
        case _:
            raise AssertionError(f"no command {arguments.command!r}")


def ask(arguments: argparse.Namespace) -> int:
    """A query of the history; its rooms are imported here."""
    from restorecheck.hosts.cli import bring_back, history_queries, reports

    if arguments.command == "status" and arguments.nagios:
        return history_queries.status_for_nagios(lambda: _load(arguments.config), arguments)
    questions = {
        "status": history_queries.status,
        "history": history_queries.history,
        "report": reports.report,
        "bring-back": bring_back.run,
    }
    return questions[arguments.command](_load(arguments.config), arguments)


def look(arguments: argparse.Namespace) -> int:
    """`doctor` and `audit`, which change nothing."""
    if arguments.command == "doctor" and arguments.deployment:
        from restorecheck.hosts.cli import doctor_deployment

        return doctor_deployment.run(arguments)
    path = configuration.locate(arguments.config, os.environ)
    loaded = configuration.load(path, os.environ)
    if arguments.command == "doctor":
        from restorecheck.hosts.cli import doctor

        return doctor.run(loaded, path, arguments)
    from restorecheck.hosts.cli import audit

    return audit.run(loaded, arguments)


def manifest(arguments: argparse.Namespace) -> int:
    from restorecheck.hosts.sources import manifest as source

    output = Path(arguments.output) if arguments.output else None
    made = source.write(
        source.dsn_of(arguments.source),
        output,
        only=arguments.table or (),
        megabytes_a_second=arguments.max_rate,
    )
    if output is not None:
        print(f"{output}: {number_of(len(made['tables']), 'table')} of {made['database']}")
    return Exit.VERIFIED


def study(arguments: argparse.Namespace) -> int:
    """One drill with an extra analysis: `propose`, `prove`."""
    path = configuration.locate(arguments.config, os.environ)
    loaded = configuration.load(path, os.environ)
    (name,) = _targets(loaded, [arguments.target], adopt=False)
    dialect = next(target.kind.dialect for target in loaded.targets if target.name == name)
    if dialect is not POSTGRESQL:
        message = f"{arguments.command} is for PostgreSQL; {name!r} restores {dialect.name}"
        raise ConfigError((Problem(message=message),))
    if arguments.command == "prove":
        from restorecheck.hosts.cli import prove

        return prove.run(loaded, name, arguments)
    from restorecheck.hosts.cli import propose

    return propose.run(loaded, path, name, arguments)


def infra(arguments: argparse.Namespace) -> int:
    from restorecheck.hosts.cli import infra_export

    bundle = Path(arguments.ca_bundle) if arguments.ca_bundle else None
    written = infra_export.export(
        Path(arguments.to), architecture=arguments.architecture, ca_bundle=bundle
    )
    for path in written:
        print(path)
    for hint in infra_export.hints(bundle):
        print(f"restorecheck: {hint}", file=sys.stderr)
    return Exit.VERIFIED


def demo(arguments: argparse.Namespace) -> int:
    if arguments.story == "aws":
        from restorecheck.hosts.demo.rehearsal import forget_aws, import_sandbox

        forget_aws()
        import_sandbox()
        from restorecheck.hosts.demo import aws_story

        return aws_story.play(answers=arguments.answers or 200_000, aurora=arguments.aurora)
    from restorecheck.hosts.demo import story

    return story.play(arguments.dir, answers=arguments.answers or 2_000_000)


def drill(arguments: argparse.Namespace) -> int:
    loaded = _load(arguments.config)
    names = _targets(loaded, arguments.targets, adopt=arguments.adopt is not None)
    outputs = _outputs(loaded, names, arguments.adopt)
    select = _asked(loaded, names, arguments.backup)
    if arguments.when_new:
        select = _newest_only(loaded, names, arguments)
    if arguments.plan:
        return _print_plans(loaded, names, select)
    with importing():
        from restorecheck.hosts.drill import wiring
        from restorecheck.hosts.drill.performer import Performer

    progress = Progress(quiet=arguments.quiet)
    full_text = _full_text(arguments)
    parts = wiring.build(loaded, progress, full_text=full_text)
    interrupts = Interrupts()
    reports: list[Report] = []
    try:
        postman = _postman_of(parts) if arguments.notify else None
        with interrupts.handled():
            dead = parts.sweeper.finish_dead()
            parts.forget_locks()
            for finished in dead:
                progress.say(f"finished drill {finished.id} of a process that died")
            performer = Performer(parts, progress, interrupts)
            for name in names:
                if interrupts.seen is not None:
                    break
                if arguments.when_new and not _has_new(parts, name, progress):
                    continue
                reports.append(
                    performer.perform(
                        name,
                        keep=arguments.keep,
                        announce=arguments.notify,
                        outputs=outputs,
                        select=select,
                    )
                )
                if not arguments.json:
                    _print_report(reports[-1], parts)
            if postman is not None:
                _announce(postman, parts)
    finally:
        parts.close()
    if arguments.json:
        _print_json(reports, several=len(names) > 1)
    codes = [of_report(r) for r in reports]
    if interrupts.seen is not None:
        codes.append(Exit.INTERRUPTED)
    nothing_new = arguments.when_new and not codes
    return Exit.VERIFIED if nothing_new else worst(codes)


def _full_text(arguments: argparse.Namespace) -> "FullText | None":
    if not (arguments.verbose or arguments.full_text):
        return None
    from restorecheck.hosts.cli.full_text import FullText

    return FullText(on_stderr=arguments.verbose, file=arguments.full_text)


def _postman_of(parts: "Parts") -> "Postman":
    """Made before the drills: a new channel reports what finishes from now on.

    Raises:
        ConfigError: A channel cannot be used.
    """
    from restorecheck.hosts.notifying.channels import lines_of
    from restorecheck.hosts.notifying.outbox import Postman

    lines = lines_of(parts.config, parts.clock)
    postman = Postman(
        parts.store,
        lines,
        parts.clock,
        locks=parts.locks,
        report_url=parts.config.report_url,
    )
    postman.collect()
    return postman


def _announce(postman: "Postman", parts: "Parts") -> None:
    """An error here changes neither a verdict nor the exit code."""
    from restorecheck.hosts.drill.standings import notes_of

    try:
        postman.collect()
        postman.deliver()
        notes = notes_of(parts.store, parts.clock.now())
    except RestorecheckError as exc:
        complain(exc)
        return
    for note in notes:
        print(f"restorecheck: {clean(note)}", file=sys.stderr)


def sweep(arguments: argparse.Namespace) -> int:
    from restorecheck.hosts.drill import sweep_command, wiring

    for text in arguments.drills:
        if not is_drill_id(text):
            message = f"DRILL: expected the id of a drill, as in 20260226-031500-abcdef, found {text[:80]!r}"
            raise ConfigError(
                (Problem(message=message),), hint="`restorecheck history` lists them."
            )
    loaded = _load(arguments.config)
    parts = wiring.build(loaded)
    try:
        if arguments.dry_run:
            return sweep_command.preview(parts, end=arguments.drills)
        return sweep_command.run(parts, end=arguments.drills)
    finally:
        parts.close()


def config(arguments: argparse.Namespace) -> int:
    match arguments.action:
        case "validate":
            path = configuration.locate(arguments.config, os.environ)
            loaded, limits = configuration.load_with_limits(path, os.environ)
            targets = number_of(len(loaded.targets), "target")
            rules = number_of(len(loaded.rules), "rule") if loaded.rules else ""
            more = f"; {rules} to discover others" if rules else ""
            print(f"{path}: valid; {targets}{more}")
            for limit in limits:
                print(f"limit: {limit}")
        case "discover":
            return _discover(arguments)
        case "schema":
            print(json.dumps(configuration.json_schema(), indent=2))
        case "example":
            print(configuration.example(), end="")
        case _:
            raise AssertionError(f"no action {arguments.action!r}")
    return Exit.VERIFIED


def _discover(arguments: argparse.Namespace) -> int:
    from restorecheck.hosts.clock import SystemClock
    from restorecheck.hosts.drill.discovering import discover, keep
    from restorecheck.hosts.drill.wiring import host_of

    loaded = _load(arguments.config)
    if not loaded.rules:
        problem = Problem(message="there is no rule to discover databases", path="discover")
        raise ConfigError((problem,))
    seen = discover(host_of(loaded, SystemClock()))
    for word, ones in (("new", seen.looked.new), ("gone", seen.looked.gone)):
        for one in ones:
            print(f"{word}: {clean(one.identifier)} ({clean(one.rule)})")
    there = sum(one.gone_at is None for one in seen.looked.found)
    print(f"{number_of(there, 'database')} found; each is a target")
    for said in seen.problems:
        print(f"restorecheck: {clean(said)}", file=sys.stderr)
    if not arguments.dry_run:
        keep(loaded, seen)
    return Exit.INCONCLUSIVE if seen.problems else Exit.VERIFIED


def _load(option: str | None) -> Config:
    with importing():
        return configuration.load(configuration.locate(option, os.environ), os.environ)


def _targets(loaded: Config, wanted: Sequence[str], *, adopt: bool) -> list[str]:
    """The targets to drill, each once; without a name all targets of the right kind.

    Raises:
        ConfigError: A name is not in the configuration, or needs or refuses --adopt.
    """
    known = [target.name for target in loaded.targets]
    adopted = [target.name for target in loaded.targets if target.kind.adopts]
    problems = []
    for name in wanted:
        if name not in known:
            problems.append(unknown_target(name, known))
        elif name in adopted and not adopt:
            message = f"the target {name!r} only checks an instance that another program restored"
            problems.append(Problem(message=f"{message}: --adopt INSTANCE"))
        elif adopt and name not in adopted:
            problems.append(Problem(message=f"the target {name!r} is not of kind adopt"))
    if problems:
        raise ConfigError(tuple(problems))
    fitting = [name for name in known if (name in adopted) is adopt]
    chosen = list(dict.fromkeys(wanted)) or fitting
    if adopt and len(chosen) != 1:
        message = f"--adopt goes with one target of kind adopt, found {len(chosen)}"
        hint = (
            f"Name one of: {', '.join(adopted)}."
            if adopted
            else "Configure one: docs/how-to/aws-backup.md."
        )
        raise ConfigError((Problem(message=message),), hint=hint)
    if not chosen:
        message = "every target is of kind adopt; give the instance to check: --adopt INSTANCE"
        raise ConfigError((Problem(message=message),))
    return chosen


def _outputs(loaded: Config, names: Sequence[str], instance: str | None) -> dict[str, str]:
    """The first outputs of the drill of an adopted instance."""
    if instance is None:
        return {}
    from restorecheck.hosts.drill import wiring

    target = next(target for target in loaded.targets if target.name == names[0])
    return wiring.targets_of(loaded).source_of(target.name).outputs_of(target, instance)


def _asked(loaded: Config, names: Sequence[str], backup: str | None) -> Select | None:
    """What --backup asks for.

    Raises:
        ConfigError: It cannot be asked of these targets.
    """
    if backup is None:
        return None
    if not backup.strip():
        message = "--backup: expected the name of a backup, or newest, oldest, random or rotating"
        raise ConfigError((Problem(message=message),))
    rule = rule_of(backup)
    _refuse_without_list(loaded, names, "--backup")
    if rule.by is SelectBy.NAMED and len(names) != 1:
        message = f"--backup {backup!r} names one backup; name its target, too"
        hint = "For every target: newest, oldest, random or rotating."
        raise ConfigError((Problem(message=message),), hint=hint)
    return rule


def _newest_only(loaded: Config, names: Sequence[str], arguments: argparse.Namespace) -> Select:
    """What --when-new drills.

    Raises:
        ConfigError: Another option asks for something else.
    """
    if arguments.backup is not None or arguments.adopt is not None:
        other = "--adopt" if arguments.backup is None else "--backup"
        message = f"--when-new drills the newest backup; remove {other}"
        raise ConfigError((Problem(message=message),))
    _refuse_without_list(loaded, names, "--when-new")
    return Select()


def _refuse_without_list(loaded: Config, names: Sequence[str], option: str) -> None:
    without = [t.name for t in loaded.targets if t.name in names and not t.kind.selects]
    if without:
        message = f"{option}: the target {without[0]!r} has no list of backups"
        raise ConfigError((Problem(message=message),))


def _has_new(parts: "Parts", name: str, progress: Progress) -> bool:
    """Says so where there is none."""
    from restorecheck.hosts.drill import new_backups

    listed = new_backups.newest_of(parts.config, name, parts.clock)
    if new_backups.is_new(new_backups.keys_of(listed), parts.store, name):
        return True
    latest = parts.store.standing(name).latest
    last = f"; its last drill: {latest.verdict}, {second_of(latest.finished_at)}" if latest else ""
    progress.say(
        f"{name}: nothing new: {first_of([one.identifier for one in listed], 3)} was drilled already{last}"
    )
    return False


def _print_plans(loaded: Config, names: Sequence[str], select: Select | None) -> int:
    with importing():
        from restorecheck.hosts.drill import wiring
    from restorecheck.hosts.cli.plan_text import render_plan
    from restorecheck.hosts.clock import new_drill_id
    from restorecheck.hosts.sources.drill_settings import (
        checks_of,
        deadline_of,
        is_of_now,
        rehearsal_limit_of,
    )

    clock = SystemClock()
    targets = wiring.targets_of(loaded)
    for target in loaded.targets:
        if target.name in names:
            drill_id = new_drill_id(clock.now())
            provider = targets.provider_of(target.name)
            newest = is_of_now(target, select or target.select.rule())
            text = render_plan(
                target.name,
                provider.plan(drill_id),
                checks_of(target, baseline=newest, newest=newest),
                objectives=target.objectives.wanted(),
                deadline=deadline_of(target),
                afterwards=provider.afterwards(drill_id),
                hook=_hook_limit(target),
                rehearsal=rehearsal_limit_of(target),
                rehearses=provider.rehearses(drill_id),
            )
            print(text, end="")
    return Exit.VERIFIED


def _hook_limit(target: Target) -> timedelta | None:
    hook = target.after_verified
    return None if hook is None else timedelta(seconds=hook.timeout_seconds)


def _print_report(finished: Report, parts: "Parts") -> None:
    from restorecheck.hosts.cli.kept_database import how_to_connect
    from restorecheck.hosts.process.past import past_until

    past = past_until(finished, parts.store)
    print(render(finished, past, color=use_color(sys.stdout)), end="", flush=True)
    print(how_to_connect(parts.store.load(finished.drill_id)), end="", flush=True)


def _print_json(reports: Sequence[Report], *, several: bool) -> None:
    values = [json.loads(r.to_json()) for r in reports]
    print(json.dumps(values if several else values[0] if values else None, indent=2))
