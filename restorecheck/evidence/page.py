"""The page of an evidence pack: one HTML file without scripts and network. Pure; extra `report`."""

from datetime import timedelta

from restorecheck.evidence.pack import Pack, controls
from restorecheck.evidence.sampling import in_words
from restorecheck.model import Verdict
from restorecheck.report.html.page import filled_in

MOST = 1_000
"""Deviations, gaps and drills that the page lists; machines read the rest elsewhere."""


def render(pack: Pack) -> str:
    deviations = pack.deviations
    whole = len(pack.rows) <= MOST
    first, last = f"{pack.since:%Y-%m-%d}", f"{pack.until - timedelta(seconds=1):%Y-%m-%d}"
    return filled_in(
        "evidence.html",
        margin=f"Restore evidence, {first} to {last}",
        pack=pack,
        first=first,
        last=last,
        verified=sum(1 for row in pack.rows if row.verdict == Verdict.VERIFIED.value),
        deviations=deviations,
        open=sum(1 for each in deviations if not each.notes),
        nights=sum(gap.nights for gap in pack.gaps),
        sample=pack.sample,
        sampling=in_words(len(pack.rows), pack.sample_size, pack.seed),
        all_rows=pack.rows if whole else (),
        most=MOST,
        controls=controls(),
    )
