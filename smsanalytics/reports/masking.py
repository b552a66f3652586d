"""The words of others in a report: phone numbers masked, signs that play tricks taken out, long ones cut."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

PHONE = re.compile(r"\+?\d(?:[\W_]{0,3}\d){6,}")
KEPT, LONGEST = 4, 48


class Names:
    """
    Shows names so that they can be told apart and nobody can be rung up.

    What looks like a phone number, also inside a name, keeps its last four digits. Two names that would then look the
    same are numbered, so that no group swallows another.

    Examples
    --------
    >>> names = Names()
    >>> names.shown("79001230000"), names.shown("79007770000"), names.shown("79001230000"), names.shown("4443")
    ('•••0000', '•••0000 (2)', '•••0000', '4443')
    """

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._taken: set[str] = set()

    def shown(self, name: str) -> str:
        """Return how a name is shown: always the same, and unlike every other."""
        if name not in self._shown:
            plain = unicodedata.normalize("NFKC", name)
            plain = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf")  # seen by nobody
            masked = "".join(sign if sign.isprintable() else "\ufffd" for sign in PHONE.sub(_masked, plain))
            masked = masked if len(masked) <= LONGEST else f"{masked[: LONGEST - 1]}…"
            free, number = masked, 1
            while free in self._taken:
                number += 1
                free = f"{masked} ({number})"
            self._shown[name] = free
            self._taken.add(free)
        return self._shown[name]

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame whose texts are as shown."""
        texts = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name]) and name != "check"]
        return frame.assign(**{name: frame[name].map(self.shown, na_action="ignore") for name in texts})


def _masked(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    return f"•••{digits[-KEPT:]}"
