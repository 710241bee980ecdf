"""Dumps in Azure Blob Storage."""

from dataclasses import dataclass, field
from typing import Any

from restorecheck.storages.objects import ObjectStorage


@dataclass(frozen=True, kw_only=True)
class AzureStorage(ObjectStorage):
    account: str
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)

    def _open(self, store: Any, bucket: str, **options: Any) -> Any:  # noqa: ANN401  # an extra
        known: dict[str, Any] = {"account_name": self.account}
        if self.account_key:
            known["account_key"] = self.account_key
        if self.sas_token:
            known["sas_key"] = self.sas_token
        if self.endpoint_url:
            known["endpoint"] = self.endpoint_url
        return store.AzureStore(bucket, **known, **options)


STORAGE = AzureStorage
