"""Compares column statistics of two nights: finds contents that no normal night explains. Pure.

A change is reported if it is large and not chance, has the shape of a known damage, and the probed rows
agree: if old rows have the same values, new rows made the change. If the table has a key and the probed
rows differ, the contents were replaced: then only what new contents cannot explain is reported.
"""

# ruff: noqa: PLR2004  # a threshold is beside what it bounds

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from restorecheck.checks.column_statistics import (
    NOTHING,
    ColumnMeasures,
    ColumnStatistics,
    MeasureKind,
    Probes,
)
from restorecheck.checks.name_words import BORN, GROWING, HAPPENED, MOVED_LATER, VOLATILE

MOST_SHIFT = 4095
MASSIVE = 100
"""Fewest rows with a value in the sample for a finding about the whole column: fewer may be chance."""
QUARTER = 900
"""Seconds: the unit of times in probes."""
COMPARABLE = 6
"""Fewest groups with the same keys in both nights; with fewer, probes are not compared."""
REWRITTEN = 0.65
"""Share of comparable groups: a column that differs in so many was rewritten. One changed row of four changes a
group, so at least a quarter of the rows changed.
"""
REMEMBERED = 8
"""Nights for which a full change of a column is remembered: enough for a weekly reset."""
REWRITTEN_TIMES = 0.5
"""As REWRITTEN, for times: month and day can be swapped in only four of ten dates."""
REWRITTEN_FEW = 0.75
"""As REWRITTEN, for columns with few values."""
FEW_VALUES = 12
MANY_VALUES = 20
"""Columns with fewer values may be states, which a program may set alike."""
SENTENCE = 20
"""Bytes: a shorter text, one of few values, is a state."""
SAME_SIZE = (0.75, 1.34)
"""Growth of a table without a key, between which its rows are taken for the same ones."""
MOST_GROWTH = 1.25
"""With more growth rows were imported, and may differ from earlier ones."""
SIGNIFICANT = 5.0
"""Standard errors that a change must exceed: with thousands of columns a night, less occurs by chance."""

RESET = re.compile(
    r"count|points?|score|usage|used|quota|today|day|week|month|hits|views|streak|stat|rank|trend"
)
"""Names of numbers that some applications reset to zero or change all in one night."""
UNSETTLED = re.compile(
    r"cache|etag|token|nonce|snapshot|stats?$|checksum|cursor|secret_?code|heartbeat|lock|(^|_)(state|status|phase|stage|mode|direction|signal|result|health"
    r"|availability|condition|presence|risk|tier|rating|grade|weather)$"
)
"""Names of columns, other than times, that programs rewrite."""
IDENTITY = re.compile(r"(^|_)(id|no|nr|number|key|ref|fk)$|id$")
"""Names of numbers that refer to other rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Implausible:
    column: str
    words: str
    """The measurements before and now, as text."""
    certain: bool = False
    """No normal change of data explains it; False: it may be a migration, and is a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """One column in two nights."""

    name: str
    kind: MeasureKind
    b: Mapping[str, float]
    a: Mapping[str, float]
    rows_b: float
    rows_a: float
    moved: float | None
    """Share of comparable probe groups whose values differ; None: there are none."""
    groups: int
    shift: float | None
    """Seconds by which all times shifted, if the same for all and not 0."""
    replaced: bool
    """The rows are different ones, or it is not known whether they are the same."""
    fresh: float
    """Share of added rows."""

    def before(self, what: str, of: str = "filled") -> float:
        return _ratio(self.b.get(what, 0), self.b.get(of, 0))

    def now(self, what: str, of: str = "filled") -> float:
        return _ratio(self.a.get(what, 0), self.a.get(of, 0))

    @property
    def filled(self) -> tuple[float, float]:
        return _ratio(self.b.get("filled", 0), self.rows_b), _ratio(
            self.a.get("filled", 0), self.rows_a
        )

    @property
    def telling(self) -> bool:
        """Whether there are so many values that different rows would have different values."""
        return self.kind is MeasureKind.TIME or self.b.get("distinct", 0) > FEW_VALUES

    @property
    def n(self) -> tuple[float, float]:
        return self.b.get("filled", 0), self.a.get("filled", 0)

    def agrees(self, share: float) -> bool:
        """Whether this share of the old rows can have another value: new rows alone do not explain it, and the
        probes agree, if so many changed rows would be among them.
        """
        if abs(share) <= self.fresh:
            return False
        if self.moved is None:
            return not self.replaced
        expected = 1 - (1 - min(1.0, abs(share))) ** 4
        return expected * self.groups < COMPARABLE or self.moved >= expected / 4

    @property
    def rewritten(self) -> bool:
        least = REWRITTEN_TIMES if self.kind is MeasureKind.TIME else REWRITTEN
        return self.moved is not None and self.moved >= least


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _certain(p: float, n: float, q: float, m: float) -> float:
    """Difference of two shares in standard errors; one added row of each kind dampens small samples."""
    if not n or not m:
        return 0.0
    both = (p * n + q * m + 1) / (n + m + 2)
    return abs(p - q) / math.sqrt(both * (1 - both) * (1 / n + 1 / m))


