"""The extensions that the application needs are installed."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from restorecheck.checks.answers import Judgement
from restorecheck.checks.keys import AtLeastOne, CheckKeys, FromList, Text, optional
from restorecheck.checks.kind import Context, OfReading
from restorecheck.checks.scan_result import DatabaseReading
from restorecheck.model import CheckOutcome, CheckSpec


class ExtensionsKeys(CheckKeys):
    names: Annotated[tuple[Text, ...], FromList, AtLeastOne] = Field(
        description="Extensions that the application needs."
    )
    name: Text | None = optional("Name in reports; by default 'extensions'.")

    @property
    def title(self) -> str:
        return self.name or "extensions"


class Extensions(OfReading):
    name = "extensions"
    help = "Extensions that must be installed."
    keys = ExtensionsKeys
    structure = True

    def expected(self, options: Mapping[str, Any]) -> str:
        return "all extensions"

    def judge_reading(
        self, spec: CheckSpec, reading: DatabaseReading, context: Context
    ) -> Judgement:
        expected = self.expected(spec.options)
        wanted = {str(name) for name in spec.options["names"]}
        missing = sorted(name for name in wanted if f"extension {name}" not in reading.structure)
        if missing:
            detail = f"missing: {', '.join(missing)}"
            return Judgement(CheckOutcome.FAILED, expected, f"{len(wanted - {*missing})}", detail)
        return Judgement(CheckOutcome.PASSED, expected, f"all {len(wanted)}")
