"""The Helm chart: rendered by Helm's own library, read by Kubernetes' schemas, held against `restricted`."""

import functools
import importlib
import itertools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from restorecheck import config
from tests.missing import missing

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "restorecheck"
PLAIN = ROOT / "docs" / "how-to" / "service" / "kubernetes.yaml"
KUBERNETES = ("1.25", "1.37")
"""The oldest that Chart.yaml allows, and the newest that kubernetes-validate knows."""
KINDS = {
    "CronJob",
    "Deployment",
    "Job",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "Secret",
    "Service",
    "ServiceAccount",
}
IMAGE = {"image": {"repository": "registry.example.org/restorecheck"}}
SECRET = {**IMAGE, "existingSecret": "restorecheck-config"}
INLINE = {
    **IMAGE,
    "config": {"version": 1, "targets": [{"name": "courses", "dump": {"path": "/backups/*.dump"}}]},
}
CHOICES: tuple[dict[str, dict[str, Any]], ...] = (
    {
        "cronjob": {"mode": "cronjob"},
        "job": {"mode": "job", "job": {"args": ["drill", "courses"]}},
        "runner": {"mode": "runner"},
        "runner with a port": {
            "mode": "runner",
            "runner": {"port": 9187},
            "networkPolicy": {"ingressFrom": [{"namespaceSelector": {}}]},
        },
    },
    {
        "claim": {},
        "existing": {"state": {"kind": "existing", "existingClaim": "history"}},
        "none": {"state": {"kind": "none"}},
    },
    {
        "emptyDir": {},
        "ephemeral": {"work": {"kind": "ephemeral", "storageClassName": "fast", "size": "1Ti"}},
    },
    {
        "bare": SECRET,
        "inline": INLINE,
        "full": {
            **SECRET,
            "image": {
                "repository": "registry.example.org/restorecheck",
                "digest": f"sha256:{'a' * 64}",
            },
            "imagePullSecrets": [{"name": "registry"}],
            "env": [{"name": "A", "value": "b"}],
            "envFrom": [{"secretRef": {"name": "tokens"}}],
            "secretFiles": [{"secretName": "age-key", "mountPath": "/run/secrets/age"}],
            "backups": {"existingClaim": "backups"},
            "serviceAccount": {"create": True, "annotations": {"example.org/role": "reader"}},
            "extraVolumes": [{"name": "spare", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "spare", "mountPath": "/spare"}],
            "podAnnotations": {"a": "b"},
            "podLabels": {"team": "data"},
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "drills", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "low",
        },
    },
)
MODES, STATES, WORKS, SOURCES = (tuple(choice.items()) for choice in CHOICES)
CASES = [
    # Every pair of a mode with any other choice, and of a state with a source.
    dict((mode, STATES[(i + j) % 3], WORKS[(i + j) % 2], source))
    for (i, mode), (j, source) in itertools.product(enumerate(MODES), enumerate(SOURCES))
]


