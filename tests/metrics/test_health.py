"""What is wrong with a callback depends on all that came before it, and not on the period that is asked for."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from worlds import DAY, END, World

import smsanalytics as sms
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance

AT = int(datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp())
STATUS = {"message_id": "1042", "phone": "79001230001", "status": "1", "err": "0", "status_at": str(AT), "type": "0"}
TEXT = {"phone": "79001230001", "to_number": "79001230000", "text": "да", "incoming_id": "7", "sent_at": str(AT)}


def moment(second):
    return datetime.fromtimestamp(second, UTC)


def store_of(directory, *callbacks):
    """A store of callbacks, each a kind, the second of its receipt and its fields."""
    clock = iter(callbacks)
    writer = Journal(Layout(directory), "w0", now=lambda: next(clock)[1] * 10**9)
    for kind, _, fields in callbacks:
        writer.write([entry(account="default", kind=kind, signed_by="md5", key="k", fields=fields, extra={})])
    writer.close()
    with Maintenance(Layout(directory), {}) as maintenance:
        maintenance.run()
    return sms.open_store(directory)


def counts(store, by=(), **asked):
    """``n`` and ``of`` by group and check."""
    rows = store.data_health(by, **asked).to_dict("records")
    return {(*(row[name] for name in by), row["check"]): (row["n"], row["of"]) for row in rows}


def added(parts):
    total = {}
    for part in parts:
        for key, (n, of) in part.items():
            total[key] = (total.get(key, (0, 0))[0] + n, total.get(key, (0, 0))[1] + of)
    return total


@pytest.fixture(scope="module", params=[100, 101])
def world(request, tmp_path_factory):
    world = World(request.param)
    directory = tmp_path_factory.mktemp("world") / "data"
    world.collect(directory)
    return world, sms.open_store(directory)


@pytest.mark.parametrize("held", [False, True], ids=["read", "held"])
def test_the_counts_of_two_periods_and_of_all_accounts_are_those_of_the_whole(world, held):
    events, store = world
    store = store.snapshot() if held else store
    draw = random.Random(events.chance.random())
    received = [status["received"] for status in events.statuses]
    for cut in draw.sample(received, 2):
        first, last = cut - draw.randrange(1, 9 * DAY), min(cut + draw.randrange(1, 9 * DAY), END + 1)
        halves = [
            counts(store, ["account"], start=moment(start), end=moment(end))
            for start, end in ((first, cut), (cut, last))
        ]
        whole = counts(store, start=moment(first), end=moment(last))
        by_account = added(halves)
        assert added({(check,): both} for (_, check), both in by_account.items()) == {
            check: both for check, both in whole.items() if both[1]
        }
        assert by_account == counts(store, ["account"], start=moment(first), end=moment(last))


@pytest.mark.parametrize("column", ["account", "hour"])
def test_the_counts_of_chosen_rows_are_those_of_their_group(world, column):
    _, store = world
    groups = counts(store, [column])
    for value in sorted({key for key, _ in groups})[:2]:
        chosen = counts(store, where={column: value})
        assert {check: both for (check,), both in chosen.items() if both[1]} == {
            check: both for (key, check), both in groups.items() if key == value
        }


def test_a_status_is_out_of_order_after_a_later_one_from_before_the_period(tmp_path):
    later, earlier = {"status_at": str(AT + 60)}, {"status": "0"}
    store = store_of(tmp_path, ("status", AT + 61, STATUS | later), ("status", AT + 100, STATUS | earlier))
    assert counts(store)["out_of_order",] == (1, 2)
    assert counts(store, start=moment(AT + 100))["out_of_order",] == (1, 1)
    assert counts(store, end=moment(AT + 100))["out_of_order",] == (0, 1)


@pytest.mark.parametrize(
    ("kind", "fields", "other"),
    [("status", STATUS, {"cost": "9.99"}), ("incoming", TEXT, {"sent_at": str(AT + 60)})],
    ids=["status", "incoming"],
)
def test_a_replay_conflicts_with_what_came_before_the_period(tmp_path, kind, fields, other):
    store = store_of(tmp_path, (kind, AT + 61, fields), (kind, AT + 100, fields | other))
    assert counts(store)["conflicting_replays",] == (1, 2)
    assert counts(store, start=moment(AT + 100))["conflicting_replays",] == (1, 1)
    assert counts(store, end=moment(AT + 100))["conflicting_replays",] == (0, 1)
    assert counts(store, as_of=moment(AT + 99))["conflicting_replays",] == (0, 1)
    assert counts(store, where={"hour": 10})["conflicting_replays",] == (0, 0)


def test_a_replay_as_it_came_first_conflicts_with_nothing_in_a_later_period(tmp_path):
    store = store_of(tmp_path, ("status", AT + 61, STATUS), ("status", AT + 100, STATUS))
    assert counts(store)["conflicting_replays",] == (0, 1)
    assert counts(store, start=moment(AT + 100))["conflicting_replays",] == (0, 0)


def test_two_statuses_that_the_column_cannot_hold_are_two_signed_parts(tmp_path):
    several = [("status", AT + 61 + number, STATUS | {"status": text}) for number, text in enumerate(("999", "-999"))]
    store = store_of(tmp_path, *several)
    assert store.statuses().select("status").fetchall() == [(None,), (None,)]
    assert counts(store)["conflicting_replays",] == (0, 2)


def test_one_status_that_the_column_cannot_hold_conflicts_with_itself(tmp_path):
    strange = STATUS | {"status": "999"}
    store = store_of(tmp_path, ("status", AT + 61, strange), ("status", AT + 70, strange | {"err": "6"}))
    assert counts(store)["conflicting_replays",] == (1, 2)


def test_a_replay_with_an_empty_field_where_there_was_none_conflicts_with_nothing(tmp_path):
    names = ("sender", "operator", "mcc", "mnc", "country", "region")
    empty, other = STATUS | dict.fromkeys(names, ""), STATUS | {"region": "Moscow"}
    store = store_of(tmp_path, *[("status", AT + 61 + n, fields) for n, fields in enumerate((STATUS, empty, other))])
    assert counts(store)["conflicting_replays",] == (1, 2)


SOONER = AT - 60 * DAY
CLAIMS = {"ts": {"status_at": str(SOONER)}, "text": {"status_time": "22.09.2026 12:00:00"}, "none": {}}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
def test_an_exact_replay_conflicts_with_nothing_also_when_its_time_is_no_longer_believed(tmp_path, claim):
    fields = {name: value for name, value in STATUS.items() if name != "status_at"} | claim
    found = counts(store_of(tmp_path, ("status", SOONER, fields), ("status", SOONER + 40 * DAY, fields)))
    assert found["conflicting_replays",] == (0, 1)
    assert found["duplicates",] == (1, 2)
