"""How a dump is fetched from its storage, with the program that a person would use."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from restorecheck.config.sources.dump import Dump
from restorecheck.runbook.shell import Shell

TO = '"$DUMP"'


def commands(dump: Dump, identifier: str, shell: Shell) -> tuple[str, ...] | None:
    """Lines that write the dump to $DUMP; None: this version does not know how.

    `identifier`: of the backup, as in reports.
    """
    storage = dump.storage
    assert storage is not None, "a folder needs no program"
    keys = getattr(dump, storage.key)
    make = _BY_KEY.get(storage.key)
    name = identifier.partition(": ")[2] if ": " in identifier else identifier
    return make(keys, name, shell, dump.path) if make else None


Make = Callable[[Any, str, Shell, str], tuple[str, ...]]


def _s3(keys: Any, name: str, shell: Shell, _path: str) -> tuple[str, ...]:  # noqa: ANN401  # of its storage
    options = {
        "endpoint_url": "--endpoint-url",
        "region": "--region",
        "profile": "--profile",
    }
    given = [
        w for k, o in options.items() if keys and getattr(keys, k) for w in (o, getattr(keys, k))
    ]
    role = keys.role_arn if keys else None
    lines = [f"# first assume the role {role}"] if role else []
    encrypted = ""
    if keys is not None and keys.customer_key is not None:
        key = shell.quote(keys.customer_key.get_secret_value())
        lines.append(f'(umask 077; printf %s {key} | base64 -d > "$WORK/customer.key")')
        encrypted = ' --sse-c AES256 --sse-c-key "fileb://$WORK/customer.key"'
    return (*lines, f"aws {shell.join([*given, 's3', 'cp', name])} {TO}{encrypted}")


def _gcs(keys: Any, name: str, shell: Shell, _path: str) -> tuple[str, ...]:  # noqa: ANN401  # as above
    file = keys.service_account_file if keys else None
    login = (
        (f"gcloud auth activate-service-account --key-file={shell.quote(file)}",) if file else ()
    )
    return (*login, f"gcloud storage cp {shell.quote(name)} {TO}")


def _azure(keys: Any, name: str, shell: Shell, _path: str) -> tuple[str, ...]:  # noqa: ANN401  # as above
    parts = urlsplit(name)
    words = ["--account-name", keys.account, "--container-name", parts.netloc]
    words += ["--name", parts.path.lstrip("/")]
    for key, option in (("account_key", "--account-key"), ("sas_token", "--sas-token")):
        if secret := getattr(keys, key):
            words += [option, secret.get_secret_value()]
    return (f"az storage blob download {shell.join(words)} --file {TO}",)


def _http(keys: Any, _name: str, shell: Shell, path: str) -> tuple[str, ...]:  # noqa: ANN401  # as above
    headers = [
        w
        for k, v in (keys.headers if keys else {}).items()
        for w in ("--header", f"{k}: {v.get_secret_value()}")
    ]
    return (f"curl --fail --location {shell.join([*headers, path])} --output {TO}",)


def _restic(keys: Any, name: str, shell: Shell, _path: str) -> tuple[str, ...]:  # noqa: ANN401  # as above
    snapshot, _, file = name.partition("/")
    words = ["restic", "--no-lock", "--repo", keys.repository]
    if keys.password_file:
        words += ["--password-file", keys.password_file]
    if keys.password_command:
        words += ["--password-command", shell.join(keys.password_command)]
    return (f"{shell.join([*words, 'dump', snapshot, f'/{file}'])} > {TO}",)


def _borg(keys: Any, name: str, shell: Shell, _path: str) -> tuple[str, ...]:  # noqa: ANN401  # as above
    archive, _, file = name.partition("/")
    secret = (
        f"BORG_PASSCOMMAND={shell.quote(shell.join(keys.passcommand))} " if keys.passcommand else ""
    )
    words = ["borg", "extract", "--stdout", f"{keys.repository}::{archive}", file]
    return (f"{secret}{shell.join(words)} > {TO}",)


def _rclone(keys: Any, name: str, shell: Shell, _path: str) -> tuple[str, ...]:  # noqa: ANN401  # as above
    options = ["--config", keys.config_file] if keys.config_file else []
    remote = keys.remote if keys.remote.endswith((":", "/")) else f"{keys.remote}/"
    return (f"{shell.join(['rclone', *options, 'copyto', f'{remote}{name}'])} {TO}",)


def _command(keys: Any, name: str, shell: Shell, _path: str) -> tuple[str, ...]:  # noqa: ANN401  # as above
    return (f"{shell.join(part.replace('{name}', name) for part in keys.fetch)} > {TO}",)


_BY_KEY: Mapping[str, Make] = {
    "s3": _s3,
    "gcs": _gcs,
    "azure": _azure,
    "http": _http,
    "restic": _restic,
    "borg": _borg,
    "rclone": _rclone,
    "command": _command,
}
