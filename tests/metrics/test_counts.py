"""An empty name is a missing one, wherever rows are grouped or chosen."""

from datetime import UTC, datetime

import duckdb
import pandas as pd
import polars as pl
import pytest

import smsanalytics as sms
from smsanalytics.metrics.counts import NAMES, matching
from smsanalytics.storage import ingest
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance

AT = int(datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp())
SENDERS = ["", None, "SHOP"]


def frame(name):
    kinds = {"state": "delivered", "type": 0, "err": 0, "matured": True, "parts": 1, "cost": 1.0, "account": "default"}
    return pl.DataFrame({name: SENDERS}).with_columns(**{column: pl.lit(value) for column, value in kinds.items()})


def pandas_of(result):
    if isinstance(result, pl.LazyFrame):
        result = result.collect()
    return result if isinstance(result, pd.DataFrame) else result.df() if hasattr(result, "df") else result.to_pandas()


ENGINES = {
    "pandas": lambda frame: frame.to_pandas(),
    "polars": lambda frame: frame,
    "polars-lazy": lambda frame: frame.lazy(),
    "polars-categories": lambda frame: frame.with_columns(pl.col(pl.String).cast(pl.Categorical)),
    "pyarrow": lambda frame: frame.to_arrow(),
    "duckdb": lambda frame: duckdb.connect().from_arrow(frame.to_arrow()),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", sorted(NAMES))
def test_an_empty_name_is_in_the_group_of_missing_ones(engine, name):
    answer = pandas_of(sms.metrics.delivery_rate(ENGINES[engine](frame(name)), by=[name]))
    found = [(None if pd.isna(key) else key, n) for key, n in zip(answer[name], answer["submitted"], strict=True)]
    assert found == [("SHOP", 1), (None, 2)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("wanted", "rows"), [("", 2), (None, 2), (["", "SHOP"], 3), ([None, "SHOP"], 3), ("SHOP", 1), (["SHOP"], 1)]
)
def test_an_empty_name_chooses_the_rows_without_one(engine, wanted, rows):
    assert len(pandas_of(matching(ENGINES[engine](frame("sender")), {"sender": wanted}))) == rows


def test_an_empty_text_that_is_no_name_stays_one():
    texts = pd.DataFrame({"account": ["", "default"], "phone": "79001230001", "to_number": ["", None]})
    assert sms.metrics.inbound_volume(texts, by=["to_number"])["to_number"].isna().tolist() == [False, True]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three statuses, three requests and a send, with an empty name, with none and with a real one."""
    layout = Layout(tmp_path_factory.mktemp("names") / "data")
    writer = Journal(layout, "w0", now=lambda: (AT + 9) * 10**9)
    for number, name in enumerate(SENDERS):
        given = {} if name is None else {"sender": name, "operator": name, "country": name}
        status = {
            "message_id": str(1042 + number),
            "phone": "79001230001",
            "status": "1",
            "status_at": str(AT),
            **given,
        }
        asked = {"phone": "79001230001", "requested_at": f"{AT + number}000000"}
        asked |= {} if name is None else {"purpose": name, "number_to_call": name}
        for kind, fields in (("status", status), ("confirmation_request", asked)):
            writer.write([entry(account="default", kind=kind, signed_by="md5", key="k", fields=fields, extra={})])
    for tag in ("", "login"):  # the one with a tag counts
        sent = {"message_id": "1042", "phone": "79001230001", "sent_at": f"{AT}000000", "tag": tag, "source": "api"}
        writer.write([entry(account="default", kind="send", signed_by="none", key="", fields=sent, extra={})])
    writer.write(ingest.encode("send", [{"message_id": 1050, "phone": "79001230001", "sent_at": AT, "tag": ""}]))
    writer.close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    return sms.open_store(layout.data)


@pytest.mark.parametrize("held", [False, True], ids=["read", "held"])
@pytest.mark.parametrize(
    ("question", "by", "count", "expected"),
    [
        pytest.param("callback_lag", "sender", "n_timed", {"SHOP": 1, None: 2}, id="statuses"),
        pytest.param("callback_lag", "operator", "n_timed", {"SHOP": 1, None: 2}, id="operators"),
        pytest.param("confirmation_success", "purpose", "requests", {"SHOP": 1, None: 2}, id="requests"),
        pytest.param("confirmation_success", "number_to_call", "requests", {"SHOP": 1, None: 2}, id="numbers"),
        pytest.param("delivery_rate", "sender", "submitted", {"SHOP": 1, None: 3}, id="messages"),
        pytest.param("delivery_rate", "tag", "submitted", {"login": 1, None: 3}, id="tags"),
    ],
)
def test_a_store_groups_and_chooses_empty_names_with_missing_ones(store, held, question, by, count, expected):
    ask = getattr(store.snapshot() if held else store, question)
    answer = ask([by])
    found = {None if pd.isna(key) else key: n for key, n in zip(answer[by], answer[count], strict=True)}
    assert found == expected
    for nothing in ("", None, ["", None]):
        assert ask([], where={by: nothing})[count].tolist() == [expected[None]]
