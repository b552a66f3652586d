"""Changes and their intervals, held against simulation and worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from smsanalytics.metrics.intervals import difference
from smsanalytics.reports.changes import Change, of_amount, of_share


def test_the_interval_of_a_difference_holds_the_true_one_in_95_of_100_draws():
    chance, held = np.random.default_rng(1), 0
    for _ in range(4000):
        n, before = chance.integers(20, 400, 2)
        now, was = chance.uniform(0.02, 0.98, 2)
        _, low, high = difference(chance.binomial(n, now), n, chance.binomial(before, was), before)
        held += low <= now - was <= high
    assert 0.94 < held / 4000 < 0.965


@pytest.mark.parametrize("counts", [(0, 10, 0, 10), (10, 10, 0, 10), (0, 1, 1, 1)])
def test_it_stays_within_what_a_difference_can_be(counts):
    value, low, high = difference(*counts)
    assert -1 <= low <= value <= high <= 1


def test_what_may_yet_come_is_in_the_interval():
    now, before = (
        {"submitted": 1000, "delivered": 800, "pending": 150},
        {"submitted": 1000, "delivered": 940, "pending": 0},
    )
    assert of_share(now, before, "delivered", "submitted").verdict == "worse"
    assert of_share(now, before, "delivered", "submitted", may_come="pending").verdict == ""
    low, high = difference(800, 1000, 940, 1000)[1], difference(950, 1000, 940, 1000)[2]
    found = of_share(now, before, "delivered", "submitted", may_come="pending")
    assert (found.value, found.low, found.high) == (pytest.approx(-0.14), low, high)
    before["pending"] = 20
    assert (
        of_share(now, before, "delivered", "submitted", may_come="pending").low == difference(800, 1000, 960, 1000)[1]
    )


def test_nothing_to_compare_with_is_no_change():
    assert not of_share({"submitted": 5, "failed": 1}, {}, "failed", "submitted").known
    assert not of_share({}, {"submitted": 5, "failed": 1}, "failed", "submitted").known
    assert not of_amount(5, None).known
    assert not of_amount(5, 0).known
    assert of_amount(6, 5).value == pytest.approx(0.2)


def test_a_fall_of_what_should_be_small_is_better():
    assert Change(-0.1, -0.2, -0.05, good=-1).verdict == "better"
    assert Change(-0.1, -0.2, 0.01, good=-1).verdict == ""
    assert Change(-0.1, -0.2, -0.05, good=0).verdict == ""


def test_failures_are_not_called_better_while_messages_are_pending():
    now, before = {"submitted": 300, "failed": 3, "pending": 97}, {"submitted": 300, "failed": 30, "pending": 0}
    assert of_share(now, before, "failed", "submitted", good=-1).verdict == "better"
    assert of_share(now, before, "failed", "submitted", good=-1, may_come="pending").verdict == ""
