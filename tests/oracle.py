"""
Messages and delivery rates by brute force: plain loops over events, sharing nothing with the package.

An event is a dict of the fields that matter: account, message_id, phone, status, err, at and received (Unix seconds), type,
parts, cost, sender, operator, mcc, mnc, country, region, hlr. A send is one of account, message_id, phone, sent_at, tag, parts,
cost, sender, received; and so on for the others, under the names of their columns, with seconds for times.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

DELIVERED, FAILED, OPEN = {1, 2, 4}, {3, 6, 20, 22, 23, 24, 25}, {-2, -1, 0}
TERMS = ("type", "parts", "cost", "sender")
DAY = 86400
NETWORK = ("mcc", "mnc", "operator", "country", "region")
TOGETHER = (("type", "sender"), ("parts", "cost"), NETWORK)  # values that travel together


def text_of(value):
    return "" if value is None else str(value)


def claimed(event):
    """The time that came with a status; None where none came."""
    return event["at"] if event.get("timed", True) else None


def believed(event):
    """When a status happened, by its time if that can be true, else by its receipt."""
    claim = claimed(event)
    possible = claim is not None and event["received"] - 30 * DAY <= claim <= event["received"] + 3600
    return claim if possible else event["received"]


def timed_by_first_copies(events):
    """Each status at the time of the copy of it that was received first: a repetition is no other event."""
    firsts = {}

    def same(event):
        return event["account"], event["message_id"], event["phone"], event["status"], claimed(event)

    for event in sorted(events, key=lambda event: event["received"]):
        firsts.setdefault(same(event), event)
    return [event | {"at": believed(firsts[same(event)])} for event in events]


def clusters(times):
    """Moments in groups: each is at most 30 days after another of its group, or the first of it."""
    groups = []
    for at in sorted(times):
        if groups and at - groups[-1][-1] <= 30 * DAY:
            groups[-1].append(at)
        else:
            groups.append([at])
    return groups


def messages(events, *, as_of, tz, horizon, sends=()):
    """One dict per message: per cluster in time of the events of one (account, message_id, phone)."""
    by_key = {}
    for kind, several in enumerate((timed_by_first_copies(events), sends)):
        for event in several:
            key = (event["account"], event["message_id"], event["phone"])
            by_key.setdefault(key, []).append((event["sent_at"] if kind else event["at"], kind, event))
    found = []
    for key, several in by_key.items():
        for times in clusters({at for at, _, _ in several}):
            group, sent = (
                [event for at, kind, event in several if kind == wanted and at in times] for wanted in (0, 1)
            )
            found.append(message(key, group, sent, as_of, ZoneInfo(tz), horizon) | {"begun": int(times[0])})
    return found


def calendar(at, zone):
    local = datetime.fromtimestamp(at, UTC).astimezone(zone)
    monday = local.date() - timedelta(days=local.weekday())
    return {"day": local.strftime("%Y-%m-%d"), "month": local.strftime("%Y-%m-01"), "week": monday.isoformat(),
            "hour": local.hour, "weekday": local.isoweekday()}  # fmt: skip


def message(key, group, sends, as_of, zone, horizon):
    def times(codes):
        return [event["at"] for event in group if event["status"] in codes]

    def latest(belongs):
        """The newest event of a class; of several at one moment the greatest status, then the greatest reason."""
        chosen = None
        for event in group:
            if belongs(event["status"]):
                rank = (
                    event["at"],
                    event["status"] if event["status"] is not None else -129,
                    -1 if event["err"] is None else event["err"],
                )
                if chosen is None or rank > chosen:
                    chosen = rank
        return chosen

    def earliest(names):
        """The values of the earliest report that has any; of several at one moment the first in text order."""
        for told in (group, sends):  # a send's terms count only where no callback gives any
            reports = []
            for event in told:
                values = [event.get(name) for name in names]
                if any(text_of(value) != "" for value in values):
                    reports.append((event["received"], [text_of(value) for value in values]))
            if reports:
                return min(reports)[1]
        return [""] * len(names)

    delivered, failed = latest(lambda s: s in DELIVERED), latest(lambda s: s in FAILED)
    unknown, waiting = latest(lambda s: s is None or s not in DELIVERED | FAILED | OPEN), latest(lambda s: s in OPEN)
    first = min((event["at"] for event in group), default=None)
    sent = min((send["sent_at"] for send in sends), default=None)
    cohort = first if sent is None else sent
    opened = min(times(OPEN), default=None)
    start = opened if sent is None else int(sent)
    arrived = min(times(DELIVERED), default=None)
    old = cohort <= as_of - horizon
    state = (
        "delivered" if delivered else "failed" if failed else "unknown" if unknown else "stuck" if old else "pending"
    )
    chosen = delivered or failed or unknown or waiting or (None, -129, -1)
    seconds = arrived - start if arrived is not None and start is not None and arrived >= start else None
    result = dict(zip(("account", "message_id", "phone"), key, strict=True))
    result |= {
        "state": state,
        "status": None if chosen[1] == -129 else chosen[1],
        "err": 200 if any(event["err"] == 200 for event in group) else None if chosen[2] == -1 else chosen[2],
        "contradictory": bool(delivered and failed),
        "first_status_at": first,
        "last_status_at": max((event["at"] for event in group), default=None),
        "delivered_at": arrived,
        "failed_at": max(times(FAILED), default=None),
        "read_at": min(times({2, 4}), default=None),
        "clicked_at": min(times({4}), default=None),
        "accepted_at": min(times({0}), default=None),
        "delivery_seconds": seconds,
        "matured": old,
        **calendar(cohort, zone),
    }
    if sends:
        result |= {"sent_at": sent, "tag": min((send["tag"] for send in sends if send["tag"]), default="")}
    result["age_seconds"] = None if start is None else as_of - start
    for names in TOGETHER:
        result |= dict(zip(names, earliest(names), strict=True))
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
            tuple(message.get(name, "") for name in by),
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


TEXT = ("", "0", "1", "2", "3")


def key_of(row, by):
    return tuple(text_of(row.get(name)) for name in by)


def quantile(values, percent):
    """The smallest value that at least so many percent of the values do not exceed."""
    for value in sorted(values):
        if 100 * sum(other <= value for other in values) >= percent * len(values):
            return value
    return None


def quantiles(values):
    return {f"p{percent}": quantile(values, percent) for percent in (50, 90, 95, 99)}


def counted(messages, types):
    return [message for message in messages if message["type"] in types and message["err"] != 200]


def gathered(rows, by):
    groups = {}
    for row in rows:
        groups.setdefault(key_of(row, by), []).append(row)
    return groups


def latency(messages, by, within=(10, 30, 60), types=TEXT):
    result = {}
    for key, group in gathered(counted(messages, types), by).items():
        arrived = [message for message in group if message["state"] == "delivered"]
        timed = [message["delivery_seconds"] for message in arrived if message["delivery_seconds"] is not None]
        row = {
            "submitted": len(group),
            "n_timed": len(timed),
            "n_no_start": sum(message["age_seconds"] is None for message in arrived),
            **quantiles(timed),
        }
        row["n_negative"] = len(arrived) - len(timed) - row["n_no_start"]
        for limit in within:
            old = [
                message for message in group if message["age_seconds"] is not None and message["age_seconds"] >= limit
            ]
            quick = [
                message
                for message in old
                if message["delivery_seconds"] is not None and message["delivery_seconds"] <= limit
            ]
            row |= {f"n_within_{limit}s": len(old), f"within_{limit}s": (len(quick), len(old))}
        result[key] = row
    return result


def latency_distribution(messages, by, types=TEXT):
    found = Counter()
    for message in counted(messages, types):
        if message["delivery_seconds"] is not None:
            found[(*key_of(message, by), str(message["delivery_seconds"]))] += 1
    return {key: {"delivered": count} for key, count in found.items()}


def failure_mix(messages, by, types=TEXT):
    by = [name for name in by if name not in ("status", "err")]
    result = {}
    for key, group in gathered(counted(messages, types), by).items():
        causes = Counter(key_of(message, ["status", "err"]) for message in group if message["state"] == "failed")
        for cause, count in causes.items():
            result[key + cause] = {"n": count, "failed": causes.total(), "failure_share": (count, causes.total())}
    return result


def cost(messages, by, types=TEXT):
    result = {}
    by = ["account", *(name for name in by if name != "account")]
    for key, group in gathered(counted(messages, types), by).items():
        parts = [int(message["parts"]) for message in group if message["parts"] != ""]
        paid = [message for message in group if message["cost"] != ""]
        total = sum(Decimal(message["cost"]) for message in paid)
        arrived = sum(message["state"] == "delivered" for message in paid)
        result[key] = {
            "submitted": len(group), "n_parts": sum(parts), "n_parts_unknown": len(group) - len(parts),
            "parts_per_message": sum(parts) / len(parts) if parts else None,
            "cost": float(total), "n_cost_unknown": len(group) - len(paid), "n_delivered": arrived,
            "cost_per_delivered": float(total) / arrived if arrived else None,
        }  # fmt: skip
    return result


def reachability(messages, by, types=("4", "5")):
    def answer(message):
        if message["state"] in ("pending", "stuck"):
            return "pending"
        if message["state"] == "unknown":
            return "unknown"
        if message["state"] == "delivered" and message["status"] in (1, 2):
            return "pending" if message["err"] is None else "reachable" if message["err"] == 0 else "unreachable"
        return "unreachable"

    result = {}
    for key, group in gathered(counted(messages, types), by).items():
        answers = Counter(map(answer, group))
        row = {name: answers[name] for name in ("reachable", "unreachable", "pending", "unknown")}
        result[key] = row | {"checked": len(group), "reachability": (answers["reachable"], len(group))}
    return result


def inbound_volume(incoming, by):
    return {key: {"incoming": len(group), "senders": len({(text["account"], text["phone"]) for text in group})}
            for key, group in gathered(incoming, by).items()}  # fmt: skip


def reply_rate(messages, incoming, by, *, as_of, types=TEXT):
    result = {}
    for key, group in gathered(counted(messages, types), by).items():
        recipients, repliers, matured = set(), set(), True
        for message in group:
            if message["state"] != "delivered":
                continue
            person = (message["account"], message["phone"])
            recipients.add(person)
            matured = matured and message["matured"] and as_of - message["delivered_at"] >= 86400
            for text in incoming:
                if (text["account"], text["phone"]) == person and 0 <= text["at"] - message["delivered_at"] <= 86400:
                    repliers.add(person)
        if recipients:
            result[key] = {"recipients": len(recipients), "repliers": len(repliers), "matured": matured,
                           "reply_rate": (len(repliers), len(recipients))}  # fmt: skip
    return result


def attempts(requests, calls, *, as_of, tz, window=300):
    """Requests and calls in the order of time; each call looks through the open requests of its phone, newest first."""
    zone = ZoneInfo(tz)
    found = [request | {"outcome": "open" if as_of - request["requested_at"] < window else "expired", "seconds": None,
                        **calendar(request["requested_at"], zone)} for request in requests]  # fmt: skip
    for call in sorted(calls, key=lambda call: call["called_at"]):
        if call["stale"]:
            found.append({**call, "outcome": "stale", "seconds": None, **calendar(call["received"], zone)})
            continue
        fitting = [
            row for row in found
            if row["outcome"] in ("open", "expired") and 0 <= call["called_at"] - row["requested_at"] <= window
            and (row["account"], row["phone"]) == (call["account"], call["phone"])
        ]  # fmt: skip
        if fitting:
            newest = max(fitting, key=lambda row: (row["requested_at"], row["request_id"]))
            newest |= {"outcome": "confirmed", "seconds": call["called_at"] - newest["requested_at"]}
        else:
            found.append({**call, "outcome": "unrequested", "seconds": None, **calendar(call["called_at"], zone)})
    return found


def confirmation_success(attempts, by):
    result = {}
    for key, group in gathered(attempts, by).items():
        outcomes = Counter(row["outcome"] for row in group)
        asked = outcomes["confirmed"] + outcomes["expired"] + outcomes["open"]
        result[key] = {
            "requests": asked, "confirmed": outcomes["confirmed"], "expired": outcomes["expired"], "open": outcomes["open"],
            "confirmation_success": (outcomes["confirmed"], asked), "matured": outcomes["open"] == 0,
            **quantiles([row["seconds"] for row in group if row["seconds"] is not None]),
            "calls": outcomes["confirmed"] + outcomes["unrequested"] + outcomes["stale"],
            "stale_calls": outcomes["stale"], "unrequested_calls": outcomes["unrequested"],
        }  # fmt: skip
    return result


def first_of_each(events, identity, tz):
    """Each event once, as first received, with its copies and the calendar of its receipt."""
    found = {}
    for event in sorted(events, key=lambda event: event["received"]):
        first = found.setdefault(identity(event), event | {"copies": 0, **calendar(event["received"], ZoneInfo(tz))})
        first["copies"] += 1
    return list(found.values())


def callback_lag(statuses, by):
    result = {}
    for key, group in gathered(statuses, by).items():
        lags = [status["received"] - status["at"] for status in group if status["timed"]]
        result[key] = {"n_timed": len(lags), "n_untimed": len(group) - len(lags),
                       "n_negative": sum(lag < 0 for lag in lags), **quantiles(lags)}  # fmt: skip
    return result


def in_order(statuses):
    """Each status, and whether it is behind: a later one of its message had been received before."""

    def behind(status):
        return any(
            (other["account"], other["message_id"], other["phone"]) == (status["account"], status["message_id"], status["phone"])
            and other["received"] < status["received"] and other["at"] > status["at"]
            for other in statuses
        )  # fmt: skip

    return [status | {"behind": behind(status)} for status in statuses]


def replays(receipts, tz):
    """Each way in which a signed part came, when it came first, and whether it had come in another way before."""
    seen = {}
    for receipt in sorted(receipts, key=lambda receipt: receipt["received"]):
        signed = tuple(receipt[name] for name in ("account", "message_id", "phone", "status"))
        unsigned = tuple(text_of(receipt[name]) for name in ("err", *TERMS, *NETWORK))
        unsigned += (receipt["at"] if receipt["timed"] else None,)
        ways = seen.setdefault(signed, [])
        if unsigned not in ways:
            ways.append(unsigned)
            yield receipt | {"again": len(ways) > 1, **calendar(receipt["received"], ZoneInfo(tz))}


def replayed_texts(incoming):
    """Each text, and whether its signed part had come under its id before."""
    seen = set()
    for row in sorted(incoming, key=lambda row: row["received"]):
        key = tuple(row[name] for name in ("account", "phone", "to_number", "text", "incoming_id"))
        yield row | {"again": row["incoming_id"] is not None and key in seen}
        seen.add(key)


def data_health(messages, statuses, variants, incoming, calls, rejected, by, *, tz, known):
    """`statuses` of `in_order`, `variants` of `replays`, `incoming` of `replayed_texts`; `calls`: each once;
    `known`: the statuses that a list explains."""
    result = {}

    def check(name, rows, wrong, of=lambda row: 1):
        groups = gathered(rows, by)
        for key in groups if by else [()]:
            group = groups.get(key, [])
            n, among = sum(wrong(row) for row in group), sum(of(row) for row in group)
            result[(*key, name)] = {"n": n, "of": among, "share": (n, among)}

    accepted = [*statuses, *incoming, *calls]
    refused = [row | {"copies": 1, "refused": 1, **calendar(row["received"], ZoneInfo(tz))} for row in rejected]
    sent = [message for message in messages if message.get("sent_at") is not None and message["matured"]]
    check("coverage", sent, lambda message: message["first_status_at"] is not None)
    check("duplicates", accepted, lambda row: row["copies"] - 1, lambda row: row["copies"])
    check("conflicting_replays", [*variants, *incoming], lambda row: row["again"])
    check("contradictory", messages, lambda message: message["contradictory"])
    check("out_of_order", statuses, lambda row: row["behind"])
    check("late", [row for row in statuses if row["timed"]], lambda row: row["received"] - row["at"] > 3600)
    check("untimed", statuses, lambda row: not row["timed"])
    check("unknown_codes", statuses, lambda row: row["status"] not in known)
    check("stale_calls", calls, lambda row: row["stale"])
    check("rejected", [*accepted, *refused], lambda row: row.get("refused", 0), lambda row: row["copies"])
    return result
