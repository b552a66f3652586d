from collections import Counter
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from smsanalytics.simulator.confirmation import Call, Request, confirmed
from smsanalytics.simulator.incident import Outage, Pumping, SpamFilter
from smsanalytics.simulator.network import OWN_NUMBERS
from smsanalytics.simulator.world import World

UNTIL = datetime(2026, 11, 22, 9, tzinfo=UTC)
AT = 1_790_000_000
PHONE, OTHER = "79001230001", "79001230002"


@pytest.fixture(scope="module")
def world():
    return World.make(6000, seed=7, until=UNTIL)


@pytest.fixture(scope="module")
def truth(world):
    return world.truth()


def test_the_same_seed_makes_the_same_world_and_another_another(world):
    assert World.make(6000, seed=7, until=UNTIL) == world
    assert World.make(6000, seed=8, until=UNTIL) != world


def test_days_have_a_rhythm_and_deliveries_a_long_tail(truth):
    local = truth["first_status_at"].dt.tz_convert("Europe/Moscow")
    hours, weekdays = Counter(local.dt.hour), Counter(local.dt.day_of_week)
    assert hours[11] > 4 * hours[4]
    assert weekdays[2] > 1.5 * weekdays[6]
    seconds = (truth["delivered_at"] - truth["first_status_at"]).dt.total_seconds().dropna()
    assert seconds.quantile(0.99) > 10 * seconds.median()


def test_nothing_happens_before_the_start_or_after_the_end(world):
    moments = [event.at for message in world.messages for event in message.events]
    moments += [one.at for happened in (world.incoming, world.asked, world.calls, world.pressed) for one in happened]
    assert (UNTIL - timedelta(days=14)).timestamp() <= min(moments)
    assert max(moments) <= UNTIL.timestamp()


def test_the_truth_is_written_as_parquet(world, truth, tmp_path):
    world.write_truth(tmp_path / "truth.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "truth.parquet"), truth, check_dtype=False)
    assert set(truth["outcome"]) == {"delivered", "failed", "unknown", "open"}


def test_there_are_messages_of_every_type(truth):
    shares = truth["type"].value_counts(normalize=True)
    assert {0, 1, 4, 5, 7, 8, 10} == set(shares.index)
    assert 0.88 < shares[0] < 0.96
    mail = truth[truth["type"] == 8]
    assert mail["phone"].str.fullmatch(r"user\d+@example\.com").all()
    assert mail["operator"].isna().all()
    assert set(truth["phone"][truth["type"] != 8].str[:7]) == {"7900123"}
    lookups = truth["type"].isin([4, 5]).fillna(False)
    assert set(truth["reachability"][lookups]) == {"reachable", "unreachable", "pending"}
    assert truth["reachability"][~lookups].isna().all()


def test_of_a_lost_message_only_the_customer_knows(truth):
    lost = truth[truth["first_status_at"].isna()]
    assert 0 < len(lost) < 0.01 * len(truth)
    assert lost["sent_at"].notna().all()
    assert lost[["type", "operator", "country", "delivered_at"]].isna().all(axis=None)


def test_most_messages_were_recorded_when_sent(world, truth):
    known = truth[truth["sent_at"].notna()].set_index("message_id")
    assert 0.96 < len(known) / len(truth) < 0.98
    sends = pd.DataFrame(world.sends()).set_index("message_id")
    assert len(sends) == len(known)
    for name in ("phone", "tag", "cost", "sender", "parts"):
        assert sends[name].dropna().to_dict() == known[name].dropna().to_dict()
    assert all(datetime.fromisoformat(at).utcoffset() for at in sends["sent_at"])
    wait = (known["first_status_at"] - known["sent_at"]).dt.total_seconds().dropna()
    assert (wait.min(), wait.max()) == (0, 2)
    assert (known["tag"][known["sender"] == "BANK-CODE"] == "login").mean() > 0.7


def test_subscribers_write_some_soon_after_a_message_and_some_late_or_out_of_the_blue(truth, world):
    written = world.true_incoming()
    assert list(written["incoming_id"]) == list(range(1, len(written) + 1))
    assert set(written["to_number"]) == set(OWN_NUMBERS)
    assert {"", "СТОП", "Call me at 10:30"} <= set(written["text"])
    delivered = truth[truth["outcome"] == "delivered"]
    after = written.merge(delivered, on="phone", suffixes=("_written", ""))
    waited = after["sent_at_written"] - after["delivered_at"]
    soon = waited.between(pd.Timedelta(0), pd.Timedelta("24h"))
    assert 0.01 < after["message_id"][soon].nunique() / len(delivered) < 0.06
    assert (waited > pd.Timedelta("24h")).any()


def test_most_requests_are_confirmed_and_the_others_fail_in_every_way(world):
    requests, calls = world.true_requests(), world.true_calls()
    assert 0.78 < requests["confirmed"].mean() < 0.9
    waited = (requests["called_at"] - requests["requested_at"]).dt.total_seconds().dropna()
    assert 0 <= waited.min() < 10 < waited.median() < 60 < waited.max() <= 300
    assert 0 < calls["stale"].mean() < 0.05
    late = calls["received_at"] - calls["called_at"]
    assert (late[calls["stale"]] > pd.Timedelta("15min")).all()
    pairs = requests.merge(calls, on="phone", suffixes=("", "_call"))
    assert (pairs["called_at_call"] - pairs["requested_at"]).between(pd.Timedelta("301s"), pd.Timedelta("30min")).any()
    assert set(calls["phone"]) - set(requests["phone"])
    assert requests["phone"].duplicated().any()
    assert [set(one) for one in world.requests()[:1]] == [
        {"phone", "requested_at", "number_to_call", "purpose", "request_id"}
    ]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        pytest.param([(0, PHONE)], {"a": 0}, id="in-the-same-second"),
        pytest.param([(300, PHONE)], {"b": 300}, id="the-last-second-and-the-newest-request"),
        pytest.param([(260, PHONE), (262, PHONE)], {"b": 260, "a": 262}, id="the-newest-first"),
        pytest.param([(361, PHONE)], {}, id="too-late"),
        pytest.param([(-1, PHONE)], {}, id="before-it-was-asked"),
        pytest.param([(10, OTHER)], {}, id="another-phone"),
    ],
)
def test_a_call_confirms_the_newest_open_request_of_its_phone(calls, expected):
    requests = [Request("a", PHONE, AT, "79001239999", "login"), Request("b", PHONE, AT + 60, "79001239999", "login")]
    made = [Call(AT + after, phone, (AT + after) * 1_000_000) for after, phone in calls]
    assert {name: call.at - AT for name, call in confirmed(requests, made).items()} == expected


