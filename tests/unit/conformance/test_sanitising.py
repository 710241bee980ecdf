"""What of a call may be sent to strangers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorecheck.conformance.sanitising import Sanitiser

START = datetime(2026, 2, 26, 3, 15, tzinfo=UTC)
ARN = "arn:aws:rds:eu-west-1:111111111111:snapshot:rds:courses-prod-2026-02-26-03-10"


@pytest.fixture
def sanitiser():
    return Sanitiser(START, [("111111111111", "source"), ("courses-prod", "production")])


def test_the_same_value_becomes_the_same_token_and_another_one_another(sanitiser):
    first = sanitiser.clean({"DbiResourceId": "db-A", "MasterUsername": "alice"})
    again = sanitiser.clean({"DbiResourceId": "db-B", "MasterUsername": "alice"})

    assert first["MasterUsername"] == again["MasterUsername"]
    assert first["DbiResourceId"] != again["DbiResourceId"]


def test_an_arn_keeps_its_form_and_nobodys_name(sanitiser):
    (shown,) = sanitiser.clean({"DBSnapshotArn": ARN}).values()

    assert shown == "arn:aws:rds:eu-west-1:<source>:snapshot:rds:<name-1>"


def test_words_of_aws_stay_and_times_count_from_the_start(sanitiser):
    snapshot = {
        "Status": "available",
        "Encrypted": True,
        "PercentProgress": 50,
        "AllocatedStorage": 100,
        "SnapshotCreateTime": START + timedelta(seconds=61),
        "OriginalSnapshotCreateTime": datetime(2026, 2, 26, 3, 14, tzinfo=UTC),
    }

    assert sanitiser.clean(snapshot) == {
        "Status": "available",
        "Encrypted": True,
        "PercentProgress": 50,
        "AllocatedStorage": "<number>",
        "SnapshotCreateTime": "+61s",
        "OriginalSnapshotCreateTime": "-60s",
    }


@pytest.mark.parametrize("key", ["MasterUserPassword", "SecretString", "SessionToken"])
def test_a_secret_is_never_written_down_not_even_as_a_token(sanitiser, key):
    assert sanitiser.clean({"Value": {key: "hunter2"}}) == {"Value": {key: "<secret>"}}


def test_a_tag_of_others_keeps_neither_key_nor_value(sanitiser):
    tags = [
        {"Key": "restorecheck:role", "Value": "conformance"},
        {"Key": "owner", "Value": "alice"},
    ]

    shown = sanitiser.clean({"TagList": tags})["TagList"]

    assert shown[0] == tags[0]
    assert "owner" not in str(shown)
    assert "alice" not in str(shown)


def test_the_answers_metadata_with_its_request_id_is_left_out(sanitiser):
    assert sanitiser.clean({"ResponseMetadata": {"RequestId": "5a4d0b0a"}}) == {}


DENIED = (
    "User: arn:aws:sts::111111111111:assumed-role/alice-role/alice is not authorized to perform: "
    f"rds:CopyDBSnapshot on resource: {ARN}"
)
DENIED_SHOWN = (
    "User: arn:aws:sts::<source>:assumed-role/<name-1> is not authorized to perform: "
    "rds:CopyDBSnapshot on resource: arn:aws:rds:eu-west-1:<source>:snapshot:rds:<name-2>"
)
MESSAGES = [
    (DENIED, DENIED_SHOWN),
    ("DBSnapshot courses-prod not found.", "DBSnapshot <production> not found."),
    ("Instance my-own-name is creating", "Instance <…> is creating"),
    ("Contact alice@example.org at 10.0.0.1", "Contact <…> at <…>"),
]


@pytest.mark.parametrize(("said", "shown"), MESSAGES)
def test_a_sentence_of_aws_keeps_its_words_and_loses_its_names(sanitiser, said, shown):
    assert sanitiser.message(said) == shown


TEXTS = st.text("aZ09-_@. /:", min_size=1, max_size=20)
FIELDS = st.sampled_from(["DBName", "Comment", "Nested", "Owner"])
VALUES = TEXTS | st.lists(TEXTS, max_size=3) | st.dictionaries(FIELDS, TEXTS, max_size=3)


@given(value=st.dictionaries(FIELDS, VALUES, max_size=4))
def test_no_text_of_an_unknown_field_stays(value):
    shown = Sanitiser(START).clean(value)

    assert all(text.startswith("<") for text in texts(shown))


def texts(value):
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value]
