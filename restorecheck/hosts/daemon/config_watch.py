"""The configuration file of a long-lived process: read again when it changes, or on SIGHUP."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from restorecheck import config as configuration
from restorecheck.config import Config
from restorecheck.config.document import read_document
from restorecheck.config.files import read
from restorecheck.config.interpolation import Interpolator
from restorecheck.errors import ConfigError, Problem

log = structlog.get_logger("restorecheck.runner")

Signature = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSource:
    """A valid configuration and its text."""

    path: Path
    text: str
    config: Config

    def refuse_idle(self) -> None:
        """Refuse a runner without a schedule: it never drills, and its exit status 0 would look like a proof.

        Raises:
            ConfigError: No target has a schedule.
        """
        templates = [rule.template for rule in self.config.rules]
        if any(target.schedule or target.when_new for target in (*self.config.targets, *templates)):
            return
        interpolator = Interpolator(os.environ, self.path.parent)
        problem = Problem(
            message="no target has a schedule: `restorecheck run` would never drill",
            file=str(self.path),
            line=read_document(self.text, interpolator).line(("targets",)),
            path="targets",
        )
        hint = (
            'Add `defaults: {schedule: "15 3 * * *"}` (minute hour day month weekday) to the file, '
            "or drill every target now: `restorecheck drill`."
        )
        raise ConfigError((problem,), hint=hint)


class Watched:
    """Raises ConfigError when the first reading finds problems; later ones keep the valid configuration."""

    def __init__(self, path: Path, environment: Mapping[str, str] | None = None) -> None:
        self._path = path.expanduser().absolute()
        self._environment = os.environ if environment is None else environment
        self._signature = self._look()
        self.source = self._read()
        self.problem = ""
        """Why the present file is not used; empty: it is used."""

    @property
    def config(self) -> Config:
        return self.source.config

    def changed(self) -> bool:
        return self._look() != self._signature

    def reload(self) -> bool:
        """Read the file again; returns whether there is a new configuration."""
        self._signature = self._look()
        try:
            fresh = self._read()
        except ConfigError as exc:
            self.problem = exc.message
            log.warning("config.invalid", kept="previous", problems=exc.message.splitlines())
            return False
        self.problem = ""
        is_new = fresh.text != self.source.text or fresh.config != self.source.config
        self.source = fresh
        return is_new

    def _read(self) -> ConfigSource:
        text = read(self._path)
        config = configuration.parse(
            text,
            file=str(self._path),
            directory=self._path.parent,
            environment=self._environment,
        )
        return ConfigSource(path=self._path, text=text, config=config)

    def _look(self) -> Signature:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
