"""A program of the user's that asks the restored database, for example with the code of the application.

Its exit code is the answer; what it prints may be personal data, and is shown only where that is configured.
The drill knows the name of the check only: arguments and environment may contain secrets, and are read from the
configuration when the program starts.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from restorecheck.checks.answers import Exited, Judgement
from restorecheck.checks.keys import AtLeastOne, CheckKeys, FromList, Text, Texts, refusal
from restorecheck.checks.kind import ByProgram
from restorecheck.model import CheckOutcome, CheckSpec

TEMPORARY = 75
"""EX_TEMPFAIL of sysexits.h: the program could not tell."""
CANNOT_START = frozenset({126, 127})
"""By convention of shells: the program that a program was to start cannot be executed, or does not exist."""
OURS = ("PG", "DATABASE_URL", "HOME", "RESTORECHECK_")
"""Beginnings of variables that restorecheck sets."""


def _list(value: Any) -> Any:  # noqa: ANN401  # before validation
    if isinstance(value, str):
        raise refusal("expected a list with one item per argument, found one text")
    return value


def _variables(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not name.replace("_", "a").isalnum() or name[:1].isdigit() or not name.isascii():
            raise refusal(f"expected names of variables, found '{name}'")
        if name.startswith(OURS):
            raise refusal(f"{name} is set by restorecheck; choose another name")
    return value


Arguments = Annotated[tuple[Text, ...], FromList, AtLeastOne, BeforeValidator(_list)]
Variables = Annotated[dict[str, str], AfterValidator(_variables)]


class CommandKeys(CheckKeys):
    name: Text = Field(
        description="Name in reports: a statement that is true when the program ends with exit code 0."
    )
    run: Arguments = Field(
        repr=False,  # may hold an interpolated secret
        description="The program, one list item per argument: [/srv/shop/bin/smoke]. No shell is started.",
    )
    files: Texts = Field(
        default=(),
        description="Files and folders that the program may read, besides the system's and its own folder: "
        "its code, its virtual environment. Relative to the configuration file.",
    )
    environment: Variables = Field(
        default={},
        repr=False,  # as above
        description="Variables of the program, besides DATABASE_URL, PGHOST, PGPORT, PGUSER, PGDATABASE. It gets no others.",
    )
    show_output: bool = Field(
        default=False,
        description="Show the last line that the program prints. It may contain data of the restored database.",
    )

    @model_validator(mode="after")
    def _is_asked_at_the_end(self) -> Self:
        if self.at is not None:
            raise refusal("a command runs when the recovery is complete; remove `at`")
        return self

    @property
    def title(self) -> str:
        return self.name

    def options(self) -> dict[str, Any]:
        return {"show_output": self.show_output}

    def with_absolute_paths(self, absolute: Callable[[str], str]) -> Self:
        program, *rest = self.run
        first = absolute(program) if "/" in program else program
        files = tuple(absolute(path) for path in self.files)
        return self.model_copy(update={"run": (first, *rest), "files": files})


class Command(ByProgram):
    name = "command"
    help = "Runs a program of yours that asks the restored database."
    keys = CommandKeys

    def expected(self, options: Mapping[str, Any]) -> str:  # the same for all
        return "exit code 0"

    def needs_statistics(self, options: Mapping[str, Any]) -> bool:  # as above
        return True

    def judge_exit(self, spec: CheckSpec, exited: Exited) -> Judgement:
        expected = self.expected(spec.options)
        said = exited.said if spec.options.get("show_output") else ""
        detail = "; ".join(filter(None, (said, *exited.notes)))
        if exited.code < 0 or exited.code in {TEMPORARY, *CANNOT_START}:
            why = _why_unclear(exited.code)
            return Judgement(
                CheckOutcome.ERROR, expected, "", "; ".join(filter(None, (why, detail)))
            )
        outcome = CheckOutcome.FAILED if exited.code else CheckOutcome.PASSED
        return Judgement(outcome, expected, f"exit code {exited.code}", detail)


def _why_unclear(code: int) -> str:
    if code < 0:
        return f"the program was ended by signal {-code}"
    if code == TEMPORARY:
        return f"the program could not tell (exit code {TEMPORARY})"
    return f"the program could not be run (exit code {code})"
