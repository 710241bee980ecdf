"""Shelves, unpacked into a folder and read there."""

from pathlib import Path

from restorecheck.config.sources.shelf import Shelf
from restorecheck.shelves.checker import ShelfChecker
from restorecheck.shelves.provider import KIND, FolderInventory, ShelfProvider, remove

from restorecheck.config import Target
from restorecheck.hosts.sources.drill_settings import deadline_of
from restorecheck.hosts.sources.source import Remover, Source
from restorecheck.model import Drill
from restorecheck.ports import Checker, Inventory


class ShelfSource(Source[ShelfProvider]):
    def make_provider(self, target: Target) -> ShelfProvider:
        shelf = target.keys_of(Shelf)
        return ShelfProvider(Path(shelf.path), Path(shelf.work_dir), deadline_of(target))

    def make_checker(self, provider: ShelfProvider) -> Checker:  # noqa: ARG002  # its folders are at hand
        return ShelfChecker()

    def inventories(self) -> list[Inventory]:
        folders = {provider.work_dir for provider in self.providers}
        return [FolderInventory(folder) for folder in folders]

    def remover(self, drill: Drill) -> Remover | None:
        kinds = {resource.kind for resource in drill.ledger}
        return remove if kinds == {KIND} else None


SOURCE = ShelfSource
