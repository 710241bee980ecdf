"""Logs help; what goes wrong with them changes nothing."""

import io
import json
import sys
from typing import Any, cast

import pytest
import structlog

from restorecheck.hosts.process import logs
from restorecheck.hosts.process.console import Progress
from tests.factories import drill


@pytest.fixture(autouse=True)
def _configuration():
    logs.configure()
    yield
    structlog.reset_defaults()


def test_a_line_is_json_and_an_exception_is_its_place_not_its_text(capsys):
    try:
        int("row value 4711")
    except ValueError:
        structlog.get_logger("x").exception("evidence.defect", drill_id="d-1")

    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "evidence.defect"
    assert line["exception"] == "ValueError"
    assert "test_logs.py" in line["raised_at"][-1]
    assert "4711" not in json.dumps(line)


def test_a_defect_is_shown_by_its_places_and_kinds_and_not_by_its_texts(capsys):
    try:
        try:
            int("row value 4711")
        except ValueError as exc:
            raise KeyError("row 4712") from exc
    except KeyError as exc:
        logs.trace(exc)

    said = capsys.readouterr().err
    assert "test_logs.py" in said
    assert "KeyError\n" in said
    assert "ValueError\n" in said
    assert "row 4712" not in said.replace('raise KeyError("row 4712")', "")


def test_logs_go_to_the_stderr_of_now_and_survive_its_end(monkeypatch, capsys):
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr(sys, "stderr", gone)
    structlog.get_logger("x").error("nobody.reads")
    monkeypatch.undo()

    structlog.get_logger("x").error("somebody.reads")

    assert "somebody.reads" in capsys.readouterr().err


def test_a_line_and_its_end_are_one_write_or_those_of_two_drills_would_mix(monkeypatch):
    class Pieces(io.RawIOBase):
        def __init__(self):
            self.written = []

        def writable(self):
            return True

        def write(self, data):
            self.written.append(bytes(data))
            return len(data)

    pieces = Pieces()
    # As with PYTHONUNBUFFERED, which images of Python set.
    stream = io.TextIOWrapper(cast(Any, pieces), write_through=True, line_buffering=True)
    monkeypatch.setattr(sys, "stderr", stream)

    structlog.get_logger("x").error("drill.finished", target="a")
    structlog.get_logger("x").error("drill.finished", target="b")

    assert len(pieces.written) == 2
    assert all(piece.endswith(b"}\n") for piece in pieces.written)


def test_progress_without_a_reader_is_no_reason_to_stop():
    gone = io.StringIO()
    progress = Progress(gone)
    gone.close()

    progress.start(drill())
    progress.say("still at work")
    progress.finish()
