import contextlib
import math
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import smsanalytics as sms
from smsanalytics.analysis.latency_buckets import TO_THE_SECOND
from smsanalytics.errors import MalformedRecord, StoreError, UnknownName
from smsanalytics.metrics.counts import DENOMINATORS, QUANTILES
from smsanalytics.metrics.messages import AGE, CALENDAR, HANDED_OUT
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.schema import COLUMNS, EVENT_TABLES


@pytest.fixture
def store(example_store):
    return sms.open_store(example_store, tz="Europe/Moscow")


def test_tables_hand_out_the_columns_of_the_contract(store):
    for table in EVENT_TABLES:
        assert getattr(store, table)().columns == list(COLUMNS[table])
    assert store.messages().columns == [*HANDED_OUT, *CALENDAR, *AGE]


def test_an_empty_store_gives_empty_frames_with_the_same_columns_and_types(store, tmp_path):
    (tmp_path / "journal").mkdir()
    empty = sms.open_store(tmp_path)
    for table in (*EVENT_TABLES, "messages"):
        assert getattr(empty, table)().df().empty
        assert getattr(empty, table)().types == getattr(store, table)().types
    rates = empty.delivery_rate(["day", "operator"])
    assert rates.empty
    assert list(rates.columns) == list(store.delivery_rate(["day", "operator"]).columns)
    assert (empty.as_of, rates.attrs["excluded_n"]) == (None, 0)
    assert sms.charts.delivery_rate(rates).to_dict()


@pytest.mark.parametrize("question", DENOMINATORS)
def test_a_period_in_which_nothing_happened_gives_the_same_columns_and_types(store, question, tmp_path):
    by = ["day", "account"]
    full = getattr(store, question)(by, **({"type": 0} if question == "reachability" else {}))  # of lookups it has none
    (tmp_path / "journal").mkdir()
    for asked, period in ((store, {"start": "2020-01-01", "end": "2020-01-02"}), (sms.open_store(tmp_path), {})):
        empty = getattr(asked, question)(by, **period)
        assert len(full) > 0
        assert empty.empty
        assert empty.dtypes.to_dict() == full.dtypes.to_dict()
        assert empty.attrs["denominator"] == DENOMINATORS[question]
        assert empty.attrs["timezone"] == asked.tz


def test_figures_have_explicit_types(store):
    assert {name: str(kind) for name, kind in store.latency(["day", "hour", "type"]).dtypes.items()} == {
        "day": "datetime64[us]", "hour": "Int64", "type": "Int64", "submitted": "int64", "n_timed": "int64", "n_no_start": "int64",
        "n_negative": "int64", "p50": "Int64", "p90": "Int64", "p95": "Int64", "p99": "Int64",
        **{f"within_{limit}s{end}": "float64" for limit in (10, 30, 60) for end in ("", "_low", "_high")},
        **{f"n_within_{limit}s": "int64" for limit in (10, 30, 60)},
    }  # fmt: skip
    assert str(store.messages().df()["delivered_at"].dtype) == "datetime64[us, UTC]"


def test_there_is_no_store_is_said_with_the_way_to_one(tmp_path):
    (tmp_path / "README.md").touch()
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(StoreError, match=r"there is no store at .*; `smsanalytics serve"):
            sms.open_store(path)


def test_files_of_messages_are_those_that_count(store):
    import duckdb

    assert duckdb.read_parquet([str(path) for path in store.files("messages")]).shape[0] == 2


@pytest.mark.parametrize(
    ("period", "count"),
    [
        pytest.param({}, 2, id="all"),
        pytest.param({"start": "2026-11-21", "end": "2026-11-22"}, 2, id="a-local-day"),
        pytest.param(
            {"start": date(2026, 11, 21), "end": datetime(2026, 11, 21, 20, tzinfo=UTC)}, 1, id="dates-and-times"
        ),
        pytest.param({"start": "2026-11-21 10:00", "end": "2026-11-21 10:01"}, 1, id="start-included"),
        pytest.param({"start": "2026-11-21 09:00", "end": "2026-11-21 10:00"}, 0, id="end-excluded"),
        pytest.param({"start": "2026-11-21 10:00", "end": "2026-11-22", "tz": "UTC"}, 1, id="in-another-zone"),
    ],
)
def test_a_period_is_local_and_half_open(store, period, count):
    assert store.messages(**period).shape[0] == count
    assert store.delivery_rate([], **period)["submitted"].sum() == count


