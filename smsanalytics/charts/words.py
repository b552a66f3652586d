"""Numbers, dates, times, codes and sentences in the language of a chart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from smsanalytics.charts.labels import (
    CAPITALS,
    COLUMNS,
    LABELS,
    LANGUAGES,
    MONTHS,
    PLURALS,
    TIME_UNITS,
    WEEKDAYS,
)
from smsanalytics.codes import ERRORS, STATUSES, TYPES, Code, cause_of
from smsanalytics.errors import UnknownName

NARROW = "\u202f"  #: a narrow space that does not break: groups digits, stands before a unit
CODES = {"status": STATUSES, "err": ERRORS, "type": TYPES}


class Words:
    """
    What is said in one language.

    Parameters
    ----------
    lang : str
        ``"en"`` or ``"ru"``.

    Raises
    ------
    UnknownName
        For another language.

    Examples
    --------
    >>> words = Words("ru")
    >>> words.title("delivery_rate", ["day", "operator"])
    'Доля доставленных по дням и операторам'
    >>> words.seconds(4000), words.date(pd.Timestamp("2026-05-09"))
    ('1\u202fч 6\u202fмин', '9 мая 2026')
    """

    def __init__(self, lang: str) -> None:
        if lang not in LANGUAGES:
            raise UnknownName.of("language", lang, LANGUAGES)
        self.lang = lang
        self.index = LANGUAGES.index(lang)

    def __call__(self, label: str, **values: object) -> str:
        """Return a label, its blanks filled."""
        return LABELS[label][self.index].format(**values)

    def title(self, label: str, by: Sequence[str] = ()) -> str:
        """Return a title with what it is grouped by."""
        if not by:
            return self(label)
        names = [COLUMNS.get(name, (name, name, name))[0 if self.lang == "en" else 2] for name in by]
        *first, last = names
        listed = f"{', '.join(first)} {self('and')} {last}" if first else last
        return f"{self(label)} {self('by')} {listed}"

    def column(self, name: str) -> str:
        """Return the heading of a group column."""
        return COLUMNS.get(name, (name, name, name))[self.index]

    def count(self, number: float, noun: str) -> str:
        """Return a number with its noun in the right form."""
        forms: Sequence[str] = PLURALS[noun][self.index]
        whole = int(number)
        if self.lang == "ru":
            few = whole % 10 in (2, 3, 4) and whole % 100 not in (12, 13, 14)
            form = 0 if whole % 10 == 1 and whole % 100 != 11 else 1 if few else 2
        else:
            form = 0 if whole == 1 else 1
        return f"{self.number(whole)} {forms[form]}"

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number, its digits in groups of three."""
        if pd.isna(value):
            return "—"
        text = f"{value:,.{digits}f}".replace(",", NARROW)
        return text.replace(".", ",") if self.lang == "ru" else text

    def percent(self, share: float) -> str:
        """Return a share in per cent; one that is not 0 or 1 is not rounded to it."""
        if pd.isna(share):
            return "—"
        digits = 0 if share in (0, 1) else 1
        while 0 < share < 1 and round(100 * share, digits) in (0, 100) and digits < 4:
            digits += 1
        return f"{self.number(100 * share, digits)}{NARROW}%"

    def seconds(self, value: float) -> str:
        """Return a duration in its two largest units."""
        if pd.isna(value):
            return "—"
        sign, rest = ("−" if value < 0 else ""), abs(round(value))
        parts = []
        for unit, size in zip(TIME_UNITS[self.lang], (86400, 3600, 60, 1), strict=True):
            amount, rest = divmod(rest, size)
            parts.append(f"{self.number(amount)}{NARROW}{unit}" if amount else "")
        first = next((at for at, part in enumerate(parts) if part), 3)
        said = " ".join(part for part in parts[first : first + 2] if part)
        return sign + (said or f"0{NARROW}{TIME_UNITS[self.lang][3]}")

    def date(self, day: pd.Timestamp) -> str:
        """Return a date in full."""
        return f"{day.day} {MONTHS[self.lang][0][day.month - 1]} {day.year}"

    def value(self, column: str, value: Any) -> str:
        """Return the value of a group column as people say it."""
        if pd.isna(value):
            return self("missing")
        if column in ("day", "week"):
            day = pd.Timestamp(value)
            return f"{day.day} {MONTHS[self.lang][2][day.month - 1]} {day.year}"
        if column == "month":
            return f"{MONTHS[self.lang][1][pd.Timestamp(value).month - 1]} {pd.Timestamp(value).year}"
        if column == "hour":
            return f"{int(value):02}:00"
        if column == "weekday":
            return WEEKDAYS[self.lang][0][int(value) - 1]
        if column in CODES:
            return f"{self.code(column, int(value))} ({int(value)})"
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

    def code(self, column: str, value: int) -> str:
        """Return the short name of a status, a reason or a type."""
        code = CODES[column].get(value)
        return self._name(code) if code else self("unlisted")

    def cause(self, status: Any, err: Any) -> str:
        """Return why a message failed, the codes behind it."""
        codes = "/".join(str(int(code)) for code in (status, err) if not pd.isna(code))
        known = _cause(status, err)
        return f"{self._name(known) if known else self('unlisted')} · {codes}"

    def meaning(self, status: Any, err: Any) -> str:
        """Return the sentence of the code table on why a message failed."""
        known = _cause(status, err)
        return (known.meaning_ru if self.lang == "ru" else known.meaning_en) if known else self("unlisted")

    def action(self, status: Any, err: Any) -> str:
        """Return what to do about messages that failed so."""
        known = _cause(status, err)
        return (known and (known.action_ru if self.lang == "ru" else known.action_en)) or self("ask")

    def _name(self, code: Code) -> str:
        if self.lang == "ru":
            return re.split(r"[:;,(]", code.meaning_ru)[0].strip()
        return " ".join(CAPITALS.get(word, word) for word in code.name.split("_"))


def _cause(status: Any, err: Any) -> Code | None:
    return cause_of(*(None if pd.isna(code) else int(code) for code in (status, err)))
