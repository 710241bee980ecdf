"""Replaces boto3's sessions and clients: as strict, and without a network.

Parameters are validated by botocore's own models, the fence hangs on botocore's own events, and
what goes wrong is raised as botocore raises it.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.loaders
from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError
from botocore.hooks import HierarchicalEmitter
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator

from restorecheck.simulated.refusals import NoReply, Refusal
from restorecheck.simulated.things import Description
from restorecheck.testing.cloud.state import RESTORECHECK, Cloud
from restorecheck.testing.cloud.things import ClientCall

TOKENS = {"ListSecrets": "NextToken"}
"""Operations whose pages hang together by something else than `Marker`."""


@cache
def service_model(service: str) -> ServiceModel:
    loader: Any = botocore.loaders.create_loader()
    return ServiceModel(loader.load_service_model(service, "service-2"), service_name=service)


@cache
def _operations(service: str) -> dict[str, OperationModel]:
    """By the name of the client's method."""
    model = service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


class Session:
    """As much of `boto3.Session` as gives out clients."""

    def __init__(
        self, cloud: Cloud, account_id: str, *, caller: str = RESTORECHECK, attempts: int = 1
    ) -> None:
        self._cloud = cloud
        self._account_id = account_id
        self._caller = caller
        self._attempts = attempts

    def client(self, service: str, *, region_name: str = "", config: object = None) -> "Client":  # noqa: ARG002  # boto3's signature
        return Client(
            self._cloud,
            service,
            account_id=self._account_id,
            region=region_name,
            caller=self._caller,
            attempts=self._attempts,
        )


class Meta:
    """A client's `meta`."""

    def __init__(self, service: str, region: str) -> None:
        self.endpoint_url = f"https://{service}.{region}.amazonaws.com"
        self.events: Any = HierarchicalEmitter()
        self.service_model = service_model(service)


class Client:
    """One service in one account; `attempts` are those of botocore's own retries."""

    def __init__(
        self,
        cloud: Cloud,
        service: str,
        *,
        account_id: str,
        region: str,
        caller: str,
        attempts: int,
    ) -> None:
        self.meta = Meta(service, region)
        self._cloud = cloud
        self._service = service
        self._account_id = account_id
        self._region = region
        self._caller = caller
        self._attempts = attempts

    def __getattr__(self, method: str) -> Any:  # noqa: ANN401  # a method of boto3's
        model = _operations(self._service).get(method)
        if model is None:
            raise AttributeError(f"{self._service} has no operation {method}")
        return lambda **params: self.call(model, params)

    def get_paginator(self, method: str) -> "Paginator":
        return Paginator(self, _operations(self._service)[method])

    def generate_db_auth_token(
        self,
        DBHostname: str,  # noqa: N803  # boto3's
        Port: int,  # noqa: N803  # boto3's
        DBUsername: str,  # noqa: N803  # boto3's
        Region: str = "",  # noqa: N803  # boto3's
    ) -> str:
        """Signed here, without a call. The token contains its purpose, for tests."""
        text = f"token:{DBHostname}:{Port}:{DBUsername}:{Region}"
        return self._cloud.secret_text(f"{text}:{self._cloud.world.now():%H%M%S}")

    def call(self, model: OperationModel, params: Description) -> Description:
        """Raises what botocore does."""
        service = model.service_model.service_id.hyphenize()
        self.meta.events.emit(
            f"provide-client-params.{service}.{model.name}", params=params, model=model, context={}
        )
        if model.input_shape is not None:
            report = ParamValidator().validate(params, model.input_shape)
            if report.has_errors():
                raise ParamValidationError(report=report.generate_report())
        call = ClientCall(
            service=self._service,
            operation=model.name,
            method=xform_name(model.name),
            account_id=self._account_id,
            region=self._region,
            caller=self._caller,
            parameters=params,
        )
        for attempt in range(1, self._attempts + 1):
            try:
                return self._cloud.world.effect(str(call), lambda: self._cloud.answer(call))
            except Refusal as refusal:
                if attempt < self._attempts and _is_repeated(refusal):
                    continue
                raise _error(refusal, model.name) from None
            except NoReply:
                if attempt < self._attempts:
                    continue
                raise ReadTimeoutError(endpoint_url=self.meta.endpoint_url) from None
        raise AssertionError("the last attempt returns or raises")


class Paginator:
    def __init__(self, client: Client, model: OperationModel) -> None:
        self._client = client
        self._model = model

    def paginate(self, **params: object) -> Iterator[Description]:
        token = TOKENS.get(self._model.name, "Marker")
        rest: Description = {}
        while True:
            page = self._client.call(self._model, {**params, **rest})
            yield page
            if token not in page:
                return
            rest = {token: page[token]}


def _is_repeated(refusal: Refusal) -> bool:
    """What botocore's standard mode tries again."""
    return refusal.status >= 500 or refusal.code.startswith("Throttling")  # noqa: PLR2004  # 5xx


def _error(refusal: Refusal, operation: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": refusal.code, "Message": refusal.message},
        "ResponseMetadata": {"HTTPStatusCode": refusal.status, "RequestId": "5a4d0b0a"},
    }
    return ClientError(answer, operation)
