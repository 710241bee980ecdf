"""The sandbox with content: the database of a course platform, and a configuration."""

import os
import shlex
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from restorecheck.errors import ConfigError, Problem, RestorecheckError

if TYPE_CHECKING:
    from restorecheck.sandbox import Landscape, Sandbox

PRODUCTION = "courses-prod"
DATABASE = "courses"
PASSWORD = "Only-In-The-Sandbox-1"  # noqa: S105  # of a database that lives as long as the demo
TARGET = "courses-rds"

REAL_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)

CONFIG = """\
# A target in the sandbox: AWS is simulated, PostgreSQL is real.
version: 1
sandbox: true                  # endpoints of AWS must be on this machine
aws: {{ca_bundle: {ca_bundle}, poll_interval_seconds: {poll}}}

targets:
  - name: {target}
    {kind}:
      {identifier}: {production}
      region: {region}
      source:
        account_id: "{source}"
        role_arn: {role_arn}
        external_id: {external_id}
        transit_kms_key_id: {transit}
      backup: {{account_id: "{backup}", kms_key_id: {key}, keep_copies: 3}}
      restore:
        {restored_as}
        db_subnet_group_name: {subnet_group}
        vpc_security_group_ids: [{security_group}]
    databases: [{database}]
    checks:
      - row_count: {{table: course.answers, min: {answers}}}
      - query:
          name: the newest submission is from the last day
          sql: select max(submitted_at) > now() - interval '36 hours' from course.submissions
          expect: {{equals: true}}
      - query:
          name: every answer belongs to a submission
          sql: >-
            select count(*) from course.answers a
            where not exists (select 1 from course.submissions s where s.id = a.submission_id)
          expect: {{equals: 0}}

history: {{path: history.sqlite}}
"""


def import_sandbox() -> None:
    """Raises ConfigError with the command to install what the sandbox needs."""
    try:
        import moto.server  # noqa: F401
    except ImportError as exc:
        raise RestorecheckError(
            f"the sandbox needs packages that are not installed ({exc.name})",
            hint="pip install 'restorecheck[sandbox]' brings them.",
        ) from exc


def refuse_real_credentials(environment: Mapping[str, str]) -> None:
    """Refuse real credentials beside the sandbox: the next command might reach the real account.

    Raises:
        ConfigError: The environment has credentials of an AWS account.
    """
    found = [name for name in REAL_CREDENTIALS if environment.get(name)]
    if found:
        message = f"the environment has AWS credentials ({', '.join(found)})"
        raise ConfigError(
            (Problem(message=message),),
            hint="Start the sandbox in a shell without credentials, so that no command can reach "
            f"a real account: unset {' '.join(found)}",
        )


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child that must not reach a real account."""
    return {key: value for key, value in environment.items() if not key.startswith("AWS_")}


def forget_aws() -> None:
    """Prevents this process from reaching a real account; moto reads profiles when imported."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]


def fill(sandbox: "Sandbox", answers: int, *, aurora: bool = False) -> "Landscape":
    """Set up both accounts, with production, its data and a first automated snapshot."""
    land = sandbox.prepare()
    create = sandbox.create_production_cluster if aurora else sandbox.create_production
    production = create(PRODUCTION, database=DATABASE, password=PASSWORD)
    text = resources.files("restorecheck.hosts.demo").joinpath("platform.sql").read_text()
    with sandbox.sql(production, DATABASE) as connection:
        connection.execute("set role dbadmin")
        connection.execute(text.replace("{answers}", str(answers)).encode())
    sandbox.move_in(production, DATABASE)
    return land


def target_of(*, aurora: bool) -> str:
    return "courses-aurora" if aurora else TARGET


def write_config(
    sandbox: "Sandbox",
    land: "Landscape",
    file: Path,
    *,
    answers: int,
    poll: float,
    aurora: bool = False,
) -> None:
    of_rds = f"db_instance_class: db.t4g.medium\n        db_parameter_group_name: {land.db_parameter_group_name}"
    serverless = "serverless_v2: {min_acu: 0.5, max_acu: 4}"
    of_aurora = f"db_instance_class: db.serverless\n        {serverless}"
    file.write_text(
        CONFIG.format(
            ca_bundle=sandbox.ca_bundle,
            poll=poll,
            target=target_of(aurora=aurora),
            kind="aurora" if aurora else "rds",
            identifier="db_cluster_identifier" if aurora else "db_instance_identifier",
            restored_as=of_aurora if aurora else of_rds,
            production=PRODUCTION,
            database=DATABASE,
            region=sandbox.region,
            source=sandbox.source.account_id,
            backup=sandbox.backup.account_id,
            role_arn=land.role_arn,
            external_id=land.external_id,
            transit=land.transit_kms_key_id,
            key=land.backup_kms_key_id,
            subnet_group=land.db_subnet_group_name,
            security_group=land.vpc_security_group_id,
            answers=answers,
        )
    )


def exports(sandbox: "Sandbox", config: Path) -> str:
    """The export lines for a shell."""
    values = sandbox.environment() | {"RESTORECHECK_CONFIG": str(config)}
    return "".join(f"export {key}={shlex.quote(value)}\n" for key, value in values.items())


def up(*, factor: float, port: int, answers: int) -> int:
    """`restorecheck sandbox up`: until it is interrupted."""
    import signal
    import sys
    import threading

    from restorecheck.hosts.process.exit_codes import Exit
    from restorecheck.sandbox import Pace, Sandbox

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    with Sandbox(pace=Pace(factor=factor), port=port) as sandbox:
        land = fill(sandbox, answers)
        sandbox.take_automated_snapshot(PRODUCTION)
        config = sandbox.directory / "restorecheck.yaml"
        write_config(sandbox, land, config, answers=answers, poll=max(0.2, 30 * factor))
        print(exports(sandbox, config), end="", flush=True)
        print(
            "\nThe sandbox is up; AWS is simulated, PostgreSQL is real. In another shell, give it the "
            "lines above, then:\n  restorecheck drill\nCtrl-C ends it and removes everything.",
            file=sys.stderr,
        )
        ended.wait()
    return Exit.VERIFIED
