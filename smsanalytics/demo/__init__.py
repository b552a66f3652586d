"""The demonstration: a real collector, a fortnight of simulated callbacks, and the figures beside the truth."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from smsanalytics.analysis.periods import zone_of
from smsanalytics.analysis.store import Store, open_store
from smsanalytics.charts.drawing import Drawing
from smsanalytics.demo.difference import Difference, differences, in_words
from smsanalytics.errors import SmsAnalyticsError
from smsanalytics.reports.data import ask
from smsanalytics.reports.html import render
from smsanalytics.settings import DEFAULT_ACCOUNT
from smsanalytics.simulator.client import World, send, tell
from smsanalytics.simulator.truth import Answer, Truth
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import Maintenance

ZONE = "Europe/Moscow"
RUSH = timedelta(minutes=10)  #: confirmations happen now: a call that is told of 15 minutes late confirms nothing
Questions = Mapping[str, Sequence[Sequence[str]]]  #: name of a metric: by what it is asked
QUESTIONS: Questions = {
    "delivery_rate": (["day"], ["hour"], ["operator"], ["sender"], ["type"], ["tag"], []),
    "latency": (["operator"], ["sender"], []),
    "inbound_volume": (["day"], ["to_number"], []),
    "reply_rate": (["sender"], []),
    "confirmation_success": (["purpose"], []),
}
FLUSH_SECONDS = 2.0  #: so that a demo of seconds is published and folded several times
PATIENCE = 300.0  #: with a collector that lives, and neither answers nor adds a line to its log [s]
PAUSE = 0.05  #: between two looks at it [s]


def run(data: Path | None, *, messages: int, seed: int, flush_seconds: float = FLUSH_SECONDS) -> bool:
    """
    Collect simulated callbacks, ask the four questions and compare every count with the truth.

    Parameters
    ----------
    data : Path or None
        A new or empty directory for the store; a temporary one by default.
    messages, seed : int
        Of the world.
    flush_seconds : float, default 2
        How long the collector waits before it publishes. [s]

    Returns
    -------
    bool
        Whether every count was true.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack some letters
    console = Console()
    say = functools.partial(console.print, soft_wrap=True, highlight=False, markup=False)
    data = (data or Path(tempfile.mkdtemp(prefix="smsanalytics-demo-")) / "data").resolve()
    if data.is_dir() and any(data.iterdir()):
        raise SmsAnalyticsError(f"{data} is not empty; the demo wants a store of its own")
    data.mkdir(parents=True, exist_ok=True)
    log = data / "demo" / "collector.log"
    log.parent.mkdir()

    world = World.make(messages, seed=seed, asking=RUSH)
    _collect(world, data, log, flush_seconds, console)
    store = open_store(data, tz=ZONE)
    if store.as_of is None:
        raise SmsAnalyticsError(f"nothing was collected in {data}")
    world = as_received(world, store)
    if late := sum(call.stale for call in world.calls):
        say(f"{late:,} confirmation calls reached the collector more than 15 minutes late, and so confirm nothing.")
    truth = Truth(world, int(store.as_of.timestamp()), int(store.horizon.total_seconds()))
    console.print(_beside_the_truth(store.delivery_rate(["operator"]), truth.delivery_rate(["operator"])))
    console.print(_four_answers(store))
    found = compare(store, truth)
    for line in in_words(found):
        say(f"Differs from the truth: {line}", style="red")
    if not found:
        asked = sum(map(len, QUESTIONS.values()))
        say(f"All counts and quantiles of {asked} questions equal the truth: {', '.join(QUESTIONS)}.", style="green")
    say(
        "The callbacks were sent within seconds, not when their messages were: times of receipt, "
        "and so the callback lag, are artificial here."
    )
    page = log.with_name("report.html")
    page.write_text(_page(store, store.as_of), "utf-8")
    opened = f'sms.open_store({json.dumps(str(data), ensure_ascii=False)}, tz="{ZONE}")'
    shown = f'{opened}.delivery_rate(["sender"]).filter(["sender", "submitted", "delivery_rate"])'
    python = shlex.quote(sys.executable)
    say(f"\nPage:   {page}")
    say(f"Store:  {data}   (plain Parquet; page and log lie in its folder demo)")
    say(f"Ask:    {python} -m smsanalytics metric latency --by operator --data {shlex.quote(str(data))}")
    say(f"Try:    {python} -c {shlex.quote(f'import smsanalytics as sms; print({shown})')}")
    say("        or the README: more questions, a notebook, and how to collect your own callbacks")
    return not found


