"""Damage of physical backups and of their WAL, done to copies of what one cluster made. Files only: production notices nothing."""

import gzip
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.physical import Yard
from tests.production import age, flip

PAGE = 8192


@dataclass(frozen=True)
class PhysicalDamage:
    name: str
    do: Callable[[Yard], object]
    of: str = "files"
    """files, archive, tar or chain."""
    seen: bool = True
    """Whether a drill can see it: of the rest, the page says why not."""

    def __str__(self) -> str:
        return self.name


def relation(yard: Yard, name: str) -> Path:
    ((path,),) = yard.story.production.sql(f"select pg_relation_filepath('{name}')")
    return yard.full / str(path)


def middle(yard: Yard, name: str, offset: int, count: int = 64) -> None:
    path = relation(yard, name)
    flip(path, path.stat().st_size // PAGE // 2 * PAGE + offset, count)


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)


def zeros(path: Path, offset: int, count: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes(count))


def label_of_a_later_backup(yard: Yard) -> None:
    made = yard.story.production.backups / "incremental"
    if not made.is_dir():
        made = yard.story.production.backup("later")
    lines = (made / "backup_label").read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("INCREMENTAL"))
    (yard.full / "backup_label").write_text(text)


def no_xact(yard: Yard) -> None:
    for path in (yard.full / "pg_xact").iterdir():
        path.unlink()


def zeroed_xact(yard: Yard) -> None:
    for path in (yard.full / "pg_xact").iterdir():
        path.write_bytes(bytes(path.stat().st_size))


def empty_folders(yard: Yard) -> None:
    for name in ("pg_notify", "pg_serial", "pg_twophase", "pg_snapshots"):
        shutil.rmtree(yard.full / name)


def fullest(yard: Yard) -> Path:
    """The segment with the most WAL: the rest of one that was switched is zeros already."""
    return max(
        (yard.archive / n for n in yard.story.needed[1:-1]), key=lambda p: -p.read_bytes().count(0)
    )


def swapped(yard: Yard) -> None:
    one, other, aside = yard.segment(2), yard.segment(3), yard.archive / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def record(yard: Yard, index: int) -> None:
    """The second record of a segment: its bytes."""
    segment = yard.story.production.archive / yard.story.needed[index]
    log = yard.story.production.run("pg_waldump", segment)
    where = log.split("lsn: ")[2].split(",")[0].split("/")[1]
    flip(yard.segment(index), int(where, 16) % (1 << 20) + 30, 4)


