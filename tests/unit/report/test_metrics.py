"""Numbers for Prometheus, the dashboard and the alert rules over them, as their readers read them."""

import json
import re
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import promql_parser as promql
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from restorecheck import __version__, report
from restorecheck.errors import ConfigError
from restorecheck.hosts.drill.metrics_file import write_numbers
from restorecheck.model import Backup, CheckOutcome, RestoreOutcome, Severity, Verdict
from restorecheck.report import metrics
from restorecheck.report.status import Overview
from tests.factories import NOW
from tests.nights import HOSTILE, check, hostile, night, status

DOCS = Path(__file__).parents[3] / "docs"
HISTORY = "/var/lib/restorecheck/history.sqlite"
READERS = {"openmetrics": openmetrics, "prometheus": prometheus}
OBJECTIVES = [
    check("recovery point objective", kind="rpo", measured={"limit_seconds": 86400, "seconds": 90}),
    check("recovery time objective", kind="rto", measured={"limit_seconds": 3600.0}),
]


def overview(*statuses, reports=(), **changes):
    told = Overview(at=NOW, history=HISTORY, statuses=statuses, reports=tuple(reports))
    return replace(told, **changes)


def complete(target="courses", history=HISTORY):
    """Of a target of which everything is known."""
    report = night(
        target=target,
        checks=OBJECTIVES,
        restore_outcome=RestoreOutcome.SUCCEEDED,
        backup=Backup(kind="dump", identifier="b", taken_at=NOW, size_bytes=34),
    )
    standing = status(target, next_at=NOW + timedelta(hours=1))
    return overview(standing, reports=[report], waiting=(("ops", 0),), history=history)


def samples(text, reader=openmetrics):
    """(name, labels) → value; every reader would take two of the same for an error."""
    found = {}
    for family in reader(text):
        assert family.type == "gauge"
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            assert sample.timestamp is None, "node_exporter refuses the whole file"
            found[key] = sample.value
    return found


def numbers(*statuses, **changes):
    """Of one target: name, and its other labels' values → value."""
    read = samples(metrics.textfile(overview(*statuses, **changes)))
    return {
        (name.removeprefix("restorecheck_"), *sorted(v for k, v in labels if k != "target")): value
        for (name, labels), value in read.items()
    }


def test_a_target_is_told_with_its_standing_and_the_newest_report():
    reports = [
        night(
            checks=[
                check("a"),
                check("b", outcome=CheckOutcome.FAILED, severity=Severity.WARNING),
                *OBJECTIVES,
            ],
            restore_outcome=RestoreOutcome.SUCCEEDED,
            backup=Backup(
                kind="dump", identifier="b", taken_at=NOW - timedelta(hours=2), size_bytes=34
            ),
        )
    ]
    at = NOW.timestamp()
    courses = status("courses", bad=2, left_behind=True, next_at=NOW + timedelta(hours=1))

    assert numbers(courses, reports=reports, waiting=(("ops", 3),), config_valid=False) == {
        ("target_overdue",): 0,
        ("proof_timestamp_seconds",): at,
        ("proof_max_age_seconds",): 86400,
        ("drill_timestamp_seconds",): at,
        ("drill_running",): 0,
        ("drills_not_verified",): 2,
        ("left_behind",): 1,
        ("next_drill_timestamp_seconds",): at + 3600,
        ("last_verdict", "verified"): 1,
        ("last_verdict", "failed"): 0,
        ("last_verdict", "inconclusive"): 0,
        ("restore_duration_seconds",): 60,
        ("drill_duration_seconds",): 180,
        ("backup_age_seconds",): 7200,
        ("backup_size_bytes",): 34,
        ("checks", "passed"): 3,
        ("checks", "failed"): 1,
        ("checks", "error"): 0,
        ("checks", "skipped"): 0,
        ("objective_limit_seconds", "rpo"): 86400,
        ("objective_limit_seconds", "rto"): 3600,
        ("objective_measured_seconds", "rpo"): 90,
        ("messages_waiting", HISTORY, "ops"): 3,
        ("config_valid", HISTORY): 0,
        ("written_timestamp_seconds", HISTORY): at,
        ("build_info", HISTORY, __version__): 1,
    }


