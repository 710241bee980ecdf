"""Runs of `restorecheck conformance aws` in the sandbox, each with other answers; their recordings.

`python -m tests.rds.conforming` makes the recordings anew. One of a real account is put beside them
as it came: the test plays the answers that it shows.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from restorecheck.conformance import reading, recording
from restorecheck.conformance.questions import BY_ID
from restorecheck.hosts.cli.arguments import main
from restorecheck.hosts.demo.rehearsal import without_aws
from restorecheck.sandbox import Pace, Sandbox
from tests.places import SHORT
from tests.rds.conftest import PASSWORD, Stage, configuration

RECORDINGS = Path(__file__).parent / "recordings"
PACE = Pace(factor=1 / 300, visible=30)
"""Every status lasts for several polls of 0.02 s, and what is new is not seen for five of them: after six (`settling`)
what is not seen counts as deleted.
"""
TARGET = "proven"


@dataclass(frozen=True)
class Scenario:
    told: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    job: bool = False
    """There is a restore job of AWS Backup to answer."""


SCENARIOS = {
    "simulated-by-default": Scenario(job=True),
    "simulated-other-answers": Scenario(
        {
            "tags-at-first-sight": "without tags",
            "first-copy-after-share": "AccessDenied, then accepted",
            "original-time": "missing in the copy",
            "statuses-of-a-restore": "creating, modifying, available",
            "delete-while-creating": "accepted",
            "managed-password-and-describe-key": "not needed",
            "second-copy": "faster than the first",
            "timed-out": "refused with InvalidParameterValueException",
        },
        job=True,
    ),
    "simulated-detours": Scenario(
        {
            "first-copy-after-share": "KMSKeyNotAccessibleFault, then accepted",
            "statuses-of-a-restore": "creating, available, modifying, rebooting, available",
        },
        arguments=("--step", "restore", "--step", "password"),
    ),
    "simulated-refusals": Scenario(
        {
            "first-copy-after-share": "InvalidDBSnapshotState, then accepted",
            "original-time": "a different one in the copy",
            "managed-password-and-describe-key": "needed",
        },
        arguments=("--step", "password"),
    ),
}


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    with Sandbox(pace=PACE) as sandbox:
        sandbox.rds.state.early_once = True
        land = sandbox.prepare()
        sandbox.create_production(password=PASSWORD)
        sandbox.take_automated_snapshot("courses-prod")
        yield Stage(sandbox, land)


def configure(there: Stage, directory: Path) -> Path:
    path = directory / "restorecheck.yaml"
    path.write_text(yaml.safe_dump(configuration(there.sandbox, there.land, TARGET)))
    return path


def arguments_of(there: Stage, directory: Path, scenario: Scenario, output: Path) -> list[str]:
    job = []
    if scenario.job:
        snapshot = next(iter(there.sandbox.snapshots(there.sandbox.source).values()))
        made = there.sandbox.restore_for_test(snapshot)
        job = ["--restore-job", made.identifier]
    config = ["-c", str(configure(there, directory)), "-o", str(output)]
    return ["conformance", "aws", "--yes", *config, *scenario.arguments, *job]


def tell(sandbox: Sandbox, told: Mapping[str, str]) -> None:
    sandbox.played.forget()
    for question, answer in told.items():
        sandbox.played.tell(question, answer)


def record(there: Stage, directory: Path, scenario: Scenario) -> tuple[int, recording.Recording]:
    """Exit status and recording of the command, run in this process."""
    output = directory / "recording.jsonl"
    output.unlink(missing_ok=True)
    tell(there.sandbox, scenario.told)
    try:
        code = main(arguments_of(there, directory, scenario, output))
    finally:
        there.sandbox.played.forget()
        there.sandbox.calm()
    return code, recording.parse(output.read_text())


def replaying(recorded: recording.Recording) -> Scenario:
    """The scenario in which the sandbox answers as the recording shows.

    Raises:
        AssertionError: It shows an answer that the sandbox cannot give.
    """
    told = reading.answers(recorded)
    for question, answer in told.items():
        known = BY_ID[question].answers
        assert not known or answer in known, (
            f"{BY_ID[question].asks}\n  recorded:  {answer}\n  simulated: one of {known}"
        )
    steps = [s for s in recorded.steps if (e := recorded.outcome(s)) and e.outcome == "done"]
    names = [s for s in steps if s not in {"endpoint", "trust", "validation"}]
    arguments = tuple(word for name in names for word in ("--step", name))
    playable = {q: a for q, a in told.items() if BY_ID[q].answers}
    job = "validation" in steps
    return Scenario(playable, arguments if not job else (), job=job)


def write() -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    with stage() as there, tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as folder:
        os.environ.update(without_aws(os.environ) | there.sandbox.environment())
        for name, scenario in SCENARIOS.items():
            code, _ = record(there, Path(folder), scenario)
            assert code == 0, f"{name}: {code}"
            text = (Path(folder) / "recording.jsonl").read_text()
            (RECORDINGS / f"{name}.jsonl").write_text(text)


if __name__ == "__main__":
    write()
