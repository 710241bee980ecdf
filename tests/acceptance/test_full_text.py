"""The whole text of an error of a load, which may repeat rows: on request, and nowhere else."""

import json
import stat

import pytest

ROW = "4111 1111 1111 1111"


@pytest.fixture
def broken(world, dumps):
    """A row that its table refuses; the program repeats it."""
    text = dumps["plain"].read_text()
    begin = text.index("COPY public.books ")
    row = text.index("\n", begin) + 1
    (world.backups / "1.sql").write_text(f"{text[:row]}{ROW}\n{text[row:]}")
    return world


def everything_said(world):
    """All faces, and the history itself."""
    world.run("report", "--all", "--format", "html", "-o", "pages")
    pages = [
        path.read_text().replace("<wbr>", "") for path in (world.directory / "pages").iterdir()
    ]
    forms = [world.run("report", "--format", form).stdout for form in ("text", "json", "markdown")]
    files = [
        path.read_bytes().decode(errors="replace")
        for path in world.directory.glob("history.sqlite*")
        if path.is_file()
    ]
    return "".join(pages + forms + files)


def test_without_being_asked_for_nobody_is_told_the_text(broken):
    done = broken.run("drill")

    assert done.returncode == 1
    assert ROW not in done.stdout + done.stderr + everything_said(broken)


def test_v_prints_the_text_on_stderr_and_no_report_has_it(broken):
    done = broken.run("drill", "-v", "--json")

    assert json.loads(done.stdout)["verdict"] == "failed"
    assert ROW in done.stderr
    assert "may contain rows" in done.stderr
    assert ROW not in done.stdout + everything_said(broken)


def test_a_file_has_the_text_for_its_owner_alone_and_the_report_names_it(broken):
    file = broken.directory / "why.txt"
    file.write_text("of yesterday")
    file.chmod(0o644)

    done = broken.run("drill", "--full-text", str(file))

    assert ROW in file.read_text()
    assert "yesterday" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert f"the full text of the error is in {file}" in done.stdout
    assert ROW not in done.stdout + done.stderr + everything_said(broken)


def test_a_file_that_cannot_be_written_is_refused_before_the_drill(broken):
    done = broken.run("drill", "--full-text", "/nowhere/why.txt")

    assert done.returncode == 2
    assert "could not write /nowhere/why.txt" in done.stderr
    assert not (broken.directory / "history.sqlite").exists()
