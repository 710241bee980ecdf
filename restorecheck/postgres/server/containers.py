"""Throw-away servers in containers of podman or docker.

A container has no network, a read-only root, no capability, no new privileges and, with podman, its own user
namespace. Its data and its socket are folders of the drill's directory, so the same programs of this machine load
the dump as into any throw-away server. It is found again by its labels and by the mark of that directory.

Nothing is fetched during a drill: the image is recorded by `restorecheck server pull`, and runs by its identifier.
Tried with podman 4.3, with and without root, and docker 20.10 with a daemon of root. Not tried: a docker daemon without
root, SELinux.
"""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from restorecheck.errors import InvalidStateError, NotFoundError, ProviderError
from restorecheck.postgres.server import cache
from restorecheck.postgres.server.account import OsUser

RUNTIMES = ("podman", "docker")
DRILL, DIRECTORY = "restorecheck.drill", "restorecheck.directory"
"""Labels of a container."""
RECORD = "images.json"
WITHIN = 120.0
"""Seconds for one command of the runtime; a pull has PULL_WITHIN."""
PULL_WITHIN = 1800.0
KEPT = ("PATH", "HOME", "XDG_RUNTIME_DIR", "TMPDIR", "DOCKER_HOST", "DBUS_SESSION_BUS_ADDRESS")
"""Variables that a runtime gets, besides CONTAINERS_*; a container gets none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    memory: int | None = None
    """Bytes."""
    cpus: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """An image with PostgreSQL's programs, as it was recorded."""

    runtime: str
    image: str
    """Its name, as in the configuration."""
    identifier: str
    """Of its content: it never changes."""
    digest: str = ""
    """The name and digest for a registry; empty: it was made here."""
    bin_dir: str
    version: str
    extensions: tuple[str, ...]
    libraries: tuple[str, ...]
    icu: bool
    limits: Limits = Limits()

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def minor(self) -> int:
        return int(self.version.partition(".")[2] or 0)


def runtime_named(wanted: str) -> str:
    """The program of a runtime: `podman`, `docker`, or the first one that is here for `auto`.

    Raises:
        NotFoundError: It is not installed.
    """
    names = RUNTIMES if wanted == "auto" else (wanted,)
    found = next((name for name in names if shutil.which(name)), None)
    if found is None:
        raise NotFoundError(
            f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} not installed",
            hint="Install podman, or set server.runtime to none.",
        )
    return found


def environment() -> dict[str, str]:
    """Of the runtime itself."""
    kept = {key: os.environ[key] for key in KEPT if key in os.environ}
    return kept | {k: v for k, v in os.environ.items() if k.startswith("CONTAINERS_")}


def ask(runtime: str, *words: str, within: float = WITHIN) -> str:
    """The answer of one command of the runtime.

    Raises:
        ProviderError: It failed, or did not end in time.
    """
    try:
        done = subprocess.run(  # a list, never a shell
            [runtime, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=within,
            check=False,
            env=environment(),
            cwd="/",
        )
    except subprocess.TimeoutExpired as exc:
        raise ProviderError(f"{runtime} {words[0]} did not end within {within:g} s") from exc
    except OSError as exc:
        raise ProviderError(f"could not start {runtime}: {exc.strerror}") from exc
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1][:300] if said else f"exit status {done.returncode}"
        raise ProviderError(f"{runtime} {words[0]}: {why}", operation=runtime)
    return done.stdout.decode(errors="replace")


# --- images ------------------------------------------------------------------------------------

PROBE = """
for bin in $(dirname "$(command -v postgres)" 2>/dev/null) /usr/lib/postgresql/*/bin /usr/local/bin \
  /usr/pgsql-*/bin /usr/local/pgsql/bin /opt/bitnami/postgresql/bin /usr/bin; do
  [ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] || continue
  real=$(dirname "$(readlink -f "$bin/postgres")"); echo "bin $real"; "$real/postgres" --version; prefix=$(dirname "$real")
  for f in "$prefix"/share/extension/*.control "$prefix"/share/postgresql/extension/*.control \
    "$prefix"/share/postgresql*/extension/*.control /usr/share/postgresql/${prefix##*/}/extension/*.control; do
    [ -e "$f" ] && basename "$f"
  done
  for f in "$prefix"/lib/*.so "$prefix"/lib/postgresql/*.so; do [ -e "$f" ] && basename "$f"; done
  grep -q 'ICU is not supported in this build' "$real/postgres" || echo icu
  exit 0
done
exit 3
"""
"""A script for /bin/sh of the image: where the programs are, their version, extensions, libraries, and ICU."""


