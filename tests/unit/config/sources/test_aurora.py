"""The keys of an Aurora target, and what holds between them."""

from copy import deepcopy
from typing import Any

import pytest

from restorecheck.errors import ConfigError
from tests.unit.hosts.sources.test_aurora import AURORA
from tests.unit.hosts.sources.test_in_aws import parsed


def problems(change) -> list[str]:
    target: Any = deepcopy(AURORA)
    change(target["aurora"])
    with pytest.raises(ConfigError) as caught:
        parsed(target)
    return [problem.message for problem in caught.value.problems]


def setting(**keys):
    return lambda aurora: aurora["restore"].update(keys)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (setting(serverless_v2=None), "db.serverless needs serverless_v2"),
        (setting(db_instance_class="db.r6g.large"), "allowed only with db_instance_class"),
        (
            setting(serverless_v2={"min_acu": 9.0, "max_acu": 4.0}),
            "min_acu 9 is greater than max_acu 4",
        ),
        (setting(serverless_v2={"min_acu": 0.7}), "steps of 0.5"),
        (setting(serverless_v2={"min_acu": 0.0}), "0.5"),
        (lambda aurora: aurora.update({"from": "shared"}), "keep_copies is allowed only with"),
        (lambda aurora: aurora.update({"from": "clone"}), "clone"),
        (
            lambda aurora: aurora["backup"].update(account_id="111111111111"),
            "must not be the source account",
        ),
        (setting(publicly_accessible=True), "publicly_accessible"),
    ],
)
def test_what_does_not_fit_is_said(change, said):
    assert any(said in message for message in problems(change))


@pytest.mark.parametrize("key", ["mysql", "mariadb", "aurora-mysql"])
def test_engines_that_are_planned_are_said_to_be_planned(key):
    with pytest.raises(ConfigError) as caught:
        parsed({"name": "shop", key: {"db_cluster_identifier": "shop"}})

    (problem,) = caught.value.problems
    assert "planned for a later version" in problem.message
