"""An Aurora target: from its keys to its parts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from restorecheck.aws.aurora.leftovers import AuroraInventory, ForgottenClusters
from restorecheck.aws.aurora.provider import AuroraProvider
from restorecheck.aws.aurora.settings import AuroraRestoreSettings, AuroraSettings
from restorecheck.aws.session.settings import After, Credentials
from restorecheck.hosts.sources import aurora
from restorecheck.hosts.sources.source import Host
from restorecheck.hosts.sources.targets import Targets, Unconfigured
from restorecheck.model import Resource
from restorecheck.testing import World
from tests.factories import drill
from tests.unit.hosts.sources.test_in_aws import SETTINGS, TARGET, parsed

LIMITS: Any = {"min_acu": 0.5, "max_acu": 4.0}
_RESTORE = {**TARGET["rds"]["restore"], "db_instance_class": "db.serverless"}
del _RESTORE["db_parameter_group_name"]
AURORA = {
    **{key: value for key, value in TARGET.items() if key != "rds"},
    "name": "courses-aurora",
    "aurora": {
        **{k: v for k, v in TARGET["rds"].items() if k != "db_instance_identifier"},
        "db_cluster_identifier": "Courses-Prod",
        "from": "copy",
        "restore": {
            **_RESTORE,
            "serverless_v2": LIMITS,
            "db_cluster_parameter_group_name": "drills",
        },
    },
}
CLUSTER = Resource(
    kind="DB cluster",
    identifier="arn:aws:rds:eu-central-1:222222222222:cluster:restorecheck-d-1",
    account="222222222222",
)


def targets(*written):
    return Targets(Host(config=parsed(*written), clock=World()))


def test_every_key_of_a_target_reaches_the_room_that_uses_it():
    config = parsed(AURORA)
    shared = {
        name: getattr(SETTINGS, name)
        for name in ("source", "backup", "max_age", "deadline", "poll", "databases")
    }

    assert aurora.settings_of(config, config.targets[0]) == AuroraSettings(
        target="courses-aurora",
        db_cluster_identifier="courses-prod",
        restore=AuroraRestoreSettings(
            db_instance_class="db.serverless",
            db_subnet_group_name="drills",
            vpc_security_group_ids=("sg-0a1b2c3d", "sg-1b2c3d4e"),
            db_cluster_parameter_group_name="drills",
            engine_lifecycle_support="open-source-rds-extended-support-disabled",
            credentials=Credentials.MANAGED_SECRET,
            master_user_secret_kms_key_id=SETTINGS.restore.master_user_secret_kms_key_id,
            after=After.STOP,
            **LIMITS,
        ),
        **shared,
    )


def test_a_shared_snapshot_is_restored_without_a_copy():
    written = {key: value for key, value in AURORA["aurora"].items() if key != "backup"}
    backup = {k: v for k, v in AURORA["aurora"]["backup"].items() if k != "keep_copies"}
    config = parsed({**AURORA, "aurora": {**written, "from": "shared", "backup": backup}})

    settings = aurora.settings_of(config, config.targets[0])
    steps = [step.name for step in provider(settings).plan("d-1")]

    assert settings.direct
    assert "copy" not in steps
    assert steps.index("restore") < steps.index("unshare") < steps.index("instance")


def provider(settings):
    source = targets(AURORA).source_of("courses-aurora")
    made = source.provider_of("courses-aurora")
    return AuroraProvider(settings=settings, accounts=made._accounts, clock=World())


def test_what_it_makes_is_looked_for_with_its_clusters():
    (inventory,) = targets(AURORA).source_of("courses-aurora").inventories()

    assert isinstance(inventory, AuroraInventory)


@pytest.mark.parametrize("configured", [(TARGET,), (AURORA,), (TARGET, AURORA)])
def test_a_cluster_of_an_unconfigured_target_is_deleted_with_the_accounts_of_another(configured):
    forgotten = replace(drill(target="gone"), ledger=(CLUSTER,))
    sources = targets(*configured).sources.values()

    assert [r for r in (source.remover(forgotten) for source in sources) if r] != []
    assert isinstance(targets(*configured).provider_for(forgotten), Unconfigured)


def test_a_configuration_of_instances_is_swept_for_clusters_too():
    only, both = targets(TARGET).inventories(), targets(TARGET, AURORA).inventories()

    assert [type(i) for i in only if isinstance(i, AuroraInventory)] == [ForgottenClusters]
    assert [type(i) for i in both if isinstance(i, AuroraInventory)] == [AuroraInventory]


def test_the_plan_says_that_copies_are_full_and_what_stays():
    made = provider(aurora.settings_of(parsed(AURORA), parsed(AURORA).targets[0]))
    said = " ".join(step.does for step in made.plan("d-1"))
    after = " ".join(made.afterwards("d-1"))

    assert "a full copy, billed in full" in said
    assert "db.serverless (0.5 to 4 ACU)" in said
    assert "no staging copy" in after
    assert "rds:StopDBCluster" in after


def test_a_night_of_a_cluster_has_the_time_of_one_with_an_instance():
    assert aurora.AuroraSource.teardown_limit(parsed(AURORA)) == timedelta(seconds=360 * 7)
