"""Physical backups of one production cluster, taken once, and the drills of copies of them."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import World
from tests.production import Production, age


@dataclass
class Story:
    """What happened in production, in this order: `early`, full backup, `between`, tars, `middle`, incremental, `end`."""

    production: Production
    early: str
    between: str
    middle: str
    end: str
    rows: dict[str, int]
    """Of `orders`, by the names above."""
    needed: list[str] = field(default_factory=list)
    """Segments of the archive since the full backup began."""


def tell(production: Production) -> Story:
    early = production.order(100)
    production.backup("full")
    production.next_second()
    between = production.order(100)
    production.switch()
    production.backup("tar", "--format=tar", "--gzip")
    production.next_second()
    production.order(3000)
    middle = production.order(100)
    production.switch()
    if production.installation.major >= 17:
        manifest = production.backups / "full" / "backup_manifest"
        production.backup("incremental", f"--incremental={manifest}")
    production.order(2000)
    end = production.order(100)
    production.switch()
    for backup in production.backups.iterdir():
        age(backup)
    label = (production.backups / "full" / "backup_label").read_text()
    first = label.split("file ")[1][:24]
    rows = {"early": 100, "between": 200, "middle": 3300, "end": 5400}
    needed = [name for name in production.segments() if name >= first]
    return Story(production, early, between, middle, end, rows, needed)


@dataclass
class Yard:
    """A world with copies of a story's backups and archive, to be damaged and drilled."""

    world: World
    story: Story

    @property
    def archive(self) -> Path:
        return self.world.directory / "archive"

    @property
    def full(self) -> Path:
        return self.world.backups / "full"

    def fill(self, *names: str) -> None:
        """Copies, as old as they are."""
        for name in names:
            shutil.copytree(
                self.story.production.backups / name, self.world.backups / name, symlinks=True
            )
        shutil.copytree(self.story.production.archive, self.archive)

    def segment(self, index: int) -> Path:
        """Of those since the full backup began."""
        return self.archive / self.story.needed[index]

    def configure(
        self,
        *,
        physical: str = "",
        checks: str = "[]",
        extra: str = "",
        select: str = "newest",
        target: str = "",
    ) -> None:
        world = self.world
        keys = physical or "{kind: basebackup, path: backups, archive: archive}"
        world.config.write_text(
            "version: 1\n"
            "targets:\n"
            "  - name: shop\n"
            f"    physical: {keys}\n"
            f"    checks: {checks}\n"
            f"    select: {select}\n{target}"
            f"postgres: {{work_dir: {world.work}, jobs: 2}}\n"
            "history: {path: history.sqlite}\n" + extra
        )

    def drill(
        self, *, moment: str = "latest", select: str = "newest", rows: int | None = None
    ) -> Any:
        """Exit code and report."""
        check = f"{{row_count: {{table: orders, equals: {rows}, database: shop}}}}"
        self.configure(
            physical=f"{{kind: basebackup, path: backups, archive: archive, moment: {moment}}}",
            select=select,
            checks=f"[{check}]" if rows is not None else "[]",
        )
        return self.world.drill()
