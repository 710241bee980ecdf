"""Repositories as pgBackRest's users have them: encrypted, several, of an upgraded cluster, of a repository host."""

import json
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.acceptance.pgbackrest import (
    PROGRAM,
    archive_into,
    archived,
    configuration,
    folders,
    newest_major,
    pgbackrest,
    s3_over_tls,
    upload,
    version,
)
from tests.missing import needs
from tests.production import Production, majors, producing

KEY = "c1pher-of-the-shop"
pytestmark = [
    needs(PROGRAM, "pgbackrest", "apt-get install pgbackrest"),
    needs(newest_major(), "PostgreSQL 15", "apt-get install postgresql-15"),
]


@dataclass
class Made:
    """One cluster that archives into three repositories, under two configurations."""

    production: Production
    labels: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def here(self) -> Path:
        return self.production.directory

    def config(self, name: str) -> Path:
        return self.here / f"{name}.conf"

    def back_up(self, config: str, *options: str) -> str:
        """The label of the backup."""
        pgbackrest(self.production, self.config(config), *options, "backup")
        repo = next((o for o in options if o.startswith("--repo=")), "--repo=1")
        listed = json.loads(
            pgbackrest(self.production, self.config(config), repo, "--output=json", "info")
        )
        return str(listed[0]["backup"][-1]["label"])


@pytest.fixture(scope="module")
def made():
    with producing(majors()[newest_major()]) as production:
        made = Made(production)
        folders(production, "one", "two", "three", "lock", "spool", "pglog", "space")
        block = ["repo1-block=y"] if version() >= (2, 46) else []
        made.config("sealed").write_text(
            configuration(
                production,
                f"repo1-path={made.here}/one",
                "repo1-cipher-type=aes-256-cbc",
                f"repo1-cipher-pass={KEY}",
                "repo1-bundle=y",
                "compress-type=zst",
                *block,
            )
        )
        made.config("several").write_text(
            configuration(
                production,
                f"repo1-path={made.here}/two",
                f"repo2-path={made.here}/three",
                "compress-type=bz2",
            )
        )
        tell(made)
        yield made


def tell(made: Made) -> None:
    production = made.production
    configs = [made.config("sealed"), made.config("several")]
    archive_into(production, *configs)
    production.sql(f"create tablespace aside location '{made.here}/space'")
    production.sql("create table apart (id int primary key) tablespace aside")
    production.sql("insert into apart select i from generate_series(1, 500) i")
    for config in configs:
        pgbackrest(production, config, "stanza-create")
    production.order(100)
    made.labels["full"] = made.back_up("sealed", "--type=full")
    made.labels["second"] = made.back_up("several", "--repo=2", "--type=full")
    production.order(1000)
    made.labels["diff"] = made.back_up("sealed", "--type=diff")
    made.labels["first"] = made.back_up("several", "--repo=1", "--type=full")
    production.order(1000)
    made.labels["incr"] = made.back_up("sealed", "--type=incr")
    production.order(1000)
    production.sql("select pg_switch_wal()")
    archived(production)
    production.stop()


class Copy:
    """The repositories and their configurations, to be changed and drilled."""

    def __init__(self, world, made):
        self.world, self.made = world, made
        self.rows = 3100
        for name in ("one", "two", "three"):
            shutil.copytree(made.here / name, world.backups / name, symlinks=True)
        owner = (made.here / "one").stat()
        for path in world.backups.rglob("*"):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        for name in ("sealed", "several"):
            text = made.config(name).read_text()
            for repo in ("one", "two", "three"):
                text = text.replace(f"{made.here}/{repo}", f"{world.backups}/{repo}")
            (world.directory / f"{name}.conf").write_text(text)

    def change(self, name, old, new, more=""):
        path = self.world.directory / f"{name}.conf"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new) + more)

    def drill(self, name, keys="", *, stanza="shop", select="newest"):
        world = self.world
        world.config.write_text(
            "version: 1\n"
            "targets:\n"
            "  - name: shop\n"
            f"    physical: {{kind: pgbackrest, config: {name}.conf, stanza: {stanza}{keys}}}\n"
            f"    select: {select}\n"
            "    databases: [shop]\n"
            "    checks:\n"
            f"      - row_count: {{table: orders, equals: {self.rows}}}\n"
            "      - row_count: {table: apart, equals: 500}\n"
            f"postgres: {{work_dir: {world.work}, jobs: 2}}\n"
            "history: {path: history.sqlite}\n"
        )
        return world.drill()


