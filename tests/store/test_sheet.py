"""Rows of frames and files, read without a guess."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from smsanalytics.errors import MalformedRecord, UnknownName
from smsanalytics.store.records import encode
from smsanalytics.store.sheet import in_zone, of_file, of_frame, renamed

FRAME = pd.DataFrame(
    {
        "message_id": [1, 2, 3],
        "phone": ["79001230001", "79001230002", "79001230003"],
        "sent_at": pd.to_datetime(["2026-11-22T12:00Z"] * 3),
        "cost": [3.1, None, 2.0],
        "parts": [1, None, 2],
        "tag": [None, "login", "alert"],
    }
).query("message_id > 1")
EXPECTED = [(2, None, None, "login"), (3, 2.0, 2, "alert")]


@pytest.mark.parametrize(
    "frame",
    [FRAME, pl.from_pandas(FRAME), pl.from_pandas(FRAME).lazy(), pa.Table.from_pandas(FRAME, preserve_index=False), duckdb.from_df(FRAME)],
    ids=["pandas", "polars", "polars-lazy", "arrow", "duckdb"],
)  # fmt: skip
def test_a_frame_of_any_engine_gives_the_same_rows(frame):
    rows = of_frame(frame)
    assert [(row["message_id"], row["cost"], row["parts"], row["tag"]) for row in rows] == EXPECTED
    assert [list(row) for row in rows] == [list(FRAME.columns)] * 2
    assert len(encode("send", rows)) == 2


def test_a_frame_with_several_types_in_a_column_is_refused_without_a_value():
    with pytest.raises(MalformedRecord, match="several types") as refusal:
        of_frame(pd.DataFrame({"phone": ["79001230001", 79001230002]}))
    assert "7900" not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "message_id,phone,tag\n1,79001230001,login\n2,007,\n",
        "\ufeffmessage_id;phone;tag\r\n1;79001230001;login\r\n2;007;\r\n\r\n",
        'message_id\tphone\ttag\n1\t"79001230001"\tlogin\n2\t007\t',
    ],
    ids=["comma", "semicolon-and-mark", "tab"],
)
def test_a_csv_is_texts_whatever_parts_them(tmp_path, text):
    path = tmp_path / "sends.csv"
    path.write_bytes(text.encode())
    assert list(of_file(path)) == [
        {"message_id": "1", "phone": "79001230001", "tag": "login"},
        {"message_id": "2", "phone": "007", "tag": ""},
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n3\n", "^row 2: needed 2 values"), (b"a,a\n1,2\n", "there twice"), (b"a,b\n\xff,2\n", "CSV in UTF-8"), (b'a,b\n"1,2\n', "CSV in UTF-8"),
    ],
)  # fmt: skip
def test_a_broken_csv_is_refused(tmp_path, content, words):
    path = tmp_path / "sends.csv"
    path.write_bytes(content)
    with pytest.raises(MalformedRecord, match=words):
        list(of_file(path))


def test_parquet_keeps_its_types_and_lines_their_numbers(tmp_path):
    path = tmp_path / "sends.parquet"
    FRAME.to_parquet(path, index=False)
    [first, _] = of_file(path)
    assert (first["message_id"], first["sent_at"], first["tag"]) == (2, datetime(2026, 11, 22, 12, tzinfo=UTC), "login")
    lines = tmp_path / "sends.JSONL"
    lines.write_text('{"message_id": 2}\n')
    assert list(of_file(lines)) == [{"message_id": 2}]
    path.write_bytes(b"no parquet")
    with pytest.raises(MalformedRecord, match="cannot be read as Parquet"):
        list(of_file(path))


def test_a_file_of_another_kind_is_named_with_those_there_are(tmp_path):
    with pytest.raises(
        UnknownName, match=r"unknown kind of file '\.xlsx'; there are \.csv, \.json, \.jsonl, \.ndjson, \.parquet"
    ):
        list(of_file(tmp_path / "sends.xlsx"))


def test_columns_are_renamed_and_none_is_lost_over_it():
    assert list(renamed([{"a": 1, "b": 2}], {"b": "a", "a": "b"})) == [{"b": 1, "a": 2}]
    with pytest.raises(UnknownName, match="unknown column of the file 'msisdn'; there are a"):
        list(renamed([{"a": 1}], {"phone": "msisdn"}))
    with pytest.raises(MalformedRecord, match="column phone of its own"):
        list(renamed([{"phone": 1, "msisdn": 2}], {"phone": "msisdn"}))


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-22 15:00:00", "2026-11-22T12:00:00+00:00"), (datetime(2026, 11, 22, 15), "2026-11-22T12:00:00+00:00"),  # noqa: DTZ001
        ("2026-11-22T15:00:00Z", "2026-11-22T15:00:00+00:00"), (datetime(2026, 11, 22, 15, tzinfo=UTC), "2026-11-22T15:00:00+00:00"),
    ],
)  # fmt: skip
def test_a_zone_is_only_for_times_that_name_none(value, moment):
    [row] = in_zone([{"sent_at": value, "tag": "2026-11-22"}], ZoneInfo("Europe/Moscow"))
    found = row["sent_at"] if isinstance(row["sent_at"], datetime) else datetime.fromisoformat(row["sent_at"])
    assert (found, row["tag"]) == (datetime.fromisoformat(moment), "2026-11-22")


@pytest.mark.parametrize("value", ["1795348800", "soon", None, 1795348800])
def test_what_is_no_local_time_is_left_alone(value):
    assert list(in_zone([{"sent_at": value}], ZoneInfo("Europe/Moscow"))) == [{"sent_at": value}]