def _collect(world: World, data: Path, log: Path, flush_seconds: float, console: Console) -> None:
    """Send everything that happened in a world to a collector, and wait until it is published."""
    say = functools.partial(console.print, soft_wrap=True, highlight=False, markup=False)
    secret, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    posts = world.posts(secret, formats=0.05) + [press.body for press in world.key_presses()]
    say(
        f"A fortnight of traffic: {len(world.messages):,} messages, {len(world.incoming):,} texts of subscribers, "
        f"{len(world.asked):,} confirmation requests; {len(posts):,} callbacks as forms, XML and JSON."
    )
    with _collector(data, log, secret, token, flush_seconds) as (url, admin):
        say(f"The collector listens on {url}; every 200 means that the event is on the disk.")
        started = time.monotonic()
        stored = tell(f"{admin}/sends", world.sends(), token, timeout=PATIENCE) + tell(
            f"{admin}/confirmation-requests", world.requests(), token, timeout=PATIENCE
        )
        answers = send(url, posts, progress=console.is_terminal, timeout=PATIENCE)
        seconds = time.monotonic() - started
    with Maintenance(Layout(data), {DEFAULT_ACCOUNT: ZONE}, patience=PATIENCE) as maintenance:
        maintenance.run()  # on a slow machine the collector's own is ended before it is done
    counts = ", ".join(f"{count:,} × {status}" for status, count in sorted(answers.items()))
    say(f"Answered in {seconds:.1f} s ({len(posts) / seconds:,.0f}/s): {counts}. 403 are the forged ones.")
    say(f"The customer's own system reported {stored:,} sends and requests on {admin}.")


def as_received(world: World, store: Store) -> World:
    """
    Put the receipts of a store on the confirmation calls of a world: one that is received too late confirms nothing.

    When a call is received depends on how fast the machine is, so the world cannot know it beforehand.

    Parameters
    ----------
    world : World
        As it was made.
    store : Store
        That was sent its calls.
    """
    rows = store.confirmations().select("phone, epoch(called_at)::BIGINT, epoch_us(received_at)").fetchall()
    received = {(phone, at): microseconds for phone, at, microseconds in rows}
    calls = [replace(call, received_at=received.get((call.phone, call.at), call.received_at)) for call in world.calls]
    return replace(world, calls=tuple(calls))


def compare(store: Store, truth: Truth, questions: Questions = QUESTIONS) -> list[Difference]:
    """
    Ask a store questions, and keep the groups whose counts are not those of the truth.

    Parameters
    ----------
    store : Store
        In the zone of the demo.
    truth : Truth
        Of the world that the store was sent; it answers as of the moment of each answer.
    questions : mapping of str to sequence
        Names of metrics, and for each the columns to group by: all of the demo by default.

    Returns
    -------
    list of Difference
        Question by question, in their order; empty if every count is true.
    """
    found: list[Difference] = []
    for name, groupings in questions.items():
        for by in groupings:
            answer = getattr(store, name)(list(by))
            as_of = datetime.fromisoformat(answer.attrs["as_of"])
            true = getattr(replace(truth, as_of=int(as_of.timestamp())), name)(by)
            counts = next(iter(true.values()), answer.select_dtypes("integer").columns)
            rows = {tuple(_text(row[column]) for column in by): row for row in answer.to_dict("records")}
            found += differences(name, by, {group: _counts(row, counts) for group, row in rows.items()}, true)
    stored, pressed = store.call_events().shape[0], len(truth.world.pressed)
    return found + differences("call_events", [], {(): {"key presses": stored}}, {(): {"key presses": pressed}})


def _counts(row: Mapping[Any, Any], names: Iterable[str]) -> dict[str, int | None]:
    return {name: None if pd.isna(row[name]) else int(row[name]) for name in names}


def _text(value: Any) -> str:
    """A group's value as the truth writes it."""
    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return str(int(value)) if isinstance(value, float) else str(value)


