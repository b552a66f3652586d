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
    outcome : str
        For a status: ``success``, ``failure``, ``pending`` or ``none``; empty for reasons and types.
    source : str
        Where the meaning is documented.
    """

    code: int
    name: str
    meaning_en: str
    meaning_ru: str
    outcome: str
    source: str


def _table(name: str) -> dict[int, Code]:
    text = files("smsanalytics").joinpath("codes", f"{name}.csv").read_text("utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["code"].lstrip("-").isdigit()]
    return {
        int(row["code"]): Code(
            int(row["code"]), row["name"], row["meaning_en"], row["meaning_ru"], row.get("class", ""), row["source"]
        )
        for row in rows
        if row["name"] != "unassigned"
    }


STATUSES = _table("status_codes")
ERRORS = _table("error_codes")
TYPES = _table("message_types")


def _with_outcome(outcome: str) -> tuple[int, ...]:
    return tuple(sorted(code for code, row in STATUSES.items() if row.outcome == outcome))


DELIVERED = _with_outcome("success")  #: 1 delivered, 2 read, 4 link clicked
FAILED = _with_outcome("failure")  #: 3, 6, 20, 22, 23, 24, 25
OPEN = _with_outcome("pending")  #: -2 stopped, -1 waiting, 0 passed to the operator

NO_STATUS = -128  #: stands for a status that is no code at all where codes are packed; none of the provider's
TEST_MODE_ERR = 200  #: the account is in test mode: nothing was really sent
HLR_TYPE, PING_TYPE = 4, 5
TEXT_TYPES = (0, 1, 2, 3)  #: SMS, flash, binary, WAP push: what a delivery rate speaks of
