"""Backups of WAL-G, through a program that answers as WAL-G's documentation says. WAL-G itself was not tried: no registry has it."""

import json
import os
import shutil

import pytest

from tests.acceptance.physical import Story, Yard, tell
from tests.chosen import chosen
from tests.production import flip, majors, producing

MAJORS = majors()
NAME = "base_000000010000000000000003"
PROGRAM = """#!/bin/sh
# wal-g [--config=FILE] COMMAND …
case "$1" in --config=*) WALG_FILE_PREFIX=$(cat "${1#--config=}"); shift;; esac
cd "$WALG_FILE_PREFIX" || { echo "ERROR: storage is not configured" >&2; exit 1; }
case "$1" in
backup-list) [ "$2 $3" = "--detail --json" ] && cat list.json ;;
wal-show) [ "$2" = --detailed-json ] && cat show.json ;;
st) [ "$2" = cat ] && cat "sentinels/${3#basebackups_005/}" ;;
backup-fetch)
  cp -R "base/$3/." "$2"
  for space in base/tablespaces/*; do
    [ -e "$space" ] || continue
    oid=$(basename "$space") to=/production/spaces/$(basename "$space")
    case "$4" in --restore-spec=*)
      to=$(tr '{}' '\\n\\n' <"${4#--restore-spec=}" | sed -n 's/.*"loc": "\\([^"]*\\/'$oid'\\)".*/\\1/p') ;;
    esac
    cp -R "$space/." "$to" && ln -s "$to" "$2/pg_tblspc/$oid" || { echo "ERROR: cannot write to $to" >&2; exit 1; }
  done ;;
wal-fetch)
  [ "$WALG_DOWNLOAD_CONCURRENCY" = 1 ] || { echo "ERROR: a prefetcher would be left" >&2; exit 1; }
  [ ! -e broken ] || { echo "ERROR: connection refused" >&2; exit 1; }
  [ -e "wal/$2" ] || { echo "ERROR: Archive '$2' does not exist." >&2; exit 74; }
  cp "wal/$2" "$3" ;;
*) exit 1 ;;
esac
"""


@pytest.fixture(scope="module", params=chosen(sorted(MAJORS), 0.3))
def story(request):
    with producing(MAJORS[request.param]) as production:
        yield tell(production)


@pytest.fixture(scope="module")
def spaced():
    """A cluster with a tablespace; in its backup its folder stands beside the data."""
    with producing(MAJORS[max(MAJORS)]) as production:
        place, aside = production.directory / "space", production.directory / "aside"
        for folder in (place, aside):
            folder.mkdir()
            if production.account:
                os.chown(folder, production.account.uid, production.account.gid)
        production.sql(f"create tablespace aside location '{place}'")
        production.sql("create table apart (id int primary key) tablespace aside")
        production.sql("insert into apart select i from generate_series(1, 500) i")
        production.backup("full", f"--tablespace-mapping={place}={aside}/full")
        production.order(100)
        production.switch()
        yield Story(production, "", "", "", "", {"end": 100})


