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
            f"a stored drill cannot be read (at {where})",
            hint="It was written by another version of restorecheck, or the store is damaged.",
        ) from exc
    if not is_drill_id(drill.id):
        raise StoreError(
            "the id of a stored drill is not valid; it could name files outside of the store",
            hint="The store was changed by another program: restore the store from a copy.",
        )
    return drill
