"""A report as JUnit XML: every continuous integration shows its checks as tests. Pure.

What Jenkins' and GitLab's readers have in common: `testsuites`, `testsuite`, `testcase`, and of these
`failure`, `error` and `skipped`. Warnings are passed tests with their text in `system-out`.

Jenkins' schema (`junit-10.xsd` of jenkinsci/xunit-plugin) wants of a suite its name and the numbers
of tests, failures and errors, of a case its name, and takes times as digits with a point. GitLab's
reader (`lib/gitlab/ci/parsers/test/junit.rb`) looks for `failure`, `error`, `skipped` in this order and
shows the text of what it finds, or the bare attributes where there is none: so there always is.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from restorecheck.model import CheckOutcome, RestoreOutcome, Severity, TeardownOutcome
from restorecheck.report.document import CheckReport, Report
from restorecheck.report.terminal import clean

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for, escaped or not."""


def render(reports: Sequence[Report]) -> str:
    root = ET.Element("testsuites", name="restorecheck")
    for report in reports:
        root.append(_suite(report))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _text(value: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", clean(value))


def _suite(report: Report) -> ET.Element:
    cases = [
        _restore(report),
        *(_case(report, check) for check in report.checks),
        _teardown(report),
    ]
    suite = ET.Element(
        "testsuite",
        name=_text(report.target),
        timestamp=f"{report.started_at:%Y-%m-%dT%H:%M:%S}",
        time=f"{report.time.total_seconds:.3f}",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
    )
    suite.extend(cases)
    return suite


def _new(report: Report, name: str, seconds: float) -> ET.Element:
    return ET.Element(
        "testcase", classname=_text(report.target), name=_text(name), time=f"{seconds:.3f}"
    )


def _say(case: ET.Element, tag: str, message: str) -> ET.Element:
    text = _text(message) or tag
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
            ET.SubElement(case, "system-out").text = _text(f"warning: {message}")
            return case
        case CheckOutcome.FAILED:
            return _say(case, "failure", message)
        case _:
            return _say(case, "error", message)
