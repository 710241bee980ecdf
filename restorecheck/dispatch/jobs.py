"""Jobs in the PostgreSQL of the history, kept by Procrastinate (the extra `workers`).

One job is "drill this target for its newest open slot". Its queue is the name of the target, so that a worker
takes only jobs that it can run; its lock keeps a target to one drill; its queueing lock keeps it to one waiting job.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate import exceptions, jobs, retry
from procrastinate.schema import SchemaManager

from restorecheck.dispatch.again import Again
from restorecheck.errors import StoreError
from restorecheck.postgres.history.database import PostgresDatabase

log = structlog.get_logger("restorecheck.worker")

TASK = "restorecheck.drill"
HEARTBEATS = 6
"""In the time after which a worker is taken for dead."""
POLL = timedelta(seconds=2)
LOOK = timedelta(seconds=0.5)
KEPT_HOURS = 24 * 7


class _WhenAsked(retry.BaseRetryStrategy):
    """A lost history is tried again, too: the slot stays open until it has its report or reason."""

    def get_retry_decision(
        self,
        *,
        exception: BaseException,
        job: jobs.Job,  # noqa: ARG002  # Procrastinate's signature
    ) -> retry.RetryDecision | None:
        match exception:
            case Again(wait=wait):
                return retry.RetryDecision(retry_in={"seconds": round(wait.total_seconds())})
            case StoreError():
                return retry.RetryDecision(retry_in={"seconds": 30})
            case _:
                return None


def prepare(database: PostgresDatabase) -> None:
    """Makes or migrates Procrastinate's tables in the schema of the history; one host at a time."""
    scripts = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    with database.transaction():
        database.execute("create table if not exists procrastinate_migrated (script text not null)")
        row = database.row("select max(script) from procrastinate_migrated")
        done = row[0] if row and row[0] else ""
        if not done:
            database.run(SchemaManager.get_schema())
        for script in scripts:
            if done and script.name > done:
                database.run(script.read_text(encoding="utf-8"))
        if scripts[-1].name > done:
            newest = "insert into procrastinate_migrated values (?)"
            database.execute(newest, (scripts[-1].name,))


def _connection(url: str) -> dict[str, Any]:
    options = "-c search_path=restorecheck"
    return {"conninfo": url, "kwargs": {"options": options, "connect_timeout": 10}}


class Deferrer:
    """For a host that hands drills over. Opened for each use: it is idle most of the time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._prepared = False

    def defer(self, target: str, slot: datetime) -> str:  # noqa: ARG002  # the job takes the newest open slot
        """Adds the job of a target, unless one waits already. Returns nothing: a job is always taken in the end.

        Raises:
            StoreError: The history cannot be written.
        """
        if not self._prepared:
            with closing(PostgresDatabase(self._url)) as database:
                prepare(database)
            self._prepared = True
        connector = procrastinate.SyncPsycopgConnector(
            min_size=1, max_size=1, timeout=15, **_connection(self._url)
        )
        app = procrastinate.App(connector=connector)
        try:
            with app.open():
                job = app.configure_task(TASK, queue=target, lock=target, queueing_lock=target)
                job.defer(target=target)
        except exceptions.AlreadyEnqueued:
            pass
        except (exceptions.ConnectorException, psycopg.Error) as exc:
            raise _unusable() from exc
        return ""


class Jobs:
    """For a worker."""

    def __init__(
        self,
        url: str,
        *,
        queues: Iterable[str],
        name: str,
        concurrency: int,
        dead_after: timedelta,
        drill: Callable[[str], None],
    ) -> None:
        """`drill`: one job, called in a thread; may raise `Again`. `dead_after`: a worker without a heartbeat
        for so long is dead, and another one takes its jobs.
        """
        connector = procrastinate.PsycopgConnector(
            min_size=1, max_size=3 + concurrency, timeout=15, **_connection(url)
        )
        self._app = procrastinate.App(connector=connector)
        self._ended: set[int] = set()
        self._ended_before: set[int] = set()
        self._drill = drill
        self._dead_after = dead_after
        self._app.task(name=TASK, retry=_WhenAsked(), pass_context=True)(self._run)
        self._options: dict[str, Any] = {
            "queues": sorted(queues),
            "name": name,
            "concurrency": concurrency,
            "fetch_job_polling_interval": POLL.total_seconds(),
            "listen_notify": False,  # one channel for each queue, and there may be thousands
            "update_heartbeat_interval": dead_after.total_seconds() / HEARTBEATS,
            "stalled_worker_timeout": dead_after.total_seconds(),
            "install_signal_handlers": False,
        }

    def work(self, until: Callable[[], bool]) -> None:
        """Takes jobs until `until` is true and the last job has ended.

        Raises:
            StoreError: The connection was lost. The jobs that had ended may be done once more; their slots say so.
        """
        try:
            asyncio.run(self._work(until))
        except (exceptions.ConnectorException, psycopg.Error) as exc:
            raise _unusable() from exc

    async def _work(self, until: Callable[[], bool]) -> None:
        asyncio.get_running_loop().set_exception_handler(_end_not_stored)
        async with self._app.open_async():
            worker = asyncio.create_task(self._app.run_worker_async(**self._options))
            chores = asyncio.create_task(_every(self._dead_after / 2, self._rescue))
            try:
                while not until() and not worker.done() and not chores.done():  # noqa: ASYNC110  # no event
                    await asyncio.sleep(LOOK.total_seconds())
            finally:
                chores.cancel()
                worker.cancel()
                ends = await asyncio.gather(worker, chores, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end
        if not until():
            raise exceptions.ConnectorException

    async def _rescue(self) -> None:
        """Puts the jobs of dead workers back into their queues, and removes old ones."""
        manager = self._app.job_manager
        stalled = [
            *await manager.get_stalled_jobs(
                seconds_since_heartbeat=self._dead_after.total_seconds()
            )
        ]
        for number in self._ended_before:  # their ends could not be stored
            stalled += await manager.list_jobs_async(id=number, status="doing")
        self._ended_before, self._ended = self._ended, set()
        for job in stalled:
            await self._put_back(job)
        await manager.delete_old_jobs(nb_hours=KEPT_HOURS, include_failed=True)

    async def _put_back(self, job: jobs.Job) -> None:
        manager = self._app.job_manager
        assert job.id is not None, "it was stored"
        # What is refused was ended by another worker in between.
        with suppress(exceptions.ConnectorException):
            try:
                await manager.retry_job(job)
            except (
                exceptions.UniqueViolation
            ):  # a later job of the target waits, and this one has its lock
                await manager.finish_job_by_id_async(
                    job_id=job.id, status=jobs.Status.FAILED, delete_job=True
                )

    def _run(self, context: procrastinate.JobContext, target: str) -> None:
        try:
            self._drill(target)
        finally:
            self._ended.add(context.job.id or 0)


async def _every(interval: timedelta, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await act()
        await asyncio.sleep(interval.total_seconds())


def _end_not_stored(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The end of a job that another worker has ended in between, or that was cut off: its slot says what became of it."""
    exc = context.get("exception")
    reason = context["message"] if exc is None else str(exc.__cause__ or exc)
    log.info("job.end_not_stored", reason=" ".join(reason.split()))


def _unusable() -> StoreError:
    return StoreError(
        "could not read or write the jobs of the history: the connection was lost",
        hint="Check that the server runs, and history.url. The same command can be tried again; no drill is lost.",
    )
