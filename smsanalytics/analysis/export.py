"""A metric's frame as people and programs read it: table, CSV, JSON, Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

FORMULA = ("=", "+", "-", "@", "\t", "\r")  #: a spreadsheet takes a text that begins so for a formula
ENDS = ("_low", "_high")  #: of the columns of an interval
ASKED = ("where", "type", "start", "end")  #: facts that are shown only if they narrow the answer
WIDEST = 10_000  #: lines are as long as they are: a pager or a pipe cuts them better than we do


def table(frame: pd.DataFrame) -> str:
    """
    For people: shares in percent with their intervals, missing values as a dash, the facts below.

    Examples
    --------
    >>> rates = pd.DataFrame({"operator": ["MTS", None], "submitted": [1204, 2], "delivery_rate": [0.941, None],
    ...                       "delivery_rate_low": [0.926, None], "delivery_rate_high": [0.953, None]})
    >>> print(table(rates))
    operator   submitted        delivery_rate
    ─────────────────────────────────────────
    MTS            1,204   94.1 % (92.6–95.3)
    –                  2                    –
    """
    names = [name for name in map(str, frame.columns) if not name.endswith(ENDS)]
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in names:
        numeric = pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
        shown.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for row in frame.to_dict("records"):
        shown.add_row(*(_cell(row, name) for name in names))
    text = io.StringIO()
    Console(file=text, width=WIDEST, highlight=False, markup=False).print(shown)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    said = [f"{name}: {_in_words(fact)}" for name, fact in facts(frame).items()]
    return "\n".join([*lines, "", *said] if said else lines)


def csv(frame: pd.DataFrame) -> str:
    """
    For spreadsheets: texts that would be taken for formulas get a quote in front.

    Examples
    --------
    >>> print(csv(pd.DataFrame({"sender": ["SHOP", "=1+1"], "submitted": [1, 2]})))
    sender,submitted
    SHOP,1
    '=1+1,2
    """
    safe = frame.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]) and not pd.api.types.is_datetime64_any_dtype(safe[name]):
            safe[name] = safe[name].map(_harmless, na_action="ignore")
    return safe.to_csv(index=False, date_format="%Y-%m-%d").rstrip("\n")


def to_json(frame: pd.DataFrame) -> str:
    """
    For programs: an object of ``facts`` and ``rows``.

    Examples
    --------
    >>> print(to_json(pd.DataFrame({"operator": [None], "submitted": [2]})))
    {
      "facts": {},
      "rows": [
        {
          "operator": null,
          "submitted": 2
        }
      ]
    }
    """
    rows = json.loads(frame.to_json(orient="records", date_format="iso", double_precision=15))
    for name in frame.columns:
        if pd.api.types.is_datetime64_any_dtype(frame[name]):
            for row in rows:
                row[name] = row[name] and row[name][:10]
    return json.dumps({"facts": facts(frame), "rows": rows}, ensure_ascii=False, indent=2)


def parquet(frame: pd.DataFrame) -> bytes:
    """For other tools: a Parquet file, with the facts in the metadata that pandas reads back."""
    return frame.to_parquet(index=False)


FORMATS: dict[str, Callable[[pd.DataFrame], str | bytes]] = {
    "table": table, "csv": csv, "json": to_json, "parquet": parquet,
}  # fmt: skip


def facts(frame: pd.DataFrame) -> dict[str, Any]:
    """The ``attrs`` of a frame as JSON values, without what was not asked for; a period as its first and last day."""
    found = {str(name): fact for name, fact in frame.attrs.items() if name not in ASKED or fact not in (None, {})}
    first, last = found.pop("period", None) or (None, None)
    return found | ({"first_day": first, "last_day": last} if first else {})


def _cell(row: dict[Any, Any], name: str) -> str:
    value = row[name]
    if pd.isna(value):
        return "–"
    if f"{name}_low" in row:
        low, high = (row[f"{name}{end}"] for end in ENDS)
        return f"{value:.1%} ({low * 100:.1f}–{high * 100:.1f})".replace("%", " %")
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        return f"{value:.1%}".replace("%", " %") if name.endswith("share") else f"{value:,.2f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return _printable(str(value))


def _in_words(fact: Any) -> str:
    """
    A fact on a line; what is chosen by as in ``--where``, an empty value for "not reported".

    Examples
    --------
    >>> _in_words({"operator": "MTS", "tag": ["login", None]}), _in_words([4, 5])
    ('operator=MTS, tag=login, tag=', '4, 5')
    """
    if isinstance(fact, dict):
        pairs = [(name, one) for name, value in fact.items() for one in (value if isinstance(value, list) else [value])]
        fact = [f"{name}={'' if one is None else one}" for name, one in pairs]
    text = ", ".join(map(str, fact)) if isinstance(fact, list) else str(fact)
    return _printable(text)


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