def test_a_call_told_too_late_confirms_nothing():
    request = Request("a", PHONE, AT, "79001239999", "login")
    in_time, held_up = (Call(AT + 5, PHONE, (AT + 5 + delay) * 1_000_000) for delay in (900, 901))
    assert (in_time.stale, held_up.stale) == (False, True)
    assert confirmed([request], [held_up]) == {}
    assert confirmed([request], [in_time]) == {"a": in_time}


def test_keys_are_pressed_only_in_answered_calls(world, truth):
    pressed = world.true_key_presses()
    assert len(pressed)
    calls = truth[(truth["type"] == 7) & (truth["outcome"] == "delivered")]
    assert set(zip(pressed["message_id"], pressed["phone"], strict=True)) < set(
        zip(calls["message_id"], calls["phone"], strict=True)
    )


def troubled(*incidents):
    return World.make(8000, seed=7, until=UNTIL, incidents=incidents)


def test_an_outage_stops_one_network_for_its_time(truth):
    start, end = datetime(2026, 11, 18, 6, tzinfo=UTC), datetime(2026, 11, 18, 14, tzinfo=UTC)
    found = troubled(Outage(start, end, "MTS")).truth()
    inside = found["first_status_at"].between(start, end, inclusive="left") & (found["type"] == 0)
    struck = found[inside & (found["operator"] == "MTS") & ~found["test_mode"]]
    soon = struck["delivered_at"] < end
    assert soon.mean() < 0.15
    late = struck[~soon & (struck["outcome"] == "delivered")]
    assert len(late)
    assert (struck["outcome"] == "failed").mean() > 0.4
    others = found[inside & (found["operator"] == "Beeline")]
    assert (others["outcome"] == "delivered").mean() > 0.85


def test_a_spam_filter_rejects_the_campaigns_of_one_sender():
    start, end = datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC)
    world = troubled(SpamFilter(start, end, "SHOP", "campaign"))
    struck = [
        one for one in world.messages
        if one.type == 0 and one.events and not one.test_mode and (one.sender, one.tag) == ("SHOP", "campaign")
        and start.timestamp() <= one.events[0].at < end.timestamp()
    ]  # fmt: skip
    rejected = [one for one in struck if one.events[-1][1:] == (23, 253)]
    assert len(rejected) / len(struck) > 0.85


def test_pumping_sends_many_codes_to_few_numbers_and_hardly_any_is_used():
    start, end = datetime(2026, 11, 18, 22, tzinfo=UTC), datetime(2026, 11, 19, 2, tzinfo=UTC)
    world = troubled(Pumping(start, end, "Ucell", numbers=50, messages=400, requests=100))
    truth, requests = world.truth(), world.true_requests()
    assert len(truth) == 8400
    sent = truth[truth["sent_at"].between(start, end) & (truth["operator"] == "Ucell")]
    assert len(sent) > 350
    assert sent["phone"].nunique() < 60
    assert sent["cost"].mean() > 10
    asked = requests[requests["requested_at"].between(start, end) & requests["phone"].isin(sent["phone"])]
    assert len(asked) > 90
    assert asked["confirmed"].mean() < 0.1