@pytest.fixture
def copy(made, world):
    return Copy(world, made)


def verified(answer):
    code, report = answer
    assert (code, report["verdict"]) == (0, "verified"), report["reason"] + json.dumps(
        report["notes"] + report["checks"]
    )
    return report


def inconclusive(answer):
    code, report = answer
    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"] + json.dumps(
        report["notes"] + report["checks"]
    )
    return report


@pytest.mark.parametrize("select", ["newest", "full", "diff"])
def test_an_encrypted_bundled_repository_is_restored(copy, made, select):
    label = made.labels.get(select)

    report = verified(copy.drill("sealed", select=f"{{name: {label}}}" if label else "newest"))

    assert report["backup"]["identifier"].endswith(label or made.labels["incr"])
    assert KEY not in json.dumps(report)


def test_the_key_may_come_from_the_environment(copy):
    copy.change("sealed", f"repo1-cipher-pass={KEY}\n", "")
    copy.world.environment["PGBACKREST_REPO1_CIPHER_PASS"] = KEY

    report = verified(copy.drill("sealed"))

    assert KEY not in json.dumps(report)


@pytest.mark.parametrize("key", ["another", ""])
def test_a_wrong_or_missing_key_is_inconclusive(copy, key):
    copy.change("sealed", f"repo1-cipher-pass={KEY}\n", f"repo1-cipher-pass={key}\n" if key else "")

    report = inconclusive(copy.drill("sealed"))

    assert KEY not in json.dumps(report)
    assert "repo1-cipher-pass" in report["hint"], report["reason"]


def test_of_several_repositories_the_newest_backup_is_taken_and_its_repository_named(copy, made):
    report = verified(copy.drill("several"))

    assert report["backup"]["identifier"].endswith(made.labels["first"])
    assert "the backup is in repository 1 of 2" in "\n".join(report["notes"])


def test_a_repository_can_be_named(copy, made):
    shutil.rmtree(copy.world.backups / "two")

    report = verified(copy.drill("several", ", repo: 2"))

    assert report["backup"]["identifier"].endswith(made.labels["second"])


def test_one_of_several_repositories_that_cannot_be_read_is_named(copy):
    shutil.rmtree(copy.world.backups / "two")

    report = inconclusive(copy.drill("several"))

    assert "repository 1 has no stanza shop" in report["reason"]
    assert "physical.repo" in report["hint"]


def test_a_wrong_stanza_is_inconclusive(copy):
    report = inconclusive(copy.drill("several", stanza="bakery"))

    assert "has no stanza bakery" in report["reason"]
    assert "physical" in report["hint"]


def test_a_configuration_of_a_repository_host_leads_nowhere(copy):
    elsewhere = copy.world.directory / "production"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    copy.change(
        "sealed",
        "pg1-user=postgres\n",
        "pg1-user=postgres\npg1-host=127.0.0.1\npg1-host-user=postgres\npg2-path=/nowhere\npg2-host=127.0.0.1\n",
        "[global:restore]\ndelta=y\nlink-all=y\ndb-include=shop\ndb-exclude=template1\narchive-mode=preserve\n"
        f"tablespace-map=aside={elsewhere}/aside\nrecovery-option=primary_conninfo=host=127.0.0.1\n"
        f"[shop:restore]\nlink-map=pg_wal={elsewhere}/wal\nprocess-max=2\n"
        "[global:archive-get]\narchive-async=y\narchive-get-queue-max=64MiB\n",
    )

    verified(copy.drill("sealed"))

    assert list(elsewhere.iterdir()) == []


