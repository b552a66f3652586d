"""Questions asked in all ways, one after the other, each in a process of its own; and whether the answers agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.store import step
from benchmarks.store.history import FIRST_DAYS, History
from benchmarks.store.step import Run

TIMES = {"api": 6, "sql": 6, "scan": 6, "pandas_memory": 2, "polars_memory": 4}  #: asked in one process; else once
MAIN = "rate_by_day_operator"
IN_MEMORY = (MAIN, "latency_by_operator")  #: what pandas and Polars are asked
SLOW_ROUNDS = 3  #: more rounds than this are not made of what takes a minute
TOLERANCE = 1e-9  #: of shares and amounts, which are sums and quotients of floats; counts must be equal

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One question in one way, of all of the store or of its first days."""

    store: str
    question: str
    way: str

    @property
    def name(self) -> str:
        """As it stands in the results."""
        return f"{self.store}/{self.question}/{self.way}"


def ways(questions: Sequence[str], *, memory: bool, number: int) -> list[Asked]:
    """What is measured in a round, the first of which is number 0."""
    found = [Asked("store", question, way) for question in questions for way in ("api", "sql", "scan")]
    found += [Asked("store", question, "raw") for question in questions if _is_due(question, number)]
    if memory:
        engines = ("pandas_memory", "polars_memory")
        found += [Asked("store", question, way) for question in questions if question in IN_MEMORY for way in engines]
    if MAIN in questions and _is_due(MAIN, number):
        found += [Asked("early", MAIN, "api"), Asked("early", MAIN, "pandas_raw")]
    return found


def _is_due(question: str, number: int) -> bool:
    return number < (SLOW_ROUNDS if question == MAIN else 1)


def alternating(
    history: History,
    questions: Sequence[str],
    *,
    days: int,
    rounds: int,
    memory: bool,
    times: Mapping[str, int] = TIMES,
    run: Run = step.run,
) -> Iterator[tuple[dict[str, Row], list[str]]]:
    """Ask everything in each round, every other round backwards; yields what was measured, and what did not agree."""
    answers = history.folder / "answers"
    answers.mkdir(exist_ok=True)
    for number in range(rounds):
        told = {}
        asked = ways(questions, memory=memory, number=number)
        for one in asked if number % 2 == 0 else reversed(asked):
            data, of_days = (history.store, days) if one.store == "store" else (history.early, min(days, FIRST_DAYS))
            answer = answers / f"{one.name.replace('/', '-')}.parquet"
            given = {"way": one.way, "question": one.question, "days": of_days, "times": times.get(one.way, 1)}
            told[one.name] = run("ask", data=data, answer=answer, **given)
        yield told, [wrong for one in asked for wrong in _compared(one, answers)]


def _compared(one: Asked, answers: Path) -> list[str]:
    if one.way in ("api", "scan"):
        return []
    ours, theirs = (pd.read_parquet(answers / f"{one.store}-{one.question}-{way}.parquet") for way in ("api", one.way))
    return [f"{one.name}: {wrong}" for wrong in differences(ours, theirs)]


def differences(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    """
    In which columns of theirs ours are different.

    Examples
    --------
    >>> ours = pd.DataFrame({"day": ["a", "b"], "n": [1, 2], "share": [0.5, 0.1 + 0.2]})
    >>> differences(ours, pd.DataFrame({"day": ["b", "a"], "n": [2, 1], "share": [0.3, 0.5]}))
    []
    >>> differences(ours, pd.DataFrame({"day": ["a", "b"], "n": [1, 3]}))
    ['n is not the same']
    """
    if lacking := set(theirs.columns) - set(ours.columns):
        return [f"there is no {min(lacking)}"]
    if len(ours) != len(theirs):
        return [f"{len(ours)} rows, not {len(theirs)}"]
    texts = [name for name in theirs.columns if name in ("day", "operator", "account", "status", "err")]
    by = texts or [*theirs.columns[:1]]
    ours, theirs = (frame.sort_values(by, ignore_index=True) for frame in (ours, theirs))
    return [f"{name} is not the same" for name in theirs.columns if not _same(ours[name], theirs[name])]


def _same(ours: pd.Series[Any], theirs: pd.Series[Any]) -> bool:
    if pd.api.types.is_numeric_dtype(theirs.dtype) and not pd.api.types.is_bool_dtype(theirs.dtype):
        left, right = (column.to_numpy(np.float64, na_value=np.nan) for column in (ours, theirs))
        exact = pd.api.types.is_integer_dtype(ours.dtype)
        return bool(np.allclose(left, right, rtol=0 if exact else TOLERANCE, atol=0, equal_nan=True))
    return [None if value != value else value for value in ours] == [
        None if value != value else value for value in theirs
    ]
