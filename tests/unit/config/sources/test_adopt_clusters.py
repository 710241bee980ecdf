"""Keys of adopted Aurora clusters."""

import pytest
import yaml

from restorecheck.config import load
from restorecheck.config.sources.adopt import Adopt
from restorecheck.errors import ConfigError

CLUSTER = "arn:aws:rds:eu-west-1:111111111111:cluster:courses"
INSTANCE = "arn:aws:rds:eu-west-1:111111111111:db:courses"


def loaded(tmp_path, **changes):
    adopt = {
        "db_cluster_arn": CLUSTER,
        "account_id": "222222222222",
        "region": "eu-west-1",
        "user": "checker",
        "secret_arn": "arn:aws:secretsmanager:eu-west-1:222222222222:secret:checker-AbCdEf",
    } | changes
    adopt = {key: value for key, value in adopt.items() if value is not None}
    checks = [{"row_count": {"table": "public.t", "min": 1}}]
    keys = {
        "version": 1,
        "aws": {"ca_bundle": "ca.pem"},
        "targets": [{"name": "courses", "adopt": adopt, "checks": checks}],
    }
    path = tmp_path / "restorecheck.yaml"
    path.write_text(yaml.safe_dump(keys))
    return load(path, {}).targets[0].keys_of(Adopt)


def test_production_is_an_instance_or_a_cluster(tmp_path):
    assert loaded(tmp_path, db_instance_class="db.r6g.large").production == CLUSTER
    of_instance = loaded(tmp_path, db_cluster_arn=None, db_instance_arn=INSTANCE)
    assert of_instance.production == INSTANCE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"db_instance_arn": INSTANCE}, "expected db_instance_arn or db_cluster_arn"),
        ({"db_cluster_arn": None}, "expected db_instance_arn or db_cluster_arn"),
        ({"db_cluster_arn": INSTANCE}, "expected the ARN of a DB cluster"),
        ({"db_instance_class": "db.serverless"}, "an instance class such as"),
        (
            {
                "db_cluster_arn": None,
                "db_instance_arn": INSTANCE,
                "db_instance_class": "db.r6g.large",
            },
            "db_instance_class is allowed only with db_cluster_arn",
        ),
    ],
)
def test_what_does_not_fit_together_is_said(tmp_path, changes, said):
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, **changes)

    assert any(said in problem.message for problem in refused.value.problems)
