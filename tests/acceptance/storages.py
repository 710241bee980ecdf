"""Real storages with dumps in them: how a test puts a dump there, and how a target names it."""

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
from abc import abstractmethod
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

LISTER = """
import json, os, sys
for entry in os.scandir(sys.argv[1]):
    print(json.dumps({"name": entry.name, "size": entry.stat().st_size}))
"""
PASSWORD = "not a secret: of a test's own repository"  # noqa: S105


class Keeper:
    """One storage. Dumps are put there before a drill."""

    program = ""
    """That it needs; empty: none."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment: dict[str, str] = {}

    @abstractmethod
    def put(self, dump: Path, name: str) -> None: ...

    @property
    @abstractmethod
    def keys(self) -> str:
        """Of `dump`, in YAML's flow style."""

    @property
    @abstractmethod
    def wrong(self) -> str:
        """The same, with credentials or an address that do not work."""

    def state(self) -> str:
        """Differs once anything in the storage has changed."""
        digest = hashlib.sha256()
        for path in sorted(p for p in self.directory.rglob("*") if p.is_file()):
            digest.update(f"{path} {path.stat().st_mtime_ns} ".encode() + path.read_bytes())
        return digest.hexdigest()

    def close(self) -> None:
        """Ends what was started."""


class S3(Keeper):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        self._server.start()
        _, port = self._server.get_host_and_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        # The servers of one process share their buckets.
        self.bucket = f"backups-{directory.name.lower().replace('_', '-')}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106
        )
        self.client.create_bucket(Bucket=self.bucket)
        self.client.put_object(Bucket=self.bucket, Key="other/readme.txt", Body=b"of somebody else")

    def put(self, dump: Path, name: str) -> None:
        self.client.upload_file(str(dump), self.bucket, f"shop/{name}")

    @property
    def keys(self) -> str:
        return f"path: 's3://{self.bucket}/shop/*.dump', s3: {{endpoint_url: '{self.endpoint}'}}"

    @property
    def wrong(self) -> str:
        return "path: 's3://backups/shop/*.dump', s3: {endpoint_url: 'http://127.0.0.1:9'}"

    def state(self) -> str:
        listed = self.client.list_objects_v2(Bucket=self.bucket)["Contents"]
        return str([(item["Key"], item["ETag"], item["LastModified"]) for item in listed])

    def close(self) -> None:
        self.client.close()
        self._server.stop()


class Restic(Keeper):
    program = "restic"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "repository")
        self.secret = directory / "password"
        self.secret.write_text(PASSWORD)
        self._run("init")

    def put(self, dump: Path, name: str) -> None:
        self._run("backup", "--stdin", "--stdin-filename", f"/shop/{name}", stdin=dump)

    def _run(self, *words: str, stdin: Path | None = None) -> None:
        with (stdin or Path(os.devnull)).open("rb") as given:
            subprocess.run(
                ["restic", "--no-cache", "-q", "-r", self.directory, "-p", self.secret, *words],
                stdin=given,
                check=True,
            )

    @property
    def keys(self) -> str:
        secret = f"password_command: [cat, '{self.secret}']"
        return f"path: '/shop/*.dump', restic: {{repository: '{self.directory}', {secret}}}"

    @property
    def wrong(self) -> str:
        by = "password_command: [echo, wrong]"
        return f"path: '/shop/*.dump', restic: {{repository: '{self.directory}', {by}}}"


class Borg(Keeper):
    program = "borg"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "repository")
        self.home = directory / "home"
        self.secret = directory / "password"
        self.secret.write_text(PASSWORD)
        self.environment = {"BORG_BASE_DIR": str(self.home)}
        self._run("init", "--encryption=repokey", str(self.directory))

    def put(self, dump: Path, name: str) -> None:
        folder = self.home / "source" / "shop"
        folder.mkdir(parents=True)
        shutil.copy2(dump, folder / name)
        self._run("create", f"{self.directory}::of-{name}", "shop", cwd=folder.parent)
        shutil.rmtree(folder)

    def _run(self, *words: str, cwd: Path | None = None) -> None:
        own = {"BORG_PASSPHRASE": PASSWORD, **self.environment}
        subprocess.run(["borg", *words], cwd=cwd, env={**os.environ, **own}, check=True)

    @property
    def keys(self) -> str:
        secret = f"passcommand: [cat, '{self.secret}']"
        return f"path: 'shop/*.dump', borg: {{repository: '{self.directory}', {secret}}}"

    @property
    def wrong(self) -> str:
        by = "passcommand: [echo, wrong]"
        return f"path: 'shop/*.dump', borg: {{repository: '{self.directory}', {by}}}"


class Rclone(Keeper):
    program = "rclone"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "far")
        (self.directory / "shop").mkdir(parents=True)
        self.config = directory / "rclone.conf"
        self.config.write_text("[far]\ntype = local\n")

    def put(self, dump: Path, name: str) -> None:
        shutil.copy(dump, self.directory / "shop" / name)

    @property
    def keys(self) -> str:
        named = f"remote: 'far:{self.directory}', config_file: '{self.config}'"
        return f"path: 'shop/*.dump', rclone: {{{named}}}"

    @property
    def wrong(self) -> str:
        named = f"remote: 'near:{self.directory}', config_file: '{self.config}'"
        return f"path: 'shop/*.dump', rclone: {{{named}}}"


class Command(Keeper):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "kept")
        self.directory.mkdir(parents=True)
        self.lister = directory / "list.py"
        self.lister.write_text(LISTER)

    def put(self, dump: Path, name: str) -> None:
        shutil.copy(dump, self.directory / name)

    @property
    def keys(self) -> str:
        return (
            f"path: '*.dump', command: {{list: ['{sys.executable}', '{self.lister}', '{self.directory}'], "
            f"fetch: [cat, '{self.directory}/{{name}}']}}"
        )

    @property
    def wrong(self) -> str:
        return "path: '*.dump', command: {list: ['false'], fetch: ['false']}"


class Http(Keeper):
    """Has the newest dump only, under one address."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "www")
        self.directory.mkdir()
        handler = functools.partial(_Quiet, directory=str(self.directory))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def put(self, dump: Path, name: str) -> None:  # noqa: ARG002
        shutil.copy(dump, self.directory / "shop.dump")

    @property
    def keys(self) -> str:
        return f"path: 'http://127.0.0.1:{self._server.server_address[1]}/shop.dump?token=x'"

    @property
    def wrong(self) -> str:
        return "path: 'http://127.0.0.1:9/shop.dump'"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


KEEPERS = {"s3": S3, "http": Http, "restic": Restic, "borg": Borg, "rclone": Rclone, "command": Command}  # fmt: skip