class Storage(Yard):
    def __init__(self, world, story):
        super().__init__(world, story)
        self.place = world.directory / "storage"
        shutil.copytree(
            story.production.backups / "full", self.place / "base" / NAME, symlinks=True
        )
        for link in (self.place / "base" / NAME / "pg_tblspc").iterdir():
            shutil.copytree(link.readlink(), self.place / "base" / "tablespaces" / link.name)
            spec = {"base_prefix": "/data", "tablespaces": [link.name], link.name: {"loc": "/x"}}
            (self.place / "sentinels").mkdir()
            sentinel = self.place / "sentinels" / f"{NAME}_backup_stop_sentinel.json"
            sentinel.write_text(json.dumps({"LSN": 1, "Spec": spec}))
            link.unlink()
        (self.place / "base" / NAME / "backup_manifest").unlink()  # WAL-G writes none
        shutil.copytree(story.production.archive, self.place / "wal")
        for path in [self.place, *self.place.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        program = world.directory / "bin" / "wal-g"
        program.parent.mkdir()
        program.write_text(PROGRAM)
        program.chmod(0o755)
        world.environment |= {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "WALG_FILE_PREFIX": str(self.place),
        }
        label = (self.place / "base" / NAME / "backup_label").read_text()
        high, low = label.split()[3].split("/")
        backup = {
            "backup_name": NAME,
            "time": "2026-11-29T03:00:01.123456789Z",
            "start_time": "2026-11-29T03:00:00Z",
            "finish_time": "0001-01-01T00:00:00Z",
            "pg_version": story.production.installation.major * 10_000,
            "start_lsn": (int(high, 16) << 32) + int(low, 16),
            "uncompressed_size": 30_000_000,
        }
        (self.place / "list.json").write_text(json.dumps([backup]))
        newest = story.production.segments()[-1]
        (self.place / "show.json").write_text(json.dumps([{"id": 1, "end_segment": newest}]))

    def segments(self):
        return sorted(p for p in (self.place / "wal").iterdir() if len(p.name) == 24)

    def fetch(self, keys=""):
        check = (
            f"{{row_count: {{table: orders, equals: {self.story.rows['end']}, database: shop}}}}"
        )
        self.configure(physical=f"{{kind: walg{keys}}}", checks=f"[{check}]")
        code, report = self.world.drill()
        return code, report["verdict"], report


@pytest.fixture
def storage(world, story):
    return Storage(world, story)


@pytest.mark.parametrize("keys", ["", ", settings: walg.json"])
def test_the_newest_backup_is_fetched_and_recovered(storage, keys):
    (storage.world.directory / "walg.json").write_text(str(storage.place))

    code, verdict, report = storage.fetch(keys)

    assert (code, verdict) == (0, "verified"), report["reason"]
    assert report["backup"]["identifier"] == f"WAL-G: {NAME}"
    assert "the proof is weaker" in "\n".join(report["notes"])


def test_tablespaces_are_moved_below_the_folder_of_the_drill(world, spaced):
    storage = Storage(world, spaced)
    check = "{row_count: {table: apart, equals: 500, database: shop}}"
    storage.configure(physical="{kind: walg}", checks=f"[{check}]")

    code, report = world.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


def test_tablespaces_of_which_nothing_is_known_are_inconclusive(world, spaced):
    storage = Storage(world, spaced)
    shutil.rmtree(storage.place / "sentinels")

    code, verdict, report = storage.fetch()

    assert (code, verdict) == (3, "inconclusive"), report["reason"]
    assert "/production/spaces" in report["reason"]


def hole(storage):
    storage.segments()[-2].unlink()


def flipped(storage):
    flip(storage.segments()[-1], 9000, 64)  # the one before it holds a switch only


def no_label(storage):
    (storage.place / "base" / NAME / "backup_label").unlink()


def none(storage):
    (storage.place / "list.json").write_text("[]")


@pytest.mark.parametrize("damage", [hole, flipped, no_label, none], ids=lambda d: d.__name__)
def test_damage_fails(storage, damage):
    damage(storage)

    code, verdict, report = storage.fetch()

    assert (code, verdict) == (1, "failed"), report["reason"]


def silent(storage):
    (storage.place / "broken").touch()


def nowhere(storage):
    storage.world.environment["WALG_FILE_PREFIX"] = "/nowhere"


def not_installed(storage):
    shutil.rmtree(storage.world.directory / "bin")


def garbled(storage):
    (storage.place / "list.json").write_text("INFO: something else")


@pytest.mark.parametrize(
    "trouble", [silent, nowhere, not_installed, garbled], ids=lambda d: d.__name__
)
def test_what_says_nothing_of_the_backup_is_inconclusive(storage, trouble):
    trouble(storage)

    code, verdict, report = storage.fetch()

    assert (code, verdict) == (3, "inconclusive"), report["reason"]
