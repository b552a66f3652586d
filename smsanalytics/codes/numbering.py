"""National telephone numbers → international ones, where an account says how its country numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST = 15  #: digits of an international number (E.164)
NATIONAL = "8[3489][0-9]{9}|9[0-9]{9}|0[0-9]{6,14}"  #: what no international number, or hardly any, is like


@dataclass(frozen=True)
class Numbering:
    """
    How a country's national numbers become international ones.

    A number with ``+`` is international already and stays as it is. Others are national if they are as long as a
    national number, with the trunk prefix or without.

    Parameters
    ----------
    country_code : str
        Stands before the national number abroad, such as ``7``.
    trunk_prefix : str
        Stands before it at home, such as ``8``; empty where nothing does.
    national_length : int
        Digits of a national number without its prefix.

    Examples
    --------
    >>> russian = Numbering("7", "8")
    >>> [russian.international(phone) for phone in ("89001230001", "9001230001", "79001230001", "+84912345678")]
    ['79001230001', '79001230001', '79001230001', '+84912345678']
    >>> Numbering("380", "0", 9).international("0501230001")
    '380501230001'
    """

    country_code: str
    trunk_prefix: str = ""
    national_length: int = 10

    def international(self, phone: str) -> str:
        """Return the international form of a national number, and anything else as it is."""
        if phone.isascii() and phone.isdigit():
            for prefix in (self.trunk_prefix, ""):
                if phone.startswith(prefix) and len(phone) == len(prefix) + self.national_length:
                    return self.country_code + phone[len(prefix) :]
        return phone


@dataclass
class Phones:
    """
    Makes the phones of a batch international, and counts what it did and could not do.

    Attributes
    ----------
    numberings : mapping of str to Numbering
        By account.
    every : Numbering, optional
        Of all other accounts.
    rewritten, national : Counter of str
        By account: numbers that were made international, and those that seem national where no numbering is set.

    Examples
    --------
    >>> phones = Phones({"shop": Numbering("7", "8")})
    >>> phones.of("shop", "89001230001"), phones.of("default", "89001230001")
    ('79001230001', '89001230001')
    >>> phones.done()
    ['1 national number of account shop was stored with the country code']
    """

    numberings: Mapping[str, Numbering] = field(default_factory=dict)
    every: Numbering | None = None
    rewritten: Counter[str] = field(default_factory=Counter)
    national: Counter[str] = field(default_factory=Counter)

    def of(self, account: str, phone: str) -> str:
        """Return the phone as it is to be stored."""
        numbering = self.numberings.get(account, self.every)
        if numbering is None:
            self.national[account] += bool(re.fullmatch(NATIONAL, phone))
            return phone
        international = numbering.international(phone)
        self.rewritten[account] += international != phone
        return international

    def done(self) -> list[str]:
        """Sentences about the numbers that were made international."""
        return [
            f"{many(count)} of account {account} {'was' if count == 1 else 'were'} stored with the country code"
            for account, count in self.rewritten.items()
            if count
        ]

    def undone(self, todo: str | None = None) -> list[str]:
        """Sentences about the numbers that seem national, and were left as they are; `todo` instead of settings."""
        return [
            f"{many(count)} of account {account} {'was' if count == 1 else 'were'} stored as given, "
            f"so that no callback will match; {todo or to_set(account)}"
            for account, count in self.national.items()
            if count
        ]


def many(count: int) -> str:
    """
    Count national numbers in words.

    Examples
    --------
    >>> many(1), many(2000)
    ('1 national number', '2,000 national numbers')
    """
    return f"{count:,} national number{'' if count == 1 else 's'}"


def to_set(account: str) -> str:
    """What to set so that the national numbers of an account become international."""
    return f'set country_code and trunk_prefix in [accounts.{account}], such as "7" and "8"'
