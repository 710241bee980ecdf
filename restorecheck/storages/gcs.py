"""Dumps in Google Cloud Storage."""

from dataclasses import dataclass
from typing import Any

from restorecheck.storages.objects import ObjectStorage


@dataclass(frozen=True, kw_only=True)
class GcsStorage(ObjectStorage):
    service_account_file: str | None = None
    anonymous: bool = False

    def _open(self, store: Any, bucket: str, **options: Any) -> Any:  # noqa: ANN401  # an extra
        known: dict[str, Any] = {}
        if self.service_account_file:
            known["service_account"] = self.service_account_file
        if self.endpoint_url:
            known["base_url"] = self.endpoint_url
        if self.anonymous:
            known["skip_signature"] = True
        return store.GCSStore(bucket, **known, **options)


STORAGE = GcsStorage