def compare(
    before: ColumnStatistics,
    after: ColumnStatistics,
    *,
    rows_before: int,
    rows_after: int,
    table: str = "",
) -> list[Implausible]:
    """Implausible columns, one entry each. `after` comes from `read` or `merge`, with names.

    `table`: its name; volatile tables are judged less strictly.
    """
    if not before.rows or not after.rows:
        return []
    known = {c.mark: c for c in before.columns}
    names = dict(zip((c.mark for c in after.columns), after.names, strict=True))
    probes = _matching(before, after)
    groups = [g for p, q in probes for g in _comparable(p, q)]
    loose = VOLATILE.search(table.lower()) is not None
    size = _ratio(rows_after, rows_before)
    replaced = (
        len(groups) < COMPARABLE
        if before.keyed and after.keyed and before.probes and after.probes
        else True
    )
    pairs: list[_Pair] = []
    restless: set[str] = set()
    for column in after.columns:
        old = known.get(column.mark)
        if old is None or old.kind is not column.kind:
            continue
        moved, shift, n = _moves(probes, column)
        if old.moves:
            restless.add(names[column.mark])
        pairs.append(
            _Pair(
                name=names[column.mark],
                kind=column.kind,
                b=old.sums,
                a=column.sums,
                rows_b=before.rows,
                rows_a=after.rows,
                moved=moved,
                groups=n,
                shift=shift,
                replaced=replaced or loose,
                fresh=max(0.0, 1 - _ratio(rows_before, rows_after)),
            )
        )
    if not (before.keyed and after.keyed) and SAME_SIZE[0] <= size <= SAME_SIZE[1]:
        telling = [p for p in pairs if p.telling]
        if sum(map(_alike, telling)) >= len(telling) / 2:
            pairs = [replace(p, replaced=loose) for p in pairs]
    reloaded = loose or _reloaded(pairs)
    found: dict[str, tuple[str, bool]] = {}
    for pair in pairs:
        anew = reloaded or pair.name in restless
        words, certain = _of_column(replace(pair, replaced=pair.replaced or anew), anew=anew)
        if words:
            found[pair.name] = words, certain
    if not loose:
        if size <= MOST_GROWTH:
            for name, words in _of_newest(before, after, names):
                found.setdefault(name, (words, False))
        for name, words in _doubled(pairs, before, after, rows_before, rows_after):
            found.setdefault(name, (words, rows_after >= 1.9 * rows_before))
    return [Implausible(column=n, words=w, certain=c) for n, (w, c) in found.items()]


def carried(before: ColumnStatistics | None, after: ColumnStatistics) -> ColumnStatistics:
    """`after`, with the memory of columns that change in all rows, for the next night."""
    if before is None:
        return after
    probes = _matching(before, after)
    known = {c.mark: c.moves for c in before.columns}
    columns = []
    for column in after.columns:
        moved, _, _ = _moves(probes, column)
        moves = max(0, known.get(column.mark, 0) - 1)
        if moved is not None and moved >= REWRITTEN:
            moves = REMEMBERED
        columns.append(replace(column, moves=moves))
    return replace(after, columns=tuple(columns))


