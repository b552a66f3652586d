import random

import narwhals as nw
import oracle
import pandas as pd
import pytest

from smsanalytics.metrics import delivery_rate
from smsanalytics.metrics.intervals import with_shares


def test_the_interval_is_the_root_of_its_defining_equation():
    frame = pd.DataFrame(
        [(count, n) for n in (1, 2, 10, 97, 10_000) for count in {0, 1, n // 2, n - 1, n}], columns=["k", "n"]
    )
    rows = with_shares(nw.from_native(frame), {"rate": ("k", "n")}).to_native()
    for row in rows.to_dict("records"):
        assert (row["rate_low"], row["rate_high"]) == pytest.approx(oracle.wilson(row["k"], row["n"]), abs=1e-12)
        assert 0 <= row["rate_low"] <= row["rate"] <= row["rate_high"] <= 1


def test_no_denominator_gives_no_rate():
    frame = with_shares(nw.from_native(pd.DataFrame({"k": [0], "n": [0]})), {"rate": ("k", "n")}).to_native()
    assert frame[["rate", "rate_low", "rate_high"]].isna().all(axis=None)


def test_the_interval_of_a_delivery_rate_covers_the_truth_in_95_of_100_draws():
    chance = random.Random(20261122)
    truths = [chance.uniform(0.5, 0.99) for _ in range(5000)]
    draws = [[chance.random() < truth for _ in range(chance.randrange(30, 400))] for truth in truths]
    states = ["delivered" if arrived else "failed" for draw in draws for arrived in draw]
    number = [number for number, draw in enumerate(draws) for _ in draw]
    messages = pd.DataFrame({"draw": number, "state": states, "type": 0, "err": 0, "matured": True})
    rates = delivery_rate(messages, by=["draw"])
    covered = [row.delivery_rate_low <= truths[row.draw] <= row.delivery_rate_high for row in rates.itertuples()]
    assert len(covered) == 5000
    assert 0.94 <= sum(covered) / 5000 <= 0.96