def test_a_stanza_of_an_upgraded_cluster_has_two_archives(copy, made):
    """Another cluster, of another system identifier, goes on in the same stanza, as after pg_upgrade."""
    with producing(majors()[newest_major()]) as later:
        folders(later, "lock", "spool", "pglog")
        repo = copy.world.backups / "two"
        config = later.directory / "later.conf"
        config.write_text(configuration(later, f"repo1-path={repo}"))
        pgbackrest(later, config, "stanza-upgrade")
        archive_into(later, config)
        for _ in range(40):  # further than the archive of the older cluster
            later.sql("select pg_switch_wal()")
        pgbackrest(later, config, "backup", "--type=full")
        archived(later)
    copy.change("several", f"repo2-path={copy.world.backups}/three\n", "")

    report = verified(copy.drill("several", select=f"{{name: {made.labels['first']}}}"))
    assert "recovery reached the end of the archive" in json.dumps(report["checks"])

    code, report = copy.drill("several")
    assert (code, report["verdict"]) == (1, "failed"), report
    assert report["backup"]["identifier"] != f"pgBackRest shop: {made.labels['first']}"
    assert "orders" in json.dumps(report["checks"])  # of the new cluster, which has other rows


def test_an_incremental_backup_whose_full_one_is_gone_fails(copy, made):
    shutil.rmtree(copy.world.backups / "one" / "backup" / "shop" / made.labels["full"])

    code, report = copy.drill("sealed")

    assert (code, report["verdict"]) == (1, "failed"), report["reason"]
    assert "pgbackrest restore" in report["reason"]


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_repository_in_s3_is_restored(copy):
    with s3_over_tls(copy.world.directory) as (port, authority):
        client = upload(copy.world.backups / "one", "backups", port, authority)
        copy.change(
            "sealed",
            f"repo1-path={copy.world.backups}/one\n",
            f"repo1-type=s3\nrepo1-path=/repo\nrepo1-s3-bucket=backups\nrepo1-s3-region=us-east-1\n"
            f"repo1-s3-endpoint=127.0.0.1\nrepo1-storage-port={port}\nrepo1-storage-ca-file={authority}\n"
            "io-timeout=1\nrepo1-s3-uri-style=path\nrepo1-s3-key=test\nrepo1-s3-key-secret=s3cret-of-the-shop\n",
        )
        shutil.rmtree(copy.world.backups / "one")

        report = verified(copy.drill("sealed"))
        assert "s3cret-of-the-shop" not in json.dumps(report)

        gone = [
            o["Key"]
            for o in client.list_objects_v2(Bucket="backups", Prefix="repo/archive/shop")[
                "Contents"
            ]
        ]
        newest = max(key for key in gone if "-" in key.rpartition("/")[2])
        client.put_object(Bucket="backups", Key=newest, Body=b"x" * 5000)
        code, report = copy.drill("sealed")
        assert (code, report["verdict"]) == (1, "failed"), report["reason"]

        client.close()
    report = inconclusive(copy.drill("sealed"))
    assert "cannot be read" in report["reason"]


def test_a_backup_that_was_taken_from_a_standby_is_recovered(world):
    with producing(majors()[newest_major()]) as production:
        folders(production, "repo", "lock", "spool", "pglog")
        standby = replace(production, directory=production.directory / "standby", server=None)
        folders(production, "standby")
        production.run(
            "pg_basebackup", f"--host={production.directory}", "--username=postgres", "--no-sync",
            "--checkpoint=fast", f"--pgdata={standby.data}", "--write-recovery-conf",
        )  # fmt: skip
        config = production.directory / "pgbackrest.conf"
        config.write_text(
            configuration(production, f"repo1-path={production.directory}/repo", "backup-standby=y")
            + f"pg2-path={standby.data}\npg2-socket-path={standby.directory}\npg2-user=postgres\n"
        )
        standby.start()
        try:
            archive_into(production, config)
            pgbackrest(production, config, "stanza-create")
            production.order(100)
            pgbackrest(production, config, "backup", "--type=full")
            production.order(1000)
            production.sql("select pg_switch_wal()")
            archived(production)
        finally:
            standby.stop()
        production.stop()
        world.config.write_text(
            "version: 1\n"
            "targets:\n"
            "  - name: shop\n"
            f"    physical: {{kind: pgbackrest, config: {config}, stanza: shop}}\n"
            "    checks: [row_count: {table: orders, equals: 1100, database: shop}]\n"
            f"postgres: {{work_dir: {world.work}, jobs: 2}}\n"
            "history: {path: history.sqlite}\n"
        )

        verified(world.drill())
