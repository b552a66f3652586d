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
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from smsanalytics import charts
from smsanalytics.api import Store, open_store
from smsanalytics.errors import SmsAnalyticsError
from smsanalytics.metrics.delivery import STATES
from smsanalytics.provider.simulator import World, send
from smsanalytics.report.page import Section, render

ZONE = "Europe/Moscow"
QUESTIONS: tuple[list[str], ...] = (["day"], ["hour"], ["operator"], ["sender"], ["type"], [])
COUNTS = ["submitted", *STATES]
START_SECONDS, STOP_SECONDS = 20.0, 90.0


def run(data: Path | None, *, messages: int, seed: int) -> bool:
    """
    Collect simulated callbacks, compute delivery rates and compare every count with the truth.

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
    world = World.make(messages, seed=seed)
    secret = secrets.token_urlsafe(24)
    posts = world.posts(secret)
    say(f"A fortnight of traffic: {messages:,} messages, {len(posts):,} callbacks.")

    log = data / "demo" / "collector.log"
    log.parent.mkdir()
    with _collector(data, log, secret) as url:
        say(f"The collector listens on {url}; every 200 means that the event is on the disk.")
        started = time.monotonic()
        answers = send(url, posts, progress=console.is_terminal)
        seconds = time.monotonic() - started
    said = ", ".join(f"{count:,} × {status}" for status, count in sorted(answers.items()))
    say(f"Answered in {seconds:.1f} s ({len(posts) / seconds:,.0f}/s): {said}. 403 are the forged ones.")

    store = open_store(data, tz=ZONE)
    console.print(_beside_the_truth(store.delivery_rate(["operator"]), truth_by(world, ["operator"], store)))
    differences = compare(store, world)
    for difference in differences:
        say(f"Differs from the truth: {difference}", style="red")
    if not differences:
        say(f"All counts by {', '.join(by[0] for by in QUESTIONS if by)} and in all equal the truth.", style="green")
    say(
        "The callbacks were sent within seconds, not when their messages were: times of receipt, "
        "and so the callback lag, are artificial here."
    )
    page = log.with_name("delivery.html")
    page.write_text(_page(store), "utf-8")
    columns = ["sender", "submitted", "delivery_rate"]
    question = f"sms.open_store({str(data)!r}, tz={ZONE!r}).delivery_rate(['sender']).filter({columns})"
    say(f"\nPage:   {page}")
    say(f"Store:  {data}   (plain Parquet; page and log lie in its folder demo)")
    say(f'Try:    {sys.executable} -c "import smsanalytics as sms; print({question})"')
    say("        or the README: ask by day, hour, operator, sender and type, and collect your own callbacks")
    return not differences


def compare(store: Store, world: World) -> list[str]:
    """Every question whose counts differ from the truth, in words; empty if none does."""
    differences = []
    for by in QUESTIONS:
        found = store.delivery_rate(by)[[*by, *COUNTS]].reset_index(drop=True)
        true = truth_by(world, by, store)
        if not found.astype(object).equals(true.astype(object)):
            differences.append(f"counts by {', '.join(by) or 'nothing'}")
    return differences


def truth_by(world: World, by: list[str], store: Store) -> pd.DataFrame:
    """The true counts per group, in plain pandas."""
    truth = world.truth()
    truth = truth[truth["type"].isin([0, 1, 2, 3]) & ~truth["test_mode"]].copy()
    local = truth["first_status_at"].dt.tz_convert(ZONE).dt.tz_localize(None)
    truth["day"], truth["hour"] = local.dt.normalize(), local.dt.hour
    if store.as_of is None:
        raise SmsAnalyticsError(f"nothing was collected in {store.path}")
    old = truth["first_status_at"] <= pd.Timestamp(store.as_of) - store.horizon
    truth["state"] = truth["outcome"].where(truth["outcome"] != "open", old.map({True: "stuck", False: "pending"}))
    for state in STATES:
        truth[state] = (truth["state"] == state).astype("int64")
    truth["submitted"] = 1
    if not by:
        return truth[COUNTS].sum().to_frame().T
    return truth.groupby(by, sort=True)[COUNTS].sum().reset_index()


@contextlib.contextmanager
def _collector(data: Path, log: Path, secret: str) -> Iterator[str]:
    """A collector in a process of its own, with no settings but these; stopped by SIGTERM at the end."""
    command = [sys.executable, "-m", "smsanalytics", "serve", "--data", str(data), "--host", "127.0.0.1", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SMSANALYTICS_")}
    environment |= {"SMSANALYTICS_SECRET": secret, "SMSANALYTICS_FLUSH_SECONDS": "2"}
    with log.open("w") as lines:
        collector = subprocess.Popen(command, env=environment, stdout=lines, stderr=lines, cwd=log.parent)
        try:
            yield _address(log, collector)
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


def _address(log: Path, collector: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and collector.poll() is None:
        if found := re.search(r"listening on (\S+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise SmsAnalyticsError(f"the collector did not start; its log is {log}")


def _beside_the_truth(found: pd.DataFrame, true: pd.DataFrame) -> Table:
    table = Table(title="Delivery rate by operator, last fortnight", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("operator", "submitted", "delivered", "truly", "rate", "truly", "95 % interval"):
        table.add_column(name, justify="left" if name == "operator" else "right", no_wrap=True)
    for row, truth in zip(found.to_dict("records"), true.to_dict("records"), strict=True):
        counts = [f"{count:,}" for count in (row["submitted"], row["delivered"], truth["delivered"])]
        rates = [f"{row['delivery_rate']:.2%}", f"{truth['delivered'] / truth['submitted']:.2%}"]
        interval = f"{row['delivery_rate_low']:.1%} – {row['delivery_rate_high']:.1%}"
        table.add_row(str(row["operator"]), *counts, *rates, interval)
    return table


def _page(store: Store) -> str:
    day, operator = store.delivery_rate(["day"]), store.delivery_rate(["operator"])
    overall = store.delivery_rate([]).iloc[0]
    shown = day[["day", *COUNTS]].assign(
        day=day["day"].dt.strftime("%-d %B"), **{"delivery rate": day["delivery_rate"].map("{:.2%}".format)}
    )
    summary = (
        f"{overall.delivered:,} of {overall.submitted:,} submitted messages were delivered: "
        f"{overall.delivery_rate:.1%} (95 % interval {overall.delivery_rate_low:.1%} to "
        f"{overall.delivery_rate_high:.1%}). "
        f"{day.attrs['excluded_n']:,} other messages (HLR lookups, calls, test mode) are not counted."
    )
    sections = [
        Section(
            "By day",
            "Hollow dots are days younger than 72 hours: some of their messages are still pending.",
            charts.delivery_rate(day),
        ),
        Section("By operator", "", charts.delivery_rate(operator)),
        Section(
            "The counts",
            "Pending: no outcome yet. Stuck: none after 72 hours. Unknown: a status code that no list explains.",
            table=shown,
        ),
    ]
    return render("Delivery of simulated traffic", sections, summary=summary)
