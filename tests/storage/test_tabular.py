"""Rows of frames and files as people have them: read without a guess, or refused where they stand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import duckdb
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from smsanalytics.errors import MalformedRecord, UnknownName
from smsanalytics.storage.ingest import Line, encode
from smsanalytics.storage.spelling import COMMAND, Spelling
from smsanalytics.storage.tabular import of_file, of_frame

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
MOSCOW = ZoneInfo("Europe/Moscow")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEND = {"message_id": "1", "phone": "79001230001", "sent_at": "1795348800"}


def read(path, content=None, kind="send", **options):
    """Return the rows of a file, what is said of it, and the spelling it was read by."""
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    spelling = Spelling(kind, COMMAND, **options)
    lines, notices = of_file(path, spelling)
    return list(lines), [*notices, *spelling.notices()]


def understood(row, **options):
    [line] = Spelling("send", COMMAND, **options).rows([Line("line 7", SEND | row)])
    return line.row


@pytest.mark.parametrize(
    "frame",
    [FRAME, pl.from_pandas(FRAME), pl.from_pandas(FRAME).lazy(), pa.Table.from_pandas(FRAME, preserve_index=False), duckdb.from_df(FRAME)],
    ids=["pandas", "polars", "polars-lazy", "arrow", "duckdb"],
)  # fmt: skip
def test_a_frame_of_any_engine_gives_the_same_rows(frame):
    lines = list(of_frame(frame))
    assert [line.place for line in lines] == ["row 1", "row 2"]
    rows = [line.row for line in lines]
    assert [(row["message_id"], row["cost"], row["parts"], row["tag"]) for row in rows] == EXPECTED
    assert [list(row) for row in rows] == [list(FRAME.columns)] * 2
    assert len(encode("send", lines)) == 2


def test_a_frame_with_several_types_in_a_column_is_refused_without_a_value():
    with pytest.raises(MalformedRecord, match="several types") as refusal:
        of_frame(pd.DataFrame({"phone": ["79001230001", 79001230002]}))
    assert "7900" not in str(refusal.value)


TEXT = "message_id;phone;sent_at;tag\r\n1;79001230001;1795348800;Дом\r\n;;;\r\n\r\n2;79001230002;1795348801;\r\n"
LINES = [("line 2", "1", "Дом"), ("line 5", "2", None)]


@pytest.mark.parametrize(
    ("content", "skipped"),
    [
        (TEXT, 0), ("\ufeff" + TEXT, 0), (TEXT.encode("windows-1251"), 0), (TEXT.encode("utf-16"), 0), ("sep=;\r\n" + TEXT, 1), (TEXT.replace("\r\n", ";;\r\n"), 0),
        (TEXT.replace(";", "\t").encode("utf-16"), 0), (TEXT.replace(";", ","), 0), (TEXT.replace("\r\n", "\n"), 0), (("\ufeffsep=;\r\n" + TEXT).encode("utf-16-le"), 1),
        (TEXT.replace("message_id;phone;sent_at;tag", " Message ID ;PHONE;Sent-At;Tag"), 0), ("\r\n" + TEXT, 1), ("sep=|\n" + TEXT.replace(";", "|"), 1),
    ],
    ids=["utf-8", "utf-8-mark", "windows-1251", "utf-16", "sep", "empty-columns", "unicode-text", "commas", "unix", "utf-16-sep", "names", "empty-line-first", "pipe"],
)  # fmt: skip
def test_a_text_file_is_read_as_a_spreadsheet_saves_it_and_each_row_knows_its_line(tmp_path, content, skipped):
    lines, notices = read(tmp_path / "sends.csv", content)
    expected = [(f"line {int(place[5:]) + skipped}", *rest) for place, *rest in LINES]
    assert [(place, row["message_id"], row["tag"]) for place, row in lines] == expected
    guessed = [f"{tmp_path / 'sends.csv'} is no UTF-8, so it was read as windows-1251"]
    assert notices == (guessed if content == TEXT.encode("windows-1251") else [])


def test_a_row_behind_a_text_of_several_lines_knows_its_own(tmp_path):
    text = 'message_id,phone,sent_at,tag\n1,79001230001,1795348800,"a\nb"\n2,79001230002,soon,\n'
    lines, _ = read(tmp_path / "sends.csv", text)
    assert [place for place, _ in lines] == ["line 2", "line 4"]
    with pytest.raises(MalformedRecord, match=r"^line 4, column sent_at: needed a time"):
        encode("send", lines)


NAMES = b"message_id,phone,sent_at\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (NAMES + b"1,79001230001,2\n3\n", "^line 3: needed 3 values, as there are names above them, and found 1"),
        (NAMES + b"1,79001230001,2,x\n", "^line 2: needed 3 values"),
        (b"tag,tag\n1,2\n", "^line 1: needed a name of its own for each column"),
        (b"Phone,phone,message_id,sent_at\n1,2,3,4\n", "needed one column phone, and found 2"),
        (NAMES + b"\x98,2,3\n", "needed text in UTF-8, UTF-16 or windows-1251; in Excel, save it as"),
        (NAMES.decode().encode("utf-16-le"), "needed text in UTF-8, UTF-16 or windows-1251"),
        (NAMES + b'1,2,3\n"1,2\n', "^line 3: needed quotes in pairs"),
        (b"", "is empty; needed a line of names"), (b"\n ;\n", "is empty; needed a line of names"),
        (b"1042,79001230001,1795348800\n1043,79001230002,1795348801\n", "^needed names above the values, and found none of account, message_id, phone, "),
        (b"phone,sent_at,43512345\n79001230001,1795348800,1\n", "^needed a column message_id, and found 'phone', 'sent_at', a column whose name is more like a value; give --column message_id=NAME$"),
    ],
)  # fmt: skip
def test_a_broken_text_file_is_refused_with_what_was_needed(tmp_path, content, words):
    with pytest.raises(MalformedRecord, match=words) as refusal:
        read(tmp_path / "sends.csv", content)
    assert not any(value in str(refusal.value) for value in ("7900", "4351"))


def test_columns_nobody_needs_are_left_out_with_a_notice_or_refused(tmp_path):
    text = ",message_id,phone,sent_at,Комментарий\n0,1,79001230001,1795348800,да\n"  # the index of pandas, too
    lines, notices = read(tmp_path / "sends.csv", text)
    assert lines == [Line("line 2", SEND)]
    assert notices == [
        "left out columns that are not needed: a column without a name, 'Комментарий'; --strict refuses them"
    ]
    with pytest.raises(MalformedRecord, match=r"^needed no columns but account, .*'Комментарий'; leave those out$"):
        read(tmp_path / "sends.csv", strict=True)


def workbook(path, *sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Лист{number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_is_read_from_the_first_sheet_with_names_and_each_row_knows_its_number(tmp_path):
    rows = [
        [],
        ["Message ID", "Phone", "Sent at", "Cost", "Tag", None],
        [1042, 79001230001.0, datetime(2026, 11, 22, 15), 3.3, "Дом"],  # noqa: DTZ001
        [None, " ", None],
        ["1043", "+7 900 123-00-02", "22.11.2026 15:00", "3,10", None, None],
    ]
    path = workbook(tmp_path / "sends.xlsx", [["Отчёт"], [1]], rows)
    lines, notices = read(path, zone=MOSCOW)
    assert [place for place, _ in lines] == ["row 3", "row 5"]
    assert [[*row.values()] for _, row in lines] == [
        [1042, 79001230001, NOON, 3.3, "Дом"],
        ["1043", "+79001230002", NOON, "3.10", None],
    ]
    assert notices == []
    assert [b'"cost":"3.3"' in event for event in encode("send", lines)] == [True, False]
    with pytest.raises(MalformedRecord, match=r"^row 3, column sent_at: needed a time with a zone; give --tz Europe/M"):
        read(path)


def test_a_workbook_that_is_none_or_has_no_names_is_refused(tmp_path):
    with pytest.raises(MalformedRecord, match="needed a sheet that begins with a row of names"):
        read(workbook(tmp_path / "a.xlsx", [["Отчёт"]], []))
    with pytest.raises(MalformedRecord, match="cannot be read as an Excel workbook"):
        read(tmp_path / "b.xlsx", b"PK no workbook")
    dated = workbook(tmp_path / "c.xlsx", [["message_id", "phone", "sent_at"], [1, 79001230001, date(2026, 11, 22)]])
    with pytest.raises(MalformedRecord, match=r"^row 2, column sent_at: needed a time of day beside the date"):
        read(dated, zone=MOSCOW)


def test_parquet_keeps_its_types_and_json_its_numbers_and_lines(tmp_path):
    path = tmp_path / "sends.parquet"
    FRAME.to_parquet(path, index=False)
    [(place, first), _], _ = read(path)
    assert (place, first["message_id"], first["sent_at"], first["tag"]) == ("row 1", 2, NOON, "login")
    with pytest.raises(MalformedRecord, match="cannot be read as Parquet"):
        read(path, b"no parquet")
    row = '{"message_id": 2, "phone": "79001230001", "sent_at": 1795348800, "cost": 0.30}'
    values = {"message_id": 2, "phone": "79001230001", "sent_at": 1795348800, "cost": "0.30"}
    assert read(tmp_path / "sends.JSONL", row)[0] == [Line("line 1", values)]
    assert read(tmp_path / "sends.json", f"[{row}]")[0] == [Line("row 1", values)]
    lines, _ = read(tmp_path / "sends.jsonl", row + '\n{"message_id": 3}\n')
    with pytest.raises(MalformedRecord, match=r"^line 2, column phone: needed a number .* it is not given$"):
        encode("send", lines)


def test_a_file_of_another_kind_is_named_with_those_there_are(tmp_path):
    with pytest.raises(UnknownName, match=r"unknown kind of file '\.xls'; there are \.csv, .* \.xlsx"):
        read(tmp_path / "sends.xls")


def test_columns_are_renamed_and_none_is_lost_over_it():
    row = {"id": "79001230001", "phone": "1", "When": "1795348800"}
    spelling = Spelling("send", COMMAND, columns={"message_id": "phone", "phone": "id", "sent_at": "when"})
    assert list(spelling.rows([Line("line 2", row)])) == [Line("line 2", SEND)]
    with pytest.raises(UnknownName, match="unknown column of the file 'msisdn'; there are message_id, phone, sent_at"):
        understood({}, columns={"phone": "msisdn"})
    with pytest.raises(MalformedRecord, match="needed one column phone, and found 2"):
        understood({"msisdn": "1"}, columns={"phone": "msisdn"})
    with pytest.raises(UnknownName, match="unknown column 'fone'; there are account, "):
        Spelling("send", COMMAND, columns={"fone": "msisdn"})


@pytest.mark.parametrize(
    "value",
    [
        "22.11.2026 15:00", "22.11.2026 15:00:00", "2026-11-22 15:00", "2026-11-22 15:00:00", "2026-11-22T15:00:00.000", datetime(2026, 11, 22, 15),  # noqa: DTZ001
        pd.Timestamp("2026-11-22 15:00"), " 22.11.2026  15:00 ",
    ],
    ids=repr,
)  # fmt: skip
def test_a_time_without_zone_needs_one(value):
    assert understood({"sent_at": value}, zone=MOSCOW)["sent_at"] == NOON
    with pytest.raises(
        MalformedRecord,
        match=r"^line 7, column sent_at: needed a time with a zone; give --tz Europe/Moscow for times without zone$",
    ):
        understood({"sent_at": value})


@pytest.mark.parametrize(
    "value", ["2026-11-22T12:00:00Z", NOON, "1795348800", 1795348800, "soon", None, "31.02.2026 12:00"]
)
def test_a_zone_is_only_for_times_that_name_none(value):
    assert understood({"sent_at": value}, zone=MOSCOW)["sent_at"] == value


def test_one_digit_of_an_hour_is_enough_and_a_day_alone_is_no_time():
    assert understood({"sent_at": "22.11.2026 9:05"}, zone=MOSCOW)["sent_at"] == datetime(
        2026, 11, 22, 6, 5, tzinfo=UTC
    )
    for value in ("22.11.2026", "2026-11-22", date(2026, 11, 22)):
        with pytest.raises(MalformedRecord, match="column sent_at: needed a time of day beside the date"):
            understood({"sent_at": value}, zone=MOSCOW)


@pytest.mark.parametrize(
    ("text", "comes", "earlier", "later"),
    [("25.10.2026 02:30", "twice", "2026-10-25T00:30", "2026-10-25T01:30"), ("2026-03-29 02:30:00", "never", "2026-03-29T00:30", "2026-03-29T01:30")],
)  # fmt: skip
def test_an_hour_that_comes_twice_or_never_is_refused_or_taken_as_asked(text, comes, earlier, later):
    berlin = {"zone": ZoneInfo("Europe/Berlin")}
    words = (
        f"^line 7, column sent_at: needed a time that comes once in Europe/Berlin; when clocks are changed this one "
        f"comes {comes}; give --ambiguous earlier or --ambiguous later$"
    )
    with pytest.raises(MalformedRecord, match=words):
        understood({"sent_at": text}, **berlin)
    for which, moment in (("earlier", earlier), ("later", later)):
        found = understood({"sent_at": text}, ambiguous=which, **berlin)["sent_at"]
        assert found == datetime.fromisoformat(f"{moment}+00:00")
    with pytest.raises(UnknownName, match="unknown moment 'Later'"):
        Spelling("send", COMMAND, ambiguous="Later")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("cost", "3,10", "3.10"), ("cost", "0,125", "0.125"), ("cost", "1\u00a0234,50", "1234.50"), ("cost", " 3.10 ", "3.10"), ("cost", 3.1, 3.1), ("cost", "3,1,0", "3,1,0"),
        ("phone", "+7 (900) 123-00-01", "+79001230001"), ("phone", "8\u00a0900\u00a0123\u20110001", "89001230001"), ("phone", "79001230001.0", "79001230001"),
        ("phone", "79001230001,00", "79001230001"), ("phone", "a-b@example.com", "a-b@example.com"), ("phone", "@a-b", "@a-b"), ("phone", "7.900.123", "7.900.123"),
        ("message_id", "1042.0", "1042"), ("message_id", "1\u202f042", "1042"), ("parts", "2,0", "2"), ("message_id", 1042.0, 1042.0), ("tag", " 3,10", " 3,10"), ("tag", " ", None),
    ],
    ids=repr,
)  # fmt: skip
def test_numbers_are_read_as_spreadsheets_show_them(name, value, text):
    assert understood({name: value})[name] == text


def test_a_comma_that_may_part_thousands_is_taken_only_where_it_cannot(tmp_path):
    with pytest.raises(
        MalformedRecord, match=r"^line 7, column cost: needed an amount with a decimal point"
    ) as refusal:
        understood({"cost": "1,125"})
    assert "125" not in str(refusal.value)
    text = "message_id;phone;sent_at;cost\n1;79001230001;1795348800;1,125\n"
    [(_, row)], _ = read(tmp_path / "sends.csv", text)
    assert row["cost"] == "1.125"


@pytest.mark.parametrize("name", ["phone", "message_id"])
def test_a_number_whose_digits_are_gone_is_refused(name):
    with pytest.raises(MalformedRecord, match=f"^line 7, column {name}: needed all the digits of a number") as refusal:
        understood({name: "7,90012E+10"})
    assert "7,90" not in str(refusal.value)
