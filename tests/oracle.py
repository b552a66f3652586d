"""
Messages and delivery rates by brute force: plain loops over events, sharing nothing with the package.

An event is a dict of the fields that matter: account, message_id, phone, status, err, at and received (Unix seconds), type,
parts, cost, sender, operator, mcc, mnc, country, region, hlr.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

DELIVERED, FAILED, OPEN = {1, 2, 4}, {3, 6, 20, 22, 23, 24, 25}, {-2, -1, 0}
TERMS = ("type", "parts", "cost", "sender")
NETWORK = ("mcc", "mnc", "operator", "country", "region")


def text_of(value):
    return "" if value is None else str(value)


def messages(events, *, as_of, tz, horizon):
    """One dict per (account, message_id, phone)."""
    groups = {}
    for event in events:
        groups.setdefault((event["account"], event["message_id"], event["phone"]), []).append(event)
    return [message(key, group, as_of, ZoneInfo(tz), horizon) for key, group in groups.items()]


def message(key, group, as_of, zone, horizon):
    def times(codes):
        return [event["at"] for event in group if event["status"] in codes]

    def latest(belongs):
        """The newest event of a class; of several at one moment the greatest status, then the greatest reason."""
        chosen = None
        for event in group:
            if belongs(event["status"]):
                rank = (
                    event["at"],
                    event["status"] if event["status"] is not None else -128,
                    -1 if event["err"] is None else event["err"],
                )
                if chosen is None or rank > chosen:
                    chosen = rank
        return chosen

    def earliest(names):
        """The values of the earliest report that has any; of several at one moment the first in text order."""
        reports = []
        for event in group:
            values = [event[name] for name in names]
            if any(text_of(value) != "" for value in values):
                reports.append((event["received"], [text_of(value) for value in values]))
        return min(reports)[1] if reports else [""] * len(names)

    delivered, failed = latest(lambda s: s in DELIVERED), latest(lambda s: s in FAILED)
    unknown, waiting = latest(lambda s: s is None or s not in DELIVERED | FAILED | OPEN), latest(lambda s: s in OPEN)
    first = min(event["at"] for event in group)
    opened = min(times(OPEN), default=None)
    arrived = min(times(DELIVERED), default=None)
    old = first <= as_of - horizon
    state = (
        "delivered" if delivered else "failed" if failed else "unknown" if unknown else "stuck" if old else "pending"
    )
    chosen = delivered or failed or unknown or waiting
    local = datetime.fromtimestamp(first, UTC).astimezone(zone)
    seconds = arrived - opened if arrived is not None and opened is not None and arrived >= opened else None
    result = dict(zip(("account", "message_id", "phone"), key, strict=True))
    result |= {
        "state": state,
        "status": None if chosen[1] == -128 else chosen[1],
        "err": 200 if any(event["err"] == 200 for event in group) else None if chosen[2] == -1 else chosen[2],
        "contradictory": bool(delivered and failed),
        "first_status_at": first,
        "last_status_at": max(event["at"] for event in group),
        "delivered_at": arrived,
        "failed_at": max(times(FAILED), default=None),
        "read_at": min(times({2, 4}), default=None),
        "clicked_at": min(times({4}), default=None),
        "accepted_at": min(times({0}), default=None),
        "delivery_seconds": seconds,
        "matured": old,
        "day": local.strftime("%Y-%m-%d"),
        "month": local.strftime("%Y-%m-01"),
        "hour": local.hour,
        "weekday": local.isoweekday(),
    }
    result |= dict(zip(TERMS, earliest(TERMS), strict=True)) | dict(zip(NETWORK, earliest(NETWORK), strict=True))
    if any(event["hlr"] for event in group) and result["type"] in ("", "0", "1", "2", "3"):
        result["type"] = "4"
    return result


def delivery_rate(messages, by, *, types=("", "0", "1", "2", "3")):
    """Counts per group, as a dict from the tuple of group values to a dict."""
    groups, excluded = {}, 0
    for message in messages:
        if message["type"] not in types or message["err"] == 200:
            excluded += 1
            continue
        group = groups.setdefault(
            tuple(message[name] for name in by),
            {"submitted": 0, "delivered": 0, "failed": 0, "pending": 0, "stuck": 0, "unknown": 0, "matured": True},
        )
        group["submitted"] += 1
        group[message["state"]] += 1
        group["matured"] = group["matured"] and message["matured"]
    return groups, excluded


def wilson(count, n):
    """The two shares p at which the observed one lies 1.96 standard errors away: roots of a quadratic."""
    if n == 0:
        return None
    z = 1.959963984540054
    share = count / n
    a, b, c = 1 + z * z / n, -(2 * share + z * z / n), share * share
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)
