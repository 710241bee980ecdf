"""The answers of `conformance.questions` that the sandbox can be told to give in place of its own.

Nobody knows which of them is AWS's. What a real recording shows becomes the default in `rds`; until
then a drill can be tried with each.
"""

from collections import Counter
from typing import Any

from restorecheck.conformance.questions import BY_ID
from restorecheck.sandbox.rds import Outcome, ServedRds
from restorecheck.simulated.refusals import Refusal

LOOKS = 3
"""How many looks see the unusual answer, before the usual one."""
NOT_FOUND = "DBSnapshotNotFound"
THING_KEYS = ("DBSnapshots", "DBInstances")


class Played:
    """What the sandbox was told to answer; asked by the wire around every call."""

    def __init__(self, rds: ServedRds) -> None:
        self._rds = rds
        self._told: dict[str, str] = {}
        self._seen: Counter[str] = Counter()

    def tell(self, question: str, answer: str) -> None:
        """Raises KeyError for an answer that the registry does not say of the sandbox."""
        if answer == BY_ID[question].by_default:
            return
        if answer not in BY_ID[question].also:
            raise KeyError(f"the sandbox cannot answer {question} with {answer!r}")
        self._told[question] = answer
        if question == "second-copy":
            normal, fast = Outcome(status="available"), Outcome(status="available", slower=0.1)
            self._rds.state.copies.extend([normal, normal, normal, fast])

    def forget(self) -> None:
        self._told.clear()
        self._seen.clear()

    def refuse(self, service: str, operation: str) -> None:
        """Raises Refusal where the call is to be refused before anything happens."""
        managed = self._told.get("managed-password-and-describe-key")
        denied = Refusal("AccessDeniedException", "You are not authorized.", status=403)
        if managed and (service, operation) == ("kms", "DescribeKey"):
            raise denied
        if managed == "needed" and operation == "ModifyDBInstance":
            raise Refusal("AccessDenied", "You are not authorized.", status=403)
        validation = self._told.get("timed-out")
        if validation and operation == "PutRestoreValidationResult":
            raise Refusal(validation.removeprefix("refused with "), "Invalid ValidationStatus")

    def refused(self, operation: str, refusal: Refusal) -> Refusal:
        """The refusal that is answered in place of this one."""
        answer = self._told.get("first-copy-after-share")
        if answer and operation == "CopyDBSnapshot" and refusal.code == NOT_FOUND:
            return Refusal(answer.partition(",")[0], refusal.message, status=403)
        return refusal

    def shown(self, account_id: str, shown: dict[str, Any]) -> dict[str, Any]:
        """What is described in place of this: a change of one field of the things in it."""
        for key in THING_KEYS:
            for thing in shown.get(key) or ():
                self._change(account_id, thing)
        return shown

    def _change(self, account_id: str, thing: dict[str, Any]) -> None:
        arn = str(thing.get("DBSnapshotArn") or thing.get("DBInstanceArn"))
        manual = thing.get("SnapshotType") == "manual"
        if manual and self._is_new("tags-at-first-sight", arn):
            thing["TagList"] = []
        is_copy = manual and "SourceDBSnapshotIdentifier" in thing and account_id in arn
        match self._told.get("original-time") if is_copy else None:
            case "missing in the copy":
                thing.pop("OriginalSnapshotCreateTime", None)
            case "another one in the copy" if "SnapshotCreateTime" in thing:
                thing["OriginalSnapshotCreateTime"] = thing["SnapshotCreateTime"]
        available = thing.get("DBInstanceStatus") == "available"
        if available and self._is_new("statuses-of-a-restore", arn):
            thing["DBInstanceStatus"] = "modifying"

    def _is_new(self, question: str, arn: str) -> bool:
        """Whether a thing is looked at for one of the first times, and another answer was told."""
        if question not in self._told:
            return False
        self._seen[f"{question} {arn}"] += 1
        return self._seen[f"{question} {arn}"] <= LOOKS
