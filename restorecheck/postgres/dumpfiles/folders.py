"""Naming folders that hold backups, but no dumps."""

from pathlib import Path

from restorecheck.postgres.dumpfiles.containers import BASE_BACKUP


def name_folder(folder: Path) -> str:
    """What a folder without toc.dat is, completing `the folder …`; empty where nothing tells."""
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
