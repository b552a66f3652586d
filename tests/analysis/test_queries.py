"""What questions take as a moment, a zone, a list and a filter, and what is refused with a way out."""

import contextlib
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import smsanalytics as sms
from smsanalytics.errors import UnknownName, UsageError
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance

MOSCOW = ZoneInfo("Europe/Moscow")
MIDNIGHTS = [  # of 22 November in Moscow, after both messages
    "2026-11-22", date(2026, 11, 22), datetime(2026, 11, 22), datetime(2026, 11, 21, 21, tzinfo=UTC),  # noqa: DTZ001
    pd.Timestamp("2026-11-22"), pd.Timestamp("2026-11-22", tz="Europe/Moscow"), np.datetime64("2026-11-22"),
    np.datetime64("2026-11-22T00:00:00.000000000"), "2026-11-21T21:00Z",
]  # fmt: skip


@pytest.fixture(scope="module")
def store(example_store):
    return sms.open_store(example_store, tz=MOSCOW)


@pytest.mark.parametrize("moment", MIDNIGHTS, ids=repr)
def test_a_moment_is_of_any_library(store, moment):
    answer = store.delivery_rate([], start="2026-11-21", end=moment, as_of=moment)
    assert answer.attrs["end"] == "2026-11-22T00:00:00+03:00"
    assert answer.attrs["as_of"] == "2026-11-21T21:00:00+00:00"
    assert store.snapshot(start="2026-11-21", end=moment).messages(end=moment).shape[0] == 2


@pytest.mark.parametrize(("tz", "name"), [(MOSCOW, "Europe/Moscow"), (UTC, "UTC"), (timezone.utc, "UTC")])  # noqa: UP017
def test_a_zone_may_be_an_object(store, tz, name):
    assert sms.open_store(store.path, tz=tz).tz == name
    assert store.inbound_volume(tz=tz).attrs["timezone"] == name
    calendar = sms.metrics.with_calendar(store.sends().df(), "sent_at", tz=tz)
    assert "hour" in calendar


