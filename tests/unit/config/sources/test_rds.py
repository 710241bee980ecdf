"""The keys of RDS targets."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from restorecheck import config as configuration
from restorecheck.errors import ConfigError

VALID = """\
version: 1
aws: {ca_bundle: rds.pem}
targets:
  - name: courses-rds
    rds:
      db_instance_identifier: Courses-Prod
      region: eu-west-1
      source:
        account_id: "111111111111"
        role_arn: arn:aws:iam::111111111111:role/restorecheck-source
        external_id: "${EXTERNAL_ID}"
        transit_kms_key_id: arn:aws:kms:eu-west-1:111111111111:key/1b2c
      backup:
        account_id: "222222222222"
        kms_key_id: arn:aws:kms:eu-west-1:222222222222:key/3d4e
      restore:
        db_instance_class: db.t4g.medium
        db_subnet_group_name: restorecheck
        vpc_security_group_ids: [sg-0a1b2c3d]
    databases: [courses]
"""


OF_SECRETS = "arn:aws:kms:eu-west-1:222222222222:key/5f6a"


def parse(text):
    return configuration.parse(
        text, file="r.yaml", directory=Path("/etc/rc"), environment={"EXTERNAL_ID": "s3cret-id"}
    )


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return [str(problem).removeprefix("r.yaml:") for problem in caught.value.problems]


def changed(old, new):
    assert old in VALID
    return VALID.replace(old, new)


def test_an_rds_target_has_the_safe_defaults():
    config = parse(VALID)

    rds = config.targets[0].rds
    assert rds is not None
    assert rds.db_instance_identifier == "courses-prod"
    assert rds.source.external_id == "s3cret-id"
    assert rds.backup.keep_copies == 7
    assert rds.backup.region is None
    assert rds.restore.credentials == "managed-secret"
    assert rds.restore.engine_lifecycle_support == "open-source-rds-extended-support"
    assert (rds.max_age_hours, rds.after) == (26.0, "delete")
    assert config.targets[0].dump is None
    assert config.aws.ca_bundle == "/etc/rc/rds.pem"
    assert config.aws.poll_interval_seconds == 10.0
    assert config.sandbox is False


def test_the_schema_takes_what_is_valid_and_one_source_only():
    schema = configuration.json_schema()

    jsonschema.validate(yaml.safe_load(VALID), schema)
    both = yaml.safe_load(VALID)
    both["targets"][0]["dump"] = {"path": "/b"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(both, schema)


def test_the_example_s_rds_target_is_valid_when_it_is_commented_in():
    lines = configuration.example().splitlines()
    first = next(n for n, line in enumerate(lines) if line == "  # - name: courses-rds")
    last = next(n for n, line in enumerate(lines) if n > first and not line.startswith("  #"))
    lines[first:last] = [line.replace("  # ", "  ", 1) for line in lines[first:last]]
    text = (
        "\n".join(lines)
        .replace("# aws: {ca", "aws: {ca")
        .replace("RESTORECHECK_EXTERNAL_ID", "EXTERNAL_ID")
    )

    assert [t.name for t in parse(text).targets] == ["courses", "courses-rds"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('account_id: "111111111111"', "account_id: 111111111111", "in quotes"),
        ('account_id: "111111111111"', 'account_id: "1111"', "expected the 12 digits"),
        (
            'account_id: "222222222222"',
            'account_id: "111111111111"',
            "must not be the source account",
        ),
        ("iam::111111111111:role", "iam::333333333333:role", "belongs to account 333333333333"),
        (
            "arn:aws:iam::111111111111:role/restorecheck-source",
            "restorecheck-source",
            "ARN of an IAM role",
        ),
        (
            "arn:aws:iam::111111111111:role/",
            "arn:aws:iam::111111111111:user/",
            "ARN of an IAM role",
        ),
        (
            "arn:aws:kms:eu-west-1:222222222222:key/3d4e",
            "alias/restorecheck",
            "full ARN of a KMS key",
        ),
        ("arn:aws:kms:eu-west-1:222222222222:key/3d4e", "3d4e", "full ARN of a KMS key"),
        (
            "arn:aws:kms:eu-west-1:222222222222:key/3d4e",
            "arn:aws:kms:eu-west-1:222222222222:alias/x",
            "full ARN of a KMS key",
        ),
        ("kms:eu-west-1:222222222222", "kms:us-east-1:222222222222", "the key is in us-east-1"),
        (
            "kms:eu-west-1:222222222222",
            "kms:eu-west-1:111111111111",
            "belongs to account 111111111111",
        ),
        (
            "kms:eu-west-1:111111111111",
            "kms:eu-central-1:111111111111",
            "the key is in eu-central-1",
        ),
        (
            "kms:eu-west-1:111111111111",
            "kms:eu-west-1:333333333333",
            "belongs to account 333333333333",
        ),
        ("region: eu-west-1", "region: Ireland", "expected a region"),
        ("Courses-Prod", "1courses", "1 to 63 letters"),
        ("Courses-Prod", "courses--prod", "1 to 63 letters"),
        ("Courses-Prod", "courses-", "1 to 63 letters"),
        ("db.t4g.medium", "t4g.medium", "an instance class"),
        ("db_subnet_group_name: restorecheck", "db_subnet_group_name: default", "public address"),
        ("db_subnet_group_name: restorecheck", "db_subnet_group_name: DEFAULT", "public address"),
        ("[sg-0a1b2c3d]", "[default]", "a security group"),
        ("[sg-0a1b2c3d]", "[]", "at least one item"),
        ("${EXTERNAL_ID}", "x", "2 to 1224"),
        ("[sg-0a1b2c3d]", "[sg-0a1b2c3d]\n        credentials: iam", "needs iam_user"),
        ("[sg-0a1b2c3d]", "[sg-0a1b2c3d]\n        iam_user: x", "with credentials: iam"),
        (
            "[sg-0a1b2c3d]",
            "[sg-0a1b2c3d]\n        credentials: pasword",
            "'managed-secret', 'reset'",
        ),
        (
            "[sg-0a1b2c3d]",
            f"[sg-0a1b2c3d]\n        credentials: reset\n        master_user_secret_kms_key_id: {OF_SECRETS}",
            "with credentials: managed-secret",
        ),
        ('"222222222222"\n', '"222222222222"\n        keep_copies: 0\n', "not less than 1"),
        ("restore:\n", "restore:\n        publicly_accessible: true\n", "unknown key"),
        ("aws: {ca_bundle: rds.pem}\n", "", "needs the top-level key aws.ca_bundle"),
        ("      region: eu-west-1\n", "", "missing key 'region'"),
    ],
)
def test_what_cannot_be_right_is_refused_with_one_reason(old, new, said):
    (only,) = problems(changed(old, new))

    assert said in only


def test_everything_wrong_is_said_at_once():
    text = changed("region: eu-west-1", "region: nowhere").replace("db.t4g.medium", "huge")

    assert len(problems(text)) == 2


def test_the_missing_certificates_are_asked_for_once_and_with_the_way_to_get_them():
    second = VALID.split("targets:\n")[1].replace("courses-rds", "other-rds")
    text = VALID.replace("aws: {ca_bundle: rds.pem}\n", "") + second

    (only,) = problems(text)

    assert "curl -o rds-global-bundle.pem https://truststore.pki.rds.amazonaws.com" in only


def test_all_databases_of_an_instance_are_those_that_it_has_as_where_none_is_named():
    """A dump is of one database unless `all` is said; an instance has them all."""
    named, every, unnamed = (
        parse(changed("    databases: [courses]\n", line)).targets[0].databases
        for line in ("    databases: [courses]\n", "    databases: all\n", "")
    )

    assert (named, every, unnamed) == (("courses",), None, None)


def test_copies_in_another_region_need_a_key_there():
    elsewhere = changed('"222222222222"\n', '"222222222222"\n        region: eu-central-1\n')

    (only,) = problems(elsewhere)
    assert "the key is in eu-west-1 but is used in eu-central-1" in only

    parse(elsewhere.replace("kms:eu-west-1:222222222222", "kms:eu-central-1:222222222222"))


def test_an_external_id_from_the_environment_is_not_shown():
    with pytest.raises(ConfigError) as caught:
        configuration.parse(
            VALID, file="r.yaml", directory=Path("/"), environment={"EXTERNAL_ID": "not allowed!"}
        )

    assert "not allowed" not in str(caught.value)
