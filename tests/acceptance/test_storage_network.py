"""A download from a bucket whose network is cut: the server and the drill in a namespace of their own."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from tests.missing import needs
from tests.rds.test_network import BREAKS, UP, can_make_a_namespace

pytestmark = needs(
    can_make_a_namespace(), "a network namespace", "as root, apt-get install iproute2 util-linux"
)
SERVER = """
import hashlib, sys
from pathlib import Path
from tests.integration import test_lost_connections as lost
from tests.integration.test_s3_refusals import listing, say

content = Path(sys.argv[1]).read_bytes()
lost.ETAG = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'

class Slow(lost.Shelf):
    def do_GET(self):
        if "list-type" in self.path:
            items = listing(["shop.dump"], size=len(content)).replace(OLD, lost.ETAG.encode())
            return say(self, items)
        print("sending", self.headers.get("Range", ""), flush=True)
        return super().do_GET()

from tests.integration import test_s3_refusals
OLD = test_s3_refusals.ETAG.encode()
with lost.serving(Slow, content=content, etag=lost.ETAG) as (_, base):
    print(base, flush=True)
    sys.stdin.read()
"""
SLOW = "tc qdisc add dev lo root tbf rate 16mbit burst 64kb latency 400ms"
UNSLOW = "tc qdisc del dev lo root"


@contextmanager
def bucket_in_a_namespace(dump):
    command = [sys.executable, "-c", SERVER, str(dump)]
    server = subprocess.Popen(
        ["unshare", "--net", "--", "sh", "-c", f'{UP} && exec "$0" "$@"', *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server, server.stdout.readline().strip()
    finally:
        server.communicate(timeout=60)


@pytest.mark.parametrize("kind", BREAKS)
def test_a_download_survives_a_network_that_is_gone_for_a_while(world, source, kind):
    cut, mend = BREAKS[kind]
    big = (
        "create table big as select repeat(md5(i::text), 10) as t from generate_series(1, 40000) i"
    )
    source.sql(big)
    try:
        source.dump(world.backups / "shop.dump", "--format=custom", "--compress=0")
    finally:
        source.sql("drop table big")
    with bucket_in_a_namespace(world.backups / "shop.dump") as (server, base):

        def change(command):
            inside = ["nsenter", f"--net=/proc/{server.pid}/ns/net", "--", *command.split()]
            subprocess.run(inside, check=True)

        world.configure("[{row_count: {table: public.big, equals: 40000}}]")
        text = world.config.read_text()
        keys = f"path: 's3://bucket/*.dump', s3: {{endpoint_url: '{base}'}}"
        world.config.write_text(text.replace("path: backups", keys))
        keys_of_aws = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        change(SLOW)
        drilling = subprocess.Popen(
            [
                "nsenter",
                f"--net=/proc/{server.pid}/ns/net",
                "--",
                sys.executable,
                "-m",
                "restorecheck",
                "drill",
                "--json",
            ],
            cwd=world.directory,
            env={**os.environ, **keys_of_aws, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        timers = []
        try:
            assert server.stdout.readline().startswith("sending")
            for after, commands in ((1.0, [UNSLOW, cut]), (4.0, [mend])):
                timers.append(threading.Timer(after, lambda c=commands: [*map(change, c)]))
                timers[-1].start()
            out, _ = drilling.communicate(timeout=150)
        finally:
            for timer in timers:
                timer.join()
            drilling.kill()
            drilling.wait()

    report = json.loads(out)
    assert (drilling.returncode, report["verdict"]) == (0, "verified"), report["reason"]
    assert report["teardown"]["left"] == []
