"""Where extensions and libraries come from."""

import pytest

from restorecheck.postgres.server import libraries, offers
from restorecheck.postgres.server.libraries import family, install_command, missing_of, not_found

LDD = """
\tlinux-vdso.so.1 (0x00007efe5248a000)
\tlibossp-uuid.so.16 => not found
\tlibxml2.so.2 => not found
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007efe52284000)
\tlibossp-uuid.so.16 => not found
"""


@pytest.fixture(params=["debian", "fedora", "suse", ""])
def system(request, monkeypatch):
    monkeypatch.setattr(libraries, "system", lambda: request.param)
    return request.param


def test_libraries_that_the_loader_does_not_find_are_named_once():
    assert not_found(LDD) == ("libossp-uuid.so.16", "libxml2.so.2")


def test_no_files_and_no_ldd_are_no_answer(monkeypatch):
    assert missing_of([]) == ()
    monkeypatch.setenv("PATH", "/nowhere")
    assert missing_of([libraries.OS_RELEASE]) == ()


def test_a_missing_library_is_named_with_the_package_of_the_operating_system(system):
    expected = {
        "debian": "apt-get install libossp-uuid16 libxml2",
        "fedora": "dnf install 'libossp-uuid.so.16()(64bit)' 'libxml2.so.2()(64bit)'",
        "suse": "zypper install 'libossp-uuid.so.16()(64bit)' 'libxml2.so.2()(64bit)'",
        "": "",
    }

    assert install_command(not_found(LDD)) == expected[system]


def test_a_library_that_no_package_is_known_for_has_no_command(monkeypatch):
    monkeypatch.setattr(libraries, "system", lambda: "debian")

    assert install_command(["libunknown.so.1"]) == ""
    assert install_command([]) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "debian"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", "debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "suse"),
        ("ID=alpine\n", ""),
        ("", ""),
    ],
)
def test_the_operating_system_is_known_by_its_family(text, expected):
    assert family(text) == expected


def test_an_extension_is_named_with_its_package_and_its_image(system):
    package = {
        "debian": "`apt-get install postgresql-16-postgis-3` or ",
        "fedora": "`dnf install postgis35_16` or ",
    }

    found = offers.hints(["postgis", "postgis_topology", "made_at_home"], 16)

    assert found == [f"{package.get(system, '')}the image postgis/postgis"]


def test_what_must_be_preloaded_and_set_is_known():
    assert offers.preload_for(["postgis", "pg_cron", "unknown", "citus"]) == ("pg_cron", "citus")
    settings = offers.settings_for(["pg_cron", "unknown"], "shop")
    assert settings["cron.database_name"] == "shop"
    assert settings["cron.launch_active_jobs"] == "off"


def test_extensions_that_only_a_service_has_are_named_with_it():
    found = offers.of_services(["aws_s3", "postgis", "unknown", "neon"])

    assert found == {"aws_s3": "Amazon RDS", "neon": "Neon"}


def test_every_entry_of_the_table_says_where_it_comes_from():
    for name, offer in offers.table().items():
        assert offer.debian or offer.image or offer.service, name
        assert not offer.settings or offer.preload, name
