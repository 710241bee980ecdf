"""Programs of the user's that check or use a restored database, as the configuration has them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from restorecheck.checks.answers import Answer, NoAnswer
from restorecheck.checks.kinds.command import CommandKeys
from restorecheck.config import Target
from restorecheck.model import CheckSpec, Endpoint
from restorecheck.postgres.dump.after_verified import AfterVerified
from restorecheck.postgres.dump.guest import GuestProgram, run_guest
from restorecheck.postgres.scan.checker import RunProgram
from restorecheck.postgres.server.cluster import SUPERUSER


def runner_of(target: Target, *, superuser: str = SUPERUSER) -> RunProgram:
    """Runs the programs of this target's checks. `superuser`: of the throw-away server."""
    programs = dict(_programs(target))

    def run(endpoint: Endpoint, database: str, spec: CheckSpec, timeout: timedelta) -> Answer:
        program = programs.get(spec.name)
        if program is None:
            return NoAnswer(reason="the configuration no longer has this check")
        return run_guest(program, endpoint, database, timeout, superuser=superuser)

    return run


def after_verified_of(target: Target, config_file: Path) -> AfterVerified | None:
    """The command that runs after a verified verdict; None: none is configured."""
    keys = target.after_verified
    if keys is None:
        return None
    return AfterVerified(
        argv=keys.run,
        seconds=keys.timeout_seconds,
        config_file=config_file,
        environment=keys.environment,
        show_output=keys.show_output,
    )


def _programs(target: Target) -> Iterator[tuple[str, GuestProgram]]:
    for check in target.checks:
        _kind, keys = check.only()
        if isinstance(keys, CommandKeys):
            files = tuple(Path(path) for path in keys.files)
            yield keys.title, GuestProgram(argv=keys.run, files=files, environment=keys.environment)
