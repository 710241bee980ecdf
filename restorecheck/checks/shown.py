"""Values and bounds as reports show them: possible personal data is described by kind and length."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

LONGEST_NUMBER = 30
"""Digits of a number that is shown in full; a longer one is shown in scientific form."""


def show(value: Any) -> str:  # noqa: ANN401  # whatever a driver returns
    """A database value for a report."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:,}"
        case float() | Decimal():
            return f"{value:.15g}" if len(str(value)) > LONGEST_NUMBER else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case str():
            return f"text of {len(value):,} characters"
        case bytes() | bytearray() | memoryview():
            return f"{len(value):,} bytes"
        case _:
            return f"a value of type {type(value).__name__}"


def percent(share: float) -> str:
    """A share as a percentage: `4%`, `0.125%`."""
    return f"{float(f'{100 * share:.3f}'):g}%"


def bounds(low: Any, high: Any, equals: Any) -> str:  # noqa: ANN401  # from JSON
    if equals is not None:
        return shown_bound(equals)
    if low is not None and high is not None:
        return f"{shown_bound(low)} to {shown_bound(high)}"
    if low is not None:
        return f"at least {shown_bound(low)}"
    return f"at most {shown_bound(high)}" if high is not None else ""


def shown_bound(value: Any) -> str:  # noqa: ANN401  # from JSON
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)
