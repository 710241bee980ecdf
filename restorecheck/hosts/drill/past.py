"""From the history to the nights that a page shows."""

from restorecheck.ports import History
from restorecheck.report import document
from restorecheck.report.document import Report
from restorecheck.report.past import DRAWN_NIGHTS, Past, past_of


def past_until(report: Report, history: History) -> Past:
    """Up to this report, and not beyond it."""
    texts = history.texts(report.target, until=report.finished_at, newest=DRAWN_NIGHTS)
    return past_of([document.parse(text) for text in texts])
