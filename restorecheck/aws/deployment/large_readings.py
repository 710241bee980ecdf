"""Readings that do not fit into the item of their drill: in items beside it, in parts.

A part is named after the SHA-256 of the whole text: no save changes what another one has named. Of a drill that
runs, each slice of reading leaves parts that nothing names any more; they expire (`EXPIRES`, the table's time
to live). Those of a finished drill stay, as its item does: a later night is compared with them.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from restorecheck.aws.deployment.items import Item
from restorecheck.errors import StoreError
from restorecheck.history import sha256_of
from restorecheck.model import Drill

PART = 350_000
"""Characters, each of one byte; DynamoDB takes items of 400 KB."""
EXPIRES = "expires_at"
"""Seconds since 1970."""
KEPT = timedelta(days=30)
"""After the drill's deadline: no drill is loaded so long after."""
OWN, BASELINE = "readings", "baseline_readings"
"""Attributes of the drill's item: digest and number of parts."""


class LargeReadings:
    """`put` and `get`: of the table, by `pk` and `sk`."""

    def __init__(self, put: Callable[[Item], None], get: Callable[[str, str], Item | None]) -> None:
        self._put = put
        self._get = get
        self._there: set[tuple[str, str, bool]] = set()

    def set_aside(self, drill: Drill) -> tuple[Drill, Item]:
        """The drill without its readings, and the attributes that name their parts."""
        names: Item = {}
        if drill.readings:
            names[OWN] = self._store(drill, drill.readings, stays=drill.finished)
        if drill.baseline is not None and drill.baseline.readings:
            names[BASELINE] = self._store(drill, drill.baseline.readings, stays=False)
        return _with(drill, own="", baseline=""), names

    def put_back(self, drill: Drill, item: Item) -> Drill:
        """The drill as it was saved.

        Raises:
            StoreError: A part is not there, or not as it was.
        """
        if OWN not in item and BASELINE not in item:
            return drill
        own, baseline = (
            self._text(drill, item[name]) if name in item else "" for name in (OWN, BASELINE)
        )
        return _with(drill, own=own, baseline=baseline)

    def _store(self, drill: Drill, text: str, *, stays: bool) -> str:
        digest = sha256_of(text)
        parts = [text[first : first + PART] for first in range(0, len(text), PART)]
        if (drill.id, digest, stays) not in self._there:
            expires = {} if stays else {EXPIRES: int((drill.deadline + KEPT).timestamp())}
            for number, part in enumerate(parts):
                self._put({**_key(drill, digest, number), "text": part, **expires})
            self._there.add((drill.id, digest, stays))
        return f"{digest} {len(parts)}"

    def _text(self, drill: Drill, name: str) -> str:
        digest, _, count = name.partition(" ")
        keys = [_key(drill, digest, number) for number in range(int(count))]
        parts = [self._get(key["pk"], key["sk"]) for key in keys]
        text = "".join(part["text"] for part in parts if part is not None)
        if sha256_of(text) != digest:
            raise StoreError(
                f"could not read the readings of drill {drill.id}: parts are missing or changed",
                hint="Restore the table from a point in time, or remove the drill's item.",
            )
        self._there.add((drill.id, digest, drill.finished))
        return text


def _key(drill: Drill, digest: str, number: int) -> dict[str, str]:
    return {"pk": f"drill#{drill.id}", "sk": f"readings#{digest}#{number}"}


def _with(drill: Drill, *, own: str, baseline: str) -> Drill:
    kept = drill.baseline and replace(drill.baseline, readings=baseline)
    return drill.evolve(readings=own, baseline=kept)
