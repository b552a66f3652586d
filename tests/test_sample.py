"""The sample month, made once, and held against what really happened in it."""

from __future__ import annotations

import sys
import time
from datetime import UTC, date

import pandas as pd
import pytest

import smsanalytics as sms
from smsanalytics import sample
from smsanalytics.errors import StoreError
from smsanalytics.storage.catalog import Layout


@pytest.fixture(scope="module")
def store(sample_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(sample_cache))
        yield sms.load_sample()


@pytest.fixture(scope="module")
def world():
    return sample.world()


@pytest.fixture(scope="module")
def truth(world):
    return world.truth()


@pytest.fixture(scope="module")
def messages(store):
    found = store.messages().df()
    return found[found["first_status_at"].notna()]


def keys(frame, *names):
    """The rows of a frame as a set; times in seconds."""
    columns = [
        frame[name].dt.as_unit("s").astype("int64")
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype)
        else frame[name]
        for name in names
    ]
    return set(zip(*columns, strict=True))


def test_it_lies_in_the_cache_under_the_version_and_is_opened_quickly_from_then_on(store):
    started = time.monotonic()
    again = sms.load_sample()
    assert time.monotonic() - started < 2
    assert again.path == store.path
    assert (store.path.name, store.path.parent.name) == (f"sample-{sms.__version__}", "smsanalytics")
    assert store.tz == "Europe/Moscow"
    assert [path.name for path in store.path.parent.iterdir()] == [store.path.name]


def test_it_is_always_the_same_month(truth, world):
    assert len(truth) == 60_000
    assert truth["outcome"].value_counts().to_dict() == {
        "delivered": 55047,
        "failed": 3957,
        "open": 883,
        "unknown": 113,
    }
    assert [len(one) for one in (world.incoming, world.asked, world.calls, world.pressed)] == [2127, 5482, 4796, 216]


def test_every_message_is_in_it_with_its_true_state(store, messages, truth):
    told = truth[truth["first_status_at"].notna()]
    old = told["first_status_at"] <= pd.Timestamp(store.as_of) - store.horizon
    state = told["outcome"].where(told["outcome"] != "open", old.map({True: "stuck", False: "pending"}))
    names = ["message_id", "phone", "type", "sender", "operator"]
    found = messages.assign(sender=messages["sender"].fillna(""), operator=messages["operator"].fillna(""))
    true = told.assign(state=state, sender=told["sender"].fillna(""), operator=told["operator"].fillna(""))
    assert keys(found, *names, "state", "first_status_at") == keys(true, *names, "state", "first_status_at")
    delivered = ("message_id", "delivered_at")
    assert keys(found.dropna(subset="delivered_at"), *delivered) == keys(true.dropna(subset="delivered_at"), *delivered)


@pytest.mark.parametrize(
    ("table", "true", "names"),
    [
        pytest.param("incoming", "true_incoming", ["incoming_id", "phone", "to_number", "text", "sent_at"], id="incoming"),
        pytest.param("confirmations", "true_calls", ["phone", "called_at", "stale"], id="confirmations"),
        pytest.param("call_events", "true_key_presses", ["message_id", "phone", "keys"], id="call_events"),
        pytest.param(
            "confirmation_requests", "true_requests", ["request_id", "phone", "requested_at", "number_to_call", "purpose"], id="requests",
        ),
        pytest.param("sends", "truth", ["message_id", "phone", "sent_at", "tag", "cost"], id="sends"),
    ],
)  # fmt: skip
def test_the_other_tables_hold_what_happened_each_once(store, world, table, true, names):
    found, happened = getattr(store, table)().df(), getattr(world, true)()
    happened = happened.dropna(subset=names)
    assert keys(found, *names) == keys(happened, *names)
    assert len(found) == len(happened)


def test_everything_was_received_in_the_month_and_what_is_forged_was_refused(store):
    assert store.as_of < sample.END.astimezone(UTC)
    days = set(Layout(store.path).event_files("statuses"))
    assert (min(days), max(days), len(days)) == (date(2026, 9, 30), date(2026, 10, 31), 32)
    refused = store.rejected().df()
    assert set(refused["reason"]) == {"signature"}
    assert 0.005 < len(refused) / store.statuses().shape[0] < 0.015
    lag = store.statuses().select("received_at - status_at AS lag").df()["lag"]
    assert lag.min() >= pd.Timedelta(0)
    assert lag.median() < pd.Timedelta("3s")
    assert 0.005 < (lag > pd.Timedelta("1h")).mean() < 0.02


def test_the_outage_shows_on_its_day_and_network_only(store):
    rates = store.delivery_rate(["day", "operator"]).pivot(index="day", columns="operator", values="delivery_rate")
    worse = rates["MTS"] - rates["MegaFon"]  # the spam filter strikes all networks
    assert worse.idxmax() == pd.Timestamp("2026-10-14")
    assert worse.max() > 0.15 > 0.06 > worse.drop(worse.idxmax()).max()


def test_the_spam_filter_shows_in_the_failures_of_one_sender(messages):
    rejected = messages[(messages["status"] == 23) & (messages["err"] == 253)]
    per_day = rejected.groupby(["sender", "day"]).size()
    assert per_day.idxmax() == ("SHOP", pd.Timestamp("2026-10-20"))
    assert per_day.max() > 20 * per_day.drop(per_day.idxmax()).max()


def test_the_pumping_shows_in_one_night_of_one_network(messages, world):
    ucell = messages[messages["operator"] == "Ucell"]
    night = ucell[(ucell["day"] == "2026-10-24") & ucell["hour"].between(1, 4)]
    assert len(night) > 950
    assert len(ucell) - len(night) < 2000
    requests = (
        world.true_requests()
        .set_index("requested_at")
        .tz_convert("Europe/Moscow")["2026-10-24 01:00":"2026-10-24 04:59"]
    )
    assert len(requests) > 250
    assert requests["confirmed"].mean() < 0.15


def test_weekends_are_quieter(messages):
    counts = messages.groupby("day").size()
    weekend = counts.index.day_of_week >= 5
    assert counts[weekend].mean() < 0.75 * counts[~weekend].mean()


def made_at_once(data):
    (data / "statuses").mkdir()


def test_of_two_processes_that_make_it_the_second_takes_what_the_first_made(tmp_path, monkeypatch):
    def overtaken(data):
        monkeypatch.setattr(sample, "_fill", made_at_once)
        (sample.load_sample(tmp_path / "sample").path / "first").touch()
        made_at_once(data)

    monkeypatch.setattr(sample, "_fill", overtaken)
    assert (sample.load_sample(tmp_path / "sample").path / "first").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]


def test_it_is_made_in_an_empty_directory_and_never_over_something_else(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sample, "_fill", made_at_once)
    empty, mine = tmp_path / "empty", tmp_path / "mine"
    empty.mkdir()
    assert sms.load_sample(empty).path == empty
    (mine / "statuses").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"holds something else than sample-.*; name a new or empty directory"):
        sms.load_sample(mine)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "mine"]
    assert [path.name for path in mine.iterdir()] == ["statuses"]
    assert capfd.readouterr().err == "", "a progress line is for terminals"


def test_where_it_cannot_be_made_the_error_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot make .*: File exists; name another place: load_sample\(path\)"):
        sms.load_sample(tmp_path / "file" / "sample")
    with pytest.raises(StoreError, match="holds something else"):
        sms.load_sample(tmp_path / "file")


def test_a_process_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StoreError, match="could not be made"):
        sms.load_sample(tmp_path / "sample")
    assert list(tmp_path.iterdir()) == []
