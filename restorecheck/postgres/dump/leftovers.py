"""Leftovers of throw-away servers on this machine."""

import os
import shutil
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from restorecheck.errors import ProviderError
from restorecheck.lifecycle import Gone, StillThere
from restorecheck.model import MADE_DRILL_ID, Resource
from restorecheck.ports import Found, Inventory
from restorecheck.postgres.dump.finder import SERVER
from restorecheck.postgres.dump.local_provider import remove_cluster
from restorecheck.postgres.server import cluster, containers


class LocalInventory(Inventory):
    """Directories with a name of restorecheck in the folders of throw-away servers."""

    def __init__(self, work_dirs: Iterable[Path], is_held: Callable[[Path], bool]) -> None:
        self._work_dirs = tuple(dict.fromkeys(work_dirs))
        self._is_held = is_held

    def find(self) -> tuple[Found, ...]:
        return tuple(
            found
            for work_dir in self._work_dirs
            for directory in sorted(work_dir.glob(f"{cluster.PREFIX}*"))
            if (found := self._look_at(directory)) is not None
        )

    def delete(self, resource: Resource) -> Gone | StillThere:
        directory = Path(resource.identifier)
        mark = cluster.read_mark(directory)
        detail = remove_cluster(directory, mark.drill_id) if mark else "its mark is missing"
        return StillThere(resource, detail) if detail and directory.exists() else Gone(resource)

    def _look_at(self, directory: Path) -> Found | None:
        try:
            state = directory.lstat()
        except OSError:
            return None
        if state.st_uid != os.geteuid() or not directory.is_dir() or directory.is_symlink():
            return None
        mark = cluster.read_mark(directory)
        drill_id = directory.name.removeprefix(cluster.PREFIX)
        if mark is None and not MADE_DRILL_ID.fullmatch(drill_id):
            return None  # a command's temporary folder, or somebody's restorecheck-main
        marked = mark is not None and mark.drill_id == drill_id
        return Found(
            resource=Resource(kind=SERVER, identifier=str(directory)),
            drill_id=drill_id,
            marked=marked,
            alive=mark is not None and self._is_held(Path(mark.lock)),
            kept=mark is not None and mark.kept,
            made_at=mark.made_at if mark else cluster.modified_at(directory),
        )


CONTAINER = "container of "


class ContainerInventory(Inventory):
    """Containers that never ran and whose drill's directory is gone: docker made them after their client was killed.

    One that runs is left alone: the service of a drill may see another /tmp than the sweep (PrivateTmp).
    """

    def __init__(self, work_dir: Path, cache_dir: Path, runtimes: Collection[str]) -> None:
        """`runtimes`: of the targets; `auto` is any that was recorded."""
        self._work_dir = work_dir
        self._cache_dir = cache_dir
        self._runtimes = runtimes

    def find(self) -> tuple[Found, ...]:
        used = {image.runtime for image in containers.recorded(self._cache_dir).values()}
        return tuple(
            Found(
                resource=Resource(kind=CONTAINER + runtime, identifier=one.name),
                drill_id=one.drill_id,
                marked=True,
                alive=False,
            )
            for runtime in sorted(used)
            if not {runtime, "auto"}.isdisjoint(self._runtimes) and shutil.which(runtime)
            for one in containers.of_drills(runtime)
            if one.directory.parent == self._work_dir and not one.runs and _is_gone(one.directory)
        )

    def delete(self, resource: Resource) -> Gone | StillThere:
        runtime = resource.kind.removeprefix(CONTAINER)
        try:
            containers.remove(runtime, resource.identifier)
        except ProviderError as exc:
            if resource in {found.resource for found in self.find()}:
                return StillThere(resource, exc.message)
        return Gone(resource)


def _is_gone(directory: Path) -> bool:
    """Not where the folder above it may not be entered."""
    try:
        directory.lstat()
    except OSError as exc:
        return isinstance(exc, FileNotFoundError)
    return False