def _matching(before: ColumnStatistics, after: ColumnStatistics) -> list[tuple[Probes, Probes]]:
    known = {p.member: p for p in before.probes}
    return [(known[p.member], p) for p in after.probes if p.member in known]


def _comparable(before: Probes, after: Probes) -> list[int]:
    return [
        g
        for g, (one, other) in enumerate(zip(before.keys, after.keys, strict=True))
        if one == other != NOTHING
    ]


def _moves(
    probes: list[tuple[Probes, Probes]], column: ColumnMeasures
) -> tuple[float | None, float | None, int]:
    """The share of differing groups, the shift if it is the same for all, the number of groups."""
    pairs: list[tuple[int, int]] = []
    for before, after in probes:
        old, new = before.states.get(column.mark), after.states.get(column.mark)
        if old is not None and new is not None:
            pairs += [(old[g], new[g]) for g in _comparable(before, after)]
    if len(pairs) < COMPARABLE:
        return None, None, len(pairs)
    differ = sum(old != new for old, new in pairs)
    shift = None
    if column.kind is MeasureKind.TIME:
        shift = _shift([pair for pair in pairs if MOST_SHIFT not in pair])
    return differ / len(pairs), shift, len(pairs)


def _alike(p: _Pair) -> bool:
    """Whether most rows of a column, in a table without a key, seem to be the earlier ones."""
    if abs(p.filled[0] - p.filled[1]) > 0.05:
        return False
    if p.kind is MeasureKind.TIME:
        span = p.b.get("latest", 0) / 86_400 - p.before("days")
        return abs(p.now("days") - p.before("days")) <= max(0.05 * span, 1e-3)
    if max(p.n) > 1.1 * min(p.n):  # samples of different sizes
        return abs(p.before("distinct") - p.now("distinct")) <= 0.1 * p.before("distinct")
    b, a = p.b.get("distinct", 0), p.a.get("distinct", 0)
    return abs(a - b) <= 0.1 * max(a, b)


def _shift(pairs: list[tuple[int, int]]) -> float | None:
    """The shift in seconds, if it is the same for nearly all groups."""
    if len(pairs) < COMPARABLE or len({new for _, new in pairs}) <= 2:
        return None
    ((quarters, often),) = Counter((new - old) % MOST_SHIFT for old, new in pairs).most_common(1)
    if not quarters or often < 0.75 * len(pairs):
        return None
    return float((quarters - MOST_SHIFT if quarters > MOST_SHIFT / 2 else quarters) * QUARTER)


def _reloaded(pairs: list[_Pair]) -> bool:
    """Whether the whole table was rewritten under the same keys: a cache, a weekly list."""
    asked = [p for p in pairs if p.moved is not None]
    moving = [p for p in asked if p.rewritten]
    fixed = {MeasureKind.NUMBER, MeasureKind.WHOLE, MeasureKind.TIME}
    return (
        len(asked) > 1
        and len(moving) == len(asked)
        and any(p.kind in fixed for p in moving)
        and not all(p.kind is MeasureKind.TIME for p in moving)
    )


# --- one column


def _of_column(pair: _Pair, *, anew: bool) -> tuple[str, bool]:
    """The finding, and whether it is certain."""
    general = () if anew else (_emptied, _rewritten)
    alike = pair.a.get("distinct", 0) <= 1
    first = (_collapsed,) if alike and not anew else ()
    rules = (*first, *_RULES.get(pair.kind, ()), *general)
    for rule in rules:
        words = rule(pair)
        if words:
            return words, _is_certain(pair, rule) and _is_massive(pair)
    return "", False


def _is_certain(pair: _Pair, rule: Callable[[_Pair], str]) -> bool:
    """Whether only a dump or restore, and no migration, changes data like this."""
    if rule is _collapsed:
        return pair.b.get("distinct", 0) >= MANY_VALUES
    if rule is _emptied:
        return pair.filled[0] >= 0.9 and not pair.filled[1]
    if rule is _flipped:
        return pair.moved is not None and pair.moved >= REWRITTEN_FEW
    if rule is _new_sign:
        return pair.now("negative") >= 0.5 > pair.before("negative")
    if rule in _LESS:
        return (
            not any(pair.a.get(name) for name in ("keys", "items"))
            and pair.kind is not MeasureKind.OTHER
        )
    if rule is _rewritten:
        return pair.kind is MeasureKind.TIME and BORN.search(pair.name.lower()) is not None
    return rule in _CERTAIN


