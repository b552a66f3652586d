"""Commands of a store: `status`, `check`, `files`, `import`, `forget`, `backup`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from smsanalytics.cli.app import Config, Data, app
from smsanalytics.cli.backlog import announce_backlog
from smsanalytics.cli.maintenance import open_maintenance, privacy_of, publish
from smsanalytics.errors import StoreError, UnknownName
from smsanalytics.settings import DEFAULT_ACCOUNT, load

PATIENCE = 600.0  #: how long to wait for the pass of a maintenance to end [s]


class Reported(StrEnum):
    """What may be imported."""

    SENDS = "sends"
    CONFIRMATION_REQUESTS = "confirmation-requests"


class Ambiguous(StrEnum):
    """Which moment a local time is, where it may be two."""

    EARLIER = "earlier"
    LATER = "later"


KINDS = {Reported.SENDS: "send", Reported.CONFIRMATION_REQUESTS: "confirmation_request"}  # of the journal


@app.command()
def status(
    format_: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    data: Data = None,
    config: Config = None,
) -> None:
    """Say what the store holds, how fresh it is, what waits to be done, and who works on it."""
    settings = load(config, data=data)
    from smsanalytics.ops.status import table, to_json
    from smsanalytics.storage.catalog import Layout
    from smsanalytics.storage.disk import Space
    from smsanalytics.storage.status import status as look

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
    from smsanalytics.ops.check import check as look
    from smsanalytics.storage.catalog import Layout

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
    from smsanalytics.analysis.store import open_store

    found = open_store(settings.data).files(table)
    for path in found:
        typer.echo(path)
    announce_backlog(settings, answered=bool(found))


@app.command("import")
def import_(
    what: Annotated[Reported, typer.Argument(help="What the file reports.", show_default=False)],
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
    from smsanalytics.analysis.periods import zone_of
    from smsanalytics.codes.numbering import Phones
    from smsanalytics.storage import ingest, tabular
    from smsanalytics.storage.catalog import Layout
    from smsanalytics.storage.spelling import COMMAND, Spelling

    spelling = Spelling(
        KINDS[what], COMMAND, columns=_pairs(column or []), zone=zone_of(tz) if tz else None,
        ambiguous=ambiguous.value if ambiguous else None, strict=strict,
    )  # fmt: skip
    rows, guessed = tabular.of_file(file, spelling)
    phones = Phones(settings.numberings)
    events = ingest.encode(
        KINDS[what], rows, account=account, source="import", accounts=set(settings.accounts) or None, phones=phones
    )
    ingest.append(Layout(settings.data), events, allow_network=settings.allow_network_journal)
    for notice in (*guessed, *spelling.notices(), *phones.done(), *phones.undone()):
        typer.echo(f"smsanalytics: {notice}", err=True)
    typer.echo(f"stored {len(events)} {what.value} in {settings.data}")
    publish(settings)


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
    from smsanalytics.storage.catalog import Layout
    from smsanalytics.storage.erasure import forget_in
    from smsanalytics.storage.number import Number

    number = Number.of(sys.stdin.readline().strip() if phone == "-" else phone, privacy_of(settings))
    if own := [name for name, account in settings.accounts.items() if number.is_among(account.inbound_numbers)]:
        raise UnknownName(f"this is a receiving number of account {own[0]}; a subscriber's is needed")
    if not settings.data.is_dir():
        raise StoreError(f"there is no store at {settings.data}")
    if not yes:
        typer.confirm(f"Remove everything of this number from {settings.data}, for good?", abort=True)
    with open_maintenance(settings, patience=PATIENCE) as maintenance:
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
    from smsanalytics.storage.backup import back_up
    from smsanalytics.storage.catalog import Layout

    done = back_up(Layout(settings.data), directory, patience=PATIENCE)
    typer.echo(f"{directory} is a complete copy: {done.copied} files copied, {done.kept} kept, {done.removed} removed")


def _pairs(columns: list[str]) -> dict[str, str]:
    pairs = [column.partition("=") for column in columns]
    if any(not (ours and theirs) for ours, _, theirs in pairs) or len({ours for ours, _, _ in pairs}) < len(pairs):
        raise UnknownName("--column is OURS=THEIRS, each of ours once; an example is --column phone=msisdn")
    return {ours: theirs for ours, _, theirs in pairs}
