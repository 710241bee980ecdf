"""Findings for other programs: JSON, SARIF 2.1.0 (code scanning), JUnit XML. Pure."""

import hashlib
import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from restorecheck import __version__
from restorecheck.report import junit
from restorecheck.rules.catalogue import RULES, By, Rule, RuleSeverity
from restorecheck.rules.findings import Finding, Outcome, by_importance

SCHEMA_VERSION = 1
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {
    RuleSeverity.CRITICAL: "error",
    RuleSeverity.HIGH: "error",
    RuleSeverity.MEDIUM: "warning",
    RuleSeverity.LOW: "note",
}
SCORES = {
    RuleSeverity.CRITICAL: "9.5",
    RuleSeverity.HIGH: "8.0",
    RuleSeverity.MEDIUM: "5.0",
    RuleSeverity.LOW: "2.0",
}
"""`security-severity` of GitHub's code scanning: above 9 critical, from 7 high, from 4 medium."""

AT_ONCE = "0.000"
"""Readers of JUnit require a time; findings have none."""

Json = dict[str, Any]


def as_json(findings: Sequence[Finding], by: By) -> str:
    document = {
        "schema_version": SCHEMA_VERSION,
        "command": by.value,
        "findings": [_json(finding) for finding in by_importance(findings)],
    }
    return json.dumps(document, indent=2) + "\n"


def _json(finding: Finding) -> Json:
    rule = finding.rule
    ignored = finding.ignored
    return {
        "rule": rule.id,
        "severity": rule.severity.value,
        "resource": finding.resource,
        "outcome": finding.outcome.value,
        "title": rule.title,
        "found": finding.found,
        "why": rule.why,
        "mend": rule.mend,
        "advice": [{"where": a.where.value, "line": a.line} for a in finding.advice],
        "link": rule.link,
        "ignored": None
        if ignored is None
        else {"reason": ignored.reason, "until": ignored.until.isoformat()},
    }


def as_sarif(findings: Sequence[Finding], by: By) -> str:
    """Only findings that are not ok: code scanning counts a missing result as fixed."""
    rules = [rule for rule in RULES if rule.by is by]
    places = {rule.id: index for index, rule in enumerate(rules)}
    wrong = [f for f in by_importance(findings) if f.outcome is not Outcome.OK]
    run = {
        "tool": {
            "driver": {
                "name": "restorecheck",
                "semanticVersion": __version__,
                "rules": [_sarif_rule(rule) for rule in rules],
            }
        },
        "automationDetails": {"id": f"restorecheck/{by.value}/"},
        "results": [_result(finding, places[finding.rule.id]) for finding in wrong],
    }
    document = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2) + "\n"


def _sarif_rule(rule: Rule) -> Json:
    text = f"{rule.why} Fix: {rule.mend} See {rule.link}"
    page = {"helpUri": rule.link} if rule.link.startswith("https://") else {}
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": text, "markdown": f"{rule.why}\n\n**Mend:** {rule.mend}\n\n{rule.link}"},
        **page,
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "security-severity": SCORES[rule.severity],
            "precision": "very-high",
            "tags": ["security", "backup"],
            "reads": rule.reads,
        },
    }


def _result(finding: Finding, index: int) -> Json:
    unseen = finding.outcome is Outcome.NOT_LOOKED_AT
    result: Json = {
        "ruleId": finding.rule.id,
        "ruleIndex": index,
        "kind": "open" if unseen else "fail",
        # Of every kind but `fail` the level is `none` (SARIF 2.1.0, 3.27.10).
        "level": "none" if unseen else LEVELS[finding.rule.severity],
        "message": {"text": f"{finding.resource}: {finding.found}"},
        "locations": [_location(finding)],
        "partialFingerprints": _fingerprints(finding),
    }
    if finding.ignored is not None:
        suppression = {"kind": "external", "status": "accepted"}
        result["suppressions"] = [{**suppression, "justification": finding.ignored.reason}]
    return result


def _fingerprints(finding: Finding) -> dict[str, str]:
    """GitHub uses only `primaryLocationLineHash`. If it is missing, the upload computes it from the line, which is the
    same for all findings: two databases with the same problem would be one alert.
    """
    name = f"{finding.rule.id}/{finding.resource}"
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()
    return {"primaryLocationLineHash": f"{digest[:16]}:1", "restorecheck/v1": name}


def _location(finding: Finding) -> Json:
    """GitHub requires a file, so the location is the configuration file."""
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": "restorecheck.yaml"},
            "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2},
        },
        "logicalLocations": [{"fullyQualifiedName": finding.resource, "kind": "resource"}],
    }


def as_junit(findings: Sequence[Finding], by: By, now: datetime) -> str:
    """One test for each finding: a problem is a failure, one that was not looked at an error."""
    cases = [_case(finding) for finding in by_importance(findings)]
    return junit.document([junit.suite(f"restorecheck {by.value}", cases, at=now, seconds=0)])


def _case(finding: Finding) -> ET.Element:
    rule = finding.rule
    name = f"{rule.id} {rule.title}"
    case = ET.Element("testcase", classname=_xml(finding.resource), name=_xml(name), time=AT_ONCE)
    if finding.ignored is not None:
        until = finding.ignored.until
        text = _xml(f"ignored until {until}: {finding.ignored.reason}")
        ET.SubElement(case, "skipped", message=text).text = text
    elif finding.outcome is not Outcome.OK:
        tag = "failure" if finding.outcome is Outcome.PROBLEM else "error"
        said = ET.SubElement(case, tag, message=_xml(finding.found), type=rule.severity.value)
        lines = [finding.found, rule.why, f"mend: {rule.mend}"]
        lines += [f"{advice.where.value}: {advice.line}" for advice in finding.advice]
        said.text = _xml("\n".join(lines))
    return case


def _xml(value: str) -> str:
    return "\n".join(map(junit.text_of, value.splitlines()))
