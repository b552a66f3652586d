import pandas as pd
import pytest

from smsanalytics.analysis.query import BY_ATTEMPT, BY_CALLBACK, BY_INCOMING, BY_MESSAGE, BY_STATUS
from smsanalytics.charts import labels
from smsanalytics.charts.words import Words
from smsanalytics.codes import ERRORS, FAILED, STATUSES, TYPES
from smsanalytics.errors import UnknownName


def blanks(text):
    return sorted(piece.split("}")[0] for piece in text.split("{")[1:])


@pytest.mark.parametrize("name", labels.LABELS)
def test_every_label_is_there_in_both_languages(name):
    english, russian = labels.LABELS[name]
    assert english
    assert russian
    assert blanks(english) == blanks(russian)


def test_every_column_check_and_calendar_has_its_words():
    assert {len(forms) for forms in labels.COLUMNS.values()} == {3}
    assert all(all(forms) for forms in labels.COLUMNS.values())
    assert {*BY_MESSAGE, *BY_STATUS, *BY_INCOMING, *BY_ATTEMPT, *BY_CALLBACK} <= set(labels.COLUMNS)
    assert {f"check_{check}" for check in labels.CHECKS} <= set(labels.LABELS)
    assert {(len(english), len(russian)) for english, russian in labels.PLURALS.values()} == {(2, 3)}
    assert all(len(months) == 12 for kinds in labels.MONTHS.values() for months in kinds)
    assert all(len(days) == 7 for kinds in labels.WEEKDAYS.values() for days in kinds)


@pytest.mark.parametrize(
    ("number", "english", "russian"),
    [
        (0, "0 incoming messages", "0 входящих сообщений"),
        (1, "1 incoming message", "1 входящее сообщение"),
        (2, "2 incoming messages", "2 входящих сообщения"),
        (5, "5 incoming messages", "5 входящих сообщений"),
        (11, "11 incoming messages", "11 входящих сообщений"),
        (12, "12 incoming messages", "12 входящих сообщений"),
        (21, "21 incoming messages", "21 входящее сообщение"),
        (112, "112 incoming messages", "112 входящих сообщений"),
        (1234, "1\u202f234 incoming messages", "1\u202f234 входящих сообщения"),
    ],
)
def test_a_number_bends_its_noun(number, english, russian):
    assert Words("en").count(number, "incoming") == english
    assert Words("ru").count(number, "incoming") == russian


@pytest.mark.parametrize(
    ("seconds", "english", "russian"),
    [
        (0, "0 s", "0 с"),
        (59, "59 s", "59 с"),
        (60, "1 min", "1 мин"),
        (72, "1 min 12 s", "1 мин 12 с"),
        (3600, "1 h", "1 ч"),
        (3605, "1 h", "1 ч"),
        (90061, "1 d 1 h", "1 сут 1 ч"),
        (-5, "−5 s", "−5 с"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, english, russian):
    assert Words("en").seconds(seconds).replace("\u202f", " ") == english
    assert Words("ru").seconds(seconds).replace("\u202f", " ") == russian


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0 %"), (1, "100 %"), (0.9634, "96.3 %"), (0.00004, "0.004 %"), (0.9999, "99.99 %"), (float("nan"), "—")],
)
def test_a_share_is_not_rounded_to_all_or_nothing(share, said):
    assert Words("en").percent(share).replace("\u202f", " ") == said


def test_what_is_grouped_by_is_listed():
    assert Words("en").title("latency", ["day", "operator", "tag"]) == "Delivery time by day, operator and tag"
    assert Words("ru").title("latency", ["weekday", "hour"]) == "Время доставки по дням недели и часам"
    assert Words("en").title("latency") == "Delivery time"
    assert Words("en").title("latency", ["mine"]) == "Delivery time by mine"


@pytest.mark.parametrize(
    ("column", "value", "english", "russian"),
    [
        ("day", pd.Timestamp("2026-05-09"), "9 May 2026", "9 мая 2026"),
        ("month", pd.Timestamp("2026-05-01"), "May 2026", "май 2026"),
        ("weekday", 7, "Sunday", "воскресенье"),
        ("hour", 9, "09:00", "09:00"),
        ("type", 0, "SMS (0)", "SMS (0)"),
        ("status", 20, "undeliverable (20)", "Доставить нельзя (20)"),
        ("err", 777, "unlisted code (777)", "код не описан (777)"),
        ("parts", 2.0, "2", "2"),
        ("operator", None, "(not reported)", "(не сообщено)"),
        ("mnc", pd.NA, "(not reported)", "(не сообщено)"),
    ],
)
def test_values_are_said_in_words(column, value, english, russian):
    assert Words("en").value(column, value) == english
    assert Words("ru").value(column, value) == russian


@pytest.mark.parametrize(
    ("status", "err", "english", "russian"),
    [
        (20, 1, "unknown subscriber · 20/1", "Абонент не существует · 20/1"),
        (3, 0, "expired · 3/0", "Срок жизни истёк · 3/0"),
        (22, None, "invalid number · 22", "Неверный формат номера · 22"),
        (20, 777, "unlisted code · 20/777", "код не описан · 20/777"),
        (99, None, "unlisted code · 99", "код не описан · 99"),
    ],
)
def test_a_cause_is_the_reason_where_there_is_one_else_the_status(status, err, english, russian):
    assert Words("en").cause(status, err) == english
    assert Words("ru").cause(status, err) == russian


def test_names_of_codes_are_short_enough_for_an_axis():
    for lang in labels.LANGUAGES:
        words = Words(lang)
        names = [words.code("err", code) for code in ERRORS] + [words.code("type", code) for code in TYPES]
        names += [words.code("status", code) for code in STATUSES if code in FAILED]
        assert all(0 < len(name) <= 42 for name in names), names


def test_another_language_is_refused():
    with pytest.raises(UnknownName, match="unknown language 'de'"):
        Words("de")
