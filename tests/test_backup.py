"""A store copied as docs/how-to/operate-the-collector.md says, while callbacks come, holds what was answered before."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from pathlib import Path

from pages import blocks_of
from programs import need
from serving import maintain, serving
from signing import status_body

from smsanalytics import open_store

PAGE = (Path(__file__).parents[1] / "docs" / "how-to" / "operate-the-collector.md").read_text("utf-8")
[COPY] = [block.text for block in blocks_of(PAGE) if "rsync" in block.text]


def held(data):
    """How often each message is in the store."""
    return Counter(number for (number,) in open_store(data).statuses().select("message_id").fetchall())


def test_a_copy_of_a_running_store_has_all_that_was_answered_before_it_and_can_be_collected_into(tmp_path):
    need("rsync", "no copy can be made")
    answered: list[int] = []
    stop = threading.Event()

    def call(collector):
        while not stop.is_set():
            number = len(answered) + 1
            if collector.post(status_body(number)) == 200:
                answered.append(number)

    with serving(tmp_path / "data", "--flush-seconds", "0.2") as collector:
        calling = threading.Thread(target=call, args=[collector])
        calling.start()
        for _ in range(2):  # the second over the first
            begun = len(answered)
            while len(answered) < begun + 100:
                stop.wait(0.05)
            before = set(answered)
            done = subprocess.run(["bash", "-ec", COPY], capture_output=True, text=True, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
        stop.set()
        calling.join()
        assert collector.stop() == 0
    backup = tmp_path / "backup"
    maintain(backup)
    found = held(backup)
    assert before <= set(map(int, found))
    assert set(found.values()) == {1}
    assert len(open_store(backup).messages().df()) == len(found)
    with serving(backup) as collector:
        assert collector.post(status_body(10**6)) == 200
        assert collector.stop() == 0
    assert held(backup) == found + Counter({10**6: 1})
    assert set(map(int, held(tmp_path / "data"))) == set(answered)  # the original took no harm
