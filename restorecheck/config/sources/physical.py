"""Physical backups: the keys that every kind of them has, and what holds between them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, WithJsonSchema, create_model

from restorecheck.checks.keys import Hours, Keys, Text, refusal
from restorecheck.config.findings import ConfigFinding
from restorecheck.config.physical.kind import PhysicalKind
from restorecheck.config.physical.moments import broken_moments
from restorecheck.config.physical.registry import PHYSICAL_KINDS
from restorecheck.config.select import DAYS, MOST_DAYS, only
from restorecheck.config.sources.kind import Absolute, SourceKind, Written

_BY_KEY = {kind.key: kind for kind in PHYSICAL_KINDS}
_WORDS = ("latest", "immediate", "random")
_POINTS = "{time: '2026-02-27 03:15:00+00'} or {lsn: 16/B374D848}"
_EXPECTED = f"expected latest, immediate, random, {{random: {{within_days: 30}}}}, {_POINTS}"


def _moment(value: Any) -> tuple[str, str]:  # noqa: ANN401  # before validation
    match value:
        case str() if value in _WORDS:
            return value, ""
        case {"time": str() as text} if len(value) == 1:
            if _has_zone(text):
                return "time", text
            raise refusal("expected a time with its zone, as in '2026-02-27 03:15:00+00'")
        case {"lsn": str() as text} if len(value) == 1 and _is_position(text):
            return "lsn", text
        case {"random": {"within_days": int() | float() as days}} if _is_only(value, "random"):
            if isinstance(days, bool) or not 0 < days <= MOST_DAYS:
                raise refusal(f"expected within_days to be more than 0 and at most {MOST_DAYS}")
            return "random", f"{days:g}"
        case _:
            raise refusal(_EXPECTED)


def _is_only(value: dict[str, Any], key: str) -> bool:
    return len(value) == 1 and len(value[key]) == 1


def _has_zone(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_position(text: str) -> bool:
    parts = text.split("/")
    return len(parts) == 2 and all(  # noqa: PLR2004  # high and low
        0 < len(part) <= 8 and all(c in "0123456789ABCDEFabcdef" for c in part)  # noqa: PLR2004  # 32 bits
        for part in parts
    )


Moment = Annotated[
    tuple[str, str],
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(_WORDS)},
                *(only(key, {"type": "string"}) for key in ("time", "lsn")),
                only("random", only("within_days", DAYS)),
            ]
        }
    ),
]

_OfKinds = create_model(
    "_OfKinds",
    __base__=Keys,
    **cast(
        dict[str, Any],
        {
            name: (field.annotation | None, Field(default=None, description=field.description))
            for kind in PHYSICAL_KINDS
            for name, field in kind.keys.model_fields.items()
        },
    ),
)


class Physical(_OfKinds):
    """Physical backups: copies of a whole cluster's files, and its WAL."""

    kind: Literal[tuple(_BY_KEY)] = Field(  # type: ignore[valid-type]  # the registry's keys
        description="The program that made the backups: "
        + "; ".join(f"{kind.key}: {kind.help}" for kind in PHYSICAL_KINDS)
        + "."
    )
    moment: Moment = Field(
        default=("latest", ""),
        description="Target of the recovery. latest: the end of the WAL archive. immediate: the first consistent "
        "state. {time: …} with its zone, or {lsn: …}: this point, from the newest backup that ended before it. random, or "
        "{random: {within_days: 30}}: a time between the end of the oldest backup and the newest commit in the archive, "
        "drawn anew for each slot.",
    )
    moments: dict[str, Moment] = Field(
        default={},
        description="Named times and positions before `moment`: {before-migration: {time: '2026-02-27 03:15:00+00'}}. "
        "Recovery stops at each, and asks the checks whose `at` names it.",
    )
    max_age_hours: Hours | None = Field(
        default=None,
        description="The drill fails if the newest backup ended earlier than this. Default: the `every` of the target plus 2 "
        "hours; without it there is no limit.",
    )
    superuser: Text = Field(
        default="postgres", description="A superuser of the backup that may log in."
    )

    @property
    def backup_kind(self) -> PhysicalKind[Any]:
        return _BY_KEY[self.kind]

    @property
    def own(self) -> Keys:
        """The keys of its kind alone."""
        model = self.backup_kind.keys
        given = {name: getattr(self, name) for name in model.model_fields}
        return cast(Keys, model.model_construct(**given))


def _with_absolute_paths(physical: Physical, absolute: Absolute) -> Physical:
    paths = {name: getattr(physical, name) for name in physical.backup_kind.files}
    changed = {name: absolute(path) for name, path in paths.items() if path is not None}
    return physical.model_copy(update=changed)


def _broken_rules(written: Written) -> Iterator[ConfigFinding]:
    here = (*written.path, "physical")
    kind = _BY_KEY.get(str(written.keys.get("kind")))
    if kind is None:
        return  # is reported with its own words
    fields = kind.keys.model_fields
    for name, field in fields.items():
        if field.is_required() and written.keys.get(name) is None:
            yield ConfigFinding(here, f"missing key: kind {kind.key} needs {name}")
    others = {name for other in PHYSICAL_KINDS for name in other.keys.model_fields} - {*fields}
    for name in others & written.keys.keys():
        if written.keys[name] is not None:
            yield ConfigFinding((*here, name), f"{name} is not a key of kind {kind.key}")
    yield from broken_moments(written)


PHYSICAL = SourceKind(
    key="physical",
    keys=Physical,
    help="The backups are copies of a cluster's files, with its WAL.",
    physical=True,
    selects=True,
    starts_server=lambda _keys: True,
    has_moments=True,
    is_of_now=lambda keys: keys.moment[0] in {"latest", "immediate"},
    broken_rules=_broken_rules,
    with_absolute_paths=_with_absolute_paths,
)
