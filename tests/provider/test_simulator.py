from collections import Counter
from datetime import UTC, datetime

import pytest
from serving import serving
from signing import SECRET

from smsanalytics.errors import SmsAnalyticsError
from smsanalytics.provider.simulator import World, send


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
