"""A look at the newest dump that comes to no end says nothing of the dump."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from restorecheck.errors import AccessDeniedError, DatabaseUnreachableError, ProviderError
from restorecheck.lifecycle import Ready
from restorecheck.postgres.dump import preview
from restorecheck.postgres.dump.selection import Selection, findings
from restorecheck.postgres.dumpfiles.archive import DamagedArchiveError
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.rules.facts import Unread
from tests.factories import NOW


@pytest.mark.parametrize(
    ("trouble", "because"),
    [
        (ProviderError("the server did not start"), "the server did not start"),
        (AccessDeniedError("/b cannot be read"), "/b cannot be read"),
        (DatabaseUnreachableError("no connection"), "no connection"),
        (psycopg.OperationalError("secret=1"), "OperationalError"),
        (
            DamagedArchiveError("has no table of contents"),
            "the newest dump has no table of contents",
        ),
        (OSError(28, "No space left on device", "/w/x"), "/w/x: No space left on device"),
    ],
)
def test_whatever_breaks_the_look_off_is_no_answer_and_no_bad_dump(monkeypatch, trouble, because):
    def broken(*_):
        raise trouble

    monkeypatch.setattr(preview, "_limited_files", lambda _: nullcontext())
    monkeypatch.setattr(preview, "_look", broken)
    anything: Any = SimpleNamespace(work_dir="/w")

    found = preview.preview(anything, anything, None, anything)

    assert isinstance(found, Unread)
    assert found.because == because


def test_a_warning_about_the_newest_dump_is_a_note_and_fails_no_drill():
    newest = Inspection(path=Path("/b/1.dump"), size_bytes=1, mtime_ns=0)
    said = findings(Selection(chosen=newest), max_age=None, databases=(), now=NOW)

    found = preview._of_event(Ready(findings=tuple(said)))

    assert (found.problems, found.notes) == ((), ("a dump of any age passes",))
