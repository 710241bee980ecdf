"""Codes of the model of RDS: what is a quota or missing capacity is waited for, whatever its HTTP status is."""

import botocore.loaders
import pytest
from botocore.exceptions import ClientError

from restorecheck.aws.session.call_guard import (
    ADOPTED_CLUSTER_WRITES,
    BACKUP_WRITES,
    LOOKS,
    SOURCE_WRITES,
)
from restorecheck.aws.session.translation import attempting
from restorecheck.errors import AccessDeniedError, CapacityError, ProviderError

MODEL = botocore.loaders.Loader().load_service_model("rds", "service-2")
FORBIDDEN = 403
CALLED = sorted(
    {*SOURCE_WRITES, *BACKUP_WRITES, *ADOPTED_CLUSTER_WRITES, *LOOKS} & {*MODEL["operations"]}
)


def error_of(shape):
    error = MODEL["shapes"][shape].get("error", {})
    return str(error.get("code", shape)), int(error.get("httpStatusCode", 400))


def translated(code, status):
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    try:
        with attempting("call RDS"):
            raise ClientError(answer, "Any")  # type: ignore[arg-type]  # a part of an answer
    except ProviderError as exc:
        return exc


EVERY = sorted(error_of(name) for name, shape in MODEL["shapes"].items() if "error" in shape)
OF_CALLS = sorted(
    {error_of(e["shape"]) for name in CALLED for e in MODEL["operations"][name].get("errors", ())}
)


@pytest.mark.parametrize(("code", "status"), [e for e in EVERY if e[1] == FORBIDDEN])
def test_every_403_of_the_model_is_a_quota_or_capacity_and_no_denial(code, status):
    assert isinstance(translated(code, status), CapacityError)


@pytest.mark.parametrize(
    ("code", "status"),
    [e for e in OF_CALLS if "Quota" in e[0] or e[0].startswith("Insufficient")],
)
def test_every_quota_and_capacity_of_our_calls_is_waited_for(code, status):
    assert isinstance(translated(code, status), CapacityError)


def test_of_our_calls_only_an_inaccessible_key_is_a_denial():
    denials = {c for c, status in OF_CALLS if isinstance(translated(c, status), AccessDeniedError)}

    assert len(OF_CALLS) > 40
    assert denials == {"KMSKeyNotAccessibleFault"}