def test_one_stands_for_a_list_of_one(store):
    pd.testing.assert_frame_equal(store.latency("operator", within=10), store.latency(["operator"], within=[10]))
    assert store.delivery_rate([], type=np.int64(0), where={"operator": "MTS"})["submitted"].item() == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda store: store.delivery_rate(start="2026-11-22", end="2026-11-21"), "start 2026-11-22 00:00:00 is not before end 2026-11-21 00:00:00; end is the day or moment after the last"),
        (lambda store: store.messages(start="2026-11-22", end="2026-11-22"), "start 2026-11-22 00:00:00 is not before end 2026-11-22 00:00:00; end is the day or moment after the last"),
        (lambda store: store.cost(start=20261122), "a moment must be a text such as '2026-11-22' or '2026-11-22T10:00+03:00', a date or a datetime, not of type int"),
        (lambda store: store.cost(as_of=pd.NaT), "a moment must be a text such as '2026-11-22' or '2026-11-22T10:00+03:00', a date or a datetime, not of type NaTType"),
        (lambda store: store.cost(end=np.datetime64("NaT")), "a moment must be a text such as '2026-11-22' or '2026-11-22T10:00+03:00', a date or a datetime, not None"),
        (lambda store: store.cost(tz=3), "tz must be a name such as 'Europe/Moscow' or a ZoneInfo with such a name, not of type int"),
        (lambda store: store.cost(tz=timezone(timedelta(hours=3))), "tz must be a name such as 'Europe/Moscow' or a ZoneInfo with such a name, not of type timezone"),
        (lambda store: store.cost(where="operator=MTS"), "where must be a mapping of columns to values such as {'operator': 'MTS'}, not of type str"),
        (lambda store: store.cost(None), "by must be a column such as 'day' or a list of columns, not None"),
        (lambda store: store.cost(type=4.0), "unknown message type 4.0; there are 0, 1, 10, 12, 2, 3, 4, 5, 6, 7, 8"),
        (lambda store: store.latency(within="10"), "within takes whole seconds such as 10, not '10'"),
        (lambda store: store.latency(within=None), "within takes whole seconds such as 10, not None"),
        (lambda store: store.confirmation_success(window=300), "window must be a timedelta such as timedelta(minutes=5), not of type int"),
        (lambda store: store.reply_rate(window=3600), "window must be a timedelta such as timedelta(minutes=5), not of type int"),
        (lambda store: store.delivery_rate(where={"operator": "mts"}), "no message has operator 'mts'; did you mean 'MTS'?"),
        (lambda store: store.delivery_rate(where={"operator": ["MTS", "Belline"]}), "no message has operator 'Belline'; did you mean 'Beeline'?"),
        (lambda store: store.snapshot().latency(where={"sender": "BANK"}), "no message has sender 'BANK'; there are SHOP"),
        (lambda store: store.delivery_rate(where={"sender": "79001230009"}), "no message has this sender; there are SHOP"),
        (lambda store: store.reply_rate(where={"account": "defualt"}), "no message has account 'defualt'; did you mean 'default'?"),
        (lambda store: store.inbound_volume(where={"account": "defualt"}), "no incoming message has account 'defualt'; did you mean 'default'?"),
        (lambda store: store.confirmation_success(where={"purpose": "logn"}), "no confirmation request or call has purpose 'logn'; did you mean 'login'?"),
        (lambda store: store.callback_lag(where={"operator": "Megafon"}), "no status has operator 'Megafon'; there are Beeline, MTS"),
        (lambda store: store.data_health(where={"account": "shop"}), "no callback has account 'shop'; there are default"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_what_can(store, call, words):
    with pytest.raises(UsageError) as refusal:
        call(store)
    assert str(refusal.value) == words


def test_a_value_that_is_elsewhere_in_the_store_gives_an_empty_answer(store):
    assert store.delivery_rate(end="2026-11-21", where={"operator": "MTS"}).empty
    assert store.delivery_rate(where={"operator": "MTS", "status": 20}).empty
    assert store.delivery_rate(where={"operator": ["MTS", None]})["submitted"].sum() == 1
    assert store.delivery_rate(where={"tag": "login"}).empty  # nobody reported any
    assert store.inbound_volume(where={"to_number": "79001230009"}).empty  # numbers are not listed


@pytest.mark.parametrize(("count", "refused"), [(1000, True), (1001, False)])
def test_of_many_names_none_is_suggested(tmp_path, count, refused):
    at = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())
    lines = []
    for number in range(count):
        fields = {"message_id": str(number + 1), "phone": "79001230001", "status": "1", "status_at": str(at)}
        fields["sender"] = f"SHOP{number}"
        lines.append(entry(account="default", kind="status", signed_by="md5", key="k", fields=fields, extra={}))
    with contextlib.closing(Journal(Layout(tmp_path), "w0", now=lambda: at * 10**9)) as journal:
        journal.write(lines)
    with Maintenance(Layout(tmp_path), {}) as maintenance:
        maintenance.run()
    expected = pytest.raises(UnknownName, match="did you mean") if refused else contextlib.nullcontext()
    with expected:
        assert sms.open_store(tmp_path).delivery_rate(where={"sender": "SHOPP12"}).empty


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--where", "operator=mts"], "no message has operator 'mts'; did you mean 'MTS'?"),
        (["--from", "2026-11-22", "--to", "2026-11-21"], "start 2026-11-22 00:00:00 is not before end 2026-11-21 00:00:00; end is the day or moment after the last"),
    ],
)  # fmt: skip
def test_the_command_line_refuses_in_a_line_and_exits_with_2(example_store, words, line):
    command = [sys.executable, "-m", "smsanalytics", "metric", "delivery_rate", *words, "--data", str(example_store)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"smsanalytics: {line}\n")


@pytest.mark.parametrize(
    ("question", "option"), [("delivery_rate", "perod"), ("inbound_volume", "type"), ("latency", "limit")]
)
def test_an_option_that_a_question_has_not_is_refused_by_its_name(example_store, question, option):
    with pytest.raises(TypeError, match=f"^got an unexpected keyword argument '{option}'$"):
        getattr(sms.open_store(example_store), question)(**{option: 1})
