"""News as a message. Pure: news in, text out.

The first line says what to do now and fits a phone's notification. A message contains neither data nor secrets:
reasons and hints are safe to show.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, assert_never

from restorecheck.announcing import Finished, Kind, News, Overdue, Skipped, Trouble
from restorecheck.report.terminal import clean
from restorecheck.spelling import duration, minute_of

LONGEST = 500
"""Characters of a reason or hint; a longer one is cut, because names in it may have any length."""
MOST = 20
"""Items that one message has in full; the rest is only counted."""

ALARMS = (
    Kind.FAILED,
    Kind.LEFT_BEHIND,
    Kind.OVERDUE,
    Kind.TROUBLE,
    Kind.INCONCLUSIVE,
    Kind.SKIPPED,
    Kind.RECOVERED,
    Kind.VERIFIED,
)
"""The most serious first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message for a channel to deliver."""

    title: str
    """A single line."""
    text: str
    kinds: tuple[Kind, ...]
    """Kinds of its news, the most serious first."""
    news: tuple[News, ...]
    payload: str
    """The same as JSON, for programs."""


def compose(news: Sequence[News], *, report_url: str | None, host: str) -> Message:
    """One message of all news."""
    assert news, "a message has at least one news"
    ordered = sorted(news, key=lambda item: (ALARMS.index(item.kind), item.fact.target))
    parts = [_part(item, report_url) for item in ordered[:MOST]]
    more = len(ordered) - len(parts)
    if more:
        parts.append(f"… and {more} more; `restorecheck status` lists every target")
    title = _title(ordered)
    return Message(
        title=title,
        text="\n\n".join([*parts, f"sent by restorecheck on {clean(host)}"]),
        kinds=tuple(dict.fromkeys(item.kind for item in ordered)),
        news=tuple(ordered),
        payload=json.dumps(
            {
                "schema_version": 1,
                "title": title,
                "host": host,
                "events": [_event(item, report_url) for item in ordered],
            }
        ),
    )


def _title(ordered: Sequence[News]) -> str:
    if len(ordered) == 1:
        return _headline(ordered[0])
    grave = [item for item in ordered if item.kind not in {Kind.RECOVERED, Kind.VERIFIED}]
    if not grave:
        names = ", ".join(dict.fromkeys(_name(item) for item in ordered))
        return _cut(f"Nothing to do: {names} verified", 200)
    listed = ", ".join(f"{_name(item)} {item.kind.value.replace('_', ' ')}" for item in grave)
    return _cut(f"Do now: look at {len(grave)} problems: {listed}", 200)


def _headline(item: News) -> str:
    word = item.kind.value.replace("_", " ")
    return _cut(f"{_name(item)}: {word.upper()}. {to_do(item)}", 200)


def to_do(item: News) -> str:
    """The next action, in one sentence."""
    target = _name(item)
    match item.kind:
        case Kind.FAILED if isinstance(item.fact, Finished) and item.fact.do_now:
            return f"Do now: {clean(item.fact.do_now)}"
        case Kind.FAILED:
            return "Do now: take a new backup, then find out why this one failed."
        case Kind.INCONCLUSIVE:
            return "Do now: remove what prevented a verdict; the backup is not proven."
        case Kind.OVERDUE:
            return f"Do now: find out why no drill verified it; try `restorecheck drill {target}`."
        case Kind.LEFT_BEHIND if isinstance(item.fact, Finished) and item.fact.page:
            return "Do now: nothing for two hours: the sweeper function tries again. Then delete by hand what is left."
        case Kind.LEFT_BEHIND:
            return "Do now: run `restorecheck sweep`; delete by hand what it cannot delete."
        case Kind.TROUBLE:
            return "Do now: look at the machine that runs restorecheck."
        case Kind.SKIPPED:
            return "No drill took place. Nothing to do, unless this happens again."
        case Kind.RECOVERED:
            return "Nothing to do: the backup restores again."
        case Kind.VERIFIED if isinstance(item.fact, Finished) and not item.fact.proves:
            return "Nothing to do: this older backup restores; it is no proof of the newest one."
        case Kind.VERIFIED:
            return "Nothing to do: the backup restores."
        case _:
            assert_never(item.kind)


def link(report_url: str, drill_id: str, target: str) -> str:
    return report_url.replace("{drill_id}", drill_id).replace("{target}", target)


def _part(item: News, report_url: str | None) -> str:
    lines = [_headline(item)]
    match item.fact:
        case Finished() as fact:
            lines += _finished(item, fact, report_url)
        case Overdue(proven_at=proven, at=at, allowed=allowed):
            limit = f"limit: {duration(_seconds(allowed))}"
            if proven is None:
                lines.append(f"never verified; {limit}")
            else:
                age = duration(_seconds(at - proven))
                lines.append(f"last verified {minute_of(proven)}, {age} ago; {limit}")
        case Skipped(due_at=due_at, reason=reason):
            lines.append(f"scheduled for {minute_of(due_at)}: {_safe(reason)}")
        case Trouble(reason=reason):
            lines.append(_safe(reason))
    if item.quiet and item.kind is not Kind.OVERDUE:
        times = "once" if item.quiet == 1 else f"{item.quiet} times"
        lines.append(f"repeated {times} since the last message")
    return "\n".join(lines)


def _finished(item: News, fact: Finished, report_url: str | None) -> list[str]:
    lines = [_safe(fact.reason)]
    if item.kind not in {Kind.RECOVERED, Kind.VERIFIED}:
        lines[:0] = [clean(fact.says)] if fact.says else []
        lines += [_safe(fact.hint)] if fact.hint else []
        lines += [_safe(fact.to_restore)] if fact.to_restore else []
        lines += [f"whom to call: {_safe(fact.contact)}"] if fact.contact else []
    if item.bad_since is not None and (item.kind is Kind.RECOVERED or item.bad > 1):
        lines.append(f"{_drills(item.bad)} not verified since {minute_of(item.bad_since)}")
    lines += [f"left: {_safe(what)}" for what in fact.left[:MOST]]
    if report_url:
        lines.append(f"report: {link(report_url, fact.drill_id, fact.target)}")
    else:
        lines.append(f"report: {fact.page or f'restorecheck report {fact.drill_id}'}")
    if fact.sha256:
        lines.append(f"sha256 of the report: {fact.sha256}")
    return lines


def _event(item: News, report_url: str | None) -> dict[str, Any]:
    fact = item.fact
    event: dict[str, Any] = {
        "kind": item.kind.value,
        "target": fact.target,
        "at": fact.at.astimezone(UTC).isoformat(),
        "to_do": to_do(item),
        "bad_in_a_row": item.bad,
        "bad_since": item.bad_since.astimezone(UTC).isoformat() if item.bad_since else None,
        "repeats": item.quiet,
    }
    match fact:
        case Finished():
            event |= {
                "drill_id": fact.drill_id,
                "verdict": fact.verdict.value,
                "reason": _safe(fact.reason),
                "hint": _safe(fact.hint),
                "contact": _safe(fact.contact),
                "to_restore": _safe(fact.to_restore),
                "left": [_safe(what) for what in fact.left],
                "report_url": link(report_url, fact.drill_id, fact.target) if report_url else None,
                "report_sha256": fact.sha256,
            }
        case Overdue():
            proven = fact.proven_at.astimezone(UTC).isoformat() if fact.proven_at else None
            event |= {"proven_at": proven, "allowed_seconds": _seconds(fact.allowed)}
        case Skipped():
            due_at = fact.due_at.astimezone(UTC).isoformat()
            event |= {"due_at": due_at, "reason": _safe(fact.reason)}
        case Trouble():
            event |= {"reason": _safe(fact.reason)}
        case _:
            assert_never(fact)
    return event


def _name(item: News) -> str:
    return clean(item.fact.target) or "restorecheck"


def _safe(text: str) -> str:
    return _cut(clean(text), LONGEST)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _drills(number: int) -> str:
    return f"{number} drill{'s' if number != 1 else ''}"


def _seconds(value: timedelta) -> int:
    return round(value.total_seconds())
