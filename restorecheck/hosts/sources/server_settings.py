"""This machine's PostgreSQL, as configured."""

import tempfile
from pathlib import Path

from restorecheck.config import Config
from restorecheck.errors import ConfigError, Problem
from restorecheck.hosts.process.adapter_settings import settings
from restorecheck.postgres.dump.settings import ServerSettings
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.cache import default_cache


def server_settings(config: Config) -> ServerSettings:
    """Raises ConfigError where the work directory's name is too long for a socket in it."""
    postgres = config.postgres
    cache = Path(postgres.cache_dir) if postgres.cache_dir else default_cache()
    return settings(ServerSettings, postgres, work_dir=_work_dir(config), cache_dir=cache)


def _work_dir(config: Config) -> Path:
    configured = config.postgres.work_dir
    if configured is None:
        place = Path(tempfile.gettempdir()).resolve()
        return place if cluster.socket_fits(place) else Path("/tmp")  # noqa: S108  # a private folder is made in it
    if not cluster.socket_fits(Path(configured)):
        limit = cluster.SOCKET_PATH_LIMIT
        message = (
            f"{configured} is too long: the path of the server's socket in this folder would "
            f"have more than {limit} bytes"
        )
        raise ConfigError(
            (Problem(message=message, path="postgres.work_dir"),),
            hint="Choose a folder with a shorter path.",
        )
    return Path(configured)
