"""Drills as Jobs of Kubernetes, against a server that behaves like its API."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml

from restorecheck import config as configuration
from restorecheck.dispatch.kubernetes import (
    LISTED_FOR,
    MOST_TRIES,
    QUEUE,
    Cluster,
    KubernetesJobs,
    job_of,
    name_of,
)
from restorecheck.errors import AccessDeniedError, ConfigError, ProviderError, TransientError
from restorecheck.hosts.daemon.cluster import jobs_of
from tests import kube
from tests.factories import NOW

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

MANIFEST = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"labels": {"team": "db"}},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "drill", "image": "rc:1", "env": [{"name": "P", "value": "x"}]}
                ]
            }
        }
    },
}


class Clock:
    def __init__(self):
        self.at = NOW

    def now(self):
        return self.at


@pytest.fixture
def api():
    with kube.running() as server:
        yield server


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def jobs(api, clock, tmp_path):
    token = tmp_path / "token"
    token.write_text(f"{kube.TOKEN}\n")
    cluster = Cluster(api=api.url, namespace="drills", token_file=token)
    return KubernetesJobs(cluster, MANIFEST, queue=None, clock=clock)


def test_a_slot_gets_one_job_however_often_it_is_handed_over(api, jobs, clock):
    for _ in range(3):
        assert jobs.defer("shop", NOW) == ""
        clock.at += LISTED_FOR
    assert jobs.defer("shop", NOW + timedelta(days=1)) == ""
    assert jobs.defer("crm", NOW) == ""

    names = {name_of("shop", NOW), name_of("shop", NOW + timedelta(days=1)), name_of("crm", NOW)}
    assert set(api.jobs) == names


def test_a_job_that_another_runner_made_in_between_is_no_error(api, jobs):
    jobs.defer("crm", NOW)  # the list is known now
    api.jobs[name_of("shop", NOW)] = job_of(
        MANIFEST, name=name_of("shop", NOW), target="shop", attempt=1, queue=None
    )

    assert jobs.defer("shop", NOW) == ""
    assert ("POST", 409) in api.asked


def test_runners_that_hand_over_at_once_make_one_job(api, jobs):
    errors = []

    def defer():
        try:
            jobs.defer("shop", NOW)
        except ProviderError as exc:
            errors.append(exc)

    threads = [threading.Thread(target=defer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(api.jobs) == 1


def test_a_job_that_ends_without_a_report_is_made_again_and_then_given_up(api, jobs, clock):
    name = name_of("shop", NOW)
    for attempt in range(1, MOST_TRIES + 1):
        assert jobs.defer("shop", NOW) == ""
        assert api.jobs[name]["metadata"]["labels"]["restorecheck/try"] == str(attempt)
        api.end(name)
        clock.at += LISTED_FOR

    why = jobs.defer("shop", NOW)

    assert (
        why
        == f"the Kubernetes Job {name} ended without a report 3 times: Failed: BackoffLimitExceeded"
    )


def test_a_job_that_is_still_being_deleted_is_made_again_when_it_is_gone(api, jobs, clock):
    name = name_of("shop", NOW)
    jobs.defer("shop", NOW)
    api.end(name)
    api.slow_deletes = True
    clock.at += LISTED_FOR

    assert jobs.defer("shop", NOW) == "", "refused with 409: the name is taken"
    api.deletions_are_done()
    clock.at += LISTED_FOR
    assert jobs.defer("shop", NOW) == ""

    assert api.jobs[name]["metadata"]["labels"]["restorecheck/try"] == "2"


def test_a_list_that_expires_between_two_pages_is_read_again(api, jobs, clock):
    for number in range(5):
        jobs.defer(f"t{number}", NOW)
    clock.at += LISTED_FOR
    api.expire = 2

    assert jobs.defer("t4", NOW) == ""
    assert api.asked.count(("GET", 410)) == 2
    assert len(api.jobs) == 5

    clock.at += LISTED_FOR
    api.expire = 99
    with pytest.raises(TransientError, match="changes faster than it is read"):
        jobs.defer("t4", NOW)


def test_an_api_with_too_much_to_do_is_asked_again_later(api, jobs):
    api.busy = 1

    with pytest.raises(TransientError, match=r"too many requests, please try again later \(429\)"):
        jobs.defer("shop", NOW)

    assert jobs.defer("shop", NOW) == ""


def test_a_missing_right_is_told_with_the_rights_that_are_needed(api, jobs):
    api.forbidden = True

    with pytest.raises(AccessDeniedError, match="cannot create resource") as caught:
        jobs.defer("shop", NOW)

    assert "list, create and delete on jobs" in caught.value.hint


def test_the_token_is_read_for_each_call(api, jobs):
    jobs._cluster.token_file.write_text("old")
    with pytest.raises(AccessDeniedError, match=r"\(401\)"):
        jobs.defer("shop", NOW)

    jobs._cluster.token_file.write_text(kube.TOKEN)
    assert jobs.defer("shop", NOW) == ""
    jobs._cluster.token_file.unlink()
    with pytest.raises(ProviderError, match="could not read the token"):
        jobs.defer("crm", NOW)


def test_an_api_that_is_not_there_is_told(api, jobs, clock):
    gone = replace(jobs._cluster, api="http://127.0.0.1:9")

    with pytest.raises(
        TransientError, match=r"could not reach the Kubernetes API http://127\.0\.0\.1:9"
    ):
        KubernetesJobs(gone, MANIFEST, queue=None, clock=clock).defer("shop", NOW)


def test_a_job_drills_one_target_once_and_its_pod_is_its_host():
    made = job_of(MANIFEST, name="n", target="shop", attempt=2, queue="nightly")

    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"] == ["work", "--once", "shop"]
    assert container["env"][0] == {"name": "P", "value": "x"}
    assert container["env"][-1] == {"name": "RESTORECHECK_HOST", "value": "pod:$(RESTORECHECK_POD)"}
    assert (made["spec"]["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    labels = made["metadata"]["labels"]
    assert labels["team"] == "db"
    assert labels[QUEUE] == "nightly"
    assert made["metadata"]["annotations"] == {"restorecheck/target": "shop"}
    assert "name" not in MANIFEST["metadata"], "the template stays as it is"
    assert (
        QUEUE
        not in job_of(MANIFEST, name="n", target="s", attempt=1, queue=None)["metadata"]["labels"]
    )


def test_names_of_jobs_are_names_for_kubernetes_and_differ():
    long = name_of("A" * 40, NOW)

    assert len(long) <= 63
    assert long == long.lower()
    assert name_of("a", NOW) != name_of("A", NOW)
    assert name_of("a", NOW) != name_of("a", NOW + timedelta(minutes=1))


def configured(tmp_path, keys="", manifest=None):
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(MANIFEST) if manifest is None else manifest)
    text = (
        "version: 1\ntargets: [{name: shop, dump: {path: b}}]\n"
        "history: {url: 'postgresql://rc@db/n'}\n"
        f"runner: {{dispatch: kubernetes, kubernetes: {{job: job.yaml{keys}}}}}\n"
    )
    return configuration.parse(text, file="r.yaml", directory=tmp_path, environment={})


def test_a_configuration_outside_of_the_cluster_names_all_that_a_pod_knows(api, clock, tmp_path):
    (tmp_path / "token").write_text(kube.TOKEN)
    keys = f", api: '{api.url}', namespace: drills, token_file: token, queue: nightly"

    jobs_of(configured(tmp_path, keys), clock).defer("shop", NOW)

    (made,) = api.jobs.values()
    assert made["metadata"]["labels"][QUEUE] == "nightly"


@pytest.mark.parametrize(
    ("manifest", "keys", "said"),
    [
        ("kind: Deployment", "", "expected one Job"),
        ("kind: Job\nspec: {template: {spec: {containers: []}}}", "", "expected one Job"),
        ("{", "", "it is not YAML"),
        (None, "", "the runner is not in a pod: set the URL of the Kubernetes API"),
        (None, ", api: 'http://127.0.0.1:9'", "set the namespace of the Jobs"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_told_before_the_night(
    manifest, keys, said, clock, tmp_path, monkeypatch
):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(ConfigError, match=said):
        jobs_of(configured(tmp_path, keys, manifest), clock)
