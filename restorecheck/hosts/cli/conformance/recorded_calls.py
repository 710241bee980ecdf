"""The experiments' port with real calls; each is recorded before it is judged."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import psycopg

from restorecheck.aws.session.calls import AwsCalls
from restorecheck.conformance import recording
from restorecheck.conformance.port import CallAnswer, CloudPort, Raw, Where
from restorecheck.conformance.sanitising import Sanitiser
from restorecheck.errors import RestorecheckError
from restorecheck.hosts.clock import sleep
from restorecheck.model import Endpoint
from restorecheck.ports import Clock
from restorecheck.postgres.session.connection import Connect

DATABASE = "postgres"
UNREACHABLE, REFUSED = "Unreachable", "Refused"


class Written:
    """A recording in progress: every line is in the file before the next call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before: recording.Line | None = None

    def write(self, line: recording.Line) -> None:
        self._stream.write(recording.as_line(line, self._before))
        self._before = line
        self._stream.flush()


class RecordingCloud(CloudPort):
    def __init__(
        self,
        calls: AwsCalls,
        connect: Connect,
        *,
        written: Written,
        sanitiser: Sanitiser,
        clock: Clock,
        start: datetime,
        poll: timedelta,
    ) -> None:
        self._calls = calls
        self._connect = connect
        self._written = written
        self._sanitiser = sanitiser
        self._clock = clock
        self._start = start
        self._poll = poll
        self.step = ""

    def call(self, where: Where, service: str, operation: str, parameters: Raw) -> CallAnswer:
        answer = self._calls.call(where, service, operation, parameters)
        self._record(where.value, service, operation, parameters, answer)
        return answer

    def ask(self, instance: Raw, sql: str) -> CallAnswer:
        endpoint = Endpoint(
            identity=str(instance.get("DbiResourceId", "")),
            host=str(instance["Endpoint"]["Address"]),
            port=int(instance["Endpoint"]["Port"]),
            user=str(instance["MasterUsername"]),
            databases=(),
            secret=str(instance["MasterUserSecret"]["SecretArn"]),
        )
        answer = self._asked(endpoint, sql)
        self._record("instance", "postgresql", "SELECT", {"sql": sql}, answer)
        return answer

    def pause(self) -> None:
        sleep(self._poll)

    def elapsed(self) -> timedelta:
        return self._clock.now() - self._start

    def _asked(self, endpoint: Endpoint, sql: str) -> CallAnswer:
        try:
            connection = self._connect(endpoint, DATABASE)
        except RestorecheckError as exc:
            return CallAnswer(code=UNREACHABLE, message=exc.message)
        with connection:
            try:
                cursor = connection.execute(sql.encode())
            except psycopg.Error as exc:
                return CallAnswer(code=REFUSED, message=str(exc.sqlstate))
            row: Any = cursor.fetchone()
            names = [column.name for column in cursor.description or ()]
            return CallAnswer(dict(zip(names, map(bool, row), strict=True)))

    def _record(
        self, account: str, service: str, operation: str, parameters: Raw, answer: CallAnswer
    ) -> None:
        clean = self._sanitiser.clean
        error = None
        if answer.code:
            error = recording.Error(
                code=answer.code, message=self._sanitiser.message(answer.message)
            )
        self._written.write(
            recording.RecordedCall(
                at=self.at,
                step=self.step,
                account=account,
                service=service,
                operation=operation,
                parameters=clean(parameters),
                answer=None if error else clean(answer.value),
                error=error,
            )
        )

    def message(self, text: str) -> str:
        """A sentence without what a recording must not contain."""
        return self._sanitiser.message(text)

    @property
    def at(self) -> float:
        return round(self.elapsed().total_seconds(), 2)


def open_new(path: Path) -> TextIO:
    """A new file that only its owner can read; an existing file is not overwritten."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8")
