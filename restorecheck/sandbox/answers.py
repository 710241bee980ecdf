"""The answers to `conformance.questions` that can be set in the sandbox instead of its defaults.

Which of them is AWS's is not known. The answer in a real recording becomes the default in `simulated.unknowns`; until
then restorecheck is tested with every one.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from restorecheck.conformance.questions import BY_ID
from restorecheck.sandbox.rds import PlannedOutcome, ServedRds
from restorecheck.simulated import Unknowns
from restorecheck.simulated.refusals import Refusal
from restorecheck.simulated.unknowns import Early, Original, Statuses

OF_RDS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "tags-at-first-sight": {"without tags": {"tags_late": True}},
    "first-copy-after-share": {
        f"{early.value}, then accepted": {"early": early} for early in Early
    },
    "original-time": {original.value: {"original": original} for original in Original},
    "statuses-of-a-restore": {path.value: {"statuses": path} for path in Statuses},
    "delete-while-creating": {"accepted": {"deletes_while_creating": True}},
}
"""Question → answer → setting of the simulation."""


class Played:
    """The set answers; read before every call."""

    def __init__(self, rds: ServedRds) -> None:
        self._state = rds.state
        self._told: dict[str, str] = {}

    def tell(self, question: str, answer: str) -> None:
        """Raises KeyError for an answer that the registry does not list for the sandbox."""
        if answer == BY_ID[question].by_default:
            return
        if answer not in BY_ID[question].also:
            raise KeyError(f"the sandbox cannot answer {question} with {answer!r}")
        self._told[question] = answer
        if question in OF_RDS:
            self._state.unknowns = replace(self._state.unknowns, **OF_RDS[question][answer])
        if question == "second-copy":
            normal, fast = PlannedOutcome(), PlannedOutcome(slower=0.1)
            self._state.copies.extend([normal, normal, normal, fast])

    def forget(self) -> None:
        self._told.clear()
        self._state.unknowns = Unknowns()

    def refuse(self, service: str, operation: str) -> None:
        """Raises Refusal: the call must be refused before it has an effect."""
        managed = self._told.get("managed-password-and-describe-key")
        if managed and (service, operation) == ("kms", "DescribeKey"):
            raise Refusal("AccessDeniedException", "You are not authorized.", status=403)
        if managed == "needed" and operation == "ModifyDBInstance":
            raise Refusal("AccessDenied", "You are not authorized.", status=403)
        validation = self._told.get("timed-out")
        if validation and operation == "PutRestoreValidationResult":
            raise Refusal(validation.removeprefix("refused with "), "Invalid ValidationStatus")