@contextlib.contextmanager
def _collector(data: Path, log: Path, secret: str, token: str, flush_seconds: float) -> Iterator[tuple[str, str]]:
    """Run a collector in a process of its own, with no settings but these; stop it by SIGTERM at the end."""
    command = [sys.executable, "-m", "smsanalytics", "serve", "--data", str(data), "--host", "127.0.0.1", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SMSANALYTICS_")}
    environment |= {
        "SMSANALYTICS_SECRET": secret,
        "SMSANALYTICS_ADMIN_TOKEN": token,
        "SMSANALYTICS_ACCOUNTS__DEFAULT__CALL_EVENTS__KEYS": "digits",
        "SMSANALYTICS_FLUSH_SECONDS": str(flush_seconds),
    }
    for limit in ("HEADER", "BODY", "IDLE"):  # that the simulator may need on a slow machine
        environment[f"SMSANALYTICS_{limit}_SECONDS"] = str(PATIENCE)
    with log.open("w") as lines:
        collector = subprocess.Popen(command, env=environment, stdout=lines, stderr=lines, cwd=log.parent)
        try:
            _wait(log, lambda: _addresses(log) is not None or collector.poll() is not None)
            addresses = _addresses(log)
            if addresses is None:
                raise SmsAnalyticsError(f"the collector did not start; its log is {log}")
            yield addresses
        finally:
            collector.send_signal(signal.SIGTERM)
            try:
                _wait(log, lambda: collector.poll() is not None)
            except SmsAnalyticsError:
                collector.kill()
                raise
    if collector.returncode != 0:
        raise SmsAnalyticsError(f"the collector ended with {collector.returncode}; its log is {log}")


def _wait(log: Path, done: Callable[[], bool]) -> None:
    """Wait until something is done, however slow the machine is, while the collector's log grows now and then."""
    size, quiet = 0, 0.0  # counted in rounds of this loop: where time passes and nothing runs, nobody is late
    while not done():
        grown = log.stat().st_size
        quiet = quiet + PAUSE if grown == size else 0.0
        size = grown
        if quiet > PATIENCE:
            raise SmsAnalyticsError(f"the collector has logged nothing for {PATIENCE:.0f} s; its log is {log}")
        time.sleep(PAUSE)


def _addresses(log: Path) -> tuple[str, str] | None:
    """Read the addresses of the handler and of the admin listener; None while the log lacks them."""
    lines = log.read_text()
    handler, admin = re.search(r"listening on ([^\s\"]+)", lines), re.search(r"admin on ([^\s\"]+)", lines)
    return (handler[1], admin[1]) if handler and admin else None


def _beside_the_truth(found: pd.DataFrame, true: Answer) -> Table:
    """Make a table of each operator's counts, with the true ones beside them; rows that differ are red."""
    table = Table(
        title="Delivery rate by operator, last fortnight",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in ("operator", "submitted", "truth", "delivered", "truth", "rate", "95 % interval"):
        table.add_column(name, justify="left" if name == "operator" else "right", no_wrap=True)
    rows: dict[tuple[str, ...], dict[Any, Any]] = {(_text(row["operator"]),): row for row in found.to_dict("records")}
    for group in [*rows, *sorted(true.keys() - rows.keys())]:
        row, truth = rows.get(group, {}), true.get(group, {})
        pairs = [(row.get(count), truth.get(count)) for count in ("submitted", "delivered")]
        counts = ["–" if count is None else f"{count:,}" for pair in pairs for count in pair]
        rate = f"{row['delivery_rate']:.2%}" if row else "–"
        interval = f"{row['delivery_rate_low']:.1%} – {row['delivery_rate_high']:.1%}" if row else "–"
        style = None if all(count == right for count, right in pairs) else "red"
        table.add_row(group[0] or "(not reported)", *counts, rate, interval, style=style)
    return table


def _four_answers(store: Store) -> Table:
    """Each of the other questions, answered over all."""

    def one(frame: pd.DataFrame) -> dict[Any, Any]:
        return next(iter(frame.to_dict("records")), {})

    table = Table(title="The other questions", title_justify="left", box=box.SIMPLE_HEAD, show_header=False)
    times, texts = one(store.latency([], within=[10])), one(store.inbound_volume([]))
    replies, calls = one(store.reply_rate([])), one(store.confirmation_success([]))
    table.add_row("latency", f"half in {times['p50']} s, 95 % in {times['p95']} s, of {times['n_timed']:,} delivered")
    table.add_row("", f"{times['within_10s']:.1%} of {times['n_within_10s']:,} submitted arrived within 10 s")
    table.add_row("inbound", f"{texts.get('incoming', 0):,} texts of {texts.get('senders', 0):,} subscribers")
    table.add_row("", f"{replies['reply_rate']:.1%} of {replies['recipients']:,} recipients replied within 24 h")
    if calls.get("confirmed"):
        asked = f"{calls['confirmation_success']:.1%} of {calls['requests']:,} requests confirmed"
        table.add_row("confirmation", f"{asked}, half of these in {calls['p50']} s")
    else:
        table.add_row("confirmation", f"none of {calls.get('requests', 0):,} requests confirmed")
    return table


def _page(store: Store, until: datetime) -> str:
    """The report of the fortnight."""
    today = until.astimezone(zone_of(ZONE)).date()
    with Drawing() as drawing:
        return render(ask(store, today - timedelta(days=13), today + timedelta(days=1), generated_at=until), drawing)
