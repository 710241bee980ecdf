"""Counts the books of a shelf."""

from pathlib import Path

from restorecheck.errors import DatabaseUnreachableError
from restorecheck.model import CheckOutcome, CheckResult, CheckSpec
from restorecheck.ports import Answers, Checker, Inquiry


class ShelfChecker(Checker):
    def run(self, inquiry: Inquiry) -> Answers:
        endpoint = inquiry.endpoint
        place = Path(endpoint.host)
        if not place.is_dir() or str(place.stat().st_ino) != endpoint.identity:
            raise DatabaseUnreachableError("these are other shelves")
        spec = inquiry.pending[0]
        good, found = _asked(spec, place)
        result = CheckResult(
            name=spec.name,
            kind=spec.kind,
            database="shelves",
            severity=spec.severity,
            outcome=CheckOutcome.PASSED if good else CheckOutcome.FAILED,
            found=found,
            answered_by=endpoint.identity,
        )
        return Answers(results=(result,))


def _asked(spec: CheckSpec, place: Path) -> tuple[bool, str]:
    shelves = sorted(path.name for path in place.iterdir())
    if spec.kind == "server_answers":
        return bool(shelves), f"{len(shelves)} shelves"
    books = len(list((place / spec.options["table"]).glob("*")))
    return books >= spec.options["min"], f"{books} books"
