"""All kinds of storage. Nothing else lists them."""

from typing import Any

from restorecheck.config.storages.azure import AZURE
from restorecheck.config.storages.borg import BORG
from restorecheck.config.storages.command import COMMAND
from restorecheck.config.storages.gcs import GCS
from restorecheck.config.storages.http import HTTP_STORAGE
from restorecheck.config.storages.kind import StorageKind
from restorecheck.config.storages.rclone import RCLONE
from restorecheck.config.storages.restic import RESTIC
from restorecheck.config.storages.s3 import S3_STORAGE

STORAGES: tuple[StorageKind[Any], ...] = (
    S3_STORAGE,
    GCS,
    AZURE,
    HTTP_STORAGE,
    RESTIC,
    BORG,
    RCLONE,
    COMMAND,
)
