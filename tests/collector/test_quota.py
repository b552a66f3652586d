"""What is kept of refused bodies, on a clock that the test moves."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import counting, serving
from signing import status_body

from smsanalytics.collector.quota import DAY, Quota

BYTES = 10_000
ARRIVALS = st.lists(
    st.tuples(st.floats(-5, DAY / 2), st.integers(0, BYTES), st.booleans(), st.sampled_from(["default", "shop"]))
)


def played(arrivals):
    """What was kept: account, moment, size and whether it was shaped."""
    quota, now, kept = Quota(BYTES), 0.0, []
    for pause, size, shaped, account in arrivals:
        now += pause
        if quota.admits(account, size, shaped=shaped, now=now):
            kept.append((account, now, size, shaped))
    return kept


@given(ARRIVALS)
def test_of_no_span_of_time_more_is_kept_than_of_it_and_one_day(arrivals):
    for account in ("default", "shop"):
        kept = sorted((now, size) for of, now, size, _ in played(arrivals) if of == account)
        for number, (first, _) in enumerate(kept):
            total = 0
            for last, size in kept[number:]:
                total += size
                assert total <= BYTES * (1 + (last - first + 5 * len(arrivals)) / DAY) + 1  # the clock may step back


@given(ARRIVALS)
def test_no_garbage_keeps_out_what_may_be_recovered(arrivals):
    """With all that is shapeless taken away, nothing that is shaped is let in from the reserved half that was not."""
    garbage = [(pause, size, False, account) for pause, size, _, account in arrivals]
    quota, now = Quota(BYTES), 0.0
    for pause, size, shaped, account in garbage:
        now = max(now, now + pause)
        quota.admits(account, size, shaped=shaped, now=now)
    for account in ("default", "shop"):
        assert quota.admits(account, BYTES // 2, shaped=True, now=now)


@given(ARRIVALS)
def test_accounts_do_not_share(arrivals):
    for account in ("default", "shop"):
        at = 0.0
        alone = []
        for pause, size, shaped, of in arrivals:
            at += pause
            if of == account:
                alone.append((at, size, shaped))
        quota = Quota(BYTES)
        kept = [
            (account, now, size, shaped)
            for now, size, shaped in alone
            if quota.admits(account, size, shaped=shaped, now=now)
        ]
        assert kept == [one for one in played(arrivals) if one[0] == account]


def test_it_is_replenished_continuously_up_to_a_day():
    quota = Quota(BYTES)
    assert quota.admits("default", BYTES // 2, shaped=False, now=0)
    assert not quota.admits("default", 1, shaped=False, now=0)
    assert not quota.admits("default", BYTES // 4, shaped=False, now=DAY / 2 - 60)
    assert quota.admits("default", BYTES // 4, shaped=False, now=DAY / 2)
    assert not quota.admits("default", BYTES // 2 + 1, shaped=False, now=30 * DAY)
    assert quota.admits("default", BYTES // 2, shaped=False, now=30 * DAY)


def test_what_may_be_recovered_has_all_of_it():
    quota = Quota(BYTES)
    assert [quota.admits("default", BYTES // 4, shaped=True, now=0) for _ in range(5)] == [True] * 4 + [False]


def test_workers_share_it(tmp_path):
    garbage = b"x" * 100
    with serving(tmp_path / "data", "--workers", "2", SMSANALYTICS_REJECTED_BYTES_PER_DAY="26560") as collector:
        with ThreadPoolExecutor(16) as callers:  # so many that each worker gets its part
            assert set(callers.map(lambda _: collector.post(garbage), range(1000))) == {400}
        assert collector.stop() == 0
    files = counting(tmp_path / "data", "rejected")
    [(kept,)] = duckdb.sql("SELECT count(*) FROM read_parquet($files)", params={"files": files}).fetchall()
    assert 20 <= kept <= 40


@pytest.mark.parametrize(("body", "most"), [(b"", 2500), (b"x" * 100, 2500), (status_body(1, secret="wrong"), 5000)])
def test_what_is_counted_is_what_it_takes_in_the_journal(tmp_path, body, most):
    with serving(tmp_path / "data", "--no-maintain", SMSANALYTICS_REJECTED_BYTES_PER_DAY="5000") as collector:
        with contextlib.closing(collector.connect()) as link:
            for _ in range(200):
                link.request("POST", "/callback", body)
                response = link.getresponse()
                response.read()
                assert response.status in (400, 403)
        assert collector.stop() == 0
    [segment] = (tmp_path / "data" / "journal" / "r0").glob("*.sealed")
    assert most - 500 < segment.stat().st_size <= most
