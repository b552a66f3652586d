import socket
from collections import Counter
from datetime import UTC, datetime

import pytest
from serving import serving
from signing import SECRET

from smsanalytics.errors import SmsAnalyticsError
from smsanalytics.simulator.client import World, send, tell


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
    with pytest.raises(SmsAnalyticsError, match=r"no answer from 127\.0\.0\.1:9: Connection refused"):
        tell("http://127.0.0.1:9/sends", [{"message_id": 1}], "a token")


def test_somebody_who_accepts_and_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SmsAnalyticsError, match=f"no answer from {address}"):
            send(f"http://{address}/callback", [b"id=1"], timeout=0.1)
        with pytest.raises(SmsAnalyticsError, match=f"no answer from {address}"):
            tell(f"http://{address}/sends", [{"message_id": 1}], "a token", timeout=0.1)
