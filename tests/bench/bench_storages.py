"""Part of `make bench`: a drill from S3 over loopback, beside its download and the drill of the local file.

For each form, interleaved in one run: the download alone (listed, fetched, compared with its checksum), the drill of
the file on disk, the drill from the bucket. The ratio of the third to the sum of the first two is what a bucket costs.

Usage: python -m tests.bench.bench_storages [ROWS]
"""

import hashlib
import http.server
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from restorecheck.postgres.server.binaries import Installation
from restorecheck.storages.s3 import S3Storage
from tests.bench.bench_forms import FORMS, drill, dump
from tests.bench.bench_tables import AS_INSTALLED, ROUNDS, installed
from tests.bench.measured import Row, note

ROWS = 1_000_000
LIST = (
    "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>{name}</Key>"
    "<LastModified>{at}</LastModified><ETag>{etag}</ETag><Size>{size}</Size></Contents></ListBucketResult>"
)


class Bucket(http.server.BaseHTTPRequestHandler):
    """S3 as far as one object needs it."""

    protocol_version = "HTTP/1.1"
    file: Path
    etag: str

    def do_GET(self) -> None:
        size = self.file.stat().st_size
        if "list-type" in self.path:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            text = LIST.format(name=self.file.name, at=at, etag=self.etag, size=size).encode()
            self._begin(len(text))
            self.wfile.write(text)
            return
        self._begin(size)
        with self.file.open("rb") as content:
            while data := content.read(1 << 20):
                self.wfile.write(data)

    def _begin(self, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.send_header("ETag", self.etag)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def bucket(file: Path) -> Iterator[str]:
    with file.open("rb") as content:
        etag = f'"{hashlib.file_digest(content, "md5").hexdigest()}"'
    handler = type("Serving", (Bucket,), {"file": file, "etag": etag})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(storage: S3Storage, to: Path) -> float:
    began = time.perf_counter()
    (file,) = storage.files()
    with to.open("wb") as place:
        storage.read(file, place, lambda: False)
    took = time.perf_counter() - began
    to.unlink()
    return took


def compare(installation: Installation, form: str, folder: Path) -> None:
    file = folder / FORMS[form][0]
    with bucket(file) as base:
        path = f"s3://bucket/*{re.sub('^x', '', file.name)}"
        keys = f"path: '{path}', s3: {{endpoint_url: '{base}'}}"

        def drilling(dump: str) -> float:
            (folder / "restorecheck.yaml").write_text(
                f"version: 1\nhistory: {{path: {folder}/{form}.sqlite}}\n"
                f"postgres: {{work_dir: {folder}/work, bin_dir: {installation.bin_dir}}}\n"
                f"targets: [{{name: forms, dump: {{{dump}, max_age_hours: 24}}}}]\n"
            )
            return drill(folder)[1]

        storage = S3Storage(path=path, endpoint_url=base)
        ways: dict[str, Callable[[], float]] = {
            "download": lambda: fetch(storage, folder / "fetched"),
            "local": lambda: drilling(f"path: {file.name}"),
            "bucket": lambda: drilling(keys),
        }
        found: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, act in ways.items():
                found[way].append(act())
    seconds = {way: statistics.median(found[way]) for way in ways}
    ratio = seconds["bucket"] / (seconds["download"] + seconds["local"])
    shown = "   ".join(f"{way} {took:5.2f} s" for way, took in seconds.items())
    print(
        f"{form:10} {file.stat().st_size / 1e6:6.0f} MB   {shown}   {ratio:4.2f} x apart",
        flush=True,
    )
    note(
        Row(
            part="from a bucket",
            what=f"{form}: drill from S3 over loopback",
            beside="the download and the drill of a local file",
            seconds=seconds["bucket"],
            wall=ratio,
        )
    )


def main() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    os.environ |= keys
    AS_INSTALLED.update(keys)
    installation = installed()
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print(f"dumps in S3 over loopback, PostgreSQL {installation.version}")
    with tempfile.TemporaryDirectory(prefix="rcbench", dir="/tmp") as name:
        folder = Path(name)
        (folder / "work").mkdir(mode=0o755)
        folder.chmod(0o755)
        dump(installation, rows, folder)
        for form in ("plain", "plain.gz", "plain.zst", "custom"):
            compare(installation, form, folder)


if __name__ == "__main__":
    main()
