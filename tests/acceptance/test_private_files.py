"""Whatever the umask of who starts it: what a drill leaves is its owner's alone, and it can do its work."""

import gzip
import json
import stat

import pytest

WIDE, NARROW = 0o000, 0o077


def modes(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in files}


@pytest.mark.parametrize("umask", [WIDE, NARROW], ids=["umask 000", "umask 077"])
@pytest.mark.parametrize("kind", ["plain", "custom"])
def test_a_drill_leaves_files_that_only_its_owner_can_read(world, dumps, kind, umask):
    (world.backups / "library.gz").write_bytes(gzip.compress(dumps[kind].read_bytes()))
    world.configure()
    config = world.config.read_text().replace("path: history.sqlite", "path: kept/history.sqlite")
    world.config.write_text(config)
    (world.directory / "kept").mkdir()

    done = world.run("drill", "--json", "--full-text", "kept/full.txt", umask=umask)
    assert done.returncode == 0, (done.stdout, done.stderr)
    for output in (["report", "--format", "html"], ["history", "export"], ["doctor"]):
        world.run(*output, "-o", f"kept/{output[0]}", umask=umask)

    kept = modes(world.directory / "kept")
    assert {"history.sqlite", "full.txt", "report", "history", "doctor"} <= set(kept)
    assert {name: f"{mode:o}" for name, mode in kept.items() if mode != 0o600} == {}
    assert world.leftovers() == []


def test_a_history_that_others_could_read_does_not_spoil_an_answer(world):
    world.configure()
    world.drill()
    history = world.directory / "history.sqlite"
    history.chmod(0o644)

    done = world.run("status", "--json")

    assert json.loads(done.stdout)["targets"]
    assert "history.made_private" in done.stderr
    assert modes(world.directory)[history.name] == 0o600