def test_a_proof_is_as_old_as_it_is_whatever_came_after_it():
    proven, drilled = NOW - timedelta(days=3), NOW - timedelta(hours=1)

    told = numbers(status("courses", Verdict.FAILED, proven_at=proven, drilled_at=drilled))

    assert told["proof_timestamp_seconds",] == proven.timestamp()
    assert told["drill_timestamp_seconds",] == drilled.timestamp()


def test_a_target_that_was_never_drilled_is_overdue_and_has_no_verdict():
    new = status("new", None, drilled_at=None, proven_at=None, overdue=True)

    told = numbers(new)

    assert told["target_overdue",] == 1
    assert [told["last_verdict", verdict.value] for verdict in Verdict] == [0, 0, 0]
    assert ("proof_timestamp_seconds",) not in told
    assert ("restore_duration_seconds",) not in told


@pytest.mark.parametrize(
    "outcome", [o for o in RestoreOutcome if o is not RestoreOutcome.SUCCEEDED]
)
def test_a_restore_that_did_not_succeed_has_no_duration(outcome):
    reports = [night(verdict=Verdict.FAILED, restore_outcome=outcome, backup=None)]

    told = numbers(status("courses", Verdict.FAILED), reports=reports)

    assert ("restore_duration_seconds",) not in told
    assert ("backup_age_seconds",) not in told
    assert told["drill_duration_seconds",] == 180


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_both_readers_understand_whatever_a_target_is_called(reader):
    text = metrics.textfile(hostile_overview(HOSTILE))

    read = samples(text, reader)

    targets = {dict(labels).get("target") for _, labels in read} - {None}
    assert targets == set(HOSTILE)
    assert text.endswith("# EOF\n")


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@settings(max_examples=60)
@given(name=st.text(max_size=50))
def test_no_name_breaks_the_numbers(reader, name):
    read = samples(metrics.textfile(hostile_overview([name])), reader)

    assert read["restorecheck_left_behind", frozenset({("target", name)})] == 0


def hostile_overview(names):
    return overview(
        *(status(name) for name in names),
        reports=[hostile(name) for name in names],
        waiting=tuple((name, 1) for name in names),
    )


def test_the_page_of_the_runner_and_the_file_are_the_same_numbers():
    told = complete()

    assert samples(metrics.page(told).decode(), prometheus) == samples(metrics.textfile(told))


def test_two_files_on_one_machine_share_no_sample():
    first = metrics.textfile(complete())
    second = metrics.textfile(complete("orders", "/srv/history.sqlite"))

    shared = samples(first).keys() & samples(second).keys()

    assert not shared


def test_without_the_library_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "restorecheck.report.metrics")
    monkeypatch.delattr(report, "metrics")

    with pytest.raises(ConfigError, match="needs prometheus_client, which is not") as caught:
        write_numbers(complete(), None)

    assert caught.value.hint == "pip install 'restorecheck[metrics]'"


# --- what reads them --------------------------------------------------------------------------


def known_families():
    """Name → label → its values."""
    found: dict[str, dict[str, set[str]]] = {}
    for family in metrics.families(complete()):
        for sample in family.samples:
            for label, value in sample.labels.items():
                found.setdefault(sample.name, {}).setdefault(label, set()).add(value)
    return found


FAMILIES = known_families()


def kept_labels(expression):
    """Parse; every metric, label and value in it is ours. Returns the labels that the result has."""
    selectors: list[promql.VectorSelector] = []
    grouped: list[set[str]] = []

    def look(node):
        if isinstance(node, promql.VectorSelector):
            selectors.append(node)
        if isinstance(node, promql.AggregateExpr):
            grouped.append(set(node.modifier.labels) if node.modifier else set())

    promql.walk(promql.parse(expression), look)
    assert selectors, expression
    for selector in selectors:
        labels = FAMILIES[selector.name]
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels, expression
            assert matcher.value in {*labels[matcher.name], "$target"}, expression
        for group in grouped:
            assert group <= set(labels), expression
    return grouped[0] if grouped else set(FAMILIES[selectors[0].name])


