"""Recognises folders with other backups than dumps."""

from pathlib import Path

from restorecheck.postgres.dumpfiles.containers import BASE_BACKUP


def name_folder(folder: Path) -> str:
    """Kind of a folder without toc.dat, completing `the folder …`; empty: unknown."""
    if (folder / "toc.dat").is_file():
        return ""
    if any(folder.glob("base.tar*")) or any(
        (folder / name).exists() for name in ("backup_label", "PG_VERSION", "backup_manifest")
    ):
        return BASE_BACKUP
    if (folder / "archive").is_dir() and (folder / "backup").is_dir():
        return f"{_REPOSITORY} of pgBackRest, not a folder of dumps"
    if (folder / "base").is_dir() and (
        (folder / "wals").is_dir() or (folder / "backup.info").exists()
    ):
        return f"{_REPOSITORY} of Barman, not a folder of dumps"
    if any(folder.glob("basebackups_*")):
        return f"{_REPOSITORY} of WAL-G, not a folder of dumps"
    return ""


_REPOSITORY = "is a repository of base backups"
