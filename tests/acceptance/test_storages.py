"""Dumps in object stores, repositories and behind commands: the same verdicts as from a folder."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from restorecheck.config.storages.registry import STORAGES
from tests.acceptance.storages import KEEPERS, Command
from tests.missing import need
from tests.places import SHORT

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

YESTERDAY, TODAY = "shop-2026-11-27.dump", "shop-2026-11-28.dump"
CHECKS = "[{row_count: {table: public.books, equals: 2000}}]"


@pytest.fixture
def keeper(request, world):
    made: Any = KEEPERS[request.param]
    if made.program:
        need(made.found(), made.program, made.how)
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name:
        one = made(Path(name))
        world.environment |= one.environment
        yield one
        one.close()


def configure(world, keys, **options):
    world.configure(CHECKS, **options)
    text = world.config.read_text()
    world.config.write_text(text.replace("path: backups", keys))


every = pytest.mark.parametrize("keeper", KEEPERS, indirect=True)


def test_every_kind_of_storage_is_tried():
    assert {kind.key for kind in STORAGES} == KEEPERS.keys() - {"sftp"}  # rclone's


@every
def test_a_healthy_dump_is_verified_and_the_storage_unchanged(world, dumps, keeper):
    keeper.put(dumps["custom"], TODAY)
    before = keeper.state()
    configure(world, keeper.keys)

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert keeper.state() == before
    assert str(world.work) not in report["backup"]["identifier"]
    assert "token" not in report["backup"]["identifier"]


@every
def test_a_cut_newest_dump_fails_and_the_older_one_is_restored(world, dumps, keeper):
    whole = dumps["custom"].read_bytes()
    cut = world.directory / "cut"
    cut.write_bytes(whole[: len(whole) // 2])
    keeper.put(dumps["custom"], YESTERDAY)
    keeper.put(cut, TODAY)
    configure(world, keeper.keys)

    code, report = world.drill()

    assert (code, report["verdict"]) == (1, "failed"), report["reason"]
    if "http" not in keeper.keys.partition(",")[0]:
        assert report["restore"]["outcome"] == "succeeded"
        assert report["backup"]["identifier"].endswith(YESTERDAY)


@every
def test_a_storage_that_cannot_be_read_says_nothing_of_the_backup(world, keeper):
    configure(world, keeper.wrong)

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert report["reason"]


@pytest.mark.parametrize("keeper", sorted(KEEPERS.keys() - {"http"}), indirect=True)
def test_a_storage_without_a_dump_fails(world, dumps, keeper):
    keeper.put(dumps["custom"], "notes.pdf")
    configure(world, keeper.keys)

    code, report = world.drill()

    assert (code, report["verdict"]) == (1, "failed"), report["reason"]
    assert "could not find a dump in " in report["reason"]


@every
def test_doctor_says_the_newest_dump_of_a_storage_and_its_age(world, dumps, keeper):
    keeper.put(dumps["custom"], TODAY)
    configure(world, keeper.keys)

    found = json.loads(world.run("doctor", "--format", "json").stdout)["findings"]

    newest = next(f for f in found if f["rule"] == "RC102")
    assert newest["outcome"] == "ok", newest
    assert "shop" in newest["found"]


@every
def test_doctor_says_why_a_storage_cannot_be_read(world, keeper):
    configure(world, keeper.wrong)

    found = json.loads(world.run("doctor", "--format", "json").stdout)["findings"]

    newest = next(f for f in found if f["rule"] == "RC102")
    assert newest["outcome"] == "problem", newest
    assert newest["found"].startswith("could not "), newest


def test_a_dump_of_unknown_age_is_no_young_backup(world, dumps):
    (world.backups / "latest.sql").write_bytes(dumps["plain"].read_bytes())
    configure(
        world,
        "path: '*.sql', max_age_hours: 26, command: {list: [echo, latest.sql], "
        f"fetch: [cat, '{world.backups}/{{name}}']}}",
    )

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert "age of the backup is unknown" in report["reason"]


def test_a_dump_that_is_too_large_is_not_fetched(world, dumps):
    keeper = Command(world.directory / "storage")
    keeper.put(dumps["custom"], TODAY)
    configure(world, f"{keeper.keys}, max_size_gb: 0.000001")

    code, report = world.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert "max_size_gb" in report["reason"]


@pytest.mark.parametrize("kind", ["directory", "plain", "tar"])
def test_other_formats_are_fetched_whole(world, dumps, kind):
    far = world.directory / "far"
    (world.directory / "rclone.conf").write_text("[far]\ntype = local\n")
    need(shutil.which("rclone"), "rclone", "apt-get install rclone")
    put = shutil.copytree if dumps[kind].is_dir() else shutil.copy
    far.mkdir()
    put(dumps[kind], far / dumps[kind].name)
    configure(world, f"path: '*', rclone: {{remote: 'far:{far}', config_file: rclone.conf}}")

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


def test_each_database_of_a_storage_is_proven(world, dumps):
    keeper = Command(world.directory / "storage")
    for name in ("shop-2026-11-27.dump", "shop-2026-11-28.dump"):
        keeper.put(dumps["custom"], name)
    configure(world, keeper.keys, extra="")
    text = world.config.read_text().replace(
        "    checks:", "    databases: [library, crm]\n    checks:"
    )
    world.config.write_text(text)

    code, report = world.drill()

    assert (code, report["verdict"]) == (1, "failed"), report["reason"]
    assert any(c["name"] == "there is a dump of crm" for c in report["checks"])
