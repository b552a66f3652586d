"""What waits for the disk is bounded, and whoever is told no may come again."""

from __future__ import annotations

import asyncio

import pytest

from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.group_commit import GroupCommit
from smsanalytics.storage.journal import Journal, entry

EVENT = entry(account="default", kind="status", signed_by="md5", key="", fields={"message_id": "1"}, extra={})


def lines(layout: Layout) -> int:
    return sum(path.read_bytes().count(b"\n") for path in layout.slot("w0").glob("*.sealed"))


def offered(layout: Layout, count: int, **bounds: int) -> list[BaseException | None]:
    """Offer so many events at once, and one more when all were answered; what those at once were told."""

    async def offer() -> list[BaseException | None]:
        sizes = {"max_waiting": 99, "max_bytes": 9999} | bounds
        commit = GroupCommit(Journal(layout, "w0"), check=lambda: None, **sizes)
        told = await asyncio.gather(*(commit.append([EVENT]) for _ in range(count)), return_exceptions=True)
        await commit.append([EVENT])
        await commit.close()
        return told

    return asyncio.run(offer())


@pytest.mark.parametrize("bounds", [{"max_waiting": 5}, {"max_bytes": 5 * len(EVENT)}], ids=lambda one: next(iter(one)))
def test_what_waits_is_bounded_and_room_comes_back(tmp_path, bounds):
    layout = Layout(tmp_path)
    told = offered(layout, 8, **bounds)
    assert told[:5] == [None] * 5
    assert [str(refusal) for refusal in told[5:]] == ["too many callbacks wait for the disk"] * 3
    assert lines(layout) == 6


def test_within_its_bounds_nobody_is_refused(tmp_path):
    layout = Layout(tmp_path)
    assert offered(layout, 8) == [None] * 8
    assert lines(layout) == 9


def test_it_goes_on_in_another_event_loop_when_the_first_ended_under_it(tmp_path):
    layout = Layout(tmp_path)
    commit = GroupCommit(Journal(layout, "w0"), check=lambda: None, max_waiting=99, max_bytes=9999)

    async def leave() -> None:
        commit.put([EVENT], lambda failure: None)
        await asyncio.sleep(0)  # it is with the disk, or will be
        commit.put([EVENT], lambda failure: None)

    async def go_on() -> None:
        await asyncio.wait_for(commit.append([EVENT]), 10)

    asyncio.run(leave())
    asyncio.run(go_on())
    asyncio.run(leave())
    asyncio.run(commit.close())
    assert lines(layout) >= 3  # of those that nobody waited for, the first may be with the disk or not
