"""A file of shelves -> a folder with a database of SQLite: a table for each shelf, a row for each book."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restorecheck.lifecycle import Broken, Gone, Ready, StepEvent, StillThere
from restorecheck.model import Backup, Drill, Endpoint, Resource, Step, StepKind
from restorecheck.ports import Found, Inventory, Provider

KIND = "unpacked shelves"
END = "end of shelves"
BOOKS, NAME = "books.sqlite", "shelves"


class ShelfProvider(Provider):
    def __init__(self, path: Path, work_dir: Path, deadline: timedelta) -> None:
        self.work_dir = work_dir
        self._path = path
        self._deadline = deadline

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        made = (Resource(kind=KIND, identifier=str(self.work_dir / f"restorecheck-{drill_id}")),)
        does = "unpack the shelves"
        steps = ((StepKind.RESTORE, does, made), (StepKind.CHECK, "count the books", ()))
        return tuple(
            Step(name=does.split()[0], kind=kind, does=does, deadline=self._deadline, makes=makes)
            for kind, does, makes in steps
        )

    def ensure(self, drill: Drill, step: Step) -> StepEvent:  # noqa: ARG002  # the port's signature
        (made,) = step.makes
        *shelves, last = self._path.read_text().splitlines()
        if last != END:
            return Broken(reason=f"{self._path.name} has no end")
        place = Path(made.identifier)
        place.mkdir()
        with closing(sqlite3.connect(place / BOOKS)) as connection, connection:
            for line in shelves:
                shelf, books = line.split(": ")
                connection.execute(f"create table `{shelf}` (title text not null)")
                each = [(book,) for book in books.split(", ")]
                connection.executemany(f"insert into `{shelf}` values (?)", each)  # a toy
        taken = datetime.fromtimestamp(self._path.stat().st_mtime, tz=UTC)
        return Ready(
            endpoint=Endpoint(
                identity=str(place.stat().st_ino),
                host=str(place),
                port=0,
                user="",
                databases=(NAME,),
            ),
            backup=Backup(kind="shelves", identifier=str(self._path), taken_at=taken),
        )

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        return remove(resource, made_until)

    def release(self, drill: Drill) -> None:
        """Nothing is held."""


class FolderInventory(Inventory):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self) -> tuple[Found, ...]:
        return tuple(
            Found(
                resource=Resource(kind=KIND, identifier=str(path)),
                drill_id=path.name.removeprefix("restorecheck-"),
                marked=True,
                alive=False,
            )
            for path in sorted(self._folder.glob("restorecheck-*"))
        )

    def delete(self, resource: Resource) -> Gone | StillThere:
        return remove(resource, datetime.max.replace(tzinfo=UTC))


def remove(resource: Resource, made_until: datetime) -> Gone | StillThere:
    shutil.rmtree(resource.identifier, ignore_errors=True)
    return Gone(resource)
