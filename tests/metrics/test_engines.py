"""One definition, any engine: the same rows in, the same figures out, in a frame of the engine that came in."""

from __future__ import annotations

import io
import numbers

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from worlds import World

import smsanalytics as sms
from smsanalytics.metrics.counts import FACTS

TZ = "Europe/Berlin"
BY = {"failure_mix": ["operator"], "latency_distribution": ["sender"], "data_health": ["account"], "cost": ["sender"],
      "inbound_volume": ["to_number"], "confirmation_success": ["purpose"]}  # fmt: skip


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    directory = tmp_path_factory.mktemp("world") / "data"
    World(5).collect(directory)
    store = sms.open_store(directory, tz=TZ)
    events = {
        table: getattr(store, table)().pl()
        for table in ("statuses", "incoming", "confirmations", "confirmation_requests", "rejected")
    }
    as_of = store.as_of
    messages = store.messages(as_of=as_of).pl()
    events["statuses"] = sms.metrics.with_calendar(events["statuses"], "received_at", tz=TZ)
    attempts = store.confirmation_attempts().pl()
    return as_of, {
        **{name: [messages] for name in ("delivery_rate", "latency", "latency_distribution", "failure_mix", "cost", "reachability")},
        "reply_rate": [messages, events["incoming"]], "inbound_volume": [sms.metrics.with_calendar(events["incoming"], "received_at", tz=TZ)],
        "callback_lag": [events["statuses"]], "confirmation_success": [attempts],
        "attempts": [events["confirmation_requests"], events["confirmations"]],
        "data_health": [messages, events["statuses"], events["statuses"], events["incoming"], events["confirmations"], events["rejected"]],
    }  # fmt: skip


def in_engine(frame, engine, connection):
    plain = frame.drop([name for name, kind in frame.schema.items() if isinstance(kind, pl.List)])
    return {"pandas": lambda: plain.to_pandas(), "polars": lambda: plain, "polars-lazy": plain.lazy,
            "pyarrow": lambda: plain.to_arrow(), "duckdb": lambda: connection.from_arrow(plain.to_arrow()),
            "pandas-of-arrow": lambda: frame.to_arrow().to_pandas(types_mapper=pd.ArrowDtype),
            "pandas-of-arrow-abroad": lambda: abroad(plain).to_arrow().to_pandas(types_mapper=pd.ArrowDtype),
            "pandas-of-dictionaries": lambda: categories(plain).to_arrow().to_pandas(types_mapper=pd.ArrowDtype),
            "pandas-to-arrow": lambda: plain.to_pandas().convert_dtypes(dtype_backend="pyarrow"),
            "pandas-read-as-arrow": lambda: read(frame, "pyarrow"),
            "pandas-read-as-nullable": lambda: read(frame, "numpy_nullable"),
            "pandas-nullable-abroad": lambda: abroad(plain).to_pandas().convert_dtypes(dtype_backend="numpy_nullable"),
            "pandas-categories": lambda: every_text_and_number_a_category(plain.to_pandas()),
            "pandas-categories-of-arrow": lambda: every_text_and_number_a_category(read(plain, "pyarrow")),
            "pandas-of-rows-chosen": lambda: shuffled(read(plain, "pyarrow")),
            "duckdb-of-dictionaries": lambda: connection.from_arrow(categories(plain).to_arrow()),
            "polars-categories": lambda: categories(plain), "pyarrow-dictionaries": lambda: categories(plain).to_arrow(),
            "pyarrow-written-by-pandas": lambda: pa.Table.from_pandas(read(plain, "pyarrow")),
            }[engine]()  # fmt: skip


def abroad(frame):
    """The same moments in another zone."""
    zoned = [name for name, kind in frame.schema.items() if kind == pl.Datetime("us", "UTC")]
    return frame.with_columns(pl.col(zoned).dt.convert_time_zone("America/New_York"))


def categories(frame):
    return frame.with_columns(pl.col(pl.String).cast(pl.Categorical))


def every_text_and_number_a_category(frame):
    chosen = {"sender", "operator", "purpose", "account", "state", "type", "err", "status", "outcome", "time_source"}
    return frame.astype({name: "category" for name in frame.columns if name in chosen})


def read(frame, backend):
    file = io.BytesIO()
    frame.write_parquet(file)
    file.seek(0)
    return pd.read_parquet(file, dtype_backend=backend)


def shuffled(frame):
    """Rows in another order, with an index of their own."""
    return frame.sample(frac=1, random_state=1).set_axis([f"row {number}" for number in range(len(frame))])


def rows_of(frame):
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        frame = frame.to_arrow()
    if isinstance(frame, duckdb.DuckDBPyRelation):
        frame = frame.to_arrow_table()
    if isinstance(frame, pa.Table):
        frame = frame.to_pandas()
    frame = frame.drop(columns=[*FACTS], errors="ignore")
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            frame[name] = frame[name].dt.tz_convert("UTC")
    rows = [tuple(None if pd.isna(cell) else round(float(cell), 9) if isinstance(cell, numbers.Real) and not isinstance(cell, bool) else str(cell) for cell in row)
            for row in frame.itertuples(index=False)]  # fmt: skip
    return list(frame.columns), rows


@pytest.mark.parametrize("engine", ["pandas", "polars-lazy", "pyarrow", "duckdb", "pandas-of-arrow", "pandas-of-arrow-abroad",
    "pandas-of-dictionaries", "pandas-to-arrow", "pandas-read-as-arrow", "pandas-read-as-nullable", "pandas-nullable-abroad", "pandas-categories",
    "duckdb-of-dictionaries", "pandas-categories-of-arrow", "pandas-of-rows-chosen", "polars-categories", "pyarrow-dictionaries", "pyarrow-written-by-pandas"])  # fmt: skip
@pytest.mark.parametrize("metric", ["delivery_rate", "latency", "latency_distribution", "failure_mix", "cost", "reachability", "reply_rate",
                                    "inbound_volume", "callback_lag", "attempts", "confirmation_success", "data_health"])  # fmt: skip
def test_every_engine_gives_the_same_figures_in_a_frame_of_its_own(frames, engine, metric):
    as_of, taken = frames
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    given = [in_engine(frame, engine, connection) for frame in taken[metric]]
    options = {"attempts": {"as_of": as_of}, "data_health": {"by": BY["data_health"], "tz": TZ}}.get(
        metric, {"by": BY.get(metric, ["operator"])}
    )
    answer = getattr(sms.metrics, metric)(*given, **options)
    assert type(answer) is type(given[0])
    expected = getattr(sms.metrics, metric)(*taken[metric], **options)
    (names, found), (_, wanted) = rows_of(answer), rows_of(expected)
    assert names == [*expected.columns][: len(names)]
    if metric == "attempts":
        found, wanted = sorted(found, key=str), sorted(wanted, key=str)
    assert found == wanted