@pytest.mark.parametrize(
    ("start", "zone"),
    [("2018-11-04", "America/Sao_Paulo"), ("2026-10-25 02:30", "Europe/Berlin"), ("2026-03-29 02:30", "Europe/Berlin")],
    ids=["midnight-that-never-was", "an-hour-that-came-twice", "an-hour-that-never-was"],
)
def test_a_local_time_that_clocks_skipped_or_repeated_is_a_moment_all_the_same(store, start, zone):
    assert store.messages(start=start, tz=zone).shape[0] == (2 if start < "2026-11" else 0)


def test_a_period_is_that_of_the_messages_counted(tmp_path, store):
    messages = store.messages().df().assign(type=[0, 7], day=[pd.Timestamp("2026-11-21"), pd.Timestamp("2026-11-01")])
    attrs = sms.metrics.delivery_rate(messages, by="operator").attrs
    assert attrs["period"] == ["2026-11-21", "2026-11-21"]


@pytest.fixture(scope="module")
def eight_days(tmp_path_factory):
    """A message at half past eleven in the evening, UTC, of each day: calls on the outermost, A's from the third on."""
    data = tmp_path_factory.mktemp("days")
    for day in range(1, 9):
        at = int(datetime(2026, 11, day, 23, 30, tzinfo=UTC).timestamp())
        fields = {"message_id": str(day), "phone": "79001230001", "status": "1", "status_at": str(at)}
        fields |= {"type": "7" if day in (1, 8) else "0", "sender": "A" if 3 <= day <= 6 else "B"}
        with contextlib.closing(Journal(Layout(data), "w0", now=lambda at=at: (at + 5) * 10**9)) as journal:
            journal.write([entry(account="default", kind="status", signed_by="md5", key="k", fields=fields, extra={})])
    with Maintenance(Layout(data), {}) as maintenance:
        maintenance.run()
    return data


@pytest.mark.parametrize("held", [False, True], ids=["read", "held"])
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        pytest.param({}, 2, 7, id="the-outermost-are-left-out"),
        pytest.param({"type": 7}, 1, 8, id="the-outermost-alone"),
        pytest.param({"type": [0, 7]}, 1, 8, id="all"),
        pytest.param({"where": {"sender": "A"}}, 3, 6, id="chosen"),
        pytest.param({"where": {"sender": "A"}, "start": "2026-11-04"}, 4, 6, id="chosen-since"),
        pytest.param({"start": "2026-11-03", "end": "2026-11-08"}, 3, 7, id="a-part"),
        pytest.param({"start": "2026-11-03", "end": "2026-11-05"}, 3, 4, id="a-short-part"),
        pytest.param({"tz": "Europe/Moscow"}, 3, 8, id="elsewhere"),
        pytest.param({"as_of": "2026-11-06T23:59"}, 2, 6, id="as-of"),
    ],
)
def test_a_period_is_the_first_and_the_last_day_on_which_something_is_counted(eight_days, held, asked, first, last):
    store = sms.open_store(eight_days)
    for question, by in (("delivery_rate", "sender"), ("latency", []), ("cost", []), ("delivery_rate", "hour")):
        found = getattr(store.snapshot() if held else store, question)(by, **asked)
        assert found.attrs["period"] == [f"2026-11-0{first}", f"2026-11-0{last}"], question


def test_the_facts_are_with_the_figures(store):
    attrs = store.delivery_rate(["operator"]).attrs
    assert attrs == {
        "as_of": "2026-11-21T21:30:00+00:00",
        "timezone": "Europe/Moscow",
        "where": {},
        "type": None,
        "start": None,
        "end": None,
        "denominator": "submitted: all messages of the cohort",
        "excluded_n": 0,
        "period": ["2026-11-21", "2026-11-21"],
    }


