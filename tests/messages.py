"""One message of each kind, for docs/reference/messages.md: the facts are those of reports, the words are the code's."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from restorecheck.announcing import (
    NOTHING_TOLD,
    Fact,
    Kind,
    News,
    Overdue,
    Rules,
    Skipped,
    Trouble,
    hear,
)
from restorecheck.announcing import Finished as Told
from restorecheck.aws.deployment.sns import subject
from restorecheck.history import Entry, sha256_of
from restorecheck.hosts.notifying.channels import finished
from restorecheck.notify.ping import SIGNALS, Signal, ping_url
from restorecheck.report.document import Report
from restorecheck.report.message import Message, compose
from tests.browser.courses import ALLOWED, SLOW, Nights

HEAD = """# Messages

One message of each kind, as [`notify`](../how-to/notify.md) sends it. `make schema` writes this page: the words are those of the program.
An Apprise channel (Slack, mail, PagerDuty and others) gets the first line as the title, and all lines as the text. SNS gets the first line as the subject,
cut to 100 characters, and all lines as the text. A web hook gets the JSON at the end of this page.

"""
WHEN = {
    Kind.FAILED: "The third night in a row in which a table is empty.",
    Kind.INCONCLUSIVE: "The second night in a row without an answer (`inconclusive_after: 2`).",
    Kind.RECOVERED: "The first night after two failed ones.",
    Kind.LEFT_BEHIND: "A temporary database could not be deleted.",
    Kind.OVERDUE: "Nothing has verified the target for longer than `max_proof_age_hours`.",
    Kind.TROUBLE: "The runner itself has a problem; here a channel takes no messages.",
    Kind.SKIPPED: "A scheduled time without a drill. Not sent by default.",
    Kind.VERIFIED: "A good night. Not sent by default.",
}
EVERYTHING = Rules(kinds=frozenset(Kind), inconclusive_after=2)
DAY = timedelta(days=1)
HOST = "db-1"
URL = "https://hc-ping.com/KEY/{target}"


PINGS = f"""## As a ping

A dead man's switch gets the text as the body of a POST. The address, with `url: {URL}`:

| kind | address |
|---|---|
| a scheduled drill begins | `{ping_url(URL, "courses", Signal.START, None)}` |
"""


class _Reports:
    """The store that a message is made from: the reports of a target up to one of them."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def report(self, _drill_id: str) -> str:
        return self._texts[-1]

    def texts(self, _target: str, *, until: datetime, newest: int) -> tuple[str, ...]:
        assert until.tzinfo
        return tuple(self._texts[-newest:])


def fact_of(report: Report, earlier: Sequence[Report] = (), **how: bool) -> Told:
    """`how`: as `finished`."""
    entry = Entry(
        sequence=1,
        drill_id=report.drill_id,
        target=report.target,
        verdict=report.verdict,
        started_at=report.started_at,
        finished_at=report.finished_at,
        scheduled_for=None,
        left_behind=bool(report.teardown.left),
        announce=True,
        previous_sha256="",
        sha256=sha256_of(report.drill_id),  # of the text it would change with each field
    )
    store = _Reports([one.to_json() for one in (*earlier, report)])
    return finished(entry, store, **how)  # type: ignore[arg-type]  # it asks for reports only


def heard(facts: Sequence[Fact]) -> Iterator[News]:
    """What a channel that wants everything is told of these, one after the other."""
    told = NOTHING_TOLD
    for fact in facts:
        told, news = hear(told, fact, EVERYTHING)
        yield from news


def examples() -> dict[Kind, Message]:
    """Of each kind the newest message of a short story."""
    nights = Nights().reports()
    good = [fact_of(report) for report in nights]
    slow = fact_of(nights[SLOW], nights[:SLOW])
    emptied = Nights(emptied=True).reports()
    bad = [fact_of(emptied[n], emptied[:n]) for n in (-3, -2, -1)]
    stuck = fact_of(Nights(left_behind=True).reports()[-1])
    at: datetime = stuck.at
    waited = timedelta(hours=33)
    reason = "skipped: the previous drill was still running; see its report"
    stories: dict[Kind, Sequence[Fact]] = {
        Kind.FAILED: bad,
        Kind.INCONCLUSIVE: [slow, replace(slow, at=slow.at + DAY)],
        Kind.RECOVERED: [*bad[:2], good[-1]],
        Kind.LEFT_BEHIND: [stuck],
        Kind.OVERDUE: [Overdue(target="courses", at=at, proven_at=at - waited, allowed=ALLOWED)],
        Kind.TROUBLE: [Trouble(target="", at=at, reason="messages to 'slack' are not delivered")],
        Kind.SKIPPED: [Skipped(target="courses", at=at, due_at=at, reason=reason)],
        Kind.VERIFIED: [good[-1]],
    }
    made = {}
    for kind, story in stories.items():
        *_, news = [item for item in heard(story) if item.kind is kind]
        made[kind] = compose([news], report_url=None, host=HOST)
    return made


def page() -> str:
    made = examples()
    parts = [HEAD]
    for kind, when in WHEN.items():
        parts.append(f"## {kind.value}\n\n{when}\n\n```text\n{made[kind].text}\n```\n\n")
    failed = made[Kind.FAILED]
    parts += [
        f"## As a mail of SNS\n\nThe subject of the failed one: `{subject(failed.title)}`\n\n",
        "## As a web hook\n\nThe body of the failed one:\n\n```json\n",
        f"{json.dumps(json.loads(failed.payload), indent=2)}\n```\n\n",
        PINGS,
    ]
    parts += [
        f"| `{kind.value}` | `{ping_url(URL, 'courses', signal, None)}` |\n"
        for kind, signal in SIGNALS.items()
    ]
    parts.append("| `overdue` | none: the service notices that no ping came |\n")
    return "".join(parts)
