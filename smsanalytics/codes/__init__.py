"""
The provider's code tables, read from ``codes/*.csv``.

Statuses, reasons (``err``) and message types, with their meaning in English and Russian and where each is documented.
A code that is not listed is news, not a crash: it is kept and shown as unknown.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Code:
    """
    One line of a code table.

    Attributes
    ----------
    code : int
        As the provider sends it.
    name : str
        Short name, snake case.
    meaning_en, meaning_ru : str
        One sentence in English and in Russian.
    action_en, action_ru : str
        For a reason of a failure: what to do about it; empty for others. Advice of this package, not the provider's.
    outcome : str
        For a status: ``success``, ``failure``, ``pending`` or ``none``; empty for reasons and types.
    source : str
        Where the meaning is documented.
    """

    code: int
    name: str
    meaning_en: str
    meaning_ru: str
    action_en: str
    action_ru: str
    outcome: str
    source: str


def _rows(name: str) -> list[dict[str, str]]:
    text = files("smsanalytics").joinpath("codes", f"{name}.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


ACTIONS = {(row["table"], row["code"]): (row["action_en"], row["action_ru"]) for row in _rows("actions")}


def _table(name: str, kind: str) -> dict[int, Code]:
    rows = [row for row in _rows(name) if row["code"].lstrip("-").isdigit() and row["name"] != "unassigned"]
    return {
        int(row["code"]): Code(
            int(row["code"]), row["name"], row["meaning_en"], row["meaning_ru"],
            *ACTIONS.get((kind, row["code"]), ("", "")), row.get("class", ""), row["source"],
        )
        for row in rows
    }  # fmt: skip


STATUSES = _table("status_codes", "status")
ERRORS = _table("error_codes", "err")
TYPES = _table("message_types", "type")


def _with_outcome(outcome: str) -> tuple[int, ...]:
    return tuple(sorted(code for code, row in STATUSES.items() if row.outcome == outcome))


DELIVERED = _with_outcome("success")  #: 1 delivered, 2 read, 4 link clicked
FAILED = _with_outcome("failure")  #: 3, 6, 20, 22, 23, 24, 25
OPEN = _with_outcome("pending")  #: -2 stopped, -1 waiting, 0 passed to the operator


def cause_of(status: int | None, err: int | None) -> Code | None:
    """
    Why a message failed: the reason where one was given, else the status; None for a code that no list explains.

    Examples
    --------
    >>> cause_of(20, 1).action_en
    'The number does not exist: remove it from the list.'
    >>> cause_of(3, 0).name
    'expired'
    """
    if err:
        return ERRORS.get(err)
    return None if status is None else STATUSES.get(status)


NO_STATUS = -129  #: where codes are packed it stands for a status beyond the range of -128 to 127
ERR_BITS, CODE_BITS = 16, 25  #: of a packed code: the reason, if any, plus 1; the status above it, minus `NO_STATUS`
TEST_MODE_ERR = 200  #: the account is in test mode: nothing was really sent
HLR_TYPE, PING_TYPE = 4, 5
TEXT_TYPES = (0, 1, 2, 3)  #: SMS, flash, binary, WAP push: what a delivery rate speaks of