def test_when_everything_is_left_out_it_says_how_many(store):
    rates = store.delivery_rate(["day"], type=4)
    assert rates.empty
    assert rates.attrs["excluded_n"] == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda store: store.delivery_rate(["colour"]), "unknown column to group by 'colour'; there are account, country, day, err, hour, mcc, mnc, month, operator, parts, sender, status, tag, type, week, weekday"),
        (lambda store: store.delivery_rate(start="someday"), "'someday' is no date; an example is '2026-11-22'"),
        (lambda store: store.messages(start="12.11.2026"), "'12.11.2026' is no date; an example is '2026-11-22'"),
        (lambda store: store.delivery_rate(type="hlr"), "unknown message type 'hlr'; there are 0, 1, 10, 12, 2, 3, 4, 5, 6, 7, 8"),
        (lambda store: store.messages(end=""), "'' is no date; an example is '2026-11-22'"),
        (lambda store: store.messages(tz="Moscow"), "there is no time zone 'Moscow'; an example is 'Europe/Moscow'"),
        (lambda store: store.files("../journal"), "unknown table '../journal'; there are call_events, confirmation_requests, confirmations, incoming, messages, rejected, sends, statuses"),
    ],
)  # fmt: skip
def test_a_wrong_word_gets_a_sentence(store, call, words):
    with pytest.raises(UnknownName) as refusal:
        call(store)
    assert str(refusal.value) == words


def test_relations_become_frames_of_any_engine(store):
    assert store.messages().to_arrow_table().num_rows == store.messages().pl().height == len(store.messages().df()) == 2
    assert store.statuses().fetchall()[0][5].tzinfo is not None


SENDS = {"message_id": [1042, 1043], "phone": [79001230001, 79001230002], "sent_at": ["2026-11-21T09:59:58+03:00"] * 2}


