"""Repositories of pgBackRest, made by the real program, and drills of copies of them."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from restorecheck.postgres.server import processes
from tests.production import Production, majors

PROGRAM = shutil.which("pgbackrest")
SINCE = {15: (2, 41), 17: (2, 54), 18: (2, 57)}
"""Major version → the first pgBackRest that knows it."""


def version() -> tuple[int, ...]:
    """Of the program here, as (2, 45)."""
    if PROGRAM is None:
        return (0,)
    said = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def newest_major() -> int:
    """Of the versions of PostgreSQL here that this pgBackRest knows; 0: none."""
    have = version()
    return max((major for major in majors() if SINCE.get(major, (99,)) <= have), default=0)


def pgbackrest(production: Production, config: Path, *arguments: str) -> str:
    assert PROGRAM
    process = processes.spawn(
        [PROGRAM, f"--config={config}", "--stanza=shop", *arguments],
        directory=production.directory,
        account=production.account,
        stdout=-1,
        stderr=-1,
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out.decode() + err.decode()
    return out.decode()


def folders(production: Production, *names: str) -> None:
    """Folders of the cluster's user."""
    for name in names:
        (production.directory / name).mkdir()
        if production.account:
            os.chown(production.directory / name, production.account.uid, production.account.gid)


def configuration(production: Production, *lines: str) -> str:
    """Of a repository that this cluster archives into. `lines`: the repositories, of [global]."""
    here = production.directory
    every = "".join(f"{line}\n" for line in lines)
    return (
        f"[global]\n{every}lock-path={here}/lock\nlog-path={here}/pglog\nspool-path={here}/spool\n"
        f"start-fast=y\nlog-level-console=warn\n"
        f"[shop]\npg1-path={production.data}\npg1-socket-path={here}\npg1-user=postgres\n"
    )


def archive_into(production: Production, *configs: Path) -> None:
    production.stop()
    push = [f"{PROGRAM} --config={config} --stanza=shop archive-push %p" for config in configs]
    production.start(archive_command=" && ".join(push))


def archived(production: Production) -> None:
    while production.archiving():
        production.sql("select pg_sleep(0.05)")


@contextmanager
def s3_over_tls(directory: Path) -> Iterator[tuple[int, Path]]:
    """S3, played by moto, with a certificate of its own authority, as pgBackRest demands: port, and the authority's file."""
    key, certificate = directory / "s3.key", directory / "s3.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1,DNS:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    certificate.chmod(0o644)
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server(
        "127.0.0.1", 0, application, threaded=True, ssl_context=(str(certificate), str(key))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, certificate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def upload(folder: Path, bucket: str, port: int, authority: Path) -> Any:
    """The files of a local repository as objects: a repository in S3 has the same names. The client."""
    client = boto3.client(
        "s3", endpoint_url=f"https://127.0.0.1:{port}", region_name="us-east-1", verify=str(authority),
        aws_access_key_id="test", aws_secret_access_key="test",  # noqa: S106
    )  # fmt: skip
    client.create_bucket(Bucket=bucket)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            client.put_object(
                Bucket=bucket, Key=f"repo/{path.relative_to(folder)}", Body=path.read_bytes()
            )
    return client