def compressed_and_flipped(yard: Yard) -> None:
    path = yard.segment(2)
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    flip(packed, packed.stat().st_size // 2, 16)


def foreign(yard: Yard) -> None:
    for path in yard.archive.glob("0*"):
        if path.stat().st_size == 1 << 20:
            flip(path, 24, 8)


def tar(yard: Yard, name: str) -> Path:
    return yard.world.backups / "tar" / name


def half(path: Path) -> None:
    cut(path, path.stat().st_size // 2)


FILES = (
    PhysicalDamage("a byte of a table", lambda y: middle(y, "big", 4000)),
    PhysicalDamage("a page header of a table", lambda y: middle(y, "big", 10, 6)),
    PhysicalDamage("a byte of an index", lambda y: middle(y, "big_pkey", 8000)),
    PhysicalDamage("no file of a table", lambda y: relation(y, "big").unlink()),
    PhysicalDamage("no file of an index", lambda y: relation(y, "big_pkey").unlink()),
    PhysicalDamage("no file of pg_class", lambda y: relation(y, "pg_class").unlink()),
    PhysicalDamage("a table cut at a page", lambda y: cut(relation(y, "big"), PAGE * 20)),
    PhysicalDamage("a table cut inside of a page", lambda y: cut(relation(y, "big"), PAGE * 20 + 99)),
    PhysicalDamage("a table of 0 bytes", lambda y: cut(relation(y, "big"), 0)),
    PhysicalDamage("20 zeroed pages of a table", lambda y: zeros(relation(y, "big"), PAGE * 9, PAGE * 20)),
    PhysicalDamage("no backup_label", lambda y: (y.full / "backup_label").unlink()),
    PhysicalDamage("backup_label of a later backup", label_of_a_later_backup),
    PhysicalDamage("no pg_control", lambda y: (y.full / "global" / "pg_control").unlink()),
    PhysicalDamage("a byte of pg_control", lambda y: flip(y.full / "global" / "pg_control", 100)),
    PhysicalDamage("pg_xact of zeros", zeroed_xact),
    PhysicalDamage("no files in pg_xact", no_xact),
    PhysicalDamage("no PG_VERSION", lambda y: (y.full / "PG_VERSION").unlink()),
    PhysicalDamage("no empty folders (a copy through an object store)", empty_folders, seen=False),
)  # fmt: skip
ARCHIVE = (
    PhysicalDamage("a byte of the manifest", lambda y: flip(y.full / "backup_manifest", 900), "archive"),
    PhysicalDamage("a cut manifest", lambda y: cut(y.full / "backup_manifest", 2000), "archive"),
    PhysicalDamage("a segment is missing", lambda y: y.segment(2).unlink(), "archive"),
    PhysicalDamage("the newest segment but one is missing", lambda y: y.segment(-2).unlink(), "archive"),
    PhysicalDamage("the newest segment is missing", lambda y: y.segment(-1).unlink(), "archive", seen=False),
    PhysicalDamage("a record of a segment", lambda y: record(y, 2), "archive"),
    PhysicalDamage("a record of the newest segment", lambda y: record(y, -1), "archive"),
    PhysicalDamage("half of a segment is zeros", lambda y: zeros(fullest(y), 1 << 19, 1 << 19), "archive"),
    PhysicalDamage("two segments swapped", swapped, "archive"),
    PhysicalDamage("a cut segment", lambda y: cut(y.segment(2), 500_000), "archive"),
    PhysicalDamage("a segment of 0 bytes", lambda y: cut(y.segment(2), 0), "archive"),
    PhysicalDamage("a compressed segment with flipped bytes", compressed_and_flipped, "archive"),
    PhysicalDamage("the archive of another cluster", foreign, "archive"),
    PhysicalDamage(
        "the history of a timeline that is not this cluster's",
        lambda y: (y.archive / "00000002.history").write_text("1\t0/100000\tno reason\n"),
        "archive",
    ),
)  # fmt: skip
TARS = (
    PhysicalDamage("half of base.tar.gz", lambda y: half(tar(y, "base.tar.gz")), "tar"),
    PhysicalDamage("half of pg_wal.tar.gz", lambda y: half(tar(y, "pg_wal.tar.gz")), "tar"),
    PhysicalDamage("bytes of base.tar.gz", lambda y: flip(tar(y, "base.tar.gz"), 90_000, 16), "tar"),
)  # fmt: skip
CHAINS = (
    PhysicalDamage("a byte of the full backup under an incremental", lambda y: middle(y, "big", 4000), "chain"),
    PhysicalDamage("the full backup under an incremental is gone", lambda y: shutil.rmtree(y.full), "chain"),
)  # fmt: skip
ALL = (*FILES, *ARCHIVE, *TARS, *CHAINS)
CONTENT = {"files": ["full"], "archive": ["full"], "tar": ["tar"], "chain": ["full", "incremental"]}


def damage(yard: Yard, kind: PhysicalDamage, *, manifest: bool = True) -> None:
    """Fill the yard with copies, and damage them."""
    yard.fill(*CONTENT[kind.of])
    kind.do(yard)
    if not manifest:
        (yard.full / "backup_manifest").unlink(missing_ok=True)
    age(yard.world.backups)
    age(yard.archive)


def tool_sees(yard: Yard, kind: PhysicalDamage) -> bool | None:
    """Whether pg_verifybackup refuses the backup; None: it cannot read tars before PostgreSQL 18."""
    if kind.of == "tar":
        return None
    production = yard.story.production
    folder = production.directory / "verified"
    last = CONTENT[kind.of][-1]
    shutil.copytree(yard.world.backups / last, folder, symlinks=True)
    for path in [folder, *folder.rglob("*")]:
        if production.account:
            os.chown(path, production.account.uid, production.account.gid)
    try:
        production.run("pg_verifybackup", folder)
    except AssertionError:
        return True
    finally:
        shutil.rmtree(folder)
    return False


COMPARED = "compare with archive"


def noticed(report: dict[str, object]) -> str:
    """Which step or check of the drill noticed; empty: none, the drill is verified."""
    checks = [c for c in report["checks"] if c["outcome"] == "failed"]  # type: ignore[attr-defined]
    if report["verdict"] == "verified":
        return ""
    if checks and str(report["reason"]).startswith("check "):
        kinds = {str(c["kind"]) for c in checks}
        return COMPARED if kinds == {"physical_backup"} else ", ".join(sorted(kinds))
    failed = [s["name"] for s in report["steps"] if s["outcome"] == "failed"]  # type: ignore[attr-defined]
    said = f"{report['verdict']}: " if report["verdict"] != "failed" else ""
    return said + (failed[0] if failed else "find backup")
