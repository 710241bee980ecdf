"""Which damage the checks detect, as text. Pure: report in, text out."""

from collections.abc import Iterator, Sequence

from restorecheck.model import Noticed
from restorecheck.report.document import DamageReport, ProofReport
from restorecheck.report.terminal import clean, score, verdicts
from restorecheck.spelling import first_of

WIDTH = 58
MARKS = {
    Noticed.UNDETECTED: "UNDETECTED",
    Noticed.OWN_WARNING: "built-in, warning",
    Noticed.OWN: "built-in",
    Noticed.YOURS_WARNING: "warning",
    Noticed.YOURS: "configured",
}
"""The most serious first."""
MOST_CHECKS = 3


def render(target: str, proof: ProofReport, *, checks: int) -> str:
    """The whole proof. `checks`: how many are configured."""
    if not proof.of:
        return f"{clean(target)}: no proof; {clean(proof.detail or 'nothing was tried')}\n"
    percent = 100 * proof.seen / proof.of
    lines = [f"{clean(target)}: {score(proof)} ({percent:.0f} %)"]
    if not checks:
        lines.append("  no checks are configured: `restorecheck propose` writes some")
    lines += [f"  {text}" for text in _beside(proof)]
    lines += _listed([d for d in proof.damages if not d.of_pages])
    of_pages = [d for d in proof.damages if d.of_pages and d.noticed in MARKS]
    if of_pages:
        seen = sum(1 for d in of_pages if _is_yours(d))
        failing = sum(1 for d in of_pages if d.fails)
        told = (
            "  damage of files, which a dump cannot have, only a backup of files; not in the numbers "
            f"above: configured checks detect {seen} of {len(of_pages)}, required checks {failing}"
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
        yield f"built-in checks detect {proof.seen_by_own} more{only}"
    if proof.unseen:
        compared = sum(1 for d in counted if d.noticed is Noticed.UNDETECTED and d.needs_contents)
        told = f": only a comparison of contents can detect {compared} of them" if compared else ""
        yield f"no check detects {len(proof.unseen)}{told}"
    seeable = [d for d in counted if not d.needs_contents]
    if seeable:
        seen = sum(1 for d in seeable if _is_yours(d))
        yield (
            f"{len(seeable)} can be detected without a comparison of contents (`unchanged`, `manifest`): "
            f"configured checks detect {seen} of them ({100 * seen / len(seeable):.0f} %)"
        )
    helped = sum(1 for d in counted if d.proposed and not _is_yours(d))
    if helped:
        yield f"with the checks from `restorecheck propose`, configured checks would detect {proof.seen + helped}"


def _is_yours(damage: DamageReport) -> bool:
    return damage.noticed in {Noticed.YOURS, Noticed.YOURS_WARNING}


def _line(damage: DamageReport, mark: str) -> str:
    told = f"  {mark:<18} {damage.kind:<{WIDTH}} {clean(damage.what)}".rstrip()
    if damage.by:
        told += f"\n{'':<21}{clean(first_of(damage.by, MOST_CHECKS, between='; '))}"
    if damage.proposed and not _is_yours(damage):
        told += f"\n{'':<21}would be detected by: {clean('; '.join(damage.proposed[:MOST_CHECKS]))}"
    return told
