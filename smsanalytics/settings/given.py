"""Values that somebody gave, and where: so that a wrong value can be found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

Keys = tuple[str | int, ...]  #: of tables in tables, and numbers of items in lists


@dataclass(frozen=True)
class Given:
    """
    Nested values, with the place of each.

    Attributes
    ----------
    values : dict
        Tables in tables.
    places : dict of tuple to str
        Keys to what a person calls this place: a line of a file, a variable, an option.
    """

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Keys, str] = field(default_factory=dict)

    def over(self, other: Self) -> Self:
        """
        These values, and below them those of another source.

        Examples
        --------
        >>> Given({"mail": {"port": 25}}).over(Given({"mail": {"port": 587, "host": "mail.example.org"}})).values
        {'mail': {'port': 25, 'host': 'mail.example.org'}}
        """
        return type(self)(merged(other.values, self.values), {**other.places, **self.places})

    def without(self, *wrong: Keys) -> Self:
        """
        All but what any of these keys lead to, or else the innermost table on their way, or else nothing.

        Examples
        --------
        >>> given = Given({"port": 1, "mail": {"host": "mail.example.org"}, "data": "data"})
        >>> given.without(("mail", "sender"), ("mail", "host"), ("port",)).values
        {'data': 'data'}
        """
        values = self.values
        for keys in {_reached(self.values, keys) for keys in wrong}:
            values = _without(values, keys) if keys else {}
        return type(self)(values, self.places)

    def place(self, keys: Keys) -> str:
        """
        What a person calls the place of these keys.

        Examples
        --------
        >>> given = Given({}, {("mail",): "smsanalytics.toml, line 3: mail", ("port",): "--port"})
        >>> given.place(("mail", "sender")), given.place(("port",)), given.place(("to", 0))
        ('smsanalytics.toml, line 3: mail.sender', '--port', 'to, item 1')
        """
        known = self._known(keys)
        if known is None:
            return _dotted(keys).removeprefix(".")
        return self.places[known] + _dotted(keys[len(known) :])

    def rank(self, keys: Keys) -> int:
        """
        Where these keys stand among all places, in the order of the file.

        Examples
        --------
        >>> given = Given({}, {("mail",): "smsanalytics.toml, line 3: mail", ("port",): "--port"})
        >>> given.rank(("port",)), given.rank(("mail", "sender"))
        (1, 0)
        """
        known = self._known(keys)
        return len(self.places) if known is None else list(self.places).index(known)

    def _known(self, keys: Keys) -> Keys | None:
        """The innermost keys on the way that have a place, or else the first further in."""
        above = (keys[:length] for length in range(len(keys), 0, -1) if keys[:length] in self.places)
        below = (known for known in self.places if keys and known[: len(keys)] == keys)
        return next(above, None) or next(below, None)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """
    Tables in tables, of which the second wins wherever both have a value.

    Examples
    --------
    >>> merged({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}})
    {'a': 1, 'b': {'c': 2, 'd': 3}}
    """
    both = {key: merged(below[key], value) for key, value in above.items()
            if isinstance(value, dict) and isinstance(below.get(key), dict)}  # fmt: skip
    return {**below, **above, **both}


def _reached(values: Any, keys: Keys) -> Keys:
    """As many of these keys as lead somewhere."""
    if not keys or not isinstance(values, dict) or keys[0] not in values:
        return ()
    return keys[0], *_reached(values[keys[0]], keys[1:])


def _without(values: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    first, rest = str(keys[0]), keys[1:]
    left = dict(values)
    inner = left.pop(first, None)
    if rest and isinstance(inner, dict):
        left[first] = _without(inner, rest)
    return left


def _dotted(keys: Keys) -> str:
    return "".join(f", item {key + 1}" if isinstance(key, int) else f".{key}" for key in keys if key != "[key]")
