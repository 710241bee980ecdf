"""What the collector of messages takes from a source, and what it leaves out."""

from pathlib import Path

from tests import strings

SOURCE = '''
"""A docstring of a module."""

SQL = "select name from pg_roles"
GRANT = "GRANT USAGE ON SCHEMA public TO reader;"
PATTERN = re.compile("two words")
PAGE = '<div class="card">two words</div>'
KEY = "one_word"


def told(drill, number):
    """A docstring of a function."""
    assert drill, "a broken invariant"
    said = f"{len(drill.copies)} cop{'y' if number == 1 else 'ies'} of {drill._name!r} in "
    return "a plain" " sentence", said, f"read at {number:.1f} MB/s", "a plain sentence"
'''


def test_strings_for_people_are_collected_once_with_their_holes_named():
    assert strings.strings_of(SOURCE) == [
        "{copies} cop{y | ies} of {name} in ",
        "a plain sentence",
        "read at {number} MB/s",
    ]


def test_a_new_string_is_on_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(strings, "PACKAGE", tmp_path)
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "file.py").write_text('NEW = "the newest\\nsentence"\n')
    (tmp_path / "testing").mkdir()
    (tmp_path / "testing" / "file.py").write_text('NEW = "of a fake"\n')

    page = strings.page()

    assert "## room\n\n### room/file.py\n\n```text\nthe newest ⏎ sentence\n```" in page
    assert "of a fake" not in page


def test_the_page_has_strings_of_every_room_with_users():
    found = strings.strings()
    rooms = {name.parts[0] for name in found if len(name.parts) > 1}

    folders = {path.name for path in strings.PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders - strings.NOT_READ <= rooms
    assert Path("lifecycle.py") in found
