"""Tables, columns, functions and grants equal those of an accepted file."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from restorecheck.checks import baseline
from restorecheck.checks.answers import Judgement
from restorecheck.checks.keys import CheckKeys, Text, optional
from restorecheck.checks.kind import Context, OfReading, listed
from restorecheck.checks.scan_result import DatabaseReading
from restorecheck.checks.structure import comparable
from restorecheck.model import CheckOutcome, CheckSpec


class StructureKeys(CheckKeys):
    """The structure in an accepted file."""

    file: Text = Field(
        description="The file of `restorecheck manifest`; relative to the configuration file."
    )
    name: Text | None = optional("Name in reports; by default 'structure'.")

    @property
    def title(self) -> str:
        return self.name or "structure"


class Structure(OfReading):
    name = "structure"
    help = "The structure equals that of a manifest."
    keys = StructureKeys
    structure = True

    def expected(self, options: Mapping[str, Any]) -> str:
        return f"the structure of {str(options.get('taken_at', 'the manifest'))[:16]}"

    def judge_reading(
        self, spec: CheckSpec, reading: DatabaseReading, context: Context
    ) -> Judgement:
        expected = self.expected(spec.options)
        logical = bool(spec.options.get("logical"))
        wanted = comparable(spec.options["structure"], logical=logical)
        there = comparable(reading.structure, logical=logical)
        differences = baseline.structure_changes(wanted, there)
        found = f"{len(there):,} objects, {len(differences):,} differ"
        if differences:
            return Judgement(CheckOutcome.FAILED, expected, found, listed(map(str, differences)))
        return Judgement(CheckOutcome.PASSED, expected, found)
