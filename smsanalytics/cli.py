"""The words of the command line and its exit codes: 0 done, 1 the answer is "no", 2 wrong usage or settings."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smsanalytics import logs
from smsanalytics.errors import SettingsError, SmsAnalyticsError, StoreBusy, StoreError, UnknownName
from smsanalytics.settings import DEFAULT_ACCOUNT, Settings, load, read, text

if TYPE_CHECKING:
    from smsanalytics.collector.accounts import Account
    from smsanalytics.recovery import Span
    from smsanalytics.store.fold import Watch
    from smsanalytics.store.maintenance import Maintenance
    from smsanalytics.store.privacy import Privacy

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
rejected = typer.Typer(no_args_is_help=True, help="Find out why callbacks were refused, and recover what can be.")
app.add_typer(rejected, name="rejected")

Data = Annotated[Path | None, typer.Option(help="The store.  [default: data]", show_default=False)]
Config = Annotated[Path | None, typer.Option(help="Settings file.  [default: smsanalytics.toml]", show_default=False)]
Seed = Annotated[int, typer.Option(help="The same seed makes the same traffic, counted back from now.")]
OfAccount = Annotated[str | None, typer.Option("--account", help="Of this account only.", show_default=False)]
ForReason = Annotated[
    str | None, typer.Option("--reason", help="signature, structure, malformed, address.", show_default=False)
]
From = Annotated[str | None, typer.Option("--from", help="First day or moment of receipt, ISO.")]
To = Annotated[str | None, typer.Option("--to", help="The day or moment after the last.")]
Zone = Annotated[str, typer.Option(help="Zone of days and times.")]


class Told(StrEnum):
    """What may be imported."""

    SENDS = "sends"
    CONFIRMATION_REQUESTS = "confirmation-requests"


class Ambiguous(StrEnum):
    """Which moment a local time is, where it may be two."""

    EARLIER = "earlier"
    LATER = "later"


PATIENCE = 600.0  #: how long to wait for the pass of a maintenance to end [s]
KINDS = {Told.SENDS: "send", Told.CONFIRMATION_REQUESTS: "confirmation_request"}  # of the journal


@app.callback()
def smsanalytics() -> None:
    """Keep the signed callbacks of the SMS Center gateway in Parquet, and turn them into delivery rates."""


@app.command()
def serve(
    data: Data = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 picks a free one.  [default: 8025]", show_default=False)
    ] = None,
    admin: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT for your own systems, or off.  [default: 127.0.0.1, the port after --port]",
            show_default=False,
        ),
    ] = None,
    flush_seconds: Annotated[
        float | None,
        typer.Option(help="How long an event waits before it is Parquet.  [default: 60]", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that collect.  [default: 1]", show_default=False)
    ] = None,
    no_maintain: Annotated[bool, typer.Option("--no-maintain", help="Run `maintain` yourself.")] = False,
    config: Config = None,
    worker: Annotated[int | None, typer.Option(hidden=True)] = None,
    sockets: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Collect callbacks until SIGTERM; an answer of 200 means that the event is on the disk."""
    if worker is not None:
        _as_a_part()
    settings = load(config, data=data, host=host, port=port, admin=admin, flush_seconds=flush_seconds, workers=workers)
    from smsanalytics.serving.server import serve as run
    from smsanalytics.serving.server import work

    if worker is not None:
        work(settings, worker, [int(number) for number in sockets.split(",")])
        return
    maintain = [sys.executable, "-m", "smsanalytics", "maintain", "--follow", "--until-eof"]
    maintain += ["--data", str(settings.data), *(["--config", str(config)] if config else [])]
    itself = [sys.executable, "-m", "smsanalytics", *sys.argv[1:]]
    run(settings, maintain=None if no_maintain else maintain, worker=itself)


