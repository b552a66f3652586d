"""Small frames as the metrics give them, made of numbers that are easily checked."""

from __future__ import annotations

from itertools import product

import pandas as pd

FACTS = {
    "as_of": "2026-11-30T20:59:00+00:00",
    "timezone": "Europe/Moscow",
    "period": ["2026-11-01", "2026-11-30"],
    "denominator": "all of them",
    "excluded_n": 0,
}
HOSTILE = "</script><img src=x onerror=alert(1)>\u2028&"
VALUES = {
    "day": [pd.Timestamp("2026-11-28"), pd.Timestamp("2026-11-30")],
    "hour": [9, 14],
    "weekday": [1, 7],
    "week": [pd.Timestamp("2026-11-16"), pd.Timestamp("2026-11-23")],
    "month": [pd.Timestamp("2026-05-01"), pd.Timestamp("2026-06-01")],
    "operator": ["MTS", None],
    "mcc": [250, None],
    "mnc": [1, None],
    "country": ["Россия", None],
    "sender": ["SHOP", HOSTILE],
    "type": [0, None],
    "parts": [1, 3],
    "tag": ["login", None],
    "account": ["default", "shop"],
    "status": [20, None],
    "err": [1, 777],
    "to_number": ["79001230000", "79001230001"],
    "purpose": ["login", None],
}
CODES = {"hour", "weekday", "mcc", "mnc", "type", "parts", "status", "err"}


def frame(by, measures, **values):
    """
    The groups of `by`, each with these rows of measures; `values` replaces those of a column.

    Every combination of up to three columns; of more, only the first values and the last.
    """
    columns = [values.get(name, VALUES[name]) for name in by]
    groups = product(*columns) if len(by) <= 3 else [[one[end] for one in columns] for end in (0, -1)]
    made = [dict(zip(by, group, strict=True)) | row for group in groups for row in measures]
    found = pd.DataFrame(made, columns=[*by, *measures[0]])
    found = found.astype({name: "Int64" for name in by if name in CODES})
    found.attrs = dict(FACTS)
    return found


def interval(name, value, low, high):
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def quantiles(p50=7, p90=40, p95=90, p99=4000):
    return {"p50": p50, "p90": p90, "p95": p95, "p99": p99}


def delivery_rate(by, **values):
    counts = {"submitted": 1000, "delivered": 960, "failed": 30, "pending": 10, "stuck": 0, "unknown": 0}
    shares = interval("delivery_rate", 0.96, 0.945, 0.97) | interval("failed_share", 0.03, 0.02, 0.04)
    return frame(by, [counts | shares | {"matured": True}], **values)


def reply_rate(by, **values):
    counts = {"recipients": 1000, "repliers": 21}
    return frame(by, [counts | interval("reply_rate", 0.021, 0.014, 0.032) | {"matured": False}], **values)


def confirmation_success(by, **values):
    counts = {"requests": 100, "confirmed": 60, "expired": 40, "open": 0}
    rest = {"matured": True, "calls": 65, "stale_calls": 2, "unrequested_calls": 3}
    row = counts | interval("confirmation_success", 0.6, 0.5, 0.69) | quantiles(12, 40, 60, 200) | rest
    return frame(by, [row], **values)


def calls_only(by, **values):
    known = confirmation_success(by, **values)
    nothing = dict.fromkeys(known.columns[known.columns.str.startswith(("confirmation_success", "p5", "p9"))])
    found = known.assign(requests=0, confirmed=0, expired=0, **nothing)
    found.attrs = dict(FACTS)
    return found


def reachability(by, **values):
    counts = {"checked": 200, "reachable": 150, "unreachable": 40, "pending": 10, "unknown": 0}
    return frame(by, [counts | interval("reachability", 0.75, 0.69, 0.8)], **values)


def latency(by, **values):
    counts = {"submitted": 1000, "n_timed": 900, "n_no_start": 60, "n_negative": 0}
    within = interval("within_10s", 0.6, 0.55, 0.65) | {"n_within_10s": 940}
    return frame(by, [counts | quantiles() | within], **values)


def callback_lag(by, **values):
    counts = {"n_timed": 5000, "n_untimed": 4, "n_negative": 3}
    return frame(by, [counts | quantiles(-1, 0, 2, 30)], **values)


def latency_distribution(by, **values):
    times = [{"seconds": seconds, "delivered": count} for seconds, count in ((0, 10), (7, 50), (40, 35), (4000, 5))]
    return frame(by, times, **values)


def inbound_volume(by, **values):
    return frame(by, [{"incoming": 1200, "senders": 700}], **values)


def failure_mix(by, **values):
    causes = [(20, 1, 60), (3, 0, 30), (20, 777, 8), (22, None, 2)]
    rows = [
        {"status": status, "err": err, "n": n, "failed": 100} | interval("failure_share", n / 100, n / 200, n / 90)
        for status, err, n in causes
    ]
    return frame(by, rows, **values).astype({"err": "Int64"})


def cost(by, **values):
    by = ["account", *(name for name in by if name != "account")]
    counts = {"submitted": 1000, "n_parts": 1400, "n_parts_unknown": 0, "parts_per_message": 1.4}
    money = {"cost": 3100.0, "n_cost_unknown": 2, "n_delivered": 950, "cost_per_delivered": 3.25}
    return frame(by, [counts | money], **values)


def data_health(by, **values):
    checks = [("coverage", 9700, 9800), ("duplicates", 12, 41234), ("stale_calls", 0, 0), ("rejected", 14, None)]
    rows = [{"check": check, "n": n, "of": of, "share": n / of if of else None} for check, n, of in checks]
    return frame(by, rows, **values).astype({"of": "Int64", "share": "float64"})


METRICS = {
    metric.__name__: metric
    for metric in (
        delivery_rate, reply_rate, confirmation_success, reachability, latency, callback_lag, latency_distribution,
        inbound_volume, failure_mix, cost, data_health,
    )
}  # fmt: skip


def rows(chart, mark=None):
    """The data of a layer: the first one, or the first of this mark."""
    layers = chart["layer"]
    layer = next(one for one in layers if mark in (None, one["mark"]["type"]))
    return layer.get("data", chart.get("data"))["values"]
