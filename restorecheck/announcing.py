"""What a channel reports next. Pure: a fact and what the channel has reported in, news out.

One `Told` is what one channel has reported of one target. A trouble is reported once, again when it
changes or lasts longer than `repeat_after`, and when it ends. Repetitions in between are counted.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from restorecheck.model import Verdict


class Kind(StrEnum):
    """Kinds of news that a channel can be configured for."""

    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    RECOVERED = "recovered"  # verified again after an alarm
    LEFT_BEHIND = "left_behind"
    OVERDUE = "overdue"  # not verified for longer than allowed
    TROUBLE = "trouble"  # the runner itself: history, configuration, a drill without a report
    SKIPPED = "skipped"  # a scheduled time without a drill, for a recorded reason
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A drill has its report."""

    target: str
    at: datetime
    drill_id: str
    verdict: Verdict
    reason: str
    hint: str = ""
    says: str = ""
    """What came of it, in the words of the page."""
    contact: str = ""
    """Whom to call about the target."""
    do_now: str = ""
    """The first thing to do about a failed one, in one clause."""
    to_restore: str = ""
    """The newest backup that is known to restore, in sentences. Of an unverified drill."""
    left: tuple[str, ...] = ()
    sha256: str = ""
    """Hash of the report: a kept message shows later whether the report was changed."""
    scheduled_for: datetime | None = None
    page: str = ""
    """Address of the target's page in the AWS deployment that ran the drill; empty: it ran on a machine."""
    proves: bool = True
    """False: of an older backup that was asked for. Verified, it ends no alarm and is no proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    target: str
    at: datetime
    proven_at: datetime | None
    allowed: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    target: str
    at: datetime
    due_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A problem that is in no report. `target` is empty: it concerns all targets."""

    target: str
    at: datetime
    reason: str


Fact = Finished | Overdue | Skipped | Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    kinds: frozenset[Kind]
    inconclusive_after: int = 1
    repeat_after: timedelta = timedelta(hours=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A trouble that was reported and has not ended."""

    cause: str
    told_at: datetime
    quiet: int = 0
    """How often it was repeated since, without a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the channel has reported of the target."""

    open: dict[Kind, Open] = field(default_factory=dict)
    bad_since: datetime | None = None
    """When the first of the consecutive unverified drills finished."""
    bad: int = 0
    inconclusive: int = 0
    """Consecutive inconclusive drills up to now."""
    alarming: bool = False
    """Since the last verified drill there was an alarm whose end is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A message to send."""

    kind: Kind
    fact: Fact
    bad: int = 0
    """Consecutive unverified drills, this one included; of a recovery, those before it."""
    bad_since: datetime | None = None
    quiet: int = 0
    """How often the same fact was repeated since the last message."""


NOTHING_TOLD = Told()


def hear(told: Told, fact: Fact, rules: Rules) -> tuple[Told, tuple[News, ...]]:
    """What the channel has reported after this fact, and the news to send now."""
    match fact:
        case Finished(verdict=Verdict.VERIFIED, proves=False):
            news = _if_wanted(Kind.VERIFIED, fact, told, rules)
        case Finished(verdict=Verdict.VERIFIED):
            told, news = _verified(told, fact, rules)
        case Finished(verdict=Verdict.FAILED):
            told = _worse(told, fact, inconclusive=0, alarming=True)
            told, news = _tell(told, Kind.FAILED, fact, fact.reason, rules)
        case Finished():
            often = told.inconclusive + 1
            enough = often >= rules.inconclusive_after
            told = _worse(told, fact, inconclusive=often, alarming=enough)
            told, news = (
                _tell(told, Kind.INCONCLUSIVE, fact, fact.reason, rules) if enough else (told, ())
            )
        case Overdue():
            told, news = _tell(replace(told, alarming=True), Kind.OVERDUE, fact, "", rules)
        case Skipped():
            return told, _if_wanted(Kind.SKIPPED, fact, told, rules)
        case Trouble():
            return _tell(told, Kind.TROUBLE, fact, fact.reason, rules)
        case _:
            assert_never(fact)
    if isinstance(fact, Finished) and fact.left:
        return told, (*news, *_if_wanted(Kind.LEFT_BEHIND, fact, told, rules))
    return told, news


def _verified(told: Told, fact: Finished, rules: Rules) -> tuple[Told, tuple[News, ...]]:
    recovered = told.alarming and Kind.RECOVERED in rules.kinds
    news = _if_wanted(Kind.RECOVERED if recovered else Kind.VERIFIED, fact, told, rules)
    # A trouble of the runner does not end with a verified drill of one target.
    kept: dict[Kind, Open] = {
        kind: is_open for kind, is_open in told.open.items() if kind is Kind.TROUBLE
    }
    return Told(open=kept), news


def _worse(told: Told, fact: Finished, *, inconclusive: int, alarming: bool) -> Told:
    return replace(
        told,
        bad=told.bad + 1,
        bad_since=told.bad_since or fact.at,
        inconclusive=inconclusive,
        alarming=told.alarming or alarming,
    )


def _tell(
    told: Told, kind: Kind, fact: Fact, cause: str, rules: Rules
) -> tuple[Told, tuple[News, ...]]:
    before = told.open.get(kind)
    same = before is not None and before.cause == cause
    if before is not None and same and fact.at - before.told_at < rules.repeat_after:
        again = replace(before, quiet=before.quiet + 1)
        return replace(told, open={**told.open, kind: again}), ()
    if kind not in rules.kinds:
        return told, ()
    news = News(
        kind=kind,
        fact=fact,
        bad=told.bad,
        bad_since=told.bad_since,
        quiet=before.quiet if before and same else 0,
    )
    opened = Open(cause=cause, told_at=fact.at)
    return replace(told, open={**told.open, kind: opened}), (news,)


def _if_wanted(kind: Kind, fact: Fact, told: Told, rules: Rules) -> tuple[News, ...]:
    if kind not in rules.kinds:
        return ()
    return (News(kind=kind, fact=fact, bad=told.bad, bad_since=told.bad_since),)