def _is_massive(pair: _Pair) -> bool:
    """Whether so many earlier rows changed that a few rows cannot explain it."""
    lost, kept = pair.filled
    return (
        max(pair.n) >= MASSIVE
        and (pair.moved is None or pair.moved >= 0.1)
        and (not kept or abs(lost - kept) < 0.02)
    )


def _percent(share: float) -> str:
    return f"{share * 100:.0f}%" if share >= 0.1 or not share else f"{share * 100:.1f}%"


def _shares(what: str, before: float, now: float) -> str:
    return f"{what}: {_percent(before)} before, {_percent(now)} now"


def _broken(p: _Pair) -> str:
    b, a = p.before("broken"), p.now("broken")
    sure = _certain(b, p.n[0], a, p.n[1]) >= SIGNIFICANT or (not b and p.a.get("broken", 0) >= 5)
    if a >= (0.05 if p.replaced else 0.005) and a >= 4 * b and sure and p.agrees(a - b):
        return _shares("texts with broken characters (such as Ã¼)", b, a)
    return ""


def _lost_letters(p: _Pair) -> str:
    b, a = p.before("foreign"), p.now("foreign")
    sure = _certain(b, p.n[0], a, p.n[1]) >= SIGNIFICANT and p.b.get("foreign", 0) >= 8
    asked = p.now("asked") - p.before("asked")
    if not sure or p.replaced or not p.agrees(b - a):
        return ""
    if asked >= 0.4 * (b - a) and b - a >= max(0.01, 0.05 * b):
        return f"{_shares('texts with non-ASCII characters', b, a)}; {_shares('texts with a question mark', p.before('asked'), p.now('asked'))}"
    if a <= 0.3 * b:
        return _shares("texts with non-ASCII characters", b, a)
    return ""


def _null_or_empty(p: _Pair) -> str:
    """'' and NULL exchanged."""
    (fb, fa), eb, ea = (
        p.filled,
        _ratio(p.b.get("empty", 0), p.rows_b),
        _ratio(p.a.get("empty", 0), p.rows_a),
    )
    lost, fewer = fb - fa, eb - ea
    every = min(eb, ea) == 0 and abs(round(lost * p.rows_a)) == round(max(eb, ea) * p.rows_a) >= 3
    sure = every or _certain(eb, p.rows_b, ea, p.rows_a) >= SIGNIFICANT
    if p.replaced or abs(lost) < 0.02 or not sure:
        return ""
    if lost * fewer > 0 and min(abs(fewer / lost), abs(lost / fewer)) >= 0.75 and p.agrees(lost):
        return f"{_shares('rows with a value', fb, fa)}; {_shares('empty texts', eb, ea)}"
    return ""


def _cut(p: _Pair) -> str:
    """Long texts are missing or cut: the greatest length fell."""
    lb, la = p.b.get("longest", 0), p.a.get("longest", 0)
    mb, ma = p.before("octets"), p.now("octets")
    if p.replaced or not lb or p.n[1] < 0.8 * p.n[0] or p.n[0] < 2 * FEW_VALUES:
        return ""
    # Cut texts are at least two standard deviations longer than the average.
    if la <= 0.8 * lb and ma <= 0.97 * mb and (p.moved is None or p.moved >= 0.2):
        return f"longest text: {lb:.0f} bytes before, {la:.0f} now; average: {mb:.1f} before, {ma:.1f} now"
    return ""


def _trimmed(p: _Pair) -> str:
    b, a = p.before("blanks"), p.now("blanks")
    sure = _certain(b, p.n[0], a, p.n[1]) >= SIGNIFICANT and p.b.get("blanks", 0) >= 8
    if not p.replaced and sure and a <= 0.25 * b and p.agrees(b - a):
        return _shares("texts that begin or end with a space", b, a)
    return ""


