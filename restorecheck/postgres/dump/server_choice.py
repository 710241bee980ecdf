"""The server of a dump, as it is configured: programs of this machine or an image, libraries and settings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from restorecheck.errors import RestorecheckError
from restorecheck.lifecycle import Unclear
from restorecheck.postgres.dump import load_plan
from restorecheck.postgres.dump.settings import ServerOptions, ServerSettings
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.server import containers, offers
from restorecheck.postgres.server.binaries import Installation, of_container
from restorecheck.postgres.server.containers import Limits

PULL = "restorecheck server pull"


@dataclass(frozen=True, slots=True)
class Programs:
    server: Installation
    clients: Installation
    """Of this machine: psql and pg_restore."""


def choose(
    inspection: Inspection,
    options: ServerOptions,
    settings: ServerSettings,
    ignored: Sequence[str],
) -> Programs | Unclear:
    """The programs for a dump; of several dumps, for `load_plan.together`."""
    if not options.contained:
        chosen = load_plan.choose_installation(inspection, settings.installations(), ignored)
        return chosen if isinstance(chosen, Unclear) else Programs(chosen, chosen)
    server = _in_container(inspection, options, settings)
    if isinstance(server, Unclear):
        return server
    clients = load_plan.choose_tools(server.major, settings.installations(), inspection)
    return clients if isinstance(clients, Unclear) else Programs(server, clients)


def _in_container(
    inspection: Inspection, options: ServerOptions, settings: ServerSettings
) -> Installation | Unclear:
    needed = load_plan.needed_major(inspection)
    assert options.image is not None, "a container has an image"
    image = options.image.replace("{major}", str(needed))
    try:
        runtime = containers.runtime_named(options.runtime)
    except RestorecheckError as exc:
        return Unclear(reason=f"the image {image} cannot be used: {exc.message}", hint=exc.hint)
    found = containers.recorded(settings.cache_dir).get(image)
    if found is None or found.runtime != runtime or not containers.is_here(found):
        return Unclear(
            reason=f"the image {image} was not fetched for {runtime}",
            hint=f"`{PULL} {needed}` fetches it; a drill fetches nothing.",
        )
    if found.major < needed:
        return Unclear(
            reason=f"the dump needs PostgreSQL {needed} or newer; the image {image} has {found.version}",
            hint="Write {major} for the version in server.image, or name an image with this version.",
        )
    limits = Limits(memory=options.memory, cpus=options.cpus)
    return of_container(replace(found, limits=limits))


def settings_for(
    database: str,
    inspections: Iterable[Inspection],
    installation: Installation,
    options: ServerOptions,
) -> dict[str, str]:
    """Settings of the throw-away server: for the extensions of the dumps, as far as the server has them, and the
    configured ones.
    """
    names = tuple(dict.fromkeys(e for i in inspections for e in i.needs.extensions))
    here = tuple(name for name in names if installation.offers([name]))
    known = [one for one in offers.preload_for(here) if installation.has_library(one)]
    libraries = dict.fromkeys([*known, *options.preload])
    preload = {"shared_preload_libraries": ",".join(libraries)} if libraries else {}
    own = offers.settings_for(offers.preloaded(libraries), database)
    return {**preload, **options.settings, **own}
