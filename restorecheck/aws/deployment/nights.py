"""The list of a night's drills, in the bucket of the reports under `nights/`: Step Functions reads it from there.

A list in the answer of a function may have 256 KiB (quota of Step Functions for a payload), which is about 1,800 drills.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from restorecheck.aws.session.translation import attempting

PREFIX = "nights/"


class Nights:
    """Raises (every method): ProviderError: the bucket cannot be used."""

    def __init__(self, s3: Any, bucket: str) -> None:  # noqa: ANN401  # boto3's client
        self._s3 = s3
        self._bucket = bucket

    def write(self, drills: Sequence[Mapping[str, Any]]) -> str:
        """Store the list as a JSON array; returns its key. The same list has the same key."""
        body = json.dumps(drills).encode()
        key = f"{PREFIX}{hashlib.sha256(body).hexdigest()}.json"
        with attempting(f"store the list of {len(drills)} drills", self._bucket):
            self._s3.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType="application/json"
            )
        return key
