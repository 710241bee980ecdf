"""Converts pydantic's errors: what was expected, and what was found."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from restorecheck.checks.keys import OWN_WORDS
from restorecheck.config.document import Document
from restorecheck.config.findings import ConfigFinding, Path

_SECRET_KEYS = frozenset({"into", "decrypt", "before", "notify", "opentelemetry"})
"""Keys whose text is never shown, because it may contain a password."""
_MAX_SHOWN = 60
"""Characters of a value in a problem; the rest is cut."""

_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "literal_error": "{expected}",
    "greater_than": "a number greater than {gt}",
    "greater_than_equal": "a number not less than {ge}",
    "less_than": "a number less than {lt}",
    "less_than_equal": "a number not greater than {le}",
}


def findings_of(
    error: ValidationError,
    model: type[BaseModel],
    document: Document,
    *,
    leave_out: Callable[[Path, str], bool],
) -> list[ConfigFinding]:
    """One finding for each of pydantic's errors, except those that other rules report."""
    return [
        _finding(detail, model, document)
        for detail in error.errors(include_url=False)
        if not leave_out(detail["loc"], detail["type"])
    ]


def _finding(detail: ErrorDetails, model: type[BaseModel], document: Document) -> ConfigFinding:
    path: Path = detail["loc"]
    match detail["type"]:
        case "missing":
            return ConfigFinding(path[:-1], f"missing key '{path[-1]}'")
        case "extra_forbidden":
            key = str(path[-1])
            message = unknown_key(key, fields_at(model, path[:-1]))
            return ConfigFinding(path[:-1], message, document.line(path))
        case kind if kind == OWN_WORDS:
            return ConfigFinding(
                path, detail["msg"].replace("{found}", _found(detail, path, document))
            )
        case kind if kind in _EXPECTED:
            expected = _EXPECTED[kind].format(**_as_in_yaml(detail.get("ctx", {})))
            message = f"expected {expected}, found {_found(detail, path, document)}"
            return ConfigFinding(path, message + _advice(kind, detail["input"]))
        case kind:
            return ConfigFinding(path, f"this value is not valid ({kind.replace('_', ' ')})")


def _as_in_yaml(context: dict[str, Any]) -> dict[str, Any]:
    """Limits and literals in the form of the file."""
    written = {"True": "true"}
    return {
        key: int(value)
        if isinstance(value, float) and value.is_integer()
        else written.get(str(value), value)
        for key, value in context.items()
    }


def _advice(kind: str, value: object) -> str:
    # YAML reads `no`, `12` and `1.5` as other types than text.
    is_unquoted = kind == "string_type" and isinstance(value, bool | int | float)
    return "; put quotes around it" if is_unquoted else ""


def _found(detail: ErrorDetails, path: Path, document: Document) -> str:
    value = detail["input"]
    if not isinstance(value, str):
        return described(value)
    if _SECRET_KEYS.intersection(path):
        return "a text (not shown: it may contain a password)"
    source = document.sources.get(path)
    if source is None:
        return described(value)
    return f"{described(source)} (references always give text)"


def described(value: Any) -> str:  # noqa: ANN401  # any YAML value
    """Description of a value, for a message."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            shown = value if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]}…"
            return f"the text '{' '.join(shown.split())}'" if shown.strip() else "an empty text"
        case list() | tuple():
            return "a list" if value else "an empty list"
        case dict():
            return "a mapping"
        case _:
            return str(value)


def unknown_key(key: str, allowed: tuple[str, ...]) -> str:
    """The message for an unknown key, with a suggestion."""
    near = get_close_matches(key, allowed, 1) or [
        name for name in allowed if key and name.startswith(key)
    ]
    advice = f"did you mean '{near[0]}'?" if near else f"allowed here: {', '.join(allowed)}"
    return f"unknown key '{key}'; {advice}"


def fields_at(model: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that are allowed at the path."""
    for key in path:
        if isinstance(key, str) and key in model.model_fields:  # else a name of the user's
            model = _models_in(model.model_fields[key].annotation)[0]
    return tuple(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401  # a type in any form
    """The models inside of `X | None`, `tuple[X, ...]` and Annotated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