@app.command()
def maintain(
    data: Data = None,
    follow: Annotated[bool, typer.Option("--follow", help="Keep on, until SIGTERM.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make messages anew from all events.")] = False,
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True)] = False,
    config: Config = None,
) -> None:
    """Publish what the journal holds as Parquet, bring the messages up to date, merge small files, sweep old ones."""
    if until_eof:
        _as_a_part()
    settings = load(config, data=data)
    if not settings.data.is_dir() and not follow:
        raise StoreError(f"there is no store at {settings.data}; `smsanalytics serve --data {settings.data}` makes one")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT) if follow else ():
        # beside a collector, signals to the whole group are the collector's to act on: it seals first
        signal.signal(number, signal.SIG_IGN if until_eof else lambda *_: stop.set())
    if until_eof:
        os.nice(10)  # beside a collector it gives way
        threading.Thread(target=_set_at_eof, args=[stop], daemon=True).start()
    with _progress(quiet=follow) as told, _maintenance(settings, told=told) as maintenance:
        done = maintenance.run(anew=rebuild)
        if follow:
            maintenance.follow(stop)
        else:
            rows = ", ".join(f"{count} {table}" for table, count in done.rows.items() if count)
            messages = "made anew" if rebuild else f"{'brought' if done.folded else 'were'} up to date"
            merged = f"; {done.merged} files made of smaller ones" if done.merged else ""
            typer.echo(f"published {rows or 'nothing new'}; messages {messages}{merged}")