def pull(runtime: str, image: str) -> None:
    """Fetch an image. Raises as `ask`."""
    ask(runtime, "pull", "--quiet", image, within=PULL_WITHIN)


def examine(runtime: str, image: str) -> Container:
    """What an image that is here holds.

    Raises:
        ProviderError: It is not here, or the runtime fails.
        InvalidStateError: It holds no PostgreSQL server.
    """
    (facts,) = json.loads(ask(runtime, "image", "inspect", image))
    identifier = str(facts["Id"])
    try:
        words = [*_walls(runtime), "--rm", "--entrypoint=/bin/sh", identifier, "-c", PROBE]
        text = ask(runtime, "run", *words)
    except ProviderError as exc:
        raise InvalidStateError(f"{image} holds no PostgreSQL server: {exc.message}") from exc
    return read_probe(text, runtime, image, identifier, next(iter(facts["RepoDigests"] or []), ""))


def read_probe(text: str, runtime: str, image: str, identifier: str, digest: str) -> Container:
    """From the output of the script above. Raises InvalidStateError: it is not that of a server."""
    lines = text.splitlines()
    version = next((line.split()[2] for line in lines if line.startswith("postgres (Postg")), "")
    bin_dir = next((line.removeprefix("bin ") for line in lines if line.startswith("bin ")), "")
    if not bin_dir or not version.partition(".")[0].isdigit():
        raise InvalidStateError(f"{image} holds no PostgreSQL server")
    return Container(
        runtime=runtime,
        image=image,
        identifier=identifier,
        digest=digest if "@sha256:" in digest and not digest.startswith("localhost/") else "",
        bin_dir=bin_dir,
        version=version,
        extensions=tuple(n.removesuffix(".control") for n in lines if n.endswith(".control")),
        libraries=tuple(name.removesuffix(".so") for name in lines if name.endswith(".so")),
        icu="icu" in lines,
    )


def record(container: Container, folder: Path) -> None:
    """Note an image in the cache folder, for drills. Raises AccessDeniedError."""
    cache.make_cache(folder)
    known = {**recorded(folder), container.image: container}
    values = {name: asdict(one) for name, one in known.items()}
    cache.write(folder / RECORD, json.dumps(values, indent=1))


def recorded(folder: Path) -> dict[str, Container]:
    """The noted images by their names; a record that others may have written counts as none."""
    try:
        if not cache.is_ours(folder):
            return {}
        values = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return {name: _from_json(one) for name, one in values.items()}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _from_json(values: dict[str, Any]) -> Container:
    lists = {key: tuple(values[key]) for key in ("extensions", "libraries")}
    return Container(**{**values, **lists, "limits": Limits(**values["limits"])})


def is_here(container: Container) -> bool:
    """Whether the runtime still has the image."""
    try:
        ask(container.runtime, "image", "inspect", container.identifier)
    except ProviderError:
        return False
    return True


# --- containers --------------------------------------------------------------------------------


INTO_LOG = 'exec "$@" >>"$0" 2>&1'


def name_of(directory: Path) -> str:
    return directory.name  # restorecheck-<drill id>


def words(
    container: Container,
    program: Sequence[str | Path],
    *,
    directory: Path,
    drill_id: str,
    folders: Sequence[Path],
    account: OsUser | None,
    log: Path | None = None,
) -> list[str]:
    """The command that runs a program of the image in the foreground.

    `folders`: of the drill's directory, which the program may write; they have the same paths there.
    `log`: a file for its output. Through the runtime a server's errors would come later than its answers.
    """
    first, *arguments = map(str, program)
    if log is not None:
        first, arguments = "/bin/sh", ["-c", INTO_LOG, str(log), first, *arguments]
        folders = [*folders, log]
    return [
        container.runtime,
        "run",
        "--rm",
        f"--name={name_of(directory)}",
        f"--label={DRILL}={drill_id}",
        f"--label={DIRECTORY}={directory}",
        *_walls(container.runtime),
        *_users(container.runtime, directory, account),
        *_limits(container.limits),
        *(f"--volume={folder}:{folder}:Z" for folder in folders),
        "--env=LC_ALL=C",
        "--env=PGTZ=UTC",
        "--env=TZ=UTC",
        f"--entrypoint={first}",
        container.identifier,
        *arguments,
    ]