def imported(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(name, ".ci/run installs it")


@pytest.fixture(scope="module")
def helm():
    return imported("helm_python")


@pytest.fixture(scope="module")
def chart(helm):
    with helm.Chart.load(CHART) as loaded:
        yield loaded


def rendered(chart, values, name="night"):
    chart.validate_schema(values)
    texts = chart.render(values, name=name, namespace="backup", revision=3)
    return [
        document
        for path, text in texts.items()
        if not path.endswith(".txt")
        for document in yaml.safe_load_all(text)
        if document
    ]


def merged(case) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for part in case.values():
        values |= part
    return values


def pods(documents):
    for document in documents:
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield spec["template"]


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_what_any_values_make(chart, version, monkeypatch):
    kubernetes_validate = imported("kubernetes_validate")
    # A schema is read once, and a document that several values make is validated once.
    read = functools.cache(kubernetes_validate.utils.schema_contents)
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", read)
    made = {
        json.dumps(document): document
        for case in CASES
        for document in rendered(chart, merged(case))
    }

    assert {document["kind"] for document in made.values()} == KINDS
    for document in made.values():
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("case", CASES, ids=[", ".join(case) for case in CASES])
def test_every_pod_is_what_the_standard_restricted_asks_for(chart, case):
    """Source: Kubernetes' documentation, Pod Security Standards, `restricted`."""
    (pod,) = pods(rendered(chart, merged(case)))
    spec = pod["spec"]

    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] != 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    allowed = {"configMap", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
    assert {kind for volume in spec["volumes"] for kind in volume if kind != "name"} <= allowed
    mounted = [mount["name"] for mount in container["volumeMounts"]]
    assert sorted(mounted) == sorted(volume["name"] for volume in spec["volumes"])


@pytest.mark.parametrize("case", CASES, ids=[", ".join(case) for case in CASES])
def test_selectors_find_the_pod_and_names_find_what_is_made(chart, case):
    documents = rendered(chart, merged(case))
    (pod,) = pods(documents)
    labels = pod["metadata"]["labels"].items()
    made = {(document["kind"], document["metadata"]["name"]) for document in documents}

    for document in documents:
        spec = document.get("spec", {})
        selector = spec.get("podSelector", spec.get("selector", {}))
        chosen = selector.get("matchLabels", selector)
        assert chosen.items() <= labels, document["kind"]
    for volume in pod["spec"]["volumes"]:
        claim = volume.get("persistentVolumeClaim", {}).get("claimName", "history")
        assert claim in {"history", "backups"} or ("PersistentVolumeClaim", claim) in made
    assert len(documents) == len(made)
    account = pod["spec"].get("serviceAccountName")
    assert account is None or ("ServiceAccount", account) in made
    assert ("NetworkPolicy", "night-restorecheck") in made


@pytest.mark.parametrize("mode", CHOICES[0])
def test_helm_lints_the_chart_without_a_warning(helm, mode):
    said = helm.lint(CHART, {**INLINE, **CHOICES[0][mode]}, strict=True)

    assert said["errors"] == []
    assert [one["error"] for one in said["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (IMAGE, "give the configuration of restorecheck: config, or existingSecret"),
        ({**INLINE, "existingSecret": "x"}, "either config or existingSecret, not both"),
        ({"existingSecret": "x"}, "repository"),
        ({**SECRET, "mod": "job"}, "'mod' not allowed"),
        ({**SECRET, "mode": "deployment"}, "mode"),
        ({**SECRET, "state": {"kind": "existing"}}, "existingClaim"),
        ({**SECRET, "work": {"size": "50GB"}}, "work/size"),
        ({**SECRET, "securityContext": {"runAsUser": 0}}, "'securityContext' not allowed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_that_cannot_be_meant_are_refused_with_their_name(helm, chart, values, said):
    with pytest.raises(helm.HelmError) as caught:
        rendered(chart, values)

    assert said in str(caught.value)


def test_the_schema_is_one_and_knows_every_value():
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    jsonschema.Draft7Validator.check_schema(schema)
    assert set(schema["properties"]) == set(values) | {"global"}
    for name, value in values.items():
        keys = schema["properties"][name].get("properties")
        if keys is not None:
            assert set(keys) == set(value), name


@pytest.mark.parametrize("form", [dict, str])
def test_the_configuration_arrives_as_it_was_written(chart, form):
    written = INLINE["config"] if form is dict else yaml.safe_dump(INLINE["config"])
    documents = rendered(chart, {**INLINE, "config": written})
    (secret,) = [document for document in documents if document["kind"] == "Secret"]
    text = secret["stringData"]["restorecheck.yaml"]

    assert yaml.safe_load(text) == INLINE["config"]
    read = config.parse(text, file="restorecheck.yaml", directory=Path("/"), environment={})
    assert [target.name for target in read.targets] == ["courses"]


def without_helm(value):
    """Without what only Helm needs, and the labels of a release."""
    if isinstance(value, dict):
        kept = {key: without_helm(one) for key, one in value.items() if key != "annotations"}
        for name in [key for key in kept if key in {"labels", "matchLabels"}]:
            labels = {key: one for key, one in kept[name].items() if key.endswith("io/name")}
            kept[name] = labels
        if "kind" in kept:
            del kept["metadata"]["labels"]
        return kept
    return [without_helm(one) for one in value] if isinstance(value, list) else value


def test_the_plain_manifest_is_what_the_chart_makes_of_its_defaults(chart):
    values = {**SECRET, "backups": {"existingClaim": "backups"}}
    made = without_helm(rendered(chart, values, name="restorecheck"))

    def by_kind(documents):
        return {document["kind"]: document for document in documents}

    assert by_kind(made) == by_kind(yaml.safe_load_all(PLAIN.read_text()))
