"""Physical backups on a machine that is too small or may read too little: never a verdict on the backup."""

import os
import pwd

import pytest

from tests.acceptance.interrupted import small_disk, told_of_the_disk
from tests.acceptance.physical import Yard, tell
from tests.acceptance.test_fence import AS_USER, FOR_EVERYBODY, ORDINARY, PYTHON
from tests.chosen import chosen
from tests.missing import ROOT, left_out, needs
from tests.production import majors, producing

MAJORS = majors()
SIZES = (20, 40, 50, 56, 62, 70, 90)
"""MB of a disk, from less than the backup to more than all of it needs."""
pytestmark = needs(os.geteuid() == 0, *ROOT)


@pytest.fixture(scope="module", params=chosen(sorted(MAJORS), 0.3))
def story(request):
    with producing(MAJORS[request.param]) as production:
        yield tell(production)


@pytest.fixture
def yard(world, story):
    return Yard(world, story)


@pytest.mark.parametrize("megabytes", SIZES)
@pytest.mark.parametrize("names", ["full", "tar", "full incremental"])
def test_a_full_disk_is_never_called_a_bad_backup(yard, story, megabytes, names):
    if "incremental" in names and story.production.installation.major < 17:
        left_out("PostgreSQL 17 is the first with incremental backups")
    yard.fill(*names.split())

    with small_disk(yard.world, megabytes):
        told_of_the_disk(yard.world, lambda: yard.drill(rows=story.rows["end"]))


class Unprivileged:
    """The drill as an ordinary user, in a world that is that user's."""

    def __init__(self, yard):
        self.yard, self.user = yard, pwd.getpwuid(ORDINARY)

    def run(self, *names, closed=()):
        world = self.yard.world
        self.yard.fill(*names)
        for path in [world.directory, *world.directory.rglob("*")]:
            os.chown(path, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)
        for path in closed:
            os.chown(path, 0, 0)
            path.chmod(0o700)
        return self.yard.drill(rows=self.yard.story.rows["end"])


@pytest.fixture
def unprivileged(yard):
    """Commands of this world are started by this user."""
    made = Unprivileged(yard)
    world, start = yard.world, yard.world.run
    command = ["setpriv", f"--reuid={made.user.pw_uid}", f"--regid={made.user.pw_gid}", "--clear-groups",
               PYTHON, "-m", "restorecheck"]  # fmt: skip

    def run(*arguments, **options):
        world.environment |= AS_USER or {}
        return start(*arguments, command=command, **options)

    world.run = run
    return made


@FOR_EVERYBODY
@pytest.mark.parametrize("names", ["full", "tar", "full incremental"])
def test_an_ordinary_user_proves_a_backup_that_it_may_read(unprivileged, story, names):
    if "incremental" in names and story.production.installation.major < 17:
        left_out("PostgreSQL 17 is the first with incremental backups")

    code, report = unprivileged.run(*names.split())

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]


@FOR_EVERYBODY
@pytest.mark.parametrize(
    "closed",
    ["backups", "backups/full", "backups/full/base", "backups/full/backup_manifest", "archive"],
)
def test_what_an_ordinary_user_may_not_read_is_not_called_bad(unprivileged, yard, closed):
    code, report = unprivileged.run("full", closed=[yard.world.directory / closed])

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert "ermission denied" in report["reason"], report["reason"]


@FOR_EVERYBODY
def test_a_segment_that_may_not_be_read_is_not_a_hole(unprivileged, yard, story):
    code, report = unprivileged.run("full", closed=[yard.archive / story.needed[-2]])

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