def _rounded(p: _Pair) -> str:
    for name, what in (
        ("whole", "whole numbers"),
        ("tenths", "numbers with at most one decimal place"),
        ("single", "numbers of single precision"),
    ):
        b, a = p.before(name), p.now(name)
        if (
            not p.replaced
            and b <= 0.7
            and a >= 0.95
            and _certain(b, p.n[0], a, p.n[1]) >= SIGNIFICANT
            and p.agrees(a - b)
        ):
            return _shares(what, b, a)
    b, a = p.before("digits"), p.now("digits")
    if p.rewritten and a <= 0.85 * b and b >= 4:
        return f"length of the numbers as text: {b:.1f} characters before, {a:.1f} now on average"
    return ""


def _new_sign(p: _Pair) -> str:
    """Many negative numbers or zeros where there were hardly any."""
    for name, what in (("negative", "negative numbers"), ("zero", "zeros")):
        b, a = p.before(name), p.now(name)
        reset = name == "zero" and (a >= 0.95 or RESET.search(p.name.lower()))
        if p.replaced or reset or GROWING.search(p.name.lower()):
            continue
        sure = _certain(b, p.n[0], a, p.n[1]) >= SIGNIFICANT
        turned = (
            name == "negative"
            and abs(a - (1 - b - p.before("zero"))) < 0.02
            and abs(a - b) >= 0.3
            and (p.rewritten or p.moved is None)
        )
        if sure and (turned or (b <= 0.002 and a >= 0.03 and p.agrees(a - b))):
            return _shares(what, b, a)
    return ""


def _scaled(p: _Pair) -> str:
    b, a = p.before("total"), p.now("total")
    if (
        p.rewritten
        and b
        and a
        and not GROWING.search(p.name.lower())
        and not RESET.search(p.name.lower())
    ):
        times = abs(a / b)
        if times >= 5 or times <= 0.2:
            return f"average: {b:.4g} before, {a:.4g} now"
    return ""


def _zeroed_times(p: _Pair) -> str:
    b, a = p.before("zero"), p.now("zero")
    if (
        not p.replaced
        and b <= 0.002
        and a >= 0.02
        and _certain(b, p.n[0], a, p.n[1]) >= SIGNIFICANT
        and p.agrees(a)
    ):
        return _shares("times of 1970-01-01", b, a)
    return ""


def _cut_times(p: _Pair) -> str:
    for name, what in (("midnight", "times at midnight"), ("seconds", "times of whole seconds")):
        b, a = p.before(name), p.now(name)
        agreed = name == "seconds" or p.agrees(a - b)
        if (
            not p.replaced
            and agreed
            and b <= 0.5
            and a >= 0.95
            and _certain(b, p.n[0], a, p.n[1]) >= SIGNIFICANT
        ):
            return _shares(what, b, a)
    return ""


def _shifted(p: _Pair) -> str:
    moved = MOVED_LATER.search(p.name.lower()) is not None
    if p.shift is not None and not (moved and abs(p.shift) >= 16 * 3_600):
        hours = p.shift / 3_600
        return f"all compared times are {abs(hours):g} hours {'later' if hours > 0 else 'earlier'} than before"
    return ""


def _flipped(p: _Pair) -> str:
    b, a = p.before("true"), p.now("true")
    if p.moved is not None and p.moved >= 0.75 and abs(a - (1 - b)) <= 0.06:
        return f"{_shares('true', b, a)}; the value of every compared row has changed"
    sure = _certain(b, p.n[0], a, p.n[1]) >= SIGNIFICANT
    if (
        not p.replaced
        and sure
        and p.agrees(a - b)
        and abs(a - b) >= 0.3
        and abs(a - (1 - b)) <= 0.03
    ):
        return _shares("true", b, a)
    minority = min(p.b.get("true", 0), p.n[0] - p.b.get("true", 0))
    if not p.replaced and a in {0.0, 1.0} and minority >= 3 and sure and p.agrees(a - b):
        return _shares("true", b, a)
    return ""


def _fewer(name: str, what: str) -> Callable[[_Pair], str]:
    def rule(p: _Pair) -> str:
        b, a = p.before(name), p.now(name)
        if not p.replaced and b and a <= 0.985 * b and b - a >= 0.04 and p.moved and p.moved >= 0.1:
            return f"{what}: {b:.3g} before, {a:.3g} now on average"
        if p.moved is None and not p.replaced and b and a <= 0.85 * b:
            return f"{what}: {b:.3g} before, {a:.3g} now on average"
        return ""

    return rule


