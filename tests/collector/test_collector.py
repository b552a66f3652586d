"""What a collector makes when it opens a store that is not there yet."""

from __future__ import annotations

import asyncio
import stat

from serving import SECRET

from smsanalytics.collector.collector import Collector
from smsanalytics.settings import Settings
from smsanalytics.storage import atomic


def test_a_new_store_is_private_and_its_names_are_durable_up_to_a_directory_that_was_there(tmp_path, monkeypatch):
    synced, sync = set(), atomic.sync_directory

    def noted(directory):
        synced.add(directory)
        sync(directory)

    monkeypatch.setattr(atomic, "sync_directory", noted)
    data = tmp_path / "a" / "b" / "c" / "data"

    async def open_and_close() -> None:
        async with Collector(Settings(data=data, secret=SECRET)).running():
            pass

    asyncio.run(open_and_close())
    assert synced >= {data / "journal", *data.parents[: data.parents.index(tmp_path) + 1]}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
