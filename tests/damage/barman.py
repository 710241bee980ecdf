"""Damage of what Barman keeps: what its own commands say of it, and what a drill does."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.conftest import World
from tests.acceptance.test_barman import NEW, Copy, Kept, configure, tell
from tests.acceptance.test_barman_variants import RSYNC, adjust
from tests.damage.physical import noticed
from tests.places import SHORT
from tests.production import age, flip, majors, producing

METHODS = {"postgres": "", "rsync": RSYNC + "compression = gzip\n"}
"""Value of `backup_method` → lines of the configuration: with a manifest, and without."""


@contextmanager
def barman(method: str) -> Iterator[Kept]:
    """A full backup with a tablespace, and WAL behind it."""
    with producing(majors()[max(majors())]) as production:
        kept = Kept(production, NEW, 0)
        production.sql("vacuum")
        configure(kept)
        adjust(kept, METHODS[method])
        with suppress(AssertionError):
            kept.run("check", "shop")  # makes the folders, and wants WAL
        tell(kept, incremental=False)
        yield kept


def _largest(copy: Copy) -> Path:
    tables = (p for p in (copy.data()[0] / "base").rglob("*") if p.name.isdigit() and p.is_file())
    largest: Path = max(tables, key=lambda path: path.stat().st_size)
    return largest


def _half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _tablespace(copy: Copy) -> None:
    for folder in (copy.home / "shop" / "base").glob("*/[0-9]*"):
        shutil.rmtree(folder)


def _failed(copy: Copy) -> None:
    for path in copy.infos():
        path.write_text(path.read_text().replace("status=DONE", "status=FAILED"))


def _no_info(copy: Copy) -> None:
    for path in copy.infos():
        path.unlink()
    age(copy.home)  # or Barman may be about to write it


@dataclass(frozen=True)
class BarmanDamage:
    name: str
    do: Callable[[Copy], object]
    seen: bool = True

    def __str__(self) -> str:
        return self.name


ALL = (
    BarmanDamage("a byte of the largest table", lambda c: flip(_largest(c), 8192 + 5000, 8)),
    BarmanDamage("no largest table", lambda c: _largest(c).unlink()),
    BarmanDamage("half of the largest table", lambda c: _half(_largest(c))),
    BarmanDamage("no folder of a tablespace", _tablespace),
    BarmanDamage("no data folder", lambda c: shutil.rmtree(c.data()[0])),
    BarmanDamage("no backup_label", lambda c: (c.data()[0] / "backup_label").unlink()),
    BarmanDamage("no backup.info", _no_info),
    BarmanDamage("status FAILED", _failed),
    BarmanDamage("a segment is missing", lambda c: c.segments()[-3].unlink()),
    BarmanDamage("bytes of a segment", lambda c: flip(c.segments()[-3], 500, 16)),
    BarmanDamage("half of a segment", lambda c: _half(c.segments()[-3])),
    BarmanDamage("the newest segment is missing", lambda c: c.segments()[-1].unlink(), seen=False),
)
UNSEEN = "\N{EN DASH}"


def _says(kept: Kept, copy: Copy, command: str) -> str:
    """Whether a command of Barman that reads its own files fails."""
    conf = kept.production.directory / "barman.conf"
    before = conf.read_text()
    conf.write_text(before.replace(str(kept.home), str(copy.home)))
    try:
        kept.run(command, "shop", "latest")
    except AssertionError:
        return "error"
    finally:
        conf.write_text(before)
    return UNSEEN


def line(made: dict[str, Kept], kind: BarmanDamage) -> str:
    drills, said = [], []
    for method, kept in made.items():
        with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as folder:
            world = World(Path(folder))
            Path(folder).chmod(0o755)
            for each in (world.backups, world.work):
                each.mkdir(mode=0o755)
            copy = Copy(world, kept)
            kind.do(copy)
            if method == "postgres":
                said = [_says(kept, copy, command) for command in ("verify-backup", "check-backup")]
            drills.append(noticed(copy.drill(asks=False)[1]) or UNSEEN)
    return "| " + " | ".join([kind.name, *said, *drills]) + " |"


def lines_of_barman() -> list[str]:
    lines = []
    with barman("postgres") as first, barman("rsync") as second:
        for kind in ALL:
            lines.append(line({"postgres": first, "rsync": second}, kind))
            print(lines[-1], file=sys.stderr)
    return lines
