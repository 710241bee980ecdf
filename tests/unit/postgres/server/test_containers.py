"""The commands that are given to podman and docker, and what is recorded of an image."""

import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from restorecheck.errors import InvalidStateError, NotFoundError, ProviderError
from restorecheck.lifecycle import Unclear
from restorecheck.postgres.dump.server_choice import choose, settings_for
from restorecheck.postgres.dump.settings import ServerOptions, ServerSettings
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.dumpfiles.needs import Needs
from restorecheck.postgres.server import containers
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.binaries import of_container
from restorecheck.postgres.server.containers import Container, Limits, read_probe, record, recorded

PROBED = """bin /usr/lib/postgresql/15/bin
postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
postgis.control
pg_cron.control
pg_cron.so
icu
"""
IMAGE = "registry/postgis:15"
CONTAINER = read_probe(PROBED, "podman", IMAGE, "ab" * 32, "registry/postgis@sha256:cd")
DIRECTORY = Path("/w/restorecheck-20260101-000000-abcdef")
USER = OsUser("60706", 60706, 60706, alone=True)


def words_of(container=CONTAINER, account=USER):
    folders = [DIRECTORY / "data", DIRECTORY / "s"]
    return containers.words(
        container,
        [Path("/usr/lib/postgresql/15/bin/postgres"), "-D", DIRECTORY / "data"],
        directory=DIRECTORY,
        drill_id="20260101-000000-abcdef",
        folders=folders,
        account=account,
    )


def test_what_is_in_an_image_is_read_from_its_own_answer():
    assert (CONTAINER.major, CONTAINER.minor) == (15, 18)
    assert CONTAINER.bin_dir == "/usr/lib/postgresql/15/bin"
    assert CONTAINER.extensions == ("postgis", "pg_cron")
    assert CONTAINER.libraries == ("pg_cron",)
    assert CONTAINER.icu
    assert not read_probe(PROBED.replace("icu\n", ""), "podman", "a", "b", "").icu
    assert read_probe(PROBED, "podman", "a", "b", "localhost/a@sha256:cd").digest == ""


@pytest.mark.parametrize("text", ["", "bin /usr/bin\n", PROBED.replace("15.18", "devel")])
def test_an_image_without_a_server_is_refused(text):
    with pytest.raises(InvalidStateError, match="a holds no PostgreSQL server"):
        read_probe(text, "podman", "a", "b", "")


def test_a_container_reaches_nothing_and_may_do_nothing(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    words = words_of()

    assert words[:3] == ["podman", "run", "--rm"]
    assert {
        "--network=none",
        "--read-only",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        "--pull=never",
        "--image-volume=ignore",
        "--http-proxy=false",
        "--uidmap=0:60705:2",
        "--gidmap=0:60705:2",
        "--user=1:1",
        "--label=restorecheck.drill=20260101-000000-abcdef",
        f"--label=restorecheck.directory={DIRECTORY}",
    } <= set(words)
    assert [word for word in words if word.startswith("--volume=")] == [
        f"--volume={DIRECTORY}/{name}:{DIRECTORY}/{name}:Z" for name in ("data", "s")
    ]
    assert words[words.index("ab" * 32) - 1] == "--entrypoint=/usr/lib/postgresql/15/bin/postgres"
    assert words[-2:] == ["-D", f"{DIRECTORY}/data"]


def test_limits_are_the_kernels_to_keep():
    limited = replace(CONTAINER, limits=Limits(memory=2 * 10**9, cpus=1.5))

    assert {"--memory=2000000000", "--memory-swap=2000000000", "--cpus=1.5"} <= set(
        words_of(limited)
    )
    assert not [word for word in words_of() if word.startswith(("--memory", "--cpus"))]


def test_without_root_podman_keeps_the_user_and_docker_is_told_it(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1001)

    assert {"--userns=keep-id", "--user=1000:1001"} <= set(words_of(account=None))
    docker = words_of(replace(CONTAINER, runtime="docker"), account=None)
    assert "--user=1000:1001" in docker
    assert not [word for word in docker if word.startswith(("--uid", "--userns", "--image-vol"))]


def test_the_only_user_of_a_container_of_docker_has_a_name_that_it_can_read(tmp_path):
    before = os.umask(0o077)
    try:
        containers.write_names(tmp_path, USER)
    finally:
        os.umask(before)

    names = tmp_path / "passwd"
    assert names.read_text() == "postgres:x:60706:60706::/:/bin/false\n"
    assert names.stat().st_mode & 0o777 == 0o644
    docker = words_of(replace(CONTAINER, runtime="docker"))
    assert f"--volume={DIRECTORY}/passwd:/etc/passwd:ro,Z" in docker
    assert "passwd" not in " ".join(words_of())


def test_limits_of_a_process_are_never_raised(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 100))
    assert {"--ulimit=nofile=100:100", "--ulimit=nproc=100:100"} <= set(words_of())

    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, resource.RLIM_INFINITY))
    assert "--ulimit=nofile=8192:8192" in words_of()


