"""How people spell the columns, numbers and times of a sheet → rows as `records` needs them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from smsanalytics.errors import MalformedRecord, UnknownName
from smsanalytics.storage.delimited import UNNAMED, is_empty
from smsanalytics.storage.ingest import FIELDS, UNIX, Line, at

BLANKS = "\\s\u00a0\u2009\u202f"
NAME = re.compile(r"[^\W\d][\w .,:;/()№%-]{0,39}")  #: of a column that may be shown
DIGITS_OF_A_VALUE = re.compile(r"[0-9]{5}")
PHONE_SIGNS = re.compile(f"[{BLANKS}()\u2010-\u2014-]")
BETWEEN_DIGITS = re.compile(f"(?<=[0-9])[{BLANKS}](?=[0-9])")
POWER = re.compile(r"[0-9]([.,][0-9]+)?[eE][+-]?[0-9]+")
WHOLE = re.compile(r"(\+?[0-9]+)[.,]0+")
COMMA = re.compile(r"([0-9]+),([0-9]+)")
THOUSANDS = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
LOCAL = re.compile(
    r"(?:(?P<d>[0-9]{2})\.(?P<m>[0-9]{2})\.(?P<y>[0-9]{4})|(?P<iso>[0-9]{4}-[0-9]{2}-[0-9]{2}))[ T]+"
    r"(?P<hour>[0-9]{1,2}):(?P<rest>[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?)"
)

DAY = re.compile(r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}")

Ambiguous = Literal["earlier", "later"]


class Ways(NamedTuple):
    """How those who ask say what may be needed."""

    zone: str
    ambiguous: str
    column: str
    strict: str


COMMAND = Ways("--tz Europe/Moscow", "--ambiguous earlier or --ambiguous later", "--column {}=NAME", "--strict")
PYTHON = Ways("tz='Europe/Moscow'", "ambiguous='earlier' or 'later'", "a column of that name", "strict=True")


@dataclass
class Spelling:
    """
    How a sheet is to be understood, and what of it was left out.

    Parameters
    ----------
    kind : str
        ``send`` or ``confirmation_request``.
    ways : Ways
        How an error names what would help.
    columns : mapping of str to str
        Our names to those of the sheet, where they are other names.
    zone : ZoneInfo, optional
        Of times that name none; without it they are refused.
    ambiguous : "earlier" or "later", optional
        Which moment a time is that comes twice, or never, when clocks are changed; without it such a time is refused.
    strict : bool
        Refuse columns that are not needed.
    comma : bool
        A comma is a decimal one for certain.

    Attributes
    ----------
    unused : list of str
        Names of columns that were left out, in order.

    Examples
    --------
    >>> spelling = Spelling("send", COMMAND, zone=ZoneInfo("Europe/Moscow"))
    >>> row = {"Message ID": "1042", "Phone": "+7 (900) 123-00-01", "Sent at": "22.11.2026 9:05", "№": 1}
    >>> list(spelling.rows([Line("line 2", row)]))
    [Line(place='line 2', row={'message_id': '1042', 'phone': '+79001230001',
          'sent_at': datetime.datetime(2026, 11, 22, 6, 5, tzinfo=datetime.timezone.utc)})]
    >>> spelling.unused
    ['№']
    """

    kind: str
    ways: Ways
    columns: Mapping[str, str] = field(default_factory=dict)
    zone: ZoneInfo | None = None
    ambiguous: Ambiguous | None = None
    strict: bool = False
    comma: bool = False
    unused: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Refuse words that are none of ours."""
        if self.ambiguous not in (None, *get_args(Ambiguous)):
            raise UnknownName.of("moment", self.ambiguous, get_args(Ambiguous))
        for ours in self.columns:
            if ours not in FIELDS[self.kind]:
                raise UnknownName.of("column", ours, FIELDS[self.kind])

    def is_header(self, names: Collection[str]) -> bool:
        """Whether some of these names are those of columns we know."""
        known = {_key(name) for name in (*FIELDS[self.kind], *self.columns.values())}
        return any(_key(name) in known for name in names)

    def rows(self, lines: Iterable[Line]) -> Iterator[Line]:
        """
        Rows under our names, their values as `ingest.encode` takes them.

        Raises
        ------
        MalformedRecord, UnknownName
            Where a column is missing or not to be told from another, or a value can be understood in two ways.
        """
        known: dict[tuple[str, ...], dict[str, str]] = {}
        readers = {name: READERS[name] for name in FIELDS[self.kind] if name in READERS}
        for place, row in lines:
            names = tuple(map(str, row))
            if names not in known:
                known[names] = self._ours(names, first=not known)
            ours_of = known[names]
            understood: dict[str, object] = {}
            for name, value in zip(names, row.values(), strict=True):
                if (ours := ours_of.get(name)) is None:
                    continue
                value = None if is_empty(value) else value
                read = readers.get(ours)
                try:
                    understood[ours] = read(self, value) if read and value is not None else value
                except _Misspelt as why:
                    raise at(place, ours, str(why)) from None
            yield Line(place, understood)

    def notices(self) -> list[str]:
        """Sentences about what was left out."""
        if not self.unused:
            return []
        return [f"left out columns that are not needed: {_listed(self.unused)}; {self.ways.strict} refuses them"]

    def _ours(self, names: tuple[str, ...], *, first: bool) -> dict[str, str]:
        """Their names to ours; what is not needed is noted. Of JSON only the first row is known to have all."""
        ours_of: dict[str, str] = {}
        for ours, theirs in self.columns.items():
            found = [name for name in names if name == theirs] or [name for name in names if _key(name) == _key(theirs)]
            if not found:
                raise UnknownName.of("column of the file", theirs, filter(None, map(_shown, names)))
            ours_of[found[0]] = ours
        for ours in FIELDS[self.kind]:
            found = [name for name in names if name not in ours_of and name and _key(name) == _key(ours)]
            if len(found) > 1 or (found and ours in ours_of.values()):
                raise MalformedRecord(f"needed one column {ours}, and found {len(found) + (ours in ours_of.values())}")
            ours_of |= dict.fromkeys(found, ours)
        missing = [ours for ours, of in FIELDS[self.kind].items() if of.required and ours not in ours_of.values()]
        if first and not ours_of:
            there = ", ".join(FIELDS[self.kind])
            raise MalformedRecord(f"needed names above the values, and found none of {there}; {self._give(missing[0])}")
        if first and missing:
            raise MalformedRecord(f"needed a column {missing[0]}, and found {_listed(names)}; {self._give(missing[0])}")
        unused = [name for name in names if name not in ours_of and name not in self.unused]
        if unused and self.strict:
            needed = ", ".join(FIELDS[self.kind])
            raise MalformedRecord(f"needed no columns but {needed}, and found {_listed(unused)}; leave those out")
        self.unused += unused
        return ours_of

    def _give(self, ours: str) -> str:
        return f"give {self.ways.column.format(ours)}"

    def _moment(self, value: object) -> object:
        """The moment of a local time; anything else as it is."""
        naive = value
        if isinstance(value, str):
            value = value.strip()
            naive = None if UNIX.fullmatch(value) else _local(value)
        if isinstance(naive, date) and not isinstance(naive, datetime):
            raise _Misspelt("needed a time of day beside the date, such as 22.11.2026 12:00:00")
        if not isinstance(naive, datetime) or naive.tzinfo is not None:
            return value
        if self.zone is None:
            raise _Misspelt(f"needed a time with a zone; give {self.ways.zone} for times without zone")
        naive = datetime.combine(naive.date(), naive.time())
        moments = sorted(naive.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if moments[0] != moments[1] and self.ambiguous is None:
            back = moments[0].astimezone(self.zone).replace(tzinfo=None) == naive
            raise _Misspelt(
                f"needed a time that comes once in {self.zone.key}; when clocks are changed this one comes "
                f"{'twice' if back else 'never'}; give {self.ways.ambiguous}"
            )
        return moments[self.ambiguous == "later"]

    def _amount(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        text = BETWEEN_DIGITS.sub("", value.strip())
        if not self.comma and THOUSANDS.fullmatch(text):
            raise _Misspelt(
                "needed an amount with a decimal point; its comma may as well part the thousands; "
                "a file with semicolons, or .xlsx, leaves no doubt"
            )
        return COMMA.sub(r"\1.\2", text) if COMMA.fullmatch(text) else text

    def _whole(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        text = BETWEEN_DIGITS.sub("", value.strip())
        if POWER.fullmatch(text):
            raise _Misspelt(
                "needed all the digits of a number, and found it shortened as a spreadsheet shows it (1.2E+10); "
                "format the column there as a number without decimals, and save it again"
            )
        return match[1] if (match := WHOLE.fullmatch(text)) else text

    def _phone(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        bare = PHONE_SIGNS.sub("", value)
        text = bare if re.fullmatch(r"\+?[0-9]+", bare) else value
        return self._whole(text)


class _Misspelt(Exception):
    """A value cannot be understood, or in two ways; says what was needed."""


Reader = Callable[[Spelling, object], object]
READERS: dict[str, Reader] = {
    "message_id": Spelling._whole,
    "parts": Spelling._whole,
    "phone": Spelling._phone,
    "number_to_call": Spelling._phone,
    "cost": Spelling._amount,
    "sent_at": Spelling._moment,
    "requested_at": Spelling._moment,
    "account": lambda _, value: value.strip() if isinstance(value, str) else value,
}


def _local(text: str) -> date | None:
    """A date and a time as people and spreadsheets write them, or a date alone; None for anything else."""
    match = LOCAL.fullmatch(text)
    if match:
        day = match["iso"] or f"{match['y']}-{match['m']}-{match['d']}"
        text = f"{day}T{match['hour']:0>2}:{match['rest'].replace(',', '.')}"
    elif DAY.fullmatch(text):
        text = "-".join(reversed(text.split(".")))
    for read in (date.fromisoformat, datetime.fromisoformat):
        with contextlib.suppress(ValueError):
            return read(text)
    return None


def _key(name: str) -> str:
    """A name without what programs change in it: case, blanks, hyphens and underscores."""
    return re.sub(f"[{BLANKS}\ufeff_-]", "", name).casefold()


def _shown(name: str) -> str:
    """A name as it may be shown; empty for one that is more like a value."""
    return name if NAME.fullmatch(name) and not DIGITS_OF_A_VALUE.search(name) else ""


def _listed(names: Iterable[str]) -> str:
    """Columns by their names, if they have one that may be shown."""
    hidden = {True: "a column without a name", False: "a column whose name is more like a value"}
    return ", ".join(dict.fromkeys(repr(_shown(name)) if _shown(name) else hidden[name == UNNAMED] for name in names))
