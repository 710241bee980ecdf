"""Physical backups that were put together wrongly, or edited: parts of several backups and clusters, without a manifest that tells."""

import re
import shutil

import pytest

from tests.acceptance.physical import Yard, tell
from tests.chosen import chosen
from tests.missing import left_out
from tests.production import age, majors, producing

MAJORS = majors()


@pytest.fixture(scope="module", params=chosen(sorted(MAJORS), 0.3))
def story(request):
    with producing(MAJORS[request.param]) as production:
        told = tell(production)
        production.backup("later")
        yield told


@pytest.fixture(scope="module")
def other(story):
    """A cluster of the same version, with the same tables and other rows."""
    with producing(story.production.installation) as production:
        production.order(77)
        yield tell(production)


@pytest.fixture
def yard(world, story):
    return Yard(world, story)


def edited(yard, pattern, to):
    label = yard.full / "backup_label"
    text, count = re.subn(pattern, to, label.read_text())
    assert count, label.read_text()
    label.write_text(text)


def later(yard):
    return yard.story.production.backups / "later"


def start_of_the_later(yard, name):
    found = re.search(rf"{name}: (\S+)", (later(yard) / "backup_label").read_text())
    assert found is not None
    return found[1]


def label_starts_later(yard, _):
    edited(
        yard,
        r"START WAL LOCATION: \S+",
        f"START WAL LOCATION: {start_of_the_later(yard, 'START WAL LOCATION')}",
    )


def label_has_the_checkpoint_of_a_later_backup(yard, _):
    edited(
        yard,
        r"CHECKPOINT LOCATION: \S+",
        f"CHECKPOINT LOCATION: {start_of_the_later(yard, 'CHECKPOINT LOCATION')}",
    )


def label_of_a_later_backup(yard, _):
    shutil.copy(later(yard) / "backup_label", yard.full / "backup_label")


def label_with_another_timeline(yard, _):
    edited(yard, r"START TIMELINE: 1", "START TIMELINE: 7")


def label_is_garbage(yard, _):
    (yard.full / "backup_label").write_text("nothing of it\n")


def label_is_empty(yard, _):
    (yard.full / "backup_label").write_text("")


def label_is_a_link(yard, _):
    label = yard.full / "backup_label"
    label.unlink()
    label.symlink_to(later(yard) / "backup_label")


def control_of_another_cluster(yard, other):
    shutil.copy(
        other.production.backups / "full" / "global/pg_control", yard.full / "global/pg_control"
    )


def control_of_a_later_backup(yard, _):
    shutil.copy(later(yard) / "global/pg_control", yard.full / "global/pg_control")


def base_of_another_cluster(yard, other):
    """Of the same version, with tables of the same names: without a manifest only a comparison with an earlier night can tell."""
    shutil.rmtree(yard.full / "base")
    shutil.copytree(other.production.backups / "full" / "base", yard.full / "base")


def base_of_a_later_backup(yard, _):
    """WAL is replayed onto newer pages, which is no harm; but nothing knows that they are newer."""
    shutil.rmtree(yard.full / "base")
    shutil.copytree(later(yard) / "base", yard.full / "base")


def older_base_under_a_later_backup(yard, _):
    """As a copy that was interrupted, and taken up again with the next backup."""
    kept = yard.full / "base"
    moved = yard.world.directory / "older"
    kept.rename(moved)
    shutil.rmtree(yard.full)
    shutil.copytree(later(yard), yard.full)
    shutil.rmtree(yard.full / "base")
    moved.rename(yard.full / "base")


def transactions_of_an_older_backup(yard, _):
    moved = yard.world.directory / "older"
    (yard.full / "pg_xact").rename(moved)
    shutil.rmtree(yard.full)
    shutil.copytree(later(yard), yard.full)
    shutil.rmtree(yard.full / "pg_xact")
    moved.rename(yard.full / "pg_xact")


def map_of_tablespaces_that_are_not_there(yard, _):
    """No table is in it; and no link may lead to this path."""
    (yard.full / "tablespace_map").write_text("16999 /etc\n")


def wal_of_another_cluster_in_the_archive(yard, other):
    for name in yard.story.needed:
        if (other.production.archive / name).exists():
            shutil.copy(other.production.archive / name, yard.archive / name)


