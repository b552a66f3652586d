"""kill -9 of the whole process group under load: what was answered 200 is there, once."""

from __future__ import annotations

import http.client
import itertools
import random
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import duckdb
import pytest
from serving import Collector, maintain
from signing import status_body

from smsanalytics.store.layout import Layout

ROUNDS = 20
CONNECTIONS = 6


def load(url, numbers, acknowledged, stop):
    """Post callbacks, each once, and note those that were answered with 200, until the collector is gone."""
    link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        while not stop.is_set():
            number = next(numbers)
            link.request("POST", "/callback", status_body(number))
            response = link.getresponse()
            response.read()
            if response.status == 200:
                acknowledged.append(number)
    except (OSError, http.client.HTTPException):
        return
    finally:
        link.close()


@pytest.mark.parametrize("seed", [20261122])
def test_what_was_acknowledged_is_stored_exactly_once(tmp_path, seed):
    chance = random.Random(seed)
    data = tmp_path / "data"
    numbers, acknowledged = itertools.count(1), []
    for _ in range(ROUNDS):
        collector = Collector(data, "--flush-seconds", "0.2")
        stop = threading.Event()
        threads = [
            threading.Thread(target=load, args=(collector.url, numbers, acknowledged, stop)) for _ in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.3, 2.0))
        collector.kill()
        stop.set()
        for thread in threads:
            thread.join()
    maintain(data)
    layout = Layout(data)
    files = [str(path) for path in layout.live_files("statuses")]
    stored = Counter(number for (number,) in duckdb.read_parquet(files).select("message_id").fetchall())
    assert len(acknowledged) > 50 * ROUNDS  # it was a load
    assert [number for number in acknowledged if stored[number] == 0] == []
    assert [number for number, times in stored.items() if times > 1] == []
    assert not list(layout.slot("w0").glob("*.sealed")) + list(layout.slot("w0").glob("*.open"))
    from smsanalytics import open_store

    assert open_store(data).messages().shape[0] == len(stored)
