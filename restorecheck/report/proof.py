"""What the checks see of damage, as a person reads it. Pure: report in, text out."""

from collections.abc import Iterator, Sequence

from restorecheck.model import Noticed
from restorecheck.report.document import DamageReport, ProofReport
from restorecheck.report.terminal import clean, score, verdicts
from restorecheck.spelling import first_of

WIDTH = 58
MARKS = {
    Noticed.NOBODY: "NOBODY",
    Noticed.OWN_WARNING: "own, warning",
    Noticed.OWN: "own",
    Noticed.YOURS_WARNING: "warning",
    Noticed.YOURS: "yours",
}
"""The most worrying first."""
MOST_CHECKS = 3


def render(target: str, proof: ProofReport, *, checks: int) -> str:
    """All of it. `checks`: how many are configured."""
    if not proof.of:
        return f"{clean(target)}: no proof; {clean(proof.detail or 'nothing was tried')}\n"
    percent = 100 * proof.seen / proof.of
    lines = [f"{clean(target)}: {score(proof)} ({percent:.0f} %)"]
    if not checks:
        lines.append("  there are no checks of yours: `restorecheck propose` writes some")
    lines += [f"  {text}" for text in _beside(proof)]
    lines += _listed([d for d in proof.damages if not d.of_pages])
    of_pages = [d for d in proof.damages if d.of_pages and d.noticed in MARKS]
    if of_pages:
        seen = sum(1 for d in of_pages if _is_yours(d))
        failing = sum(1 for d in of_pages if d.fails)
        told = (
            "  of files, which a drill of a dump never meets, only one of a backup of pages; not in the "
            f"numbers above: your checks see {seen} of {len(of_pages)}, required ones see {failing}"
        )
        lines += ["", told, *_listed(of_pages)]
    untried = [d for d in proof.damages if d.noticed is Noticed.NOT_TRIED]
    if untried:
        lines += ["", f"  not tried: {len(untried)}"]
        lines += [f"    {d.kind}: {clean(d.detail)}" for d in untried]
    times = proof.seconds / proof.reading_seconds if proof.reading_seconds else 0
    lines += ["", f"  {proof.seconds:.1f} s, {times:.1f} times one run of all checks"]
    if proof.detail:
        lines.append(f"  {clean(proof.detail)}")
    return "\n".join(lines) + "\n"


def _listed(damages: Sequence[DamageReport]) -> Iterator[str]:
    for noticed, mark in MARKS.items():
        lines = [_line(d, mark) for d in damages if d.noticed is noticed]
        yield from ["", *lines] if lines else []


def _beside(proof: ProofReport) -> Iterator[str]:
    if proof.failing or proof.warned:
        yield f"{verdicts(proof)} ({100 * proof.failing / proof.of:.0f} % and {100 * proof.warned / proof.of:.0f} %)"
    counted = [d for d in proof.damages if d.noticed in MARKS and not d.of_pages]
    if proof.seen_by_own:
        warned = sum(1 for d in counted if d.noticed is Noticed.OWN_WARNING)
        only = f", {warned} of them only as a warning" if warned else ""
        are = "is" if proof.seen_by_own == 1 else "are"
        yield f"{proof.seen_by_own} more {are} seen by what every drill asks by itself{only}"
    if proof.unseen:
        compared = sum(1 for d in counted if d.noticed is Noticed.NOBODY and d.needs_contents)
        told = (
            f": {compared} of them can be seen by a comparison of contents only" if compared else ""
        )
        yield f"nobody sees {len(proof.unseen)}{told}"
    seeable = [d for d in counted if not d.needs_contents]
    if seeable:
        seen = sum(1 for d in seeable if _is_yours(d))
        yield (
            f"{len(seeable)} can be seen without a comparison of contents (`unchanged`, `manifest`): "
            f"yours see {seen} of them ({100 * seen / len(seeable):.0f} %)"
        )
    helped = sum(1 for d in counted if d.proposed and not _is_yours(d))
    if helped:
        yield f"with what `restorecheck propose` proposes, your checks would see {proof.seen + helped}"


def _is_yours(damage: DamageReport) -> bool:
    return damage.noticed in {Noticed.YOURS, Noticed.YOURS_WARNING}


def _line(damage: DamageReport, mark: str) -> str:
    told = f"  {mark:<13} {damage.kind:<{WIDTH}} {clean(damage.what)}".rstrip()
    if damage.by:
        told += f"\n{'':<16}{clean(first_of(damage.by, MOST_CHECKS, between='; '))}"
    if damage.proposed and not _is_yours(damage):
        told += f"\n{'':<16}would be seen by: {clean('; '.join(damage.proposed[:MOST_CHECKS]))}"
    return told