def _walls(runtime: str) -> list[str]:
    common = [
        "--pull=never",
        "--network=none",
        "--read-only",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        "--log-driver=none",
        "--workdir=/",
        *_ulimits(),
    ]
    own = {
        # A volume of the image would be made anew for each container, and could stay.
        "podman": [
            "--read-only-tmpfs=false",
            "--image-volume=ignore",
            "--http-proxy=false",
            "--no-hosts",
            "--ipc=private",
        ],
    }
    return common + own.get(runtime, [])


def _ulimits() -> list[str]:
    """Less than this process has: without the right to raise limits, a runtime fails with its defaults."""
    words = []
    for name, number, enough in (
        ("nofile", resource.RLIMIT_NOFILE, 8192),
        ("nproc", resource.RLIMIT_NPROC, 4096),
    ):
        _, hard = resource.getrlimit(number)
        most = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        words.append(f"--ulimit={name}={most}:{most}")
    return words


NAMES = "passwd"
"""A file of the drill's directory: the users of a container of docker."""


def write_names(directory: Path, account: OsUser | None) -> None:
    """The one user of a container has a name: initdb ends without one. Podman adds it itself. Raises OSError.

    Source: PostgreSQL, src/common/username.c, get_user_name.
    """
    uid, gid = _ids(account)
    file = directory / NAMES
    file.write_text(f"postgres:x:{uid}:{gid}::/:/bin/false\n", encoding="ascii")
    file.chmod(0o644)  # whatever the umask is


def _ids(account: OsUser | None) -> tuple[int, int]:
    return (account.uid, account.gid) if account else (os.geteuid(), os.getegid())


def _users(runtime: str, directory: Path, account: OsUser | None) -> list[str]:
    """The server is the account of the drill outside; with podman, it is user 1 inside. Nobody is root there.

    A range of ids that begins at 0 and has two members is what podman 4.3 maps for an image without copying it.
    """
    uid, gid = _ids(account)
    if runtime == "docker":
        return [f"--user={uid}:{gid}", f"--volume={directory / NAMES}:/etc/passwd:ro,Z"]
    if os.geteuid() != 0:
        return ["--userns=keep-id", f"--user={uid}:{gid}"]
    return [f"--uidmap=0:{uid - 1}:2", f"--gidmap=0:{gid - 1}:2", "--user=1:1"]


def _limits(limits: Limits) -> list[str]:
    words = []
    if limits.memory is not None:
        words += [f"--memory={limits.memory}", f"--memory-swap={limits.memory}"]
    if limits.cpus is not None:
        words.append(f"--cpus={limits.cpus:g}")
    return words


def process_of(runtime: str, directory: Path) -> int | None:
    """The number of the container's first process on this machine; None: it does not run yet, or no more."""
    try:
        text = ask(runtime, "inspect", "--format={{.State.Pid}}", name_of(directory))
    except ProviderError:
        return None
    return int(text) or None if text.strip().isdigit() else None


def end(runtime: str, directory: Path, drill_id: str) -> str:
    """Remove the containers of a drill, with their volumes; empty: none is left, else why not."""
    try:
        for _ in range(2):
            found = _of_drill(runtime, directory, drill_id)
            if not found:
                return ""
            remove(runtime, *found)
        found = _of_drill(runtime, directory, drill_id)
    except ProviderError as exc:
        return exc.message
    return f"the container {found[0]} does not end" if found else ""


@dataclass(frozen=True, slots=True)
class OfDrill:
    """A container of a drill."""

    name: str
    drill_id: str
    directory: Path
    runs: bool


def of_drills(runtime: str) -> Iterator[OfDrill]:
    """Raises as `ask`."""
    listed = ask(runtime, "ps", "--all", "--quiet", "--no-trunc", f"--filter=label={DRILL}").split()
    for identifier in listed:
        try:
            (facts,) = json.loads(ask(runtime, "inspect", identifier))
        except ProviderError:
            continue  # it ended meanwhile
        labels, name = facts["Config"]["Labels"], facts["Name"].removeprefix("/")
        directory = Path(labels.get(DIRECTORY, "/"))
        yield OfDrill(name, labels[DRILL], directory, facts["State"]["Running"])


def remove(runtime: str, *names: str) -> None:
    """Remove containers, with their volumes. Raises as `ask`."""
    ask(runtime, "rm", "--force", "--volumes", *names)


def _of_drill(runtime: str, directory: Path, drill_id: str) -> list[str]:
    filters = [f"--filter=label={DRILL}={drill_id}", f"--filter=label={DIRECTORY}={directory}"]
    return ask(runtime, "ps", "--all", "--quiet", "--no-trunc", *filters).split()
