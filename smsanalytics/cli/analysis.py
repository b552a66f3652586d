"""Commands of analysis: `metric`, `report`, `schedule`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from smsanalytics.cli.app import Config, Data, Horizon, app
from smsanalytics.cli.backlog import announce_backlog
from smsanalytics.errors import UnknownName
from smsanalytics.settings import load


@app.command()
def metric(
    name: Annotated[str, typer.Argument(help="A question of the store, such as delivery_rate or latency.")],
    by: Annotated[
        str | None,
        typer.Option(help="Columns, with commas; '' for one row.  [default: the question's]", show_default=False),
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="today, yesterday, last-week, last-7-days, last-month, 2026-11 and the like.")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help="First day or moment, ISO.")] = None,
    to: Annotated[str | None, typer.Option(help="The day or moment after the last.")] = None,
    tz: Annotated[str, typer.Option(help="Zone of days and hours.")] = "UTC",
    type_: Annotated[str | None, typer.Option("--type", help="Message types, with commas.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="COLUMN=VALUE; values of one column are alternatives.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="table, csv, json or parquet.")] = "table",
    horizon: Horizon = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Answer one question, one line per group."""
    settings = load(config, data=data, horizon_hours=horizon)
    from smsanalytics.analysis.store import open_store
    from smsanalytics.cli.metric import answer

    store = open_store(settings.data, tz=tz, horizon=settings.horizon)
    result = answer(
        store, name, by=by, period=period, start=from_, end=to, type=type_,
        where=where or [], format=format_,
    )  # fmt: skip
    announce_backlog(settings, answered=store.as_of is not None)
    if isinstance(result, bytes):
        if sys.stdout.isatty():
            raise UnknownName("Parquet is not for a terminal; send it to a file: > answer.parquet")
        sys.stdout.buffer.write(result)
    else:
        typer.echo(result)


@app.command()
def report(
    period: Annotated[
        str | None,
        typer.Option(
            help="yesterday, last-week, last-7-days, last-month, 2026-11 and the like.  [default: last-week]",
            show_default=False,
        ),
    ] = None,
    tz: Annotated[str | None, typer.Option(help="Zone of days and hours.  [default: UTC]", show_default=False)] = None,
    lang: Annotated[str, typer.Option(help="en or ru.")] = "en",
    out: Annotated[Path, typer.Option(help="Directory for the file.")] = Path("reports"),
    format_: Annotated[str, typer.Option("--format", help="html, or for machines json or csv.")] = "html",
    notebook: Annotated[
        Path | None, typer.Option(help="Run this notebook for the period and publish it instead.", show_default=False)
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Of the made-up month, October 2026 in Moscow.")] = False,
    horizon: Horizon = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write the report of a period as one file, and print where it is."""
    settings = load(config, data=data, horizon_hours=horizon)
    from smsanalytics.analysis.store import open_store
    from smsanalytics.reports.export import write

    if sample:
        from smsanalytics.sample import load_sample

        store, period = load_sample(), period or "2026-10"
        store = open_store(store.path, tz=tz or store.tz, horizon=settings.horizon)
    else:
        store = open_store(settings.data, tz=tz or "UTC", horizon=settings.horizon)
    written = write(store, out, period=period or "last-week", lang=lang, format=format_, notebook=notebook)
    typer.echo(written.path)


@app.command()
def schedule(
    once: Annotated[bool, typer.Option("--once", help="Do what is due and end: for cron or a systemd timer.")] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="Say when each report is next and what became of the last.")
    ] = False,
    now: Annotated[
        str | None,
        typer.Option(help="Make this report and send it at once, noting nothing: a rehearsal.", show_default=False),
    ] = None,
    horizon: Horizon = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """
    Make the reports of the settings at their times, and send them, until SIGTERM.

    Each table reports.NAME says when (cron, in its zone) and of which period. The first run ever only counts from
    then on; after that a time that was missed is made up for once, however many there were, and none is done twice:
    what is done is noted in OUT/NAME.schedule.json. A time that comes twice when clocks go back counts once, and one
    that is skipped when they go forward is due right after.

    The report is written to OUT, where the newest KEEP of this report stay. Then it is mailed to all of TO as one
    message (whom the server refuses gets it alone later), and the command HOOK is run, without a shell, with its path
    as last argument and SMSREPORT_JOB and SMSREPORT_TITLE in the environment. What fails is tried again after 1, 2, 4 …
    60 minutes, for as long as the file is kept, older reports first.

    Killed between the server's "250" and the note of it, the same message goes out twice with one Message-ID; a command
    that was killed with it runs again.

    With --once the exit code is 1 while something that failed is owed.
    """
    settings = load(config, data=data, horizon_hours=horizon).for_scheduling()
    from smsanalytics.scheduler.email import Server
    from smsanalytics.scheduler.job import Plan, rehearse
    from smsanalytics.scheduler.scheduler import Schedule, overview

    plans = [Plan(name, horizon=settings.horizon, **dict(report)) for name, report in settings.reports.items()]
    if list_:
        typer.echo("\n".join(overview(plans, datetime.now(UTC))))
        return
    server = Server(**settings.mail.opened()) if settings.mail else None
    if now is not None:
        known = {plan.name: plan for plan in plans}
        if now not in known:
            raise UnknownName.of("report", now, known)
        typer.echo(f"made and delivered {rehearse(known[now], settings.data, server, datetime.now(UTC))}")
        return
    with Schedule(settings.data, plans, server) as running:
        if not once:
            running.run()
        elif not running.tick():
            raise typer.Exit(1)
