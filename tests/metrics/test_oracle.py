"""Every question by every column it can be asked by, against plain loops over the same random world."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import oracle
import pandas as pd
import pytest
from worlds import World

import smsanalytics as sms
from smsanalytics.analysis.query import BY_ATTEMPT, BY_CALLBACK, BY_INCOMING, BY_MESSAGE, BY_STATUS
from smsanalytics.metrics.counts import FACTS

TZ = "Europe/Berlin"
BY = {
    **dict.fromkeys(("delivery_rate", "latency", "latency_distribution", "failure_mix", "cost", "reachability", "reply_rate"), BY_MESSAGE),
    "inbound_volume": BY_INCOMING, "confirmation_success": BY_ATTEMPT, "callback_lag": BY_STATUS, "data_health": BY_CALLBACK,
}  # fmt: skip


def columns(names):
    return [[], *([name] for name in names), [*names[:2]], [*names[4:7]]]


def shown(value):
    return value if isinstance(value, str) else "-".join(value) or "all"


class Expected:
    """What the oracle says of a world."""

    def __init__(self, world):
        self.world = world
        self.messages = oracle.messages(world.statuses, sends=world.sends, as_of=world.as_of, tz=TZ, horizon=72 * 3600)
        statuses = oracle.first_of_each(
            world.statuses,
            lambda row: (row["account"], row["message_id"], row["phone"], row["status"], oracle.claimed(row)),
            TZ,
        )
        self.statuses = oracle.in_order(statuses)
        self.variants = [*oracle.replays(world.statuses, TZ)]
        texts = oracle.first_of_each(
            world.incoming,
            lambda row: (
                row["account"],
                row["phone"],
                row["to_number"],
                row["text"],
                row["at"] if row["timed"] else row["incoming_id"],
                row["timed"],
            ),
            TZ,
        )
        self.received_texts = [*oracle.replayed_texts(texts)]
        self.texts = [text | oracle.calendar(text["at"], ZoneInfo(TZ)) for text in texts]
        self.all_texts = self.texts
        self.calls = oracle.first_of_each(world.calls, lambda row: (row["account"], row["phone"], row["called_at"]), TZ)
        self.attempts = oracle.attempts(world.requests, self.calls, as_of=world.as_of, tz=TZ)
        self.rejected = world.rejected

    def narrowed(self, keep):
        """Only some rows of what a question is about; what these are matched with stays whole."""
        other = copy.copy(self)
        for name in ("messages", "statuses", "variants", "received_texts", "texts", "calls", "attempts"):
            setattr(other, name, [*filter(keep, getattr(self, name))])
        zone = ZoneInfo(TZ)
        other.rejected = [row for row in self.rejected if keep(row | oracle.calendar(row["received"], zone))]
        return other

    def of(self, metric, by):
        ask = getattr(oracle, metric)
        if metric == "delivery_rate":
            groups, _ = ask(self.messages, by)
            return {tuple(map(oracle.text_of, key)): self.with_rates(row) for key, row in groups.items()}
        if metric == "data_health":
            return ask(
                self.messages,
                self.statuses,
                self.variants,
                self.received_texts,
                self.calls,
                self.rejected,
                by,
                tz=TZ,
                known=oracle.DELIVERED | oracle.FAILED | oracle.OPEN,
            )
        frames = {"inbound_volume": [self.texts], "reply_rate": [self.messages, self.all_texts],
                  "confirmation_success": [self.attempts], "callback_lag": [self.statuses]}  # fmt: skip
        moment = {"as_of": self.world.as_of} if metric == "reply_rate" else {}
        return ask(*frames.get(metric, [self.messages]), by, **moment)

    @staticmethod
    def with_rates(row):
        rates = {
            "delivery_rate": (row["delivered"], row["submitted"]),
            "delivery_rate_final": (row["delivered"], row["delivered"] + row["failed"]),
        }
        return (
            row
            | rates
            | {f"{state}_share": (row[state], row["submitted"]) for state in ("failed", "pending", "stuck", "unknown")}
        )


def plain(value):
    """A cell of a frame as the oracle writes it in a key."""
    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return str(int(value)) if isinstance(value, int | float) else str(value)


def check(frame, expected, keys):
    found = {tuple(plain(row[name]) for name in keys): row for row in frame.to_dict("records")}
    assert len(found) == len(frame)
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        row = found[key]
        for name, value in values.items():
            if isinstance(value, tuple):
                count, n = value
                ends = oracle.wilson(count, n) if n else (None, None)
                pairs = [(row[name], count / n if n else None)]
                pairs += [
                    (row[f"{name}{end}"], one)
                    for end, one in zip(("_low", "_high"), ends, strict=True)
                    if f"{name}_low" in row
                ]
            else:
                pairs = [(row[name], value)]
            for told, true in pairs:
                assert pd.isna(told) if true is None else told == pytest.approx(true, abs=1e-12), (key, name)
    counts = {name for name in frame.columns if not name.endswith(("_low", "_high"))} - {*keys}
    assert counts <= {name for values in expected.values() for name in values} or not expected


def keys_of(metric, by):
    if metric == "failure_mix":
        return [*(name for name in by if name not in ("status", "err")), "status", "err"]
    if metric == "cost":
        return ["account", *(name for name in by if name != "account")]
    return by + {"latency_distribution": ["seconds"], "data_health": ["check"]}.get(metric, [])


@pytest.fixture(scope="module", params=[1, 2])
def world(request, tmp_path_factory):
    """The store of a random world, and what plain loops make of it."""
    world = World(request.param)
    directory = tmp_path_factory.mktemp("world") / "data"
    world.collect(directory)
    return sms.open_store(directory, tz=TZ), Expected(world), datetime.fromtimestamp(world.as_of, UTC)


@pytest.mark.parametrize("world", [1], indirect=True)
@pytest.mark.parametrize("metric", BY)
def test_an_earlier_moment_is_answered_from_what_had_been_received_by_then(world, metric):
    store, expected, as_of = world
    earlier = as_of - timedelta(days=3, seconds=100)
    then = Expected(expected.world.by(int(earlier.timestamp())))
    check(getattr(store, metric)([], as_of=earlier), then.of(metric, []), keys_of(metric, []))


@pytest.fixture(scope="module")
def frames(world):
    """The frames that each metric takes, in Polars."""
    store, _, as_of = world

    def received(table):
        read = store._tables.events if table in ("rejected", "receipts") else store._tables.distinct
        return sms.metrics.with_calendar(read(table.replace("receipts", "statuses")), "received_at", tz=TZ).pl()

    messages = store.messages(as_of=as_of).pl()
    texts = store.incoming().select("*, coalesce(sent_at, received_at) AS at")
    health = [received(table) for table in ("statuses", "receipts", "incoming", "confirmations", "rejected")]
    return {
        **{metric: [messages] for metric in BY},
        "reply_rate": [messages, texts.pl()],
        "inbound_volume": [sms.metrics.with_calendar(texts, "at", tz=TZ).pl()],
        "confirmation_success": [store.confirmation_attempts(as_of=as_of).pl()],
        "callback_lag": health[:1],
        "data_health": [messages, *health],
    }


@pytest.mark.parametrize(
    ("metric", "by"), [(metric, by) for metric, names in BY.items() for by in columns(names)], ids=shown
)
def test_every_metric_by_every_column_is_what_plain_loops_say(world, frames, metric, by):
    _, expected, _ = world
    zone = {"tz": TZ} if metric == "data_health" else {}
    frame = getattr(sms.metrics, metric)(*frames[metric], by=by, **zone)
    check(frame.to_pandas().drop(columns=[*FACTS], errors="ignore"), expected.of(metric, by), keys_of(metric, by))


@pytest.mark.parametrize("world", [1], indirect=True)
@pytest.mark.parametrize(
    ("metric", "by"),
    [(metric, by) for metric, names in BY.items() for by in ([], [*names[:2]])],
    ids=shown,
)
def test_a_store_answers_what_plain_loops_say(world, metric, by):
    store, expected, as_of = world
    check(getattr(store, metric)(by, as_of=as_of), expected.of(metric, by), keys_of(metric, by))


@pytest.mark.parametrize("world", [2], indirect=True)
@pytest.mark.parametrize("metric", BY)
def test_a_period_in_local_days_and_values_leave_only_their_rows(world, metric):
    store, expected, as_of = world
    days = ("2026-10-24", "2026-10-25", "2026-10-26")  # the night between has 25 hours
    narrowed = expected.narrowed(lambda row: row["day"] in days and row["account"] == "shop")
    found = getattr(store, metric)(["day"], start=days[0], end="2026-10-27", where={"account": "shop"}, as_of=as_of)
    check(found, narrowed.of(metric, ["day"]), keys_of(metric, ["day"]))
