"""Which PostgreSQL programs fit a backup."""

from pathlib import Path

import pytest

from restorecheck.errors import AccessDeniedError, NotFoundError
from restorecheck.lifecycle import Unclear
from restorecheck.postgres.dump.load_plan import choose_tools, version_note
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.server import libraries
from restorecheck.postgres.server.binaries import (
    Installation,
    ProgramSource,
    UnusablePrograms,
    choose,
    discover,
)
from restorecheck.postgres.server.cache import make_cache


def installation(
    major: int,
    source: ProgramSource = ProgramSource.INSTALLED,
    minor: int = 0,
    bin_dir: str = "/nowhere/bin",
) -> Installation:
    return Installation(bin_dir=Path(bin_dir), source=source, major=major, minor=minor)


def with_extensions(tmp_path: Path, major: int, *names: str) -> Installation:
    folder = tmp_path / str(major) / "share" / "extension"
    folder.mkdir(parents=True)
    for name in names:
        (folder / f"{name}.control").touch()
    return installation(major, bin_dir=str(tmp_path / str(major) / "bin"))


def test_the_same_major_is_chosen_wherever_it_stands():
    wheel = installation(17, ProgramSource.WHEEL)

    assert choose([installation(15), installation(18), wheel], 17) is wheel


def test_without_the_same_major_the_lowest_higher_one_is_chosen():
    found = [installation(18), installation(15), installation(17)]

    chosen = choose(found, 16)

    assert chosen is not None
    assert chosen.major == 17


def test_an_older_server_never_fits():
    assert choose([installation(15), installation(16)], 17) is None


def test_among_the_same_major_an_installed_server_goes_before_a_wheel():
    installed = installation(17)

    assert choose([installed, installation(17, ProgramSource.WHEEL)], 17) is installed


def test_looking_ends_at_the_first_one_that_fits_exactly():
    def found():
        yield installation(17)
        raise AssertionError("looked further")

    assert choose(found(), 17) is not None


def test_a_server_that_offers_the_extensions_goes_before_one_that_does_not(tmp_path):
    plain = with_extensions(tmp_path, 15, "hstore")
    fitting = with_extensions(tmp_path, 18, "hstore", "vector")

    assert choose([plain, fitting], 15, ["vector"]) is fitting
    assert choose([plain, fitting], 15, ["hstore"]) is plain
    assert choose([plain, fitting], 15, ["postgis"]) is plain


def test_a_configured_folder_without_programs_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="has no initdb, postgres, pg_restore, psql"):
        list(discover(bin_dir=str(tmp_path), cache=tmp_path, account=None))


def test_a_cache_that_others_can_write_is_refused(tmp_path):
    tmp_path.chmod(0o777)

    with pytest.raises(AccessDeniedError, match="can be written by others"):
        make_cache(tmp_path)


@pytest.mark.parametrize(
    ("major", "minor", "knows"), [(15, 13, False), (15, 14, True), (17, 5, False), (18, 0, True)]
)
def test_restrict_is_known_since_the_minors_that_brought_it(major, minor, knows):
    assert installation(major, minor=minor).knows_restrict is knows


def dump(kind: str) -> Inspection:
    return Inspection(path=Path("/b/x"), size_bytes=1, mtime_ns=1, kind=kind, server_version="17.5")


def test_no_psql_that_obeys_a_dump_is_used_with_our_password():
    obedient, wary = installation(17, minor=5), installation(18)

    refused = choose_tools(17, [obedient], dump("plain"))

    assert isinstance(refused, Unclear)
    assert "CVE-2025-8714" in refused.reason
    assert choose_tools(17, [obedient, wary], dump("plain")) is wary
    assert choose_tools(17, [obedient], dump("custom")) is obedient


def test_a_report_says_when_the_programs_at_hand_obey_a_dump():
    assert version_note(dump("plain"), installation(17, minor=6)) == ()
    assert version_note(dump("custom"), installation(17, minor=5)) == ()
    (note,) = version_note(dump("plain"), installation(17, minor=5))
    assert "CVE-2025-8714" in note


def programs(folder: Path, version: str) -> Path:
    """Programs that know nothing but their version."""
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres", "pg_restore", "psql"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def in_cache(cache: Path, version: str) -> Path:
    name = f"postgresql-{version}.0-machine"
    return programs(cache / name / name / "bin", version)


def cached(cache: Path) -> list[str]:
    found = discover(bin_dir=None, cache=cache, account=None)
    return [one.version for one in found if one.source is ProgramSource.CACHE]


def test_of_what_was_installed_into_the_cache_the_newest_minor_goes_first(tmp_path):
    for version in ("96.9", "96.10", "97.1"):
        in_cache(tmp_path, version)

    assert cached(tmp_path) == ["97.1", "96.10", "96.9"]


def test_a_cache_that_others_can_write_to_is_not_searched(tmp_path):
    in_cache(tmp_path, "96.9")
    tmp_path.chmod(0o777)

    assert cached(tmp_path) == []


def test_programs_of_another_architecture_are_named_and_not_used(tmp_path):
    bin_dir = in_cache(tmp_path, "96.9")
    (bin_dir / "postgres").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\x00")
    unusable: list[UnusablePrograms] = []

    found = list(discover(bin_dir=None, cache=tmp_path, account=None, unusable=unusable))

    assert bin_dir not in {one.bin_dir for one in found}
    assert bin_dir in {one.bin_dir for one in unusable}


def test_a_server_with_icu_goes_before_one_without_where_the_dump_needs_it(tmp_path):
    without, having = installation(96, bin_dir=str(tmp_path)), installation(97)
    (tmp_path / "postgres").write_bytes(b"\0ICU is not supported in this build\0")

    assert choose([without, having], 96) is without
    assert choose([without, having], 96, icu=True) is having
    assert choose([without], 96, icu=True) is without


def test_an_extension_whose_library_does_not_load_is_lacking(tmp_path, monkeypatch):
    one = with_extensions(tmp_path, 96, "uuid-ossp", "hstore")
    control = tmp_path / "96" / "share" / "extension" / "uuid-ossp.control"
    control.write_text("comment = 'u'\nmodule_pathname = '$libdir/uuid-ossp'\n")
    (tmp_path / "96" / "lib").mkdir()
    (tmp_path / "96" / "lib" / "uuid-ossp.so").touch()
    monkeypatch.setattr(libraries, "missing_of", lambda files: ("libuuid.so",) if files else ())

    assert one.unloadable("uuid-ossp") == ("libuuid.so",)
    assert one.unloadable("hstore") == one.unloadable("unknown") == ()
    assert one.lacks(["hstore", "uuid-ossp", "unknown"]) == ("uuid-ossp", "unknown")
    assert not one.offers(["uuid-ossp"])
    assert one.offers(["hstore"])
