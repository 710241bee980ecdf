"""Drill ⇄ JSON, for every store.

The format is the operator's contract too: a drill that an older version left behind must be
readable by the version that cleans up after it. Unknown keys are ignored, new keys have defaults.
"""

from functools import cache

from pydantic import TypeAdapter, ValidationError

from restorecheck.errors import StoreError
from restorecheck.model import Drill, is_drill_id


@cache
def _adapter() -> TypeAdapter[Drill]:
    return TypeAdapter(Drill)


def encode(drill: Drill) -> str:
    return _adapter().dump_json(drill).decode()


def decode(text: str) -> Drill:
    """The drill that `encode` wrote.

    Raises:
        StoreError: The text is not a drill of this or an earlier version.
    """
    try:
        drill = _adapter().validate_json(text)
    except ValidationError as exc:
        where = ", ".join(".".join(map(str, error["loc"])) for error in exc.errors()[:3])
        raise StoreError(
            f"could not read a stored drill (at {where})",
            hint="Another version of restorecheck wrote the drill, or the store is damaged: "
            "upgrade, or restore the store from a copy.",
        ) from exc
    if not is_drill_id(drill.id):
        raise StoreError(
            "could not read a stored drill: its id is not valid",
            hint="Another program changed the store: restore the store from a copy.",
        )
    return drill
