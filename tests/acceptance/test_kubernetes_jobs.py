"""The runner of a cluster: each Job that it makes runs as a process, as a kubelet would run its pod."""

import shutil
import subprocess
from datetime import timedelta

import pytest
import yaml

from restorecheck.hosts.clock import SystemClock
from restorecheck.model import Verdict
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.store import SqlStore
from tests import kube
from tests.acceptance.ready import COMMAND
from tests.acceptance.test_workers import Hosts
from tests.contract.postgres_store import empty, url_of

pytestmark = [pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.timeout(900)]

MANIFEST = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "spec": {"template": {"spec": {"containers": [{"name": "drill", "image": "restorecheck:1"}]}}},
}


class Kubelet:
    """Runs the pod of each Job; its volumes are gone with it."""

    def __init__(self, api, town):
        self.api = api
        self.town = town
        self.pods: dict[str, tuple[int, subprocess.Popen[bytes]]] = {}

    def look(self):
        """Start the pods of new Jobs, and tell the ends of others; returns whether a pod runs."""
        for name, job in list(self.api.jobs.items()):
            attempt = int(job["metadata"]["labels"]["restorecheck/try"])
            known = self.pods.get(name)
            if known is None or known[0] < attempt:
                self.pods[name] = (attempt, self._start(f"{name}-{attempt}", job))
            elif known[1].poll() is not None and "status" not in job:
                self.api.end(name, "Failed" if known[1].returncode else "Complete", "")
        return any(pod.poll() is None for _, pod in self.pods.values())

    def _start(self, pod, job):
        (container,) = job["spec"]["template"]["spec"]["containers"]
        variables = {each["name"]: each.get("value", pod) for each in container["env"]}
        host = variables["RESTORECHECK_HOST"].replace("$(RESTORECHECK_POD)", pod)
        work = self.town.world.directory / "pod"
        work.mkdir(mode=0o755, exist_ok=True)
        environment = {**self.town.environment(pod), "RESTORECHECK_HOST": host, "WORK": str(work)}
        with (self.town.world.directory / f"{pod}.log").open("wb") as log:
            return subprocess.Popen(
                [*COMMAND, *container["args"]],
                cwd=self.town.world.directory,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name):
        """The node is lost, with the pod and its volumes."""
        _, pod = self.pods[name]
        self.town.running["pod"] = pod
        self.town.kill("pod")
        shutil.rmtree(self.town.world.directory / "pod")


@pytest.fixture
def town(world, dumps, history_server):
    shutil.copy(dumps["custom"], world.backups)
    empty(history_server)
    (world.directory / "job.yaml").write_text(yaml.safe_dump(MANIFEST))
    (world.directory / "token").write_text(kube.TOKEN)
    with kube.running() as api:
        keys = f"job: job.yaml, namespace: drills, token_file: token, api: '{api.url}'"
        made = Hosts(
            world,
            url_of(history_server),
            {"shop": ""},
            seconds=6,
            dispatch=f"kubernetes, kubernetes: {{{keys}}}",
        )
        made.kubelet = Kubelet(api, made)
        yield made
        made.stop()


def test_a_drill_whose_pod_is_lost_is_drilled_for_the_same_slot_by_another_job(town):
    slot = SystemClock().now().replace(second=0, microsecond=0) - timedelta(hours=1)
    town.slots_are_due(slot)
    town.start("runner", "run")
    with town.history() as database:
        store = SqlStore(database)
        town.wait_until(
            lambda: town.kubelet.look() and any(d.endpoint for d in store.unfinished()),
            "a restored database in a pod",
        )
        (name,) = town.kubelet.api.jobs
        town.kubelet.kill(name)

        town.wait_until(
            lambda: not town.kubelet.look() and len(store.entries()) == 2, "two reports"
        )

        died, done = store.entries()
        assert (died.verdict, died.scheduled_for) == (Verdict.INCONCLUSIVE, None)
        assert not died.left_behind, "its volumes are gone with its pod"
        assert (done.verdict, done.scheduled_for) == (Verdict.VERIFIED, slot)
        assert store.load(done.drill_id).host == f"pod:{name}-2"
        assert Agenda(database).open("shop") == ()
    assert set(town.kubelet.api.jobs) == {name}
    assert list((town.world.directory / "pod").iterdir()) == []
