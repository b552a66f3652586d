"""The demonstration: a real collector, a fortnight of simulated callbacks, and the figures beside the truth."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from smsanalytics.api import Store, open_store
from smsanalytics.charts.drawing import Drawing
from smsanalytics.errors import SmsAnalyticsError
from smsanalytics.periods import zone_of
from smsanalytics.provider.simulator import World, send, tell
from smsanalytics.provider.truth import Answer, Truth
from smsanalytics.report.figures import ask
from smsanalytics.report.page import render

ZONE = "Europe/Moscow"
RUSH = timedelta(minutes=10)  #: confirmations happen now: a call that is told of 15 minutes late confirms nothing
QUESTIONS: dict[str, tuple[list[str], ...]] = {
    "delivery_rate": (["day"], ["hour"], ["operator"], ["sender"], ["type"], ["tag"], []),
    "latency": (["operator"], ["sender"], []),
    "inbound_volume": (["day"], ["to_number"], []),
    "reply_rate": (["sender"], []),
    "confirmation_success": (["purpose"], []),
}
START_SECONDS, STOP_SECONDS = 20.0, 90.0


def run(data: Path | None, *, messages: int, seed: int) -> bool:
    """
    Collect simulated callbacks, ask the four questions and compare every count with the truth.

    Parameters
    ----------
    data : Path or None
        A new or empty directory for the store; a temporary one by default.
    messages, seed : int
        Of the world.

    Returns
    -------
    bool
        Whether every count was true.
    """
    console = Console()
    say = functools.partial(console.print, soft_wrap=True, highlight=False, markup=False)
    data = (data or Path(tempfile.mkdtemp(prefix="smsanalytics-demo-")) / "data").resolve()
    if data.is_dir() and any(data.iterdir()):
        raise SmsAnalyticsError(f"{data} is not empty; the demo wants a store of its own")
    data.mkdir(parents=True, exist_ok=True)
    world = World.make(messages, seed=seed, asking=RUSH)
    secret, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    posts = world.posts(secret, formats=0.05) + [press.body for press in world.key_presses()]
    say(
        f"A fortnight of traffic: {messages:,} messages, {len(world.incoming):,} texts of subscribers, "
        f"{len(world.asked):,} confirmation requests; {len(posts):,} callbacks as forms, XML and JSON."
    )

    log = data / "demo" / "collector.log"
    log.parent.mkdir()
    with _collector(data, log, secret, token) as (url, admin):
        say(f"The collector listens on {url}; every 200 means that the event is on the disk.")
        started = time.monotonic()
        told = tell(f"{admin}/sends", world.sends(), token) + tell(
            f"{admin}/confirmation-requests", world.requests(), token
        )
        answers = send(url, posts, progress=console.is_terminal)
        seconds = time.monotonic() - started
    said = ", ".join(f"{count:,} × {status}" for status, count in sorted(answers.items()))
    say(f"Answered in {seconds:.1f} s ({len(posts) / seconds:,.0f}/s): {said}. 403 are the forged ones.")
    say(f"Of {told:,} sends and requests it was told on {admin}, by the customer's own system.")

    store = open_store(data, tz=ZONE)
    if store.as_of is None:
        raise SmsAnalyticsError(f"nothing was collected in {data}")
    truth = Truth(world, int(store.as_of.timestamp()), int(store.horizon.total_seconds()))
    console.print(_beside_the_truth(store.delivery_rate(["operator"]), truth.delivery_rate(["operator"])))
    console.print(_four_answers(store))
    differences = compare(store, truth)
    for difference in differences:
        say(f"Differs from the truth: {difference}", style="red")
    if not differences:
        asked = sum(map(len, QUESTIONS.values()))
        say(f"All counts and quantiles of {asked} questions equal the truth: {', '.join(QUESTIONS)}.", style="green")
    say(
        "The callbacks were sent within seconds, not when their messages were: times of receipt, "
        "and so the callback lag, are artificial here."
    )
    page = log.with_name("report.html")
    page.write_text(_page(store, store.as_of), "utf-8")
    columns = ["sender", "submitted", "delivery_rate"]
    question = f"sms.open_store({str(data)!r}, tz={ZONE!r}).delivery_rate(['sender']).filter({columns})"
    say(f"\nPage:   {page}")
    say(f"Store:  {data}   (plain Parquet; page and log lie in its folder demo)")
    say(f"Ask:    {sys.executable} -m smsanalytics metric latency --by operator --data {data}")
    say(f'Try:    {sys.executable} -c "import smsanalytics as sms; print({question})"')
    say("        or the README: more questions, a notebook, and how to collect your own callbacks")
    return not differences


def compare(store: Store, truth: Truth) -> list[str]:
    """Every question whose counts differ from the truth, in words; empty if none does."""
    differences = []
    for name, groupings in QUESTIONS.items():
        for by in groupings:
            true = getattr(truth, name)(by)
            found = {}
            for row in getattr(store, name)(by).to_dict("records"):
                key = tuple(_text(row[column]) for column in by)
                counts = next(iter(true.values()))
                found[key] = {count: None if pd.isna(row[count]) else int(row[count]) for count in counts}
            if found != true:
                differences.append(f"{name} by {', '.join(by) or 'nothing'}")
    if store.call_events().shape[0] != len(truth.world.pressed):
        differences.append("key presses")
    return differences


def _text(value: Any) -> str:
    """A group's value as the truth writes it."""
    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return str(int(value)) if isinstance(value, float) else str(value)


