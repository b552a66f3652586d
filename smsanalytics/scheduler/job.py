"""One report that is made again and again: what is due, what is owed, what is kept."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from smsanalytics.analysis.periods import period, zone_of
from smsanalytics.analysis.store import open_store
from smsanalytics.errors import DeliveryFailed, SettingsError, SmsAnalyticsError, UnknownName
from smsanalytics.metrics.messages import HORIZON
from smsanalytics.reports.export import Written, write
from smsanalytics.scheduler import email, hook
from smsanalytics.scheduler.cron import Cron
from smsanalytics.scheduler.job_state import Ledger, Made, Owed

log = logging.getLogger("smsanalytics.reports")

FARTHEST = timedelta(days=1)  #: a time done that lies farther ahead was noted by a clock that was wrong


@dataclass(frozen=True)
class Plan:
    """
    What is to be made, when, and for whom; the attributes are those of the settings, `horizon` that of all reports.

    Raises
    ------
    SettingsError
        If cron, zone or period mean nothing.
    """

    name: str
    cron: str
    period: str
    zone: str = "UTC"
    lang: str = "en"
    format: str = "html"
    notebook: Path | None = None
    out: Path = Path("reports")
    keep: int = 12
    to: tuple[str, ...] = ()
    hook: tuple[str, ...] = ()
    horizon: timedelta = HORIZON

    def __post_init__(self) -> None:
        checks: dict[str, Callable[[], object]] = {
            "cron": lambda: Cron(self.cron),
            "zone": lambda: zone_of(self.zone),
            "period": lambda: period(self.period, today=date(2026, 11, 22)),
        }
        for setting, check in checks.items():
            try:
                check()
            except UnknownName as error:
                raise SettingsError(f"reports.{self.name}.{setting}: {error}") from None

    @property
    def ledger(self) -> Path:
        """The file of its state."""
        return self.out / f"{self.name}.schedule.json"

    @property
    def times(self) -> str:
        """Its expression and zone; a change of either counts from then on."""
        return f"{self.cron} {self.zone}"

    @property
    def channels(self) -> dict[str, Owed]:
        """What is owed when a report has just been made."""
        return ({"mail": Owed(to=list(self.to))} if self.to else {}) | ({"hook": Owed()} if self.hook else {})

    def wall(self, now: datetime) -> datetime:
        """What a clock on the wall shows in its zone."""
        return now.astimezone(zone_of(self.zone)).replace(tzinfo=None, fold=0)

    def write(self, data: Path, today: date) -> Written:
        """Write its report of a store, of the period as meant on a day."""
        store = open_store(data, tz=self.zone, horizon=self.horizon)
        return write(
            store, self.out, period=self.period, lang=self.lang, format=self.format,
            notebook=self.notebook, name=self.name, today=today,
        )  # fmt: skip


class Job:
    """
    A plan at work; one process at a time has it, and its lock.

    Parameters
    ----------
    plan : Plan
        What is to be done.
    data : Path
        The store.
    server : mail.Server, optional
        For plans with recipients.
    stopping : callable
        Whether to begin nothing more.
    """

    def __init__(self, plan: Plan, data: Path, server: email.Server | None, stopping: Callable[[], bool]) -> None:
        self.plan, self._data, self._server, self._stopping = plan, data, server, stopping
        self._cron, self._ledger = Cron(plan.cron), Ledger.read(plan.ledger)

    def tick(self, now: datetime) -> bool:
        """
        Make the report that is due and try the deliveries that are owed; what fails is tried again by a later tick.

        Returns
        -------
        bool
            Whether nothing is owed any more.
        """
        wall = self.plan.wall(now)
        ledger = self._ledger = self._counted(wall)
        ledger.save()  # first: where the disk takes no note of it, nothing is sent
        due = self._cron.latest(after=ledger.done, until=wall)
        if due is not None and not ledger.making.waits(now):
            self._make(ledger, due, now)
        self._prune(ledger)
        self._forgive(ledger)
        for channel in ("mail", "hook"):
            self._deliver(ledger, channel, now)
        return not ledger.owes

    def _counted(self, wall: datetime) -> Ledger:
        """The ledger, counting from now on if this is the first tick, or else its count means nothing."""
        plan, ledger = self.plan, self._ledger
        if ledger is None:
            log.info("report %s: from now on, next at %s %s", plan.name, self._cron.next(wall), plan.zone)
            return Ledger(plan.ledger, plan.times, done=wall)
        if ledger.times != plan.times:
            log.info("report %s: its times have changed; from now on", plan.name)
        elif ledger.done > wall + FARTHEST:
            log.warning("report %s: was done until %s, so the clock was wrong; from now on", plan.name, ledger.done)
        else:
            return ledger
        ledger.times, ledger.done, ledger.making = plan.times, wall, Owed()
        return ledger

    def _make(self, ledger: Ledger, due: datetime, now: datetime) -> None:
        plan = self.plan
        if any(one.occurrence == due for one in ledger.made):  # the clock was wrong, and is right again
            ledger.done, ledger.making = due, Owed()
            return ledger.save()
        ledger.making.begin(now)
        ledger.save()
        try:
            written = plan.write(self._data, due.date())
        except Exception as error:  # whatever it is, the next try or another report may fare better
            ledger.making.why = in_words(error)
            log.error("report %s of %s: not made: %s", plan.name, due, ledger.making.why)
            return ledger.save()
        self._replace(ledger, written.path.name)
        made = Made(due, written.path.name, written.title, list(written.lines), plan.channels)
        ledger.made, ledger.done, ledger.making = [*ledger.made, made], due, Owed()
        ledger.save()
        log.info("report %s of %s: made %s", plan.name, due, made.file)
        return None

    def _replace(self, ledger: Ledger, file: str) -> None:
        """Forget what was made under the same name before: it is no more."""
        for one in ledger.made:
            if one.file == file and one.owed:
                log.warning(
                    "report %s of %s: a newer one took its place before it was sent", self.plan.name, one.occurrence
                )
        ledger.made = [one for one in ledger.made if one.file != file]

    def _prune(self, ledger: Ledger) -> None:
        """Remove the oldest files beyond those that are kept."""
        for one in ledger.made[: -self.plan.keep]:
            for channel in one.owed:
                log.warning("report %s of %s: removed before %s was done", self.plan.name, one.occurrence, channel)
            (self.plan.out / one.file).unlink(missing_ok=True)
        ledger.made = ledger.made[-self.plan.keep :]
        ledger.save()

    def _forgive(self, ledger: Ledger) -> None:
        """Drop what can no longer be delivered: its file is gone, or the settings name it no more."""
        for one in ledger.made:
            gone = not (self.plan.out / one.file).is_file()
            for channel, owed in list(one.owed.items()):
                owed.to = [address for address in owed.to if address in self.plan.to]
                if gone or channel not in self.plan.channels or (channel == "mail" and not owed.to):
                    del one.owed[channel]
                    why = "its file is gone" if gone else "the settings name nobody for it"
                    log.warning("report %s of %s: not sent by %s: %s", self.plan.name, one.occurrence, channel, why)
        ledger.save()

    def _deliver(self, ledger: Ledger, channel: str, now: datetime) -> None:
        """Try one channel, oldest first; one that fails holds the later ones back, unless it failed by itself."""
        for one in ledger.made:
            if channel not in one.owed:
                continue
            owed = one.owed[channel]
            if not owed.waits(now) and not self._stopping():
                self._try(ledger, one, channel, now)
            if channel in one.owed and not owed.alone:
                return

    def _try(self, ledger: Ledger, one: Made, channel: str, now: datetime) -> None:
        owed = one.owed[channel]
        owed.begin(now)
        ledger.save()
        try:
            self._send(ledger, one, channel, now)
        except Exception as error:  # whatever it is, it is tried again
            owed.why = in_words(error)
            if isinstance(error, DeliveryFailed):
                owed.alone, owed.to = error.alone, list(error.refused) or owed.to
            log.warning(
                "report %s of %s: %s failed (try %d): %s", self.plan.name, one.occurrence, channel, owed.tries, owed.why
            )
        else:
            del one.owed[channel]
            log.info("report %s of %s: %s done", self.plan.name, one.occurrence, channel)
        ledger.save()

    def _send(self, ledger: Ledger, one: Made, channel: str, now: datetime) -> None:
        plan, file = self.plan, self.plan.out / one.file
        if channel == "hook":
            hook.call(plan.hook, file, about={"SMSREPORT_JOB": plan.name, "SMSREPORT_TITLE": one.title})
            return
        if self._server is None:
            raise DeliveryFailed("no mail server is set")
        key = f"{plan.name}.{one.occurrence:%Y%m%dT%H%M}.{ledger.token}"
        message = email.compose(
            one.title, one.lines, file, sender=self._server.sender, to=plan.to, key=key, now=now
        )  # fmt: skip
        self._server.send(message, one.owed[channel].to)


def rehearse(plan: Plan, data: Path, server: email.Server | None, now: datetime) -> Path:
    """
    Make a report at once and deliver it to all it is for, without noting anything.

    Raises
    ------
    SmsAnalyticsError
        Of the first thing that fails: it is not tried again.
    """
    written = plan.write(data, plan.wall(now).date())
    if plan.to and server is not None:
        key = f"{plan.name}.now.{secrets.token_hex(6)}"
        message = email.compose(
            written.title, written.lines, written.path, sender=server.sender, to=plan.to, key=key, now=now
        )
        server.send(message, plan.to)
    if plan.hook:
        hook.call(plan.hook, written.path, about={"SMSREPORT_JOB": plan.name, "SMSREPORT_TITLE": written.title})
    return written.path


def in_words(error: Exception) -> str:
    """
    What failed, in words that quote nothing: our own errors do not, of others the kind is named.

    Examples
    --------
    >>> in_words(OSError(28, "No space left on device", "/reports"))
    'OSError: No space left on device'
    >>> in_words(ValueError("79001230001"))
    'ValueError'
    """
    if isinstance(error, SmsAnalyticsError):
        return str(error)
    kind = type(error).__name__
    return f"{kind}: {error.strerror}" if isinstance(error, OSError) and error.strerror else kind
