"""Histories of messages: events drawn at random, put into a store as a collector would, and read back from it."""

import itertools
from datetime import UTC, datetime

import oracle
from hypothesis import strategies as st

from smsanalytics.storage.journal import Journal, entry

BASE = int(datetime(2025, 10, 26, tzinfo=UTC).timestamp())  # Berlin leaves summer time this night
DAY = 86400
HORIZON = 72 * 3600
STATUS = [-128, -2, -1, 0, 1, 2, 3, 4, 6, 20, 22, 23, 24, 25, 33, 127, -3, None]

terms = {
    "type": st.sampled_from([None, 0, 1, 4, 7]),
    "parts": st.sampled_from([None, 1, 2]),
    "cost": st.sampled_from([None, "3.1000", "12.5000"]),
    "sender": st.sampled_from([None, "", "SHOP", "Дом", "a\x1fb"]),
    "operator": st.sampled_from([None, "MTS", "T2"]),
    "mcc": st.sampled_from([None, "250"]),
    "mnc": st.sampled_from([None, "01", "20"]),
    "country": st.none(),
    "region": st.sampled_from([None, "Москва"]),
    "hlr": st.sampled_from([False, False, False, True]),
}
events = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["default", "shop"]),
        "message_id": st.integers(1, 3),
        "phone": st.sampled_from(["79001230001", "79001230002"]),
        "status": st.sampled_from(STATUS),
        "err": st.sampled_from([None, 0, 1, 200, 65534]),
        "at": st.integers(BASE - 5 * DAY, BASE),
        "received": st.sampled_from([BASE, BASE + 1, BASE + 3600, BASE + 2 * DAY]),
    }
    | terms
)


def _later(drawn):
    """An event some time after it happened: a copy long after, or before a clock that goes ahead, is not believed."""
    event, day, second, lag, timed = drawn
    at = BASE + day * DAY + second
    return event | {"at": at if timed else None, "received": at + lag}


SECONDS = [0, 1, 2, 43200, DAY - 1]
times = (
    st.sampled_from([0, 0, 1, 8, 29, 30, 31, 45, 59, 60, 61, 90, 119, 120]),
    st.sampled_from(SECONDS),
    st.sampled_from([0, 0, 1, 600, 7 * DAY, 29 * DAY, 31 * DAY, 40 * DAY, -3600, -7200]),
)
statuses_over_months = st.tuples(
    st.fixed_dictionaries(
        {
            "account": st.just("default"),
            "message_id": st.integers(1, 2),
            "phone": st.just("79001230001"),  # few messages, so that much is known of each
            "status": st.sampled_from([-128, 0, 0, 1, 1, 3, 4, 20, 33, None]),
            "err": st.sampled_from([None, 0, 1, 200]),
        }
        | terms
    ),
    *times,
    st.sampled_from([True, True, True, False]),
).map(_later)
sends_over_months = st.tuples(
    st.fixed_dictionaries(
        {
            "account": st.just("default"),
            "message_id": st.integers(1, 2),
            "phone": st.just("79001230001"),
            "tag": st.sampled_from([None, "login", "alert"]),
            "parts": st.sampled_from([None, 3]),
            "cost": st.sampled_from([None, "3.1000"]),
            "sender": st.sampled_from([None, "SHOP"]),
        }
    ),
    *times,
    st.just(True),
).map(_later).map(lambda event: {"sent_at" if name == "at" else name: value for name, value in event.items()})  # fmt: skip


def lines_of(event):
    if "sent_at" in event:
        texts = {name: event[name] for name in ("message_id", "phone", "tag", "parts", "cost", "sender")}
        texts["sent_at"] = f"{event['sent_at']}000000"
        kind, extra = "send", {}
    else:
        texts = {"message_id": event["message_id"], "phone": event["phone"], "status": 999 if event["status"] is None else event["status"],
                 "err": event["err"], "status_at": event["at"], **{name: event[name] for name in oracle.TERMS + oracle.NETWORK}}  # fmt: skip
        kind, extra = "status", {"imsi": "25001"} if event["hlr"] else {}
    fields = {name: str(value) for name, value in texts.items() if value is not None}
    signed = {"signed_by": "md5", "key": "k"} if kind == "status" else {"signed_by": "none", "key": ""}
    return entry(account=event["account"], kind=kind, **signed, fields=fields, extra=extra)


def collect(layout, events, writer="w0"):
    """Write each event at its own time of receipt, one segment for each run of a date, as a collector would."""
    clock = itertools.count()
    journal = Journal(layout, writer, now=lambda: events[next(clock)]["received"] * 10**9)
    for event in events:
        journal.write([lines_of(event)])
    journal.close()


def seen_by_oracle(event):
    """What the store makes of an event before folding: HLR by type, a separator that cannot be kept as a blank."""
    sender = event["sender"] and event["sender"].replace("\x1f", " ")
    return event | {"hlr": event["hlr"] or event["type"] == 4, "sender": sender}


def seconds(moment):
    return None if moment is None else int(moment.timestamp())


TIMES = ("first_status_at", "last_status_at", "delivered_at", "failed_at", "read_at", "clicked_at", "accepted_at", "sent_at")  # fmt: skip


def handed_out(store, as_of):
    """The messages of a store by their key, and the order of their beginning."""
    relation = store.messages(as_of=datetime.fromtimestamp(as_of, UTC), tz="Europe/Berlin")
    found = {}
    for row in relation.to_dicts():
        for name in TIMES:
            row[name] = seconds(row[name])
        for name in (*oracle.TERMS, *oracle.NETWORK, "tag"):
            row[name] = oracle.text_of(row[name])
        row |= {name: f"{row[name]:%Y-%m-%d}" for name in ("day", "week", "month")}
        begun = min(at for at in (row["sent_at"], row["first_status_at"]) if at is not None)
        found[row["account"], row["message_id"], row["phone"], begun] = row
    return found


def differences(store, events, as_of):
    """What the messages of a store have otherwise than a count by brute force over what was received by a moment."""
    received = [event for event in events if event["received"] <= as_of]
    statuses = [seen_by_oracle(event) for event in received if "sent_at" not in event]
    sends = [event for event in received if "sent_at" in event]
    expected = oracle.messages(statuses, as_of=as_of, tz="Europe/Berlin", horizon=HORIZON, sends=sends)
    found = handed_out(store, as_of)
    keys = [(*(message[name] for name in ("account", "message_id", "phone")), message["begun"]) for message in expected]
    if sorted(keys) != sorted(found):
        return [("messages", sorted(keys), sorted(found))]
    return [
        (key, name, message[name], found[key][name])
        for key, message in zip(keys, expected, strict=True)
        for name in message
        if name != "begun" and found[key][name] != message[name]
    ]
