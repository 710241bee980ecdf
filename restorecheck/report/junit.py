"""A report as JUnit XML: every CI system shows its checks as tests. Pure.

It uses what the readers of Jenkins and GitLab have in common: `testsuites`, `testsuite`, `testcase`, with `failure`,
`error` and `skipped`. Warnings are passed tests with their text in `system-out`.

Jenkins' schema (`junit-10.xsd` of jenkinsci/xunit-plugin) requires for a suite its name and the numbers of tests,
failures and errors, for a case its name, and times as decimal numbers. GitLab's reader
(`lib/gitlab/ci/parsers/test/junit.rb`) reads `failure`, `error`, `skipped` in this order and shows the text, or the
bare attributes if it is empty: so there is always a text.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from datetime import datetime

from restorecheck.model import CheckOutcome, RestoreOutcome, Severity, TeardownOutcome
from restorecheck.report.document import CheckReport, Report
from restorecheck.report.terminal import clean

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot contain, escaped or not."""


def render(reports: Sequence[Report]) -> str:
    return document(_suite(report) for report in reports)


def document(suites: Iterable[ET.Element]) -> str:
    root = ET.Element("testsuites", name="restorecheck")
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def suite(name: str, cases: Sequence[ET.Element], *, at: datetime, seconds: float) -> ET.Element:
    def number(tag: str) -> str:
        return str(sum(case.find(tag) is not None for case in cases))

    made = ET.Element(
        "testsuite",
        name=text_of(name),
        timestamp=f"{at:%Y-%m-%dT%H:%M:%S}",
        time=f"{seconds:.3f}",
        tests=str(len(cases)),
        failures=number("failure"),
        errors=number("error"),
        skipped=number("skipped"),
    )
    made.extend(cases)
    return made


def text_of(value: str) -> str:
    """The text without such characters, on one line."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", clean(value))


def _suite(report: Report) -> ET.Element:
    cases = [
        _restore(report),
        *(_case(report, check) for check in report.checks),
        _teardown(report),
    ]
    seconds = report.time.total_seconds
    return suite(report.target, cases, at=report.started_at, seconds=seconds)


def _new(report: Report, name: str, seconds: float) -> ET.Element:
    return ET.Element(
        "testcase", classname=text_of(report.target), name=text_of(name), time=f"{seconds:.3f}"
    )


def _say(case: ET.Element, tag: str, message: str) -> ET.Element:
    text = text_of(message) or tag
    said = ET.SubElement(case, tag, message=text[:500])
    if tag != "skipped":
        said.set("type", tag)
    said.text = text
    return case


def _restore(report: Report) -> ET.Element:
    case = _new(report, "the backup restores", report.restore.seconds)
    if report.restore.outcome is RestoreOutcome.SUCCEEDED:
        return case
    return _say(case, "failure" if report.verdict.value == "failed" else "error", report.reason)


def _teardown(report: Report) -> ET.Element:
    case = _new(report, "everything is torn down", 0.0)
    if report.teardown.outcome in {TeardownOutcome.COMPLETE, TeardownOutcome.KEPT}:
        return case
    left = ", ".join(f"{left.kind} {left.identifier}" for left in report.teardown.left)
    return _say(case, "failure", f"left behind: {left}")


def _case(report: Report, check: CheckReport) -> ET.Element:
    case = _new(report, check.name, check.seconds)
    said = f"expected {check.expected}, found {check.found}" if check.expected else check.found
    message = ": ".join(part for part in (said, check.detail) if part)
    match check.outcome:
        case CheckOutcome.PASSED:
            return case
        case CheckOutcome.SKIPPED:
            return _say(case, "skipped", message)
        case _ if check.severity is Severity.WARNING:
            ET.SubElement(case, "system-out").text = text_of(f"warning: {message}")
            return case
        case CheckOutcome.FAILED:
            return _say(case, "failure", message)
        case _:
            return _say(case, "error", message)
