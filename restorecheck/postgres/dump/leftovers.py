"""Leftovers of throw-away servers on this machine."""

import os
import shutil
from collections.abc import Callable, Iterable
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
    """Containers of drills whose directory in the folders of throw-away servers is gone: it was deleted by hand, or
    the runtime made the container after its client had been killed.
    """

    def __init__(self, work_dirs: Iterable[Path], cache_dir: Path) -> None:
        self._work_dirs = frozenset(work_dirs)
        self._cache_dir = cache_dir

    def find(self) -> tuple[Found, ...]:
        used = {image.runtime for image in containers.recorded(self._cache_dir).values()}
        return tuple(
            Found(
                resource=Resource(kind=CONTAINER + runtime, identifier=name),
                drill_id=drill_id,
                marked=True,
                alive=False,
            )
            for runtime in sorted(used)
            if shutil.which(runtime)
            for name, drill_id, directory in containers.of_drills(runtime)
            if directory.parent in self._work_dirs and not directory.exists()
        )

    def delete(self, resource: Resource) -> Gone | StillThere:
        try:
            containers.remove(resource.kind.removeprefix(CONTAINER), resource.identifier)
        except ProviderError as exc:
            return StillThere(resource, exc.message)
        return Gone(resource)
