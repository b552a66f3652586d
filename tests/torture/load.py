"""What the scenarios put on a collector, and what they then look for in the store."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
from serving import maintain
from signing import status_body

from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.manifest import Live
from torture.outcome import Outcome

STUCK_SECONDS = 30.0  #: an answer that takes longer is none


class Load:
    """
    Callbacks of ever new ids, each posted once, over several connections, while the ``with`` lasts.

    Attributes
    ----------
    acknowledged : list of int
        Ids answered with 200, in that order.
    answers : Counter
        How often each status came; ``broken`` where the connection ended instead.
    hasty : int
        Answers of 503 that do not say when to come back.
    """

    def __init__(self, url: str, numbers: itertools.count[int], *, connections: int = 6, pause: float = 0.0) -> None:
        self.acknowledged: list[int] = []
        self.answers: Counter[int | str] = Counter()
        self.hasty = 0
        self._url, self._numbers, self._pause = url, numbers, pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._post) for _ in range(connections)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _post(self) -> None:
        link = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=STUCK_SECONDS)
        while not self._stop.is_set():
            number = next(self._numbers)
            try:
                link.request("POST", "/callback", status_body(number))
                answer = link.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                self.answers["broken"] += 1
                link.close()  # the next request opens another
                time.sleep(0.05)
                continue
            self.answers[answer.status] += 1
            if answer.status == 200:
                self.acknowledged.append(number)
            elif answer.status == 503:
                self.hasty += not answer.headers["Retry-After"]
                time.sleep(0.02)
            if self._pause:
                time.sleep(self._pause)
        link.close()

    def flows(self, within: float) -> bool:
        """Whether callbacks are acknowledged again before that many seconds are over."""
        had, deadline = len(self.acknowledged), time.monotonic() + within
        while len(self.acknowledged) < had + 20:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def compare(data: Path, acknowledged: list[int], posted: int, outcome: Outcome, *, published: bool = False) -> None:
    """
    Publish what there is, unless that was done, and note which of the acknowledged ids are not stored exactly once.

    What was not acknowledged may be stored or not, but never twice; an id of `posted` and above was never posted.
    """
    try:
        if not published:
            maintain(data)
    except AssertionError as error:
        outcome.wrong.append(f"maintain failed: {error}")
        return
    layout = Layout(data)
    stored = _ids([str(path) for path in layout.live_files("statuses")])
    messages = _ids([str(path) for path in Live.read(layout).files(layout)])
    outcome.acknowledged = len(acknowledged)
    outcome.missing = sum(stored[number] == 0 for number in acknowledged)
    outcome.twice = sum(times > 1 for times in stored.values())
    outcome.forged = sum(number >= posted for number in stored)
    if messages != Counter(stored.keys()):
        outcome.wrong.append("the messages are not those of the statuses")


def _ids(files: list[str]) -> Counter[int]:
    return (
        Counter(number for (number,) in duckdb.read_parquet(files).select("message_id").fetchall())
        if files
        else Counter()
    )
