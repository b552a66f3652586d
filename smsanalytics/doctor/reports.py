"""The reports of a schedule: when each is next, and whether what it needs is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from smsanalytics.doctor.finding import Finding, fail, ok
from smsanalytics.errors import UnknownName
from smsanalytics.periods import period, zone_of
from smsanalytics.report.cron import Cron
from smsanalytics.settings import Report, Settings


def findings(settings: Settings) -> Iterator[Finding]:
    """Of each report, whether it will be made and handed on."""
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
