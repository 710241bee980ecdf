"""The earlier nights for a page, from the history."""

from restorecheck.ports import History
from restorecheck.report import document
from restorecheck.report.document import Report
from restorecheck.report.past import DRAWN_NIGHTS, Past, past_of


def past_until(report: Report, history: History) -> Past:
    """The nights up to this report."""
    texts = history.texts(report.target, until=report.finished_at, newest=DRAWN_NIGHTS)
    return past_of([document.parse(text) for text in texts])