_keys = _fewer("keys", "top-level keys of a document")
_items = _fewer("items", "elements of an array")
_LESS = frozenset({_keys, _items})
_RULES: Mapping[MeasureKind, tuple[Callable[[_Pair], str], ...]] = {
    MeasureKind.TEXT: (_broken, _lost_letters, _null_or_empty, _cut, _trimmed),
    MeasureKind.WHOLE: (_new_sign, _scaled),
    MeasureKind.NUMBER: (_scaled, _rounded, _new_sign),
    MeasureKind.BOOLEAN: (_flipped,),
    MeasureKind.TIME: (_zeroed_times, _cut_times, _shifted),
    MeasureKind.JSON: (_keys, _fewer("size", "bytes of a document")),
    MeasureKind.LIST: (_items, _fewer("size", "bytes of an array")),
    MeasureKind.OTHER: (_fewer("size", "bytes of a value"),),
}


def _emptied(p: _Pair) -> str:
    b, a = p.filled
    if p.replaced or _certain(b, p.rows_b, a, p.rows_a) < SIGNIFICANT or not p.agrees(b - a):
        return ""
    moved = MOVED_LATER.search(p.name.lower()) or UNSETTLED.search(p.name.lower())
    always = b >= 0.995 and a <= 0.96
    nowhere = b >= 0.9 and not a
    if nowhere or (not moved and (always or (b >= 0.05 and a <= 0.4 * b))):
        return _shares("rows with a value", b, a)
    return ""


def _collapsed(p: _Pair) -> str:
    """All rows have the same value."""
    b, a = p.b.get("distinct", 0), p.a.get("distinct", 0)
    if p.kind is MeasureKind.TIME or "distinct" not in p.kind.value or p.n[1] < 32:
        return ""
    zeroed = (
        p.kind in {MeasureKind.WHOLE, MeasureKind.NUMBER}
        and p.now("zero") == 1
        and not IDENTITY.search(p.name.lower())
    )
    if p.replaced or b < 3 or zeroed:
        return ""
    if UNSETTLED.search(p.name.lower()) and b <= FEW_VALUES:
        told = p.moved is not None and p.moved >= 0.5
    else:
        told = p.agrees(0.2)
    return f"different values: {b:.0f} before, {a:.0f} now" if told else ""


def _rewritten(p: _Pair) -> str:
    """The same rows have changed values, in a column whose values usually stay."""
    name = p.name.lower()
    # Rows that change to a state and back: more values are set than remain.
    filling = p.filled[1] - p.filled[0] > 0.02 or (p.kind is MeasureKind.TIME and p.filled[0] < 0.5)
    if (
        p.moved is None
        or not p.rewritten
        or filling
        or MOVED_LATER.search(name)
        or GROWING.search(name)
    ):
        return ""
    if p.b.get("distinct", FEW_VALUES + 1) <= FEW_VALUES and p.moved < REWRITTEN_FEW:
        return ""
    state = UNSETTLED.search(name) and not (
        p.kind is MeasureKind.TEXT and p.before("octets") >= SENTENCE
    )
    match p.kind:
        case MeasureKind.BOOLEAN | MeasureKind.NUMBER:
            return ""
        case MeasureKind.WHOLE if not IDENTITY.search(name):
            return ""
        case (
            MeasureKind.TEXT
            | MeasureKind.CODE
            | MeasureKind.JSON
            | MeasureKind.LIST
            | MeasureKind.OTHER
        ) if state:
            return ""
        case _:
            pass
    words = f"the same rows have changed values: in {p.moved * p.groups:.0f} of {p.groups} compared groups"
    if p.kind is MeasureKind.TEXT:
        words += (
            f"; average length: {p.before('octets'):.1f} bytes before, {p.now('octets'):.1f} now"
        )
    return words


_CERTAIN = frozenset({_broken, _lost_letters, _cut, _rounded, _zeroed_times, _cut_times, _shifted})


# --- the newest rows, and duplicate rows