DASHBOARD = json.loads((DOCS / "grafana" / "restorecheck.json").read_text())
PANELS = DASHBOARD["panels"]
RULES = [
    rule
    for group in yaml.safe_load((DOCS / "prometheus" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]


def test_grafana_understands_every_field_of_the_dashboard():
    exported = {"__inputs", "__elements", "__requires"}  # of a file to import, not of a dashboard
    ours = {key: value for key, value in DASHBOARD.items() if key not in exported}

    register_default_plugins()  # the options of each kind of panel, and Prometheus' queries
    read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(ours)))

    assert list(lost(ours, read)) == []


def lost(written, read, path=""):
    """Where a reader that keeps what it knows has kept something else."""
    if isinstance(written, dict) and isinstance(read, dict):
        for key, value in written.items():
            yield from lost(value, read.get(key, "nothing"), f"{path}/{key}")
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for number, (before, after) in enumerate(zip(written, read, strict=True)):
            yield from lost(before, after, f"{path}/{number}")
    elif written != read:
        yield path, written, read


def test_the_dashboard_can_be_imported_into_any_grafana_with_a_prometheus():
    (wanted,) = DASHBOARD["__inputs"]
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    kinds = {needed["id"] for needed in DASHBOARD["__requires"] if needed["type"] == "panel"}

    assert (wanted["name"], wanted["pluginId"]) == ("DS_PROMETHEUS", "prometheus")
    assert variables["datasource"]["current"]["value"] == "${DS_PROMETHEUS}"
    assert isinstance(DASHBOARD["schemaVersion"], int)
    assert kinds == {panel["type"] for panel in PANELS}
    # A reference to one source by its id would be that of somebody else's Grafana.
    sources = re.findall(r'"uid": "([^"]*)"', json.dumps(DASHBOARD))
    assert set(sources) == {"${datasource}", DASHBOARD["uid"]}


def test_the_variable_target_lists_the_targets():
    (target,) = [v for v in DASHBOARD["templating"]["list"] if v["name"] == "target"]
    ((name, label),) = re.findall(r"^label_values\((\w+), (\w+)\)$", target["query"]["query"])

    assert label in FAMILIES[name]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"].replace(" ", "-"))
def test_every_panel_asks_for_numbers_that_there_are(panel):
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)
    for target in panel["targets"]:
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert shown <= kept_labels(target["expr"])


def test_the_panels_have_ids_of_their_own_and_do_not_overlap():
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in PANELS]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above


def test_every_family_of_a_target_stands_on_the_dashboard_or_in_an_alert():
    asked = " ".join(
        [*(t["expr"] for p in PANELS for t in p["targets"]), *(r["expr"] for r in RULES)]
    )

    silent = {name for name in FAMILIES if not re.search(rf"\b{name}\b", asked)}

    assert silent == {
        "restorecheck_build_info",
        "restorecheck_drill_duration_seconds",
        "restorecheck_drill_running",
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_asks_for_numbers_that_there_are_and_says_what_to_do(rule):
    kept = kept_labels(rule["expr"])
    said = " ".join(rule["annotations"].values())

    assert set(re.findall(r"\$labels\.(\w+)", said)) <= kept
    assert re.search(r"restorecheck (status|report|sweep|run|config validate)", said)
    if "for" in rule:
        assert promql.parse_duration(rule["for"])


def test_the_alerts_include_silence():
    asked = {rule["alert"]: rule["expr"] for rule in RULES}

    for alert in ("Overdue", "Failed", "LeftBehind", "NumbersStale", "NumbersAbsent"):
        assert f"Restorecheck{alert}" in asked
    assert "time()" in asked["RestorecheckProofTooOld"]
    assert "time()" in asked["RestorecheckNumbersStale"]