def segment_under_the_name_of_another_timeline(yard, _):
    """The last ones, as if a standby had been promoted, without its history."""
    for name in yard.story.needed[-2:]:
        (yard.archive / name).rename(yard.archive / f"00000002{name[8:]}")


def version_of_another_major(yard, _):
    (yard.full / "PG_VERSION").write_text("16\n")


def a_file_of_a_catalog_of_a_later_backup(yard, _):
    """pg_class of the database: tables have other files there."""
    ((path,),) = yard.story.production.sql("select pg_relation_filepath('pg_class')")
    shutil.copy(later(yard) / path, yard.full / path)


FAIL = (
    label_of_a_later_backup,
    label_with_another_timeline,
    label_is_garbage,
    label_is_empty,
    label_is_a_link,
    control_of_another_cluster,
    base_of_another_cluster,
    older_base_under_a_later_backup,
    transactions_of_an_older_backup,
    wal_of_another_cluster_in_the_archive,
    segment_under_the_name_of_another_timeline,
)
HARMLESS = (
    label_starts_later,
    label_has_the_checkpoint_of_a_later_backup,
    control_of_a_later_backup,
    map_of_tablespaces_that_are_not_there,
    base_of_a_later_backup,
    a_file_of_a_catalog_of_a_later_backup,
)
"""The replay of WAL makes the same of it: the server begins at the earlier of two positions, and writes whole pages over newer ones."""
UNCLEAR = (version_of_another_major,)
VERDICTS = {
    **dict.fromkeys((mix for mix in FAIL if mix is not base_of_another_cluster), "failed"),
    **dict.fromkeys(HARMLESS, "verified"),
    **dict.fromkeys(UNCLEAR, "inconclusive"),
}


@pytest.mark.parametrize("mix", VERDICTS, ids=lambda mix: mix.__name__)
def test_what_was_put_together_wrongly_is_judged_right(yard, story, other, mix):
    yard.fill("full")
    mix(yard, other)
    if (manifest := yard.full / "backup_manifest").exists():
        manifest.unlink()
    age(yard.full)

    _, report = yard.drill(rows=story.rows["end"])

    found = (
        report["verdict"],
        report["reason"],
        [c["detail"] for c in report["checks"] if c["detail"]],
    )
    print(mix.__name__, found)
    assert report["verdict"] == VERDICTS[mix], found


@pytest.mark.parametrize("mix", FAIL, ids=lambda mix: mix.__name__)
def test_with_its_manifest_each_fails(yard, other, mix):
    yard.fill("full")
    before = {p: p.read_bytes() for p in yard.full.rglob("*") if p.is_file()}
    mix(yard, other)
    if all(p.is_file() and p.read_bytes() == content for p, content in before.items()):
        left_out("only the archive was changed")
    age(yard.full)

    _, report = yard.drill()

    assert report["verdict"] == "failed", report["reason"]
    if mix is not control_of_another_cluster:  # of which pg_verifybackup until 16 takes no checksum
        assert "manifest" in report["reason"] or "backup_label" in report["reason"]


def test_the_own_wal_of_another_cluster_fails(yard, other):
    yard.fill("full")
    for path in (yard.full / "pg_wal").glob("0*"):
        path.unlink()
    for path in other.production.archive.iterdir():
        shutil.copy(path, yard.full / "pg_wal" / path.name)
    (yard.full / "backup_manifest").unlink()
    age(yard.full)
    yard.configure(physical="{kind: basebackup, path: backups/full}")

    code, report = yard.world.drill()

    assert (code, report["verdict"]) == (1, "failed"), report["reason"]


@pytest.mark.parametrize("name", ["done", "README.txt", "lost+found/x", "checksums/sha256"])
def test_a_file_that_somebody_put_beside_the_data_is_no_damage(yard, story, name):
    yard.fill("full")
    (yard.full / name).parent.mkdir(exist_ok=True)
    (yard.full / name).write_text("on the backup, and no part of it\n")
    age(yard.full)

    code, report = yard.drill(rows=story.rows["end"])

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert name.split("/")[0] in "\n".join(report["notes"])


def test_a_file_among_the_data_that_the_manifest_does_not_know_fails(yard):
    yard.fill("full")
    (yard.full / "global" / "16999").write_bytes(bytes(8192))
    age(yard.full)

    _, report = yard.drill()

    assert report["verdict"] == "failed", report["reason"]
