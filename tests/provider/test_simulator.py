import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pandas as pd
import pytest
from serving import serving
from signing import SECRET

from smsanalytics.errors import SmsAnalyticsError
from smsanalytics.provider.simulator import FORGED, REPEATED, World, send

UNTIL = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def world():
    return World.make(3000, seed=7, until=UNTIL)


@pytest.fixture(scope="module")
def posts(world):
    return [
        {name: value[0] for name, value in parse_qs(body.decode(), encoding="cp1251").items()}
        for body in world.posts(SECRET)
    ]


def authentic(post):
    return post["md5"] == hashlib.md5(f"{post['id']}:{post['phone']}:{post['status']}:{SECRET}".encode()).hexdigest()


def test_the_same_seed_makes_the_same_world_and_another_another(world):
    assert World.make(3000, seed=7, until=UNTIL) == world
    assert world.posts(SECRET) == World.make(3000, seed=7, until=UNTIL).posts(SECRET)
    assert World.make(3000, seed=8, until=UNTIL) != world


def test_it_sends_what_the_provider_sends_with_repeats_and_forgeries(world, posts):
    events = sum(len(message.events) for message in world.messages)
    forged = [post for post in posts if not authentic(post)]
    assert len(forged) / events == pytest.approx(FORGED, abs=0.005)
    assert (len(posts) - len(forged)) / events - 1 == pytest.approx(REPEATED, abs=0.01)
    assert {"0", "1", "2", "4", "20", "3", "23"} <= {post["status"] for post in posts}
    assert "Доставка" in {post["sender"] for post in posts}
    assert {post["phone"][:7] for post in posts} == {"7900123"}


def test_statuses_come_out_of_order_and_late(posts):
    at = [int(post["ts"]) for post in posts]
    behind = [newest - moment for newest, moment in zip(pd.Series(at).cummax(), at, strict=True)]
    assert sum(lag > 60 for lag in behind) > 20
    assert max(behind) > 3600


def test_days_have_a_rhythm_and_deliveries_a_long_tail(world):
    truth = world.truth()
    hours = Counter(truth["first_status_at"].dt.tz_convert("Europe/Moscow").dt.hour)
    assert hours[11] > 4 * hours[4]
    seconds = (truth["delivered_at"] - truth["first_status_at"]).dt.total_seconds().dropna()
    assert seconds.quantile(0.99) > 10 * seconds.median()


def test_nothing_happens_after_the_end(world):
    assert max(event.at for message in world.messages for event in message.events) <= UNTIL.timestamp()
    assert (
        min(event.at for message in world.messages for event in message.events)
        >= (UNTIL - timedelta(days=15)).timestamp()
    )


def test_the_truth_is_written_as_parquet(world, tmp_path):
    world.write_truth(tmp_path / "truth.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "truth.parquet"), world.truth())
    assert set(world.truth()["outcome"]) == {"delivered", "failed", "unknown", "open"}


def test_a_collector_accepts_what_is_authentic_and_nothing_else(tmp_path):
    small = World.make(200, seed=3, until=datetime.now(UTC))
    posts = small.posts(SECRET)
    with serving(tmp_path / "data", "--no-maintain") as collector:
        answers = send(collector.url, posts, connections=4)
    forged = len(posts) - len(small.posts(SECRET, forged=False))
    assert answers == Counter({200: len(posts) - forged, 403: forged})


def test_nobody_listening_is_said_in_a_sentence():
    with pytest.raises(SmsAnalyticsError, match=r"no answer from 127\.0\.0\.1:9: Connection refused"):
        send("http://127.0.0.1:9/callback", [b"id=1"])
