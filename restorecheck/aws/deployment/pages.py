"""HTML pages in the bucket of the reports, under `pages/`. They can be made again from the reports."""

from datetime import datetime
from typing import Any

from restorecheck.aws.session.translation import attempting

PREFIX = "pages/"
TYPE = "text/html; charset=utf-8"


class Pages:
    """Raises (every method): ProviderError: the bucket cannot be used."""

    def __init__(self, s3: Any, bucket: str) -> None:  # noqa: ANN401  # boto3's client
        self._s3 = s3
        self._bucket = bucket

    def written(self) -> dict[str, datetime]:
        """Name → time of writing, UTC."""
        with attempting("list the pages", self._bucket):
            listed = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=PREFIX
            )
            return {
                item["Key"].removeprefix(PREFIX): item["LastModified"]
                for page in listed
                for item in page.get("Contents", ())
            }

    def write(self, name: str, page: str) -> None:
        with attempting(f"write the page {name}", self._bucket):
            self._s3.put_object(
                Bucket=self._bucket,
                Key=f"{PREFIX}{name}",
                Body=page.encode(),
                ContentType=TYPE,
                CacheControl="no-cache",
            )