def test_a_runtime_gets_what_it_needs_of_the_environment_and_no_secret(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("CONTAINERS_CONF", "/c")

    assert containers.environment()["CONTAINERS_CONF"] == "/c"
    assert "PGPASSWORD" not in containers.environment()


def runtime_that(tmp_path, monkeypatch, script):
    program = tmp_path / "podman"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_only_what_has_both_labels_is_removed_and_nothing_may_be_left(tmp_path, monkeypatch):
    log, left = tmp_path / "log", tmp_path / "left"
    left.write_text("id1\n")
    runtime_that(
        tmp_path,
        monkeypatch,
        f'echo "$@" >> {log}; [ "$1" = ps ] && cat {left}; [ "$1" = rm ] && : > {left}; exit 0',
    )

    assert containers.end("podman", DIRECTORY, "drill") == ""

    asked = log.read_text().splitlines()
    assert [line.split()[0] for line in asked] == ["ps", "rm", "ps"]
    assert "label=restorecheck.drill=drill" in asked[0]
    assert f"label=restorecheck.directory={DIRECTORY}" in asked[0]
    assert asked[1] == "rm --force --volumes id1"


def test_a_container_that_does_not_end_is_told(tmp_path, monkeypatch):
    runtime_that(tmp_path, monkeypatch, '[ "$1" = ps ] && echo id1; exit 0')
    assert containers.end("podman", DIRECTORY, "drill") == "the container id1 does not end"

    runtime_that(tmp_path, monkeypatch, "echo broken >&2; exit 1")
    assert "podman ps: broken" in containers.end("podman", DIRECTORY, "drill")
    assert containers.process_of("podman", DIRECTORY) is None
    assert not containers.is_here(CONTAINER)


def test_a_runtime_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFoundError, match="podman and docker are not installed"):
        containers.runtime_named("auto")
    with pytest.raises(NotFoundError, match="docker is not installed"):
        containers.runtime_named("docker")
    with pytest.raises(ProviderError, match="could not start podman"):
        containers.ask("podman", "ps")


def test_an_image_is_recorded_whole_and_a_record_of_others_is_none(tmp_path):
    other = replace(CONTAINER, image="b", extensions=())
    record(CONTAINER, tmp_path)
    record(other, tmp_path)

    assert recorded(tmp_path) == {IMAGE: CONTAINER, "b": other}

    (tmp_path / "images.json").write_text('{"b": {"runtime"')
    assert recorded(tmp_path) == {}
    record(CONTAINER, tmp_path)
    tmp_path.chmod(0o777)
    assert recorded(tmp_path) == {}


def dump(version="15.4", *extensions):
    needs = Needs(extensions=tuple(extensions))
    return Inspection(
        path=Path("a.dump"), size_bytes=1, mtime_ns=1, server_version=version, needs=needs
    )


def chosen(tmp_path, monkeypatch, inspection, **options):
    monkeypatch.setattr(containers, "runtime_named", lambda _: "podman")
    monkeypatch.setattr(containers, "is_here", lambda _: True)
    monkeypatch.setattr(ServerSettings, "installations", lambda *_: [of_container(CONTAINER)])
    settings = ServerSettings(work_dir=tmp_path, cache_dir=tmp_path)
    return choose(inspection, ServerOptions(**options), settings, ())


def test_the_image_of_the_dumps_version_is_chosen_with_its_limits(tmp_path, monkeypatch):
    record(CONTAINER, tmp_path)

    found = chosen(tmp_path, monkeypatch, dump(), image="registry/postgis:{major}", cpus=2)

    assert not isinstance(found, Unclear)
    assert found.server.container == replace(CONTAINER, limits=Limits(cpus=2))


def test_an_image_that_is_missing_or_too_old_is_told(tmp_path, monkeypatch):
    record(CONTAINER, tmp_path)

    missing = chosen(tmp_path, monkeypatch, dump("16.1"), image="registry/postgis:{major}")
    old = chosen(tmp_path, monkeypatch, dump("16.1"), image=IMAGE)

    assert isinstance(missing, Unclear)
    assert isinstance(old, Unclear)
    assert "registry/postgis:16 was not fetched for podman" in missing.reason
    assert "`restorecheck server pull 16`" in missing.hint
    assert "the image registry/postgis:15 has 15.18" in old.reason


def test_configured_libraries_and_settings_join_those_that_are_known_and_do_not_replace_them():
    options = ServerOptions(
        preload=("auto_explain",), settings={"work_mem": "1MB", "cron.launch_active_jobs": "on"}
    )

    values = settings_for("shop", [dump("15.4", "pg_cron")], of_container(CONTAINER), options)

    assert values["shared_preload_libraries"] == "pg_cron,auto_explain"
    assert values["work_mem"] == "1MB"
    assert values["cron.launch_active_jobs"] == "off"


def test_a_library_that_only_the_configuration_names_runs_nothing_by_itself_either():
    options = ServerOptions(preload=("pg_cron",))

    values = settings_for("shop", [dump()], of_container(CONTAINER), options)

    assert values["cron.launch_active_jobs"] == "off"


def test_programs_in_an_image_answer_for_it():
    one = of_container(CONTAINER)

    assert one.lacks(["postgis", "vector"]) == ("vector",)
    assert one.has_library("pg_cron")
    assert one.has_icu
    assert one.unloadable("postgis") == ()
    assert one.extensions() == ("postgis", "pg_cron")
    assert isinstance(one.container, Container)