def _of_newest(
    before: ColumnStatistics, after: ColumnStatistics, names: Mapping[int, str]
) -> Iterator[tuple[str, str]]:
    known = {c.mark: c for c in before.columns}
    for column in after.columns:
        old = known.get(column.mark)
        if old is None or old.newest is None or column.newest is None:
            continue
        n, m = before.newest, after.newest
        b, a = _ratio(old.newest, n), _ratio(column.newest, m)
        overall = _ratio(column.sums.get("filled", 0), after.rows)
        fell = (b >= 0.85 and a <= 0.8 * b) or (b >= 0.3 and a <= 0.25 * b)
        moved = MOVED_LATER.search(names[column.mark].lower())
        if fell and not moved and a <= 0.85 * overall and _certain(b, n, a, m) >= SIGNIFICANT:
            yield names[column.mark], _shares("newest rows with a value", b, a)


def _doubled(
    pairs: list[_Pair],
    before: ColumnStatistics,
    after: ColumnStatistics,
    rows_before: int,
    rows_after: int,
) -> Iterator[tuple[str, str]]:
    """At most one column."""
    growth = _ratio(rows_after, rows_before) - 1
    if growth < 0.04:
        return
    whole = before.rows >= 0.98 * rows_before and after.rows >= 0.98 * rows_after
    keys = {n for n, c in zip(after.names, after.columns, strict=True) if c.key}
    single = [
        p
        for p in pairs
        if whole
        and p.name not in keys
        and "distinct" in p.kind.value
        and p.n[0] >= 50
        and p.before("distinct") >= 0.98
    ]
    # Duplicate rows add no new value to a column that had as many values as rows.
    fresh = [
        (p.a.get("distinct", 0) - p.b.get("distinct", 0)) / (rows_after - rows_before)
        for p in single
    ]
    twice = abs(growth - 1) <= 0.02
    newer = any(
        p.kind is MeasureKind.TIME and p.a.get("latest", 0) > p.b.get("latest", 0) for p in pairs
    )
    if (
        single
        and all(-0.1 <= share <= 0.1 for share in fresh)
        and (twice or (len(single) > 1 and not newer))
    ):
        p = single[0]
        yield (
            p.name,
            f"{_shares('different values per row', p.before('distinct'), p.now('distinct'))}, with {growth:+.0%} rows",
        )
        return
    for p in pairs:
        growth = _ratio(p.filled[1] * rows_after, p.filled[0] * rows_before) - 1
        if p.kind is not MeasureKind.TIME or MOVED_LATER.search(p.name.lower()) or growth < 0.3:
            continue
        latest_b, latest_a = p.b.get("latest", 0) / 86_400, p.a.get("latest", 0) / 86_400
        mean_b, mean_a = p.before("days"), p.now("days")
        span = latest_b - mean_b
        expected = span * growth / (1 + growth)
        if (
            span > 1
            and abs(mean_a - mean_b) < 0.45 * expected
            and latest_a - latest_b < max(2.0, 0.02 * span)
        ):
            yield (
                p.name,
                f"{growth:+.0%} rows, which are as old as the earlier ones: on average {latest_a - mean_a:.0f} days older than the newest",
            )
            return


ACTIVE = 86_400.0
"""Seconds: a database whose newest value is younger at its backup was in use that day."""


def same_backup(
    newest: Mapping[str, float],
    taken_at: tuple[float, float],
    prints: tuple[Mapping[str, str], Mapping[str, str]],
) -> str:
    """A finding if tonight's backup is last night's under another date; else empty.

    `newest`: column → seconds since 1970 of its newest value last night. Each pair: before, now; `prints`:
    table → fingerprint. In a database in use, at least one table differs.
    """
    born = {n: at for n, at in newest.items() if HAPPENED.search(n.rpartition(".")[2].lower())}
    past = [value for value in born.values() if value <= taken_at[0]]
    if not past or taken_at[0] - max(past) > ACTIVE or taken_at[1] - taken_at[0] < ACTIVE / 2:
        return ""
    # A newer value proves nothing: planned times of today existed yesterday.
    if not all(prints[0].values()) or prints[0] != prints[1]:
        return ""
    hours = (taken_at[1] - max(past)) / 3_600
    return f"every table has the same rows as last night, and the newest row is {hours:.0f} hours older than the backup"
