"""Histories of messages: events drawn at random, put into a store as a collector would, and read back from it."""

import itertools
from datetime import UTC, datetime

import oracle
from hypothesis import strategies as st

from smsanalytics.store.journal import Journal, entry

BASE = int(datetime(2026, 10, 25, tzinfo=UTC).timestamp())  # Berlin leaves summer time this night
HORIZON = 72 * 3600
STATUS = [-2, -1, 0, 1, 2, 3, 4, 6, 20, 22, 23, 24, 25, 33, -3, None]

events = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["default", "shop"]),
        "message_id": st.integers(1, 3),
        "phone": st.sampled_from(["79001230001", "79001230002"]),
        "status": st.sampled_from(STATUS),
        "err": st.sampled_from([None, 0, 1, 200, 65534]),
        "at": st.integers(BASE - 5 * 86400, BASE),
        "received": st.sampled_from([BASE, BASE + 1, BASE + 3600, BASE + 2 * 86400]),
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
)


def lines_of(event):
    texts = {"message_id": event["message_id"], "phone": event["phone"], "status": 999 if event["status"] is None else event["status"],
             "err": event["err"], "status_at": event["at"], **{name: event[name] for name in oracle.TERMS + oracle.NETWORK}}  # fmt: skip
    fields = {name: str(value) for name, value in texts.items() if value is not None}
    extra = {"imsi": "25001"} if event["hlr"] else {}
    return entry(account=event["account"], kind="status", signed_by="md5", key="k", fields=fields, extra=extra)


def collect(layout, events):
    """Write each event at its own time of receipt, one segment for each run of a date, as a collector would."""
    clock = itertools.count()
    writer = Journal(layout, "w0", now=lambda: events[next(clock)]["received"] * 10**9)
    for event in events:
        writer.write([lines_of(event)])
    writer.close()


def seen_by_oracle(event):
    """What the store makes of an event before folding: HLR by type, a separator that cannot be kept as a blank."""
    sender = event["sender"] and event["sender"].replace("\x1f", " ")
    return event | {"hlr": event["hlr"] or event["type"] == 4, "sender": sender}


def seconds(moment):
    return None if moment is None else int(moment.timestamp())


TIMES = ("first_status_at", "last_status_at", "delivered_at", "failed_at", "read_at", "clicked_at", "accepted_at")


def handed_out(store, as_of):
    relation = store.messages(as_of=datetime.fromtimestamp(as_of, UTC), tz="Europe/Berlin")
    found = {}
    for row in relation.to_dicts():
        for name in TIMES:
            row[name] = seconds(row[name])
        for name in (*oracle.TERMS, *oracle.NETWORK):
            row[name] = oracle.text_of(row[name])
        row |= {name: f"{row[name]:%Y-%m-%d}" for name in ("day", "week", "month")}
        found[row["account"], row["message_id"], row["phone"]] = row
    return found