@app.command()
def forget(
    phone: Annotated[
        str, typer.Argument(help="The number, or - to read it from standard input, which shells do not record.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """
    Take a number out of every file of the store, for good.

    What came of it and went to it is removed from all tables, with the messages and the refused callbacks that name
    it; where others mention it in a text it is struck out. Beside a running collector this waits for its maintenance to
    make way. Interrupted anywhere, run it again. Copies elsewhere, such as backups, are not reached.

    Exit code 1 if something is left, such as in what a collector has just received: run it again in a minute.
    """
    settings = load(config, data=data)
    from smsanalytics.store.forget import forget_in
    from smsanalytics.store.layout import Layout
    from smsanalytics.store.number import Number

    number = Number.of(sys.stdin.readline().strip() if phone == "-" else phone, _privacy(settings))
    if own := [name for name, account in settings.accounts.items() if number.is_among(account.inbound_numbers)]:
        raise UnknownName(f"this is a receiving number of account {own[0]}; a subscriber's is needed")
    if not settings.data.is_dir():
        raise StoreError(f"there is no store at {settings.data}")
    if not yes:
        typer.confirm(f"Remove everything of this number from {settings.data}, for good?", abort=True)
    with _maintenance(settings, patience=PATIENCE) as maintenance:
        done = forget_in(Layout(settings.data), maintenance, number)
    typer.echo("\n".join(done.told()))
    raise typer.Exit(0 if done.complete else 1)


@app.command()
def backup(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new directory, or one with an earlier backup of this store.")
    ],
    data: Data = None,
    config: Config = None,
) -> None:
    """
    Copy the store while it is written: everything acknowledged before this began is in the copy.

    An earlier backup is brought up to date; files it has already are left as they are. Interrupted anywhere, run it
    again: until it is done, backup.json in DIR says that it is not complete. To restore, copy DIR to where the store is
    to be, or use it as --data.
    """
    settings = load(config, data=data)
    from smsanalytics.store.backup import back_up
    from smsanalytics.store.layout import Layout

    done = back_up(Layout(settings.data), directory, patience=PATIENCE)
    typer.echo(f"{directory} is a complete copy: {done.copied} files copied, {done.kept} kept, {done.removed} removed")


@app.command()
def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Do not call the collector.")] = False,
    forged: Annotated[
        bool,
        typer.Option("--forged", help="Also send a wrong signature, which must get 403; it is kept in `rejected`."),
    ] = False,
    mail: Annotated[
        bool, typer.Option("--mail", help="Also log in at the mail server of the settings; nothing is sent.")
    ] = False,
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    data: Data = None,
    host: Annotated[
        str | None, typer.Option(help="Where the collector listens.  [default: 127.0.0.1]", show_default=False)
    ] = None,
    port: Annotated[int | None, typer.Option(help="Its port.  [default: 8025]", show_default=False)] = None,
    admin: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT of its admin listener, or off.  [default: 127.0.0.1, the port after --port]",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
) -> None:
    """
    Examine the collector and what it stands on: a line for each check, and what to do about it.

    It goes on whatever is wrong: every wrong setting is a line, and what can be examined without it is. Of a schedule
    it says when each report is next, and whether notebook, hook and directory are there.

    Run it as the user of the collector, with its settings. Each account is sent a signed callback for each of its
    secrets, a status of a message of its own with the reason 200 ("nothing was really sent"): it is stored like any
    other, and counts in no rate.

    Exit code 1 if any line is FAIL.
    """
    if format_ not in ("text", "json"):
        raise UnknownName.of("format", format_, ["text", "json"])
    settings = read(config, data=data, host=host, port=port, admin=admin)
    from smsanalytics.doctor import State, examine

    found = examine(settings, config=config, offline=offline, forged=forged, call_mail=mail)
    as_json = format_ == "json"
    typer.echo(json.dumps([asdict(one) for one in found], indent=1) if as_json else "\n".join(map(str, found)))
    raise typer.Exit(1 if any(one.state is State.FAIL for one in found) else 0)


@app.command()
def status(
    format_: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    data: Data = None,
    config: Config = None,
) -> None:
    """Say what the store holds, how fresh it is, what waits to be done, and who works on it."""
    settings = load(config, data=data)
    from smsanalytics.status import table, to_json
    from smsanalytics.store.layout import Layout
    from smsanalytics.store.space import Space
    from smsanalytics.store.status import status as look

    formats = {"table": table, "json": to_json}
    if format_ not in formats:
        raise UnknownName.of("format", format_, formats)
    layout = Layout(settings.data)
    space = Space(layout, reserve=settings.disk_reserve_bytes, max_backlog=settings.max_backlog_bytes)
    typer.echo(formats[format_](look(layout, space), settings.flush_seconds))


@app.command()
def check(
    days: Annotated[
        int, typer.Option(min=0, help="Days of messages to recount from the events, the newest among them.")
    ] = 3,
    seed: Annotated[
        int | None,
        typer.Option(help="Of the chance that chooses the others.  [default: other days each day]", show_default=False),
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """
    Look at everything in the store: one line for each thing that is wrong, and what to do about it.

    It reads every file, writes nothing, and may run beside a collector, as any user who may read the store.

    Exit code 1 if anything is found.
    """
    settings = load(config, data=data)
    from smsanalytics.check import check as look
    from smsanalytics.store.layout import Layout

    chance = datetime.now(UTC).date().toordinal() if seed is None else seed
    report = look(Layout(settings.data), days=days, seed=chance, progress=sys.stderr.isatty())
    for one in report.findings:
        typer.echo(one)
    typer.echo(f"{report.looked}; {len(report.findings) or 'nothing'} found")
    raise typer.Exit(1 if report.findings else 0)


@app.command()
def files(
    table: Annotated[
        str, typer.Argument(help="statuses, incoming, confirmations, call_events, sends, rejected, messages …")
    ],
    data: Data = None,
    config: Config = None,
) -> None:
    """List the exact Parquet files of a table, for other tools: each event once."""
    settings = load(config, data=data)
    from smsanalytics.api import open_store

    found = open_store(settings.data).files(table)
    for path in found:
        typer.echo(path)
    _say_what_waits(settings, answered=bool(found))


@app.command("import")
def import_(
    what: Annotated[Told, typer.Argument(help="What the file reports.", show_default=False)],
    file: Annotated[
        Path, typer.Argument(help="CSV, Excel (.xlsx), Parquet or JSON lines, by its suffix.", show_default=False)
    ],
    column: Annotated[
        list[str] | None, typer.Option(help="OURS=THEIRS: a column that the file calls otherwise; repeatable.")
    ] = None,
    account: Annotated[str, typer.Option(help="Account for rows without one.")] = DEFAULT_ACCOUNT,
    tz: Annotated[
        str | None,
        typer.Option(help="Zone of times that name none, which are refused without it.", show_default=False),
    ] = None,
    ambiguous: Annotated[
        Ambiguous | None,
        typer.Option(
            help="What a time means that comes twice or never when clocks change, which is refused without it.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse columns that are not needed.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """
    Report messages sent, or numbers asked to confirm by a call: a whole file, or nothing of it.

    The file may be as a spreadsheet saves it: see the guide "Tell it what you sent".
    """
    settings = load(config, data=data)
    from smsanalytics.numbering import Phones
    from smsanalytics.periods import zone_of
    from smsanalytics.store import records, sheet
    from smsanalytics.store.layout import Layout
    from smsanalytics.store.spelling import COMMAND, Spelling

    spelling = Spelling(
        KINDS[what], COMMAND, columns=_pairs(column or []), zone=zone_of(tz) if tz else None,
        ambiguous=ambiguous.value if ambiguous else None, strict=strict,
    )  # fmt: skip
    rows, guessed = sheet.of_file(file, spelling)
    phones = Phones(settings.numberings)
    events = records.encode(
        KINDS[what], rows, account=account, source="import", accounts=set(settings.accounts) or None, phones=phones
    )
    records.append(Layout(settings.data), events, allow_network=settings.allow_network_journal)
    for notice in (*guessed, *spelling.notices(), *phones.done(), *phones.undone()):
        typer.echo(f"smsanalytics: {notice}", err=True)
    typer.echo(f"stored {len(events)} {what.value} in {settings.data}")
    _publish(settings)


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
    data: Data = None,
    config: Config = None,
) -> None:
    """Answer one question, one line per group."""
    settings = load(config, data=data)
    from smsanalytics.answers import answer
    from smsanalytics.api import open_store

    store = open_store(settings.data, tz=tz)
    said = answer(
        store, name, by=by, period=period, start=from_, end=to, type=type_,
        where=where or [], format=format_,
    )  # fmt: skip
    _say_what_waits(settings, answered=store.as_of is not None)
    if isinstance(said, bytes):
        if sys.stdout.isatty():
            raise UnknownName("Parquet is not for a terminal; send it to a file: > answer.parquet")
        sys.stdout.buffer.write(said)
    else:
        typer.echo(said)


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
    data: Data = None,
    config: Config = None,
) -> None:
    """Write the report of a period as one file, and print where it is."""
    settings = load(config, data=data)
    from smsanalytics.api import open_store
    from smsanalytics.report.file import write

    if sample:
        from smsanalytics.sample import load_sample

        store, period = load_sample(), period or "2026-10"
        store = open_store(store.path, tz=tz) if tz else store
    else:
        store = open_store(settings.data, tz=tz or "UTC")
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
    settings = load(config, data=data).for_scheduling()
    from smsanalytics.report.job import Plan, rehearse
    from smsanalytics.report.mail import Server
    from smsanalytics.report.schedule import Schedule, overview

    plans = [Plan(name, **dict(report)) for name, report in settings.reports.items()]
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


@rejected.command("list")
def list_rejected(
    account: OfAccount = None,
    reason: ForReason = None,
    from_: From = None,
    to: To = None,
    tz: Zone = "UTC",
    format_: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    data: Data = None,
    config: Config = None,
) -> None:
    """Count them by account and reason; say how many would be accepted now, and what to do."""
    settings = load(config, data=data)
    from smsanalytics import refusals
    from smsanalytics.formats import FORMATS
    from smsanalytics.periods import zone_of
    from smsanalytics.recovery import judged
    from smsanalytics.store.layout import Layout
    from smsanalytics.store.rejected import Rejected

    if format_ not in FORMATS or format_ == "parquet":
        raise UnknownName.of("format", format_, ["table", "csv", "json"])
    zone, span = zone_of(tz), _span(account, reason, from_, to, tz)
    with Rejected(Layout(settings.data)) as refused:
        groups = refusals.grouped(judged(refused, _accounts(settings), span))
    if format_ == "table":
        said = [*refusals.advice(groups, zone)] or ["nothing was refused that is not recovered"]
        typer.echo("\n".join([*said, ""] if groups else said))
    if groups or format_ != "table":
        typer.echo(FORMATS[format_](refusals.overview(groups, zone)))


@rejected.command("show")
def show_rejected(
    account: OfAccount = None,
    reason: ForReason = None,
    from_: From = None,
    to: To = None,
    tz: Zone = "UTC",
    limit: Annotated[int, typer.Option(min=1, help="So many, the newest first.")] = 10,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show phones and texts as they came.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show single ones: what is wrong with each, or that it would be accepted now."""
    settings = load(config, data=data)
    from smsanalytics.periods import zone_of
    from smsanalytics.recovery import judged
    from smsanalytics.refusals import shown
    from smsanalytics.store.layout import Layout
    from smsanalytics.store.rejected import Rejected

    zone, span, accounts = zone_of(tz), _span(account, reason, from_, to, tz), _accounts(settings)
    with Rejected(Layout(settings.data)) as refused:
        for one in itertools.islice(judged(refused, accounts, span, newest_first=True), limit):
            typer.echo(shown(one, accounts.get(one.refused.account), zone, unmasked=unmasked))


@rejected.command("retry")
def retry_rejected(
    account: OfAccount = None,
    from_: From = None,
    to: To = None,
    tz: Zone = "UTC",
    secret_file: Annotated[
        Path | None,
        typer.Option(help="File that holds one more secret to try, such as an old one.", exists=True, dir_okay=False),
    ] = None,
    label: Annotated[str, typer.Option(help="Of that secret, for the column key.")] = "retry",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be recovered, and leave it at that.")
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """
    Store those that the settings of now accept, with the time they were received.

    What was received on one UTC date is stored together or not at all; what is recovered already is left alone. It may
    run beside a collector, be interrupted, and be run again.
    """
    settings = load(config, data=data).for_serving()
    if settings.pseudonym_key or not settings.keep_texts:
        raise SettingsError(
            "with pseudonym_key, or keep_texts = false, nothing can be recovered: refused callbacks are kept without "
            "their bodies, and what was recovered could not be told from them"
        )
    from smsanalytics import recovery
    from smsanalytics.refusals import outcome
    from smsanalytics.store.layout import Layout

    accounts, span, layout = _accounts(settings), _span(account, None, from_, to, tz), Layout(settings.data)
    if secret_file is not None:
        name = account or (next(iter(accounts)) if len(accounts) == 1 else "")
        if name not in accounts:
            raise UnknownName.of("--account, which --secret-file needs,", name, accounts)
        accounts[name] = recovery.with_secret(accounts[name], label, text.word(secret_file))
    if dry_run:
        done = recovery.rehearse(layout, accounts, span)
    else:
        done = recovery.retry(layout, accounts, span, allow_network=settings.allow_network_journal)
    typer.echo("\n".join(outcome(done, dry_run=dry_run)))
    if done.recovered and not dry_run:
        _publish(settings)


@app.command()
def simulate(
    url: Annotated[str, typer.Option(help="Handler address of the collector.")],
    secret_file: Annotated[
        Path, typer.Option(help="File that holds the secret to sign with.", exists=True, dir_okay=False)
    ],
    messages: Annotated[int, typer.Option(min=1, help="How many messages the world has.")] = 10_000,
    seed: Seed = 1,
    truth: Annotated[Path | None, typer.Option(help="Write what really happened, as Parquet.")] = None,
) -> None:
    """Play the provider: send the signed callbacks of a fortnight's made-up traffic."""
    from smsanalytics.provider.simulator import World, send

    world = World.make(messages, seed=seed)
    if truth:
        world.write_truth(truth)
    secret = text.word(secret_file)
    answers = send(url, world.posts(secret), progress=sys.stderr.isatty())
    said = ", ".join(f"{count} answered {status}" for status, count in sorted(answers.items()))
    typer.echo(f"{said}; one in a hundred is forged, and answered 403")
    if not answers[200]:
        typer.echo(
            "smsanalytics: nothing was accepted; check the address and that the secret is the collector's", err=True
        )
        raise typer.Exit(1)


@app.command()
def demo(
    data: Annotated[
        Path | None, typer.Option(help="Keep the store here.  [default: a new directory]", show_default=False)
    ] = None,
    messages: Annotated[int, typer.Option(min=100, help="How many messages to simulate.")] = 10_000,
    seed: Seed = 1,
    flush_seconds: Annotated[
        float, typer.Option(min=0.1, help="How long the collector waits before it publishes; no figure depends on it.")
    ] = 2.0,
) -> None:
    """See it work: collect a fortnight's simulated callbacks, and hold the delivery rates against the truth."""
    from smsanalytics.demo import run

    raise typer.Exit(0 if run(data, messages=messages, seed=seed, flush_seconds=flush_seconds) else 1)


def main() -> None:
    """Run the command line."""
    os.umask(0o077)
    logs.configure()
    for foreign in ("uvicorn", "traitlets"):
        logging.getLogger(foreign).setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    try:
        app()
    except SmsAnalyticsError as error:
        typer.echo("\n".join(f"smsanalytics: {line}" for line in str(error).splitlines()), err=True)
        raise SystemExit(2) from None
    except OSError as error:
        typer.echo(f"smsanalytics: {error.filename or 'the system'}: {error.strerror}", err=True)
        raise SystemExit(2) from None


def _as_a_part() -> None:
    """Leave out what the collector that started this process has logged about the settings."""
    logging.getLogger("smsanalytics.settings").setLevel(logging.WARNING)


def _accounts(settings: Settings) -> dict[str, Account]:
    """The accounts whose callbacks can be verified, or of which the settings say that they need not be."""
    from smsanalytics.collector.accounts import routes_of

    accounts = {account.name: account for account in routes_of(settings).values()}
    return {name: one for name, one in accounts.items() if one.terms.secrets or not settings.verify_signatures}


def _span(account: str | None, reason: str | None, start: str | None, end: str | None, tz: str) -> Span:
    from smsanalytics.periods import moment_of, zone_of
    from smsanalytics.recovery import Span

    zone = zone_of(tz)
    return Span(account, reason, moment_of(start, zone), moment_of(end, zone))


def _privacy(settings: Settings) -> Privacy:
    from smsanalytics.store.privacy import Privacy

    key = settings.pseudonym_key.get_secret_value().encode() if settings.pseudonym_key else b""
    return Privacy(key, keep_texts=settings.keep_texts)


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator[Watch]:
    """A bar on a terminal that somebody watches, for as long as something goes on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    watched = sys.stderr.isatty() and not quiet
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not watched) as bar:
        task = bar.add_task("looking", total=None)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)


def _maintenance(settings: Settings, *, patience: float = 0.0, told: Watch | None = None) -> Maintenance:
    from smsanalytics.store.fold import unwatched
    from smsanalytics.store.layout import Layout
    from smsanalytics.store.maintenance import Maintenance

    kept: dict[str, int] = {table: days for table, days in settings.retention.items()}  # noqa: C416 - of any str
    layout, privacy = Layout(settings.data), _privacy(settings)
    told = told or unwatched
    return Maintenance(layout, settings.zones, retention=kept, privacy=privacy, patience=patience, told=told)


def _publish(settings: Settings) -> None:
    """Publish what was just written, unless somebody does so already."""
    try:
        with _maintenance(settings) as maintenance:
            maintenance.run()
        typer.echo("published")
    except StoreBusy:
        typer.echo("the maintenance that is running publishes them in a moment")


def _say_what_waits(settings: Settings, *, answered: bool) -> None:
    """Explain an answer of nothing, or one that stays behind since nothing is published, beside the answer."""
    from smsanalytics.status import waits
    from smsanalytics.store.layout import Layout
    from smsanalytics.store.waiting import waiting

    with contextlib.suppress(PermissionError):  # the journal may be closed to those who read tables
        found = waiting(Layout(settings.data))
        if found and not (answered and found.maintaining):
            typer.echo(f"smsanalytics: {waits(found, settings.flush_seconds)}", err=True)


def _pairs(columns: list[str]) -> dict[str, str]:
    pairs = [column.partition("=") for column in columns]
    if any(not (ours and theirs) for ours, _, theirs in pairs) or len({ours for ours, _, _ in pairs}) < len(pairs):
        raise UnknownName("--column is OURS=THEIRS, each of ours once; an example is --column phone=msisdn")
    return {ours: theirs for ours, _, theirs in pairs}


def _set_at_eof(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()
