"""`restorecheck server pull` and `pin`: the configured images, fetched and recorded before the night."""

import sys
from collections.abc import Iterable, Sequence

from restorecheck.config import Config, Target
from restorecheck.errors import RestorecheckError
from restorecheck.hosts.process.console import complain
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.hosts.sources.server_settings import server_settings
from restorecheck.postgres.server import containers, pinned

MAJOR = "{major}"


def note(config: Config, majors: Sequence[int], *, fetch: bool) -> int:
    """Record each image; `fetch`: after fetching it. Several versions of one image: those that exist."""
    folder = server_settings(config).cache_dir
    wanted = list(dict.fromkeys(_images(config.targets, majors or sorted(pinned.pins()))))
    if not wanted:
        print("restorecheck: no target has server.image", file=sys.stderr)
        return Exit.USAGE
    recorded: set[str] = set()
    missed: dict[str, RestorecheckError] = {}
    for template, image, runtime in wanted:
        try:
            program = containers.runtime_named(runtime)
            if fetch and not image.startswith("localhost/"):  # which was made here
                containers.pull(program, image)
            found = containers.examine(program, image)
            containers.record(found, folder)
        except RestorecheckError as exc:
            missed[image] = exc
            if majors or MAJOR not in template:
                recorded.discard(template)
                complain(exc)
            continue
        recorded.add(template)
        exact = f", {found.digest}" if found.digest else ""
        print(f"{image}: PostgreSQL {found.version}, {len(found.extensions)} extensions{exact}")
    # Without an argument not every version of an image has to exist, but one.
    failed = [image for template, image, _ in wanted if template not in recorded]
    if failed and not majors:
        complain(missed[failed[0]])
    return Exit.INCONCLUSIVE if failed or (majors and missed) else Exit.VERIFIED


def _images(targets: Iterable[Target], majors: Sequence[int]) -> Iterable[tuple[str, str, str]]:
    """The image as configured, with its version, and its runtime."""
    for target in targets:
        image, runtime = target.server.image, target.server.runtime
        if image is None or runtime == "none":
            continue
        for major in majors if MAJOR in image else majors[:1]:
            yield image, image.replace(MAJOR, str(major)), runtime
