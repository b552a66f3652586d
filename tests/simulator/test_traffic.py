import hashlib
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pandas as pd
import pytest
from signing import SECRET

from smsanalytics.errors import BadSignature
from smsanalytics.simulator.traffic import FORGED, REPEATED
from smsanalytics.simulator.world import World
from smsanalytics.smsc.callback import Terms, read
from smsanalytics.smsc.kinds import Kind

UNTIL = datetime(2026, 11, 22, 9, tzinfo=UTC)
TERMS = Terms(
    {"2026": SECRET.encode()}, algorithms=("md5",), inbound_numbers=frozenset({b"79037654321", b"79001230000"})
)
SIGNED = {"mes": ("phone", "mes", "to"), "waitcall": ("phone", "ts"), "status": ("id", "phone", "status")}


@pytest.fixture(scope="module")
def world():
    return World.make(3000, seed=7, until=UNTIL)


@pytest.fixture(scope="module")
def arrivals(world):
    return world.arrivals(SECRET)


@pytest.fixture(scope="module")
def posts(arrivals):
    return [
        {
            name: value[0]
            for name, value in parse_qs(one.body.decode(), encoding="cp1251", keep_blank_values=True).items()
        }
        for one in arrivals
    ]


def authentic(post):
    [names] = [names for mark, names in SIGNED.items() if mark in post]
    return post["md5"] == hashlib.md5(":".join([*(post[name] for name in names), SECRET]).encode("cp1251")).hexdigest()


def told(world, **how):
    """What a reader of the wire finds in all bodies, each event once."""
    events = [one for body in world.posts(SECRET, forged=False, **how) for one in read(body, TERMS)]
    return {(one.kind, *sorted(one.fields.items()), *sorted(one.extra.items())) for one in events}


def test_the_same_world_sends_the_same_callbacks(world, arrivals):
    assert arrivals == World.make(3000, seed=7, until=UNTIL).arrivals(SECRET)
    assert [one.body for one in arrivals] == world.posts(SECRET)


def test_it_sends_what_the_provider_sends_with_repeats_and_forgeries(world, posts):
    events = sum(len(message.events) for message in world.messages) + len(world.incoming) + len(world.calls)
    forged = [post for post in posts if not authentic(post)]
    assert len(forged) / events == pytest.approx(FORGED, abs=0.005)
    assert (len(posts) - len(forged)) / events - 1 == pytest.approx(REPEATED, abs=0.01)
    assert {mark for post in forged for mark in SIGNED if mark in post} >= {"status", "waitcall"}
    statuses = [post for post in posts if "status" in post]
    assert {"0", "1", "2", "4", "20", "3", "23"} <= {post["status"] for post in statuses}
    assert "Доставка" in {post.get("sender") for post in statuses}


def test_leaving_forgeries_out_changes_nothing_else(world, posts, arrivals):
    kept = [one for one, post in zip(arrivals, posts, strict=True) if authentic(post)]
    assert world.arrivals(SECRET, forged=False) == kept


def test_parts_of_the_time_make_up_the_whole(world, arrivals):
    even, odd = (world.arrivals(SECRET, only=lambda at, rest=rest: at // 10**9 % 2 == rest) for rest in (0, 1))
    assert min(len(even), len(odd)) > 1000
    assert sorted(even + odd) == sorted(arrivals)


def test_times_in_words_are_those_in_numbers(posts):
    found = [post for post in posts if "time" in post]
    assert 0.2 < len(found) / len(posts) < 0.3
    for post in found:
        local = datetime.strptime(post["time"] + " +0300", "%d.%m.%Y %H:%M:%S %z")
        assert local.timestamp() == int(post["ts"])


@pytest.mark.parametrize(
    ("kind", "present", "absent"),
    [
        pytest.param("0", {"cnt", "cost", "operator", "sender"}, {"imsi", "flag"}, id="sms"),
        pytest.param("4", {"imsi", "msc", "cn", "net", "rcn", "rnet"}, {"cnt", "sender", "flag"}, id="hlr"),
        pytest.param("5", {"operator"}, {"cnt", "sender", "imsi"}, id="ping"),
        pytest.param("8", {"flag", "sender"}, {"cnt", "operator"}, id="e-mail"),
    ],
)
def test_each_type_has_its_own_fields(posts, kind, present, absent):
    found = [set(post) for post in posts if post.get("type") == kind and post["status"] != "0"]
    assert found
    assert all(present <= names and not absent & names for names in found)


def test_a_lookup_without_an_answer_yet_tells_no_err(posts):
    lookups = [post for post in posts if post.get("type") in {"4", "5"}]
    assert any("err" not in post for post in lookups if post["status"] == "1")
    assert {"0", "6"} <= {post.get("err") for post in lookups if post["status"] == "1"}


def test_statuses_come_out_of_order_and_late(posts):
    at = [int(post["ts"]) for post in posts]
    behind = [newest - moment for newest, moment in zip(pd.Series(at).cummax(), at, strict=True)]
    assert sum(lag > 60 for lag in behind) > 20
    assert max(behind) > 3600


def test_everything_is_received_in_order_after_it_happened_and_by_the_end(arrivals, posts):
    received = [one.received_at for one in arrivals]
    assert received == sorted(received)
    assert received[-1] <= UNTIL.timestamp() * 1e6
    assert all(at >= int(post["ts"]) * 1_000_000 for at, post in zip(received, posts, strict=True))


def test_a_call_is_first_received_when_the_truth_says(world, arrivals, posts):
    first = {}
    for one, post in zip(arrivals, posts, strict=True):
        if "waitcall" in post and authentic(post):
            first.setdefault((post["phone"], int(post["ts"])), one.received_at)
    assert first == {(call.phone, call.at): call.received_at for call in world.calls}
    assert any(call.stale for call in world.calls)


def test_the_wire_reads_every_kind_as_it_happened(world):
    found = told(world)
    assert Counter(kind for kind, *_ in found) == {
        Kind.STATUS: sum(len(set(message.events)) for message in world.messages),
        Kind.INCOMING: len(world.incoming),
        Kind.CONFIRMATION: len(world.calls),
    }


def test_xml_and_json_tell_the_same_as_forms(world):
    bodies = world.posts(SECRET, forged=False, formats=0.3)
    starts = Counter(body[:1] for body in bodies)
    assert min(starts[b"<"], starts[b"{"], starts[b"["]) > 20
    assert any(len(read(body, TERMS)) > 1 for body in bodies)
    assert told(world, formats=0.3) == told(world)


def test_what_is_forged_is_refused_alone(world, posts):
    refused = 0
    for body in world.posts(SECRET, formats=0.3):
        try:
            read(body, TERMS)
        except BadSignature:
            refused += 1
    assert refused == sum(not authentic(post) for post in posts)


def test_key_presses_come_apart_and_unsigned(world):
    found = [parse_qs(one.body.decode()) for one in world.key_presses()]
    assert {frozenset(one) for one in found} == {frozenset({"id", "phone", "digits"})}
    pressed = {(int(one["id"][0]), one["phone"][0], one["digits"][0]) for one in found}
    assert pressed == {(one.message_id, one.phone, one.keys) for one in world.pressed}