@pytest.mark.parametrize("engine", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"])
def test_what_is_appended_is_there_after_the_next_maintenance_once(own_store, engine):
    store = sms.open_store(own_store)
    assert store.append_sends(engine(SENDS)) == 2
    assert store.append_sends(engine(SENDS)) == 2  # told again
    asked = {"phone": ["+79001230001"], "requested_at": [datetime(2026, 11, 21, 7, tzinfo=UTC)], "purpose": ["login"]}
    assert store.append_confirmation_requests(engine(asked)) == 1
    assert store.sends().shape[0] == 0
    with Maintenance(Layout(own_store), {}) as maintenance:
        maintenance.run()
    sent = datetime(2026, 11, 21, 6, 59, 58, tzinfo=UTC)
    rows = store.sends().select("account, message_id, phone, sent_at, source").order("message_id").fetchall()
    assert rows == [("default", 1042, "79001230001", sent, "api"), ("default", 1043, "79001230002", sent, "api")]
    [request, _] = store.confirmation_requests().order("phone").fetchall()
    assert request == ("default", "79001230001", datetime(2026, 11, 21, 7, tzinfo=UTC), None, "login", None)


def test_one_bad_row_stores_none(own_store):
    store = sms.open_store(own_store)
    with pytest.raises(
        MalformedRecord,
        match=r"^row 2, column phone: needed a number of 7 to 15 digits, an e-mail address, or an @name or #id of a messenger$",
    ):
        store.append_sends(pd.DataFrame(SENDS | {"phone": ["79001230001", "none"]}))
    with pytest.raises(MalformedRecord, match=r"^row 2, column sent_at: needed a time .*; it is not given$"):
        store.append_sends(pd.DataFrame(SENDS | {"sent_at": ["2026-11-21T09:59:58+03:00", None]}))
    with pytest.raises(MalformedRecord, match=r"^needed a column sent_at, and found 'message_id', 'phone'; give a col"):
        store.append_sends(pd.DataFrame({"message_id": [1], "phone": ["79001230001"]}))
    assert store.append_sends(pd.DataFrame(SENDS).head(0)) == 0
    assert not (own_store / "journal" / "i0").exists()


def test_two_that_append_at_once_wait_for_each_other(own_store):
    with ThreadPoolExecutor() as pool:
        stored = list(pool.map(lambda _: sms.open_store(own_store).append_sends(pd.DataFrame(SENDS)), range(4)))
    assert stored == [2] * 4
    assert len(Layout(own_store).segments("i0")) == 4


def test_the_package_shows_its_names_and_no_others():
    assert sms.metrics.delivery_rate
    assert sms.charts.delivery_rate
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = sms.nothing


PUBLIC = {
    "smsanalytics": ["Numbering", "Store", "__version__", "charts", "load_sample", "metrics", "open_store", "reports"],
    "smsanalytics.charts": [
        "calendar", "callback_lag", "confirmation_success", "cost", "data_health", "delivery_rate", "failure_mix",
        "inbound_volume", "latency", "latency_distribution", "reachability", "reply_rate", "to_html",
    ],
    "smsanalytics.metrics": [
        "attempts", "callback_lag", "confirmation_success", "cost", "data_health", "delivery_rate", "failure_mix",
        "inbound_volume", "latency", "latency_distribution", "prepare", "reachability", "reply_rate", "with_calendar",
    ],
    "smsanalytics.reports": ["Written", "write"],
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_completion_offers_what_is_public_and_nothing_else(name):
    code = f"import importlib; module = importlib.import_module({name!r}); print(dir(module) == {PUBLIC[name]!r}, "
    code += "all(hasattr(module, name) for name in dir(module)), dir(module) == module.__all__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True True\n"


def test_the_collector_does_not_carry_the_analysis_about():
    code = "import sys, smsanalytics.cli, smsanalytics.collector.server; print(sorted({'pandas', 'duckdb', 'altair', 'narwhals', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("where", "submitted"),
    [
        ({"operator": []}, 0), ({"operator": ["MTS", float("nan")]}, 1), ({"tag": None}, 2), ({"mcc": 250}, 0), ({"type": range(3)}, 2),
        ({"type": "0"}, 2), ({"month": "2026-11"}, 2), ({"day": date(2026, 11, 21)}, 2), ({"day": pd.Timestamp("2026-11-21", tz="Europe/Moscow")}, 2),
        ({"operator": pd.Series(["MTS", "Beeline"])}, 2), ({"operator": "MTS", "status": 20}, 0),
    ],
    ids=str,
)  # fmt: skip
def test_values_to_keep_are_one_or_several_of_whatever_kind(store, where, submitted):
    assert store.delivery_rate([], where=where)["submitted"].sum() == submitted


@pytest.mark.parametrize("where", [{"type": 1.5}, {"type": True}, {"day": "soon"}, {"hour": "noon"}])
def test_a_value_that_cannot_be_one_of_its_column_is_refused(store, where):
    with pytest.raises(UnknownName, match=r"is no (type|day|hour)"):
        store.delivery_rate([], where=where)


@pytest.mark.parametrize("question", ["delivery_rate", "latency", "latency_distribution", "failure_mix", "cost"])
@pytest.mark.parametrize("held", [False, True], ids=["read", "held"])
def test_what_no_message_tells_of_is_one_group_of_text(store, question, held):
    asked = getattr(store.snapshot() if held else store, question)
    grouped, whole = asked(["tag"]), asked([])
    assert grouped["tag"].isna().all()
    assert grouped["tag"].dtype == "str"
    pd.testing.assert_frame_equal(grouped[[*whole.columns]], whole)


def test_a_column_named_twice_counts_once_and_no_limit_gives_no_share(store):
    assert list(store.delivery_rate(["operator", "operator"]).columns[:2]) == ["operator", "submitted"]
    assert not [name for name in store.latency([], within=[]).columns if name.startswith("within")]


@pytest.mark.parametrize(
    "question", ["delivery_rate", "latency", "latency_distribution", "failure_mix", "cost", "reply_rate"]
)
def test_left_out_is_what_is_of_another_type_whether_or_not_a_group_is_left(store, question):
    for where in ({}, {"operator": "MTS"}, {"status": 20}, {"status": 3}):
        assert getattr(store, question)([], where=where).attrs["excluded_n"] == 0
    assert getattr(store, question)([], type=4).attrs["excluded_n"] == 2


def test_an_answer_of_several_tables_can_be_made_again_as_of_its_moment(own_store):
    now = int(datetime(2026, 11, 22, 9, tzinfo=UTC).timestamp())
    fields = {"phone": "79001230001", "to_number": "79001230000", "text": "later", "sent_at": str(now)}
    with contextlib.closing(Journal(Layout(own_store), "w0", now=lambda: now * 10**9)) as journal:
        journal.write([entry(account="default", kind="incoming", signed_by="md5", key="k", fields=fields, extra={})])
    with Maintenance(Layout(own_store), {}) as maintenance:
        maintenance.run()
    store = sms.open_store(own_store)
    for question in ("reply_rate", "data_health", "inbound_volume", "confirmation_success"):
        answer = getattr(store, question)([])
        again = getattr(store, question)([], as_of=answer.attrs["as_of"])
        pd.testing.assert_frame_equal(answer, again)
        assert answer.attrs == again.attrs


def test_what_a_send_says_of_its_cost_counts_where_callbacks_say_nothing_of_it(own_store):
    store = sms.open_store(own_store)
    sends = {
        "message_id": [1042, 5],
        "phone": ["79001230001"] * 2,
        "sent_at": ["2026-11-21T09:59:58+03:00"] * 2,
        "cost": [9.99, 2.5],
        "parts": [3, 2],
        "sender": ["SENT", "SENT"],
    }
    store.append_sends(pd.DataFrame(sends))
    now = int(datetime(2026, 11, 22, 9, tzinfo=UTC).timestamp())
    fields = {"message_id": "5", "phone": "79001230001", "status": "1", "sender": "SHOP"}
    with contextlib.closing(Journal(Layout(own_store), "w0", now=lambda: now * 10**9)) as journal:
        journal.write([entry(account="default", kind="status", signed_by="md5", key="k", fields=fields, extra={})])
    with Maintenance(Layout(own_store), {}) as maintenance:
        maintenance.run()
    rows = (
        store.messages()
        .filter("message_id IN (5, 1042)")
        .order("message_id")
        .select("sender, parts, cost::VARCHAR")
        .fetchall()
    )
    assert rows == [("SHOP", 2, "2.5000"), ("SHOP", 1, "3.1000")]


def test_a_frame_with_an_index_of_its_own_is_taken(own_store):
    assert sms.open_store(own_store).append_sends(pd.DataFrame(SENDS, index=[7, 9])) == 2


@pytest.fixture(scope="module")
def late_store(tmp_path_factory):
    """Deliveries within seconds, at the ends of the steps in which later ones are counted first, and days later."""
    chance = random.Random(20261126)
    now = int(datetime(2026, 11, 22, 9, tzinfo=UTC).timestamp())
    steps = (0, 16, 1024, 1024 + 256, 16384, 16384 + 4096)
    ends = [TO_THE_SECOND + step + more for step in steps for more in (0, 1, 2)]
    lines, took = [], {}
    for number in range(600):
        operator = ("Beeline", "MTS", "")[number % 3]
        seconds = chance.choice([chance.randrange(60), chance.choice(ends), chance.randrange(4 * 86_400)])
        took.setdefault(operator or None, []).append(seconds)
        fields = {"message_id": str(number), "phone": "79001230001", "mcc": "250", "mnc": "01", "operator": operator}
        for status, at in (("-1", now - 5 * 86_400), ("1", now - 5 * 86_400 + seconds)):
            told = fields | {"status": status, "status_at": str(at)}
            lines.append(entry(account="default", kind="status", signed_by="md5", key="k", fields=told, extra={}))
    data = tmp_path_factory.mktemp("late")
    with contextlib.closing(Journal(Layout(data), "w0", now=lambda: now * 10**9)) as journal:
        journal.write(lines)
    with Maintenance(Layout(data), {}) as maintenance:
        maintenance.run()
    return data, took


@pytest.mark.parametrize("by", [["operator"], ["operator", "sender"], []], ids=str)
@pytest.mark.parametrize("within", [(), (10, 60), (5000,)], ids=str)
@pytest.mark.parametrize("held", [False, True], ids=["read", "held"])
def test_quantiles_of_late_deliveries_are_exact(late_store, held, within, by):
    data, took = late_store
    store = sms.open_store(data)
    found = (store.snapshot() if held else store).latency(by, within=within)
    groups = took if by else {None: [seconds for several in took.values() for seconds in several]}
    assert len(found) == len(groups)
    for seconds, row in zip(map(sorted, groups.values()), found.to_dict("records"), strict=True):
        for name, percent in QUANTILES.items():
            assert row[name] == seconds[math.ceil(len(seconds) * percent / 100) - 1]
        for limit in within:
            assert row[f"within_{limit}s"] == sum(one <= limit for one in seconds) / len(seconds)
            assert row[f"n_within_{limit}s"] == len(seconds)
    assert (found["p99"] > TO_THE_SECOND).all()
