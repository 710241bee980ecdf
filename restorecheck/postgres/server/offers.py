"""Where extensions come from, and what a server needs for them: the table `offers.toml`."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from restorecheck.postgres.server import libraries

ICU = "PostgreSQL of the operating system's packages has ICU"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One extension of the table."""

    debian: str = ""
    fedora: str = ""
    image: str = ""
    preload: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    after: str = ""
    """Functions of the extension that are called before and after a load."""
    service: str = ""
    """The managed service that it belongs to."""

    def package(self, major: int) -> str:
        """The install command of this operating system; empty: not known."""
        name = {"debian": self.debian, "fedora": self.fedora}.get(libraries.system(), "")
        verb = {"debian": "apt-get", "fedora": "dnf"}.get(libraries.system(), "")
        return f"{verb} install {name.format(major=major)}" if name else ""


@cache
def table() -> Mapping[str, Offer]:
    text = resources.files(__package__).joinpath("offers.toml").read_text(encoding="utf-8")
    return {name: Offer(**values) for name, values in tomllib.loads(text).items()}


def hints(extensions: Iterable[str], major: int) -> list[str]:
    """Where the extensions come from, for one sentence; extensions that are not in the table are left out."""
    found: dict[str, None] = {}
    for name in extensions:
        offer = table().get(name)
        if offer is None:
            continue
        ways = [f"`{package}`"] if (package := offer.package(major)) else []
        ways += [f"the image {offer.image}"] if offer.image else []
        if ways:
            found[" or ".join(ways)] = None
    return list(found)


def preload_for(extensions: Iterable[str]) -> tuple[str, ...]:
    """Libraries that a server must preload for these extensions."""
    offers = (table().get(name) for name in extensions)
    return tuple(dict.fromkeys(offer.preload for offer in offers if offer and offer.preload))


def preloaded(libraries: Iterable[str]) -> tuple[str, ...]:
    """Extensions of the table whose library is one of these."""
    wanted = set(libraries)
    return tuple(name for name, offer in table().items() if offer.preload in wanted)


def settings_for(extensions: Iterable[str], database: str) -> dict[str, str]:
    """Settings of a server for these extensions, so that nothing of them runs by itself."""
    offers = (table().get(name) for name in extensions)
    return {
        key: value.format(database=database)
        for offer in offers
        if offer
        for key, value in offer.settings.items()
    }


def of_services(extensions: Iterable[str]) -> dict[str, str]:
    """Extensions that belong to a managed service, with its name."""
    known = ((name, table().get(name)) for name in extensions)
    return {name: offer.service for name, offer in known if offer and offer.service}


def frames(extensions: Iterable[str]) -> tuple[tuple[str, Offer], ...]:
    """Extensions whose functions are called before and after a load."""
    known = ((name, table().get(name)) for name in extensions)
    return tuple((name, offer) for name, offer in known if offer and offer.before)