@contextlib.contextmanager
def _collector(data: Path, log: Path, secret: str, token: str) -> Iterator[tuple[str, str]]:
    """A collector in a process of its own, with no settings but these; stopped by SIGTERM at the end."""
    command = [sys.executable, "-m", "smsanalytics", "serve", "--data", str(data), "--host", "127.0.0.1", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SMSANALYTICS_")}
    environment |= {
        "SMSANALYTICS_SECRET": secret,
        "SMSANALYTICS_ADMIN_TOKEN": token,
        "SMSANALYTICS_ACCOUNTS__DEFAULT__CALL_EVENTS__KEYS": "digits",
        "SMSANALYTICS_FLUSH_SECONDS": "2",
    }
    with log.open("w") as lines:
        collector = subprocess.Popen(command, env=environment, stdout=lines, stderr=lines, cwd=log.parent)
        try:
            yield _addresses(log, collector)
        finally:
            collector.send_signal(signal.SIGTERM)
            try:
                ended = collector.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                collector.kill()
                raise SmsAnalyticsError(
                    f"the collector did not stop in {STOP_SECONDS:.0f} s; its log is {log}"
                ) from None
    if ended != 0:
        raise SmsAnalyticsError(f"the collector ended with {ended}; its log is {log}")


def _addresses(log: Path, collector: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Of the handler, and of the admin listener."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and collector.poll() is None:
        said = log.read_text()
        handler, admin = re.search(r"listening on ([^\s\"]+)", said), re.search(r"admin on ([^\s\"]+)", said)
        if handler and admin:
            return handler[1], admin[1]
        time.sleep(0.05)
    raise SmsAnalyticsError(f"the collector did not start; its log is {log}")


def _beside_the_truth(found: pd.DataFrame, true: Answer) -> Table:
    table = Table(title="Delivery rate by operator, last fortnight", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("operator", "submitted", "delivered", "in truth", "rate", "95 % interval"):
        table.add_column(name, justify="left" if name == "operator" else "right", no_wrap=True)
    for row in found.to_dict("records"):
        truth = true.get((_text(row["operator"]),), {})
        counts = [f"{count or 0:,}" for count in (row["submitted"], row["delivered"], truth.get("delivered"))]
        interval = f"{row['delivery_rate_low']:.1%} – {row['delivery_rate_high']:.1%}"
        table.add_row(_text(row["operator"]) or "(not reported)", *counts, f"{row['delivery_rate']:.2%}", interval)
    return table


def _four_answers(store: Store) -> Table:
    """Each of the other questions, answered over all."""

    def one(frame: pd.DataFrame) -> dict[Any, Any]:
        return frame.to_dict("records")[0]

    table = Table(title="The other questions", title_justify="left", box=box.SIMPLE_HEAD, show_header=False)
    times, texts = one(store.latency([], within=[10])), one(store.inbound_volume([]))
    replies, calls = one(store.reply_rate([])), one(store.confirmation_success([]))
    table.add_row("latency", f"half in {times['p50']} s, 95 % in {times['p95']} s, of {times['n_timed']:,} delivered")
    table.add_row("", f"{times['within_10s']:.1%} of {times['n_within_10s']:,} submitted arrived within 10 s")
    table.add_row("inbound", f"{texts['incoming']:,} texts of {texts['senders']:,} subscribers")
    table.add_row("", f"{replies['reply_rate']:.1%} of {replies['recipients']:,} recipients replied within 24 h")
    asked = f"{calls['confirmation_success']:.1%} of {calls['requests']:,} requests confirmed"
    table.add_row("confirmation", f"{asked}, half of these in {calls['p50']} s")
    return table


def _page(store: Store, until: datetime) -> str:
    """The report of the fortnight."""
    today = until.astimezone(zone_of(ZONE)).date()
    with Drawing() as drawing:
        return render(ask(store, today - timedelta(days=13), today + timedelta(days=1), generated_at=until), drawing)
