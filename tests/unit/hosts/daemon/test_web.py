"""What /healthz answers: whoever asks wants to know whether the service still does its work."""

import json
from datetime import timedelta
from http import HTTPStatus

import pytest

from restorecheck.hosts.daemon.web import STANDS_STILL, health_page
from tests.factories import NOW

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("since", "store_problem", "config_problem", "status"),
    [
        (SECOND, "", "ok", HTTPStatus.OK),
        (STANDS_STILL, "", "ok", HTTPStatus.OK),
        (STANDS_STILL + SECOND, "", "ok", HTTPStatus.SERVICE_UNAVAILABLE),
        (SECOND, "locked", "ok", HTTPStatus.SERVICE_UNAVAILABLE),
        (SECOND, "", "line 3: unknown key", HTTPStatus.OK),
    ],
)
def test_a_service_is_well_while_it_looks_around_and_can_write(
    since, store_problem, config_problem, status
):
    answer = health_page(NOW - since, NOW, {"config": config_problem}, store_problem)

    told = json.loads(answer.body)
    assert (answer.status, answer.kind) == (status, "application/json")
    assert told["status"] == ("ok" if status is HTTPStatus.OK else "unhealthy")
    assert (told["history"], told["config"]) == (store_problem or "ok", config_problem)
