import pandas as pd
import polars as pl
import pytest

from smsanalytics.errors import MissingColumns
from smsanalytics.metrics import delivery_rate

MESSAGES = pd.DataFrame(
    {
        "state": [
            "delivered",
            "delivered",
            "failed",
            "pending",
            "stuck",
            "unknown",
            "delivered",
            "delivered",
            "failed",
        ],
        "operator": ["MTS", "MTS", "MTS", "MTS", "T2", "T2", None, "T2", None],
        "type": pd.array([0, 1, 2, 3, None, 0, 0, 4, 7], dtype="Int64"),
        "err": pd.array([0, None, 13, 0, 0, 0, 200, 0, 0], dtype="Int64"),
        "matured": [True, True, True, False, True, True, True, True, True],
    }
)


def test_every_state_counts_once_and_the_shares_sum_to_one():
    row = delivery_rate(MESSAGES, by=[]).iloc[0]
    assert row[["submitted", "delivered", "failed", "pending", "stuck", "unknown"]].tolist() == [6, 2, 1, 1, 1, 1]
    shares = row[["delivery_rate", "failed_share", "pending_share", "stuck_share", "unknown_share"]]
    assert shares.sum() == pytest.approx(1)
    assert row["delivery_rate_final"] == pytest.approx(2 / 3)


def test_test_mode_and_other_types_are_left_out_and_counted():
    rates = delivery_rate(MESSAGES, by=["operator"])
    assert rates["operator"].tolist() == ["MTS", "T2"]
    assert rates["matured"].tolist() == [False, True]
    assert rates.attrs == {"denominator": "submitted: all messages of the cohort", "excluded_n": 3}


def test_other_types_are_counted_when_asked_for():
    assert delivery_rate(MESSAGES, by=[], type=4).iloc[0]["submitted"] == 1
    assert delivery_rate(MESSAGES, by=["type"], type=[4, 7])["type"].tolist() == [4, 7]


def test_a_missing_value_is_a_group_of_its_own_at_the_end():
    frame = MESSAGES.assign(err=0)
    assert delivery_rate(frame, by=["operator"])["operator"].isna().tolist() == [False, False, True]


def test_nothing_decided_gives_no_final_rate_rather_than_zero():
    row = delivery_rate(MESSAGES[MESSAGES["state"] == "pending"], by=[]).iloc[0]
    assert row["delivery_rate"] == 0
    assert pd.isna(row["delivery_rate_final"])


def test_an_empty_frame_gives_an_empty_frame_with_the_right_columns():
    rates = delivery_rate(MESSAGES.iloc[:0], by=["operator"])
    assert rates.empty
    assert list(rates.columns) == list(delivery_rate(MESSAGES, by=["operator"]).columns)
    assert rates.attrs["excluded_n"] == 0
    assert delivery_rate(MESSAGES, by=["operator"], type=12).attrs["excluded_n"] == len(MESSAGES)


@pytest.mark.parametrize("engine", ["polars", "polars-lazy", "duckdb", "pyarrow"])
@pytest.mark.parametrize("by", [["operator"], ["operator", "type"], []], ids=str)
def test_every_engine_gives_the_same_numbers(engine, by):
    import duckdb
    import pyarrow as pa

    expected = delivery_rate(MESSAGES, by=by)
    native = {
        "polars": lambda: pl.from_pandas(MESSAGES),
        "polars-lazy": lambda: pl.from_pandas(MESSAGES).lazy(),
        "pyarrow": lambda: pa.Table.from_pandas(MESSAGES),
        "duckdb": lambda: duckdb.connect().from_df(MESSAGES),
    }[engine]()
    found = delivery_rate(native, by=by)
    assert type(found) is type(native)
    found = found.collect() if engine == "polars-lazy" else found
    rows = found.to_dicts() if hasattr(found, "to_dicts") else found.to_pylist()
    assert [row["excluded_n"] for row in rows] == [3] * len(rows)
    for row, other in zip(rows, expected.to_dict("records"), strict=True):
        for name, value in other.items():
            assert row[name] == pytest.approx(value) or (row[name] is None and pd.isna(value)), name


def test_a_missing_column_is_named():
    with pytest.raises(MissingColumns, match=r"need column\(s\) \['colour'\], have \['err', 'matured', 'operator'"):
        delivery_rate(MESSAGES, by=["colour"])
