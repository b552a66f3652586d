"""Reports at their times: each made once, sent once, and made up for once after a time when nothing ran."""

from __future__ import annotations

import logging
import queue
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from smsanalytics.scheduler.cron import Cron
from smsanalytics.scheduler.email import Server
from smsanalytics.scheduler.job import Job, Plan, in_words
from smsanalytics.scheduler.job_state import Ledger, Made
from smsanalytics.storage import atomic

log = logging.getLogger("smsanalytics.reports")

EVERY = timedelta(seconds=15)


class Schedule:
    """
    Several plans at work, by one process at a time.

    What is done is noted in a file beside the reports before anything else happens, so a process that is killed sends
    nothing again, but for a message whose acceptance came in the instant before: that goes out twice, with one
    Message-ID.

    Parameters
    ----------
    data : Path
        The store.
    plans : sequence of Plan
        What is to be made.
    server : Server, optional
        For plans with recipients.

    Raises
    ------
    StoreBusy
        On entering, if another process has one of the directories.

    Examples
    --------
    >>> reports = getfixture("tmp_path") / "reports"
    >>> daily = Plan("daily", cron="0 8 * * *", period="yesterday", zone="Europe/Moscow", out=reports)
    >>> with Schedule(example_store, [daily]) as schedule:
    ...     schedule.tick(datetime(2026, 11, 21, 12, tzinfo=UTC))  # the first ever only counts from then
    ...     schedule.tick(datetime(2026, 11, 22, 12, tzinfo=UTC))
    True
    True
    >>> [path.name for path in sorted(reports.iterdir())]
    ['daily-2026-11-21--2026-11-21.en.html', 'daily.schedule.json']
    """

    def __init__(self, data: Path, plans: Sequence[Plan], server: Server | None = None) -> None:
        self._data, self._plans, self._server = data, plans, server
        self._jobs: list[Job] = []
        self._held = ExitStack()
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # unlike an event, a signal handler may use it
        self._said: dict[str, str] = {}

    def __enter__(self) -> Self:
        with ExitStack() as held:
            for plan in self._plans:
                atomic.make_directory(plan.out)
            for directory in {plan.out.resolve() for plan in self._plans}:
                held.enter_context(atomic.locked(directory, "the schedule of these reports"))
            self._jobs = [Job(plan, self._data, self._server, self._is_stopping) for plan in self._plans]
            self._held = held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def _is_stopping(self) -> bool:
        return not self._signals.empty()

    def tick(self, now: datetime | None = None) -> bool:
        """Do all that is due at a moment; True if nothing is owed any more."""
        done = [self._tick(job, now or datetime.now(UTC)) for job in self._jobs]
        return all(done)

    def _tick(self, job: Job, now: datetime) -> bool:
        """Do what one job has to do: whatever befalls it, the others go on."""
        name = job.plan.name
        try:
            done = job.tick(now)
        except Exception as error:
            words = in_words(error)
            if self._said.get(name) != words:  # once, not every few seconds
                log.error("report %s: %s", name, words)
            self._said[name] = words
            return False
        self._said.pop(name, None)
        return done

    def run(self) -> None:
        """Tick until SIGTERM or SIGINT; what is under way is finished."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: self._signals.put(number))
        while self._signals.empty():
            self.tick()
            with suppress(queue.Empty):
                self._signals.get(timeout=EVERY.total_seconds())
                return


def overview(plans: Sequence[Plan], now: datetime) -> Iterator[str]:
    """A line for each plan: when it is next, and what became of the last."""
    for plan in plans:
        ledger = Ledger.read(plan.ledger)
        if ledger is None:
            first = Cron(plan.cron).next(plan.wall(now))
            yield f"{plan.name}: not started yet; would be next {first:%Y-%m-%d %H:%M} {plan.zone}"
            continue
        wall = plan.wall(now)
        due = Cron(plan.cron).latest(after=ledger.done, until=wall) if ledger.times == plan.times else None
        when = f"due since {due:%Y-%m-%d %H:%M}" if due else f"next {Cron(plan.cron).next(wall):%Y-%m-%d %H:%M}"
        tried = f", tried {ledger.making.tries} times: {ledger.making.why}" if ledger.making.tries else ""
        last = _became(ledger.made[-1]) if ledger.made else "none yet"
        yield f"{plan.name}: {when} {plan.zone}{tried}; last {last}"


def _became(made: Made) -> str:
    owed = "".join(
        f", {channel} owed, tried {one.tries} times{f': {one.why}' if one.why else ''}"
        for channel, one in made.owed.items()
    )
    return f"{made.occurrence:%Y-%m-%d %H:%M} {made.file}{owed or ', done'}"
