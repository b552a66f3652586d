"""Commands of the collector: `serve`, `maintain`, `doctor`."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from smsanalytics.cli.app import Config, Data, app
from smsanalytics.cli.maintenance import open_maintenance
from smsanalytics.errors import StoreError, UnknownName
from smsanalytics.settings import load, read

if TYPE_CHECKING:
    from smsanalytics.storage.rollup_update import Watch


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
    from smsanalytics.collector.server import serve as run
    from smsanalytics.collector.server import work

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
    stop, signals = threading.Event(), queue.SimpleQueue[int]()  # unlike an event, a signal handler may use a queue
    for number in (signal.SIGTERM, signal.SIGINT) if follow else ():
        # beside a collector, signals to the whole group are the collector's to act on: it seals first
        signal.signal(number, signal.SIG_IGN if until_eof else lambda number, _: signals.put(number))
    if until_eof:
        os.nice(10)  # beside a collector it gives way
    if follow:
        wait = _wait_for_eof if until_eof else signals.get
        threading.Thread(target=_set_after, args=[stop, wait], daemon=True).start()
    with _progress(quiet=follow) as on_progress, open_maintenance(settings, on_progress=on_progress) as maintenance:
        done = maintenance.run(anew=rebuild)
        if follow:
            maintenance.follow(stop)
        else:
            rows = ", ".join(f"{count} {table}" for table, count in done.rows.items() if count)
            messages = "made anew" if rebuild else f"{'brought' if done.folded else 'were'} up to date"
            merged = f"; {done.merged} files made of smaller ones" if done.merged else ""
            typer.echo(f"published {rows or 'nothing new'}; messages {messages}{merged}")


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
    from smsanalytics.ops.doctor import State, examine
    from smsanalytics.scheduler.checks import checks

    further = checks(settings.settings, call_mail=mail)
    found = examine(settings, config=config, offline=offline, forged=forged, further=further)
    as_json = format_ == "json"
    typer.echo(json.dumps([asdict(one) for one in found], indent=1) if as_json else "\n".join(map(str, found)))
    raise typer.Exit(1 if any(one.state is State.FAIL for one in found) else 0)


def _as_a_part() -> None:
    """Leave out what the collector that started this process has logged about the settings."""
    logging.getLogger("smsanalytics.settings").setLevel(logging.WARNING)


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


def _wait_for_eof() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass


def _set_after(stop: threading.Event, wait: Callable[[], object]) -> None:
    wait()
    stop.set()
