"""Checks of a schedule for `doctor`: when each report is next, and whether what it needs is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from smsanalytics.analysis.periods import period, zone_of
from smsanalytics.errors import DeliveryFailed, SettingsError, UnknownName
from smsanalytics.ops.doctor.finding import Finding, fail, ok
from smsanalytics.scheduler.cron import Cron
from smsanalytics.scheduler.email import Server
from smsanalytics.settings import Report, Settings


def checks(settings: Settings, *, call_mail: bool = False) -> dict[str, Callable[[], Iterator[Finding]]]:
    """
    Return the checks of reports and mail, by name.

    Parameters
    ----------
    settings : Settings
        Those of the schedule.
    call_mail : bool
        Also log in at the mail server; nothing is sent.

    Returns
    -------
    dict of str to callable
        As `smsanalytics.ops.doctor.examine` takes them.
    """
    return {"reports": lambda: _reports(settings), "mail": lambda: _mail(settings, call=call_mail)}


def _reports(settings: Settings) -> Iterator[Finding]:
    for name, report in settings.reports.items():
        check = f"report {name}"
        yield from _times(check, report)
        yield from _notebook(check, report)
        yield _out(check, report.out)
        yield from _hook(check, report)
        if report.to and settings.mail is None:
            yield fail(check, "it has recipients, and there is no [mail]", "add [mail] with host and sender")


def _times(check: str, report: Report) -> Iterator[Finding]:
    wall = datetime.now(UTC).astimezone(zone_of(report.zone)).replace(tzinfo=None)
    try:
        following = Cron(report.cron).next(wall)
        yield ok(check, f"next {following:%Y-%m-%d %H:%M} {report.zone}")
    except UnknownName as error:
        yield fail(check, f"cron: {error}", "correct cron")
    try:
        first, after = period(report.period, today=wall.date())
    except UnknownName as error:
        yield fail(check, f"period: {error}", "correct period")
    else:
        yield ok(check, f"{report.period} would be {first} until {after}, exclusive")


def _notebook(check: str, report: Report) -> Iterator[Finding]:
    if report.notebook is None:
        return
    if report.notebook.is_file() and os.access(report.notebook, os.R_OK):
        yield ok(check, f"{report.notebook} can be read")
    else:
        yield fail(check, f"there is no notebook {report.notebook} that can be read", "correct notebook")


def _out(check: str, out: Path) -> Finding:
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    todo = f"set out to a directory that uid {os.geteuid()} may write"
    if not there.is_dir():
        return fail(check, f"{there} is no directory", todo)
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        return fail(check, f"{there} cannot be written: {os.strerror(error.errno or 0)}", todo)
    return ok(check, f"{out} can be written" if out.is_dir() else f"{out} can be made")


def _hook(check: str, report: Report) -> Iterator[Finding]:
    if not report.hook:
        return
    program = report.hook[0]
    if shutil.which(program):
        yield ok(check, f"the hook {program} can be run")
    elif Path(program).is_file():
        yield fail(check, f"the hook {program} is not executable", f"chmod +x {program}")
    else:
        yield fail(check, f"there is no program {program} for the hook", "correct hook, or install the program")


def _mail(settings: Settings, *, call: bool) -> Iterator[Finding]:
    if settings.mail is None:
        if call:
            yield fail("mail", "there is no [mail] in the settings", "add it, or leave out --mail")
        return
    shown = f"{settings.mail.host}:{settings.mail.port}, security {settings.mail.security}"
    try:
        server = Server(**settings.mail.opened())
        if call:
            server.check()
    except SettingsError as error:
        yield fail("mail", str(error), "correct [mail]")
    except DeliveryFailed as error:
        yield fail("mail", f"{shown}: {error}", "correct [mail], or see the log of that server")
    else:
        yield ok("mail", f"{shown}: {'it lets us in' if call else 'not called; --mail does'}")
