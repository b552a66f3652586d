"""Variables ``SMSANALYTICS_…`` of the environment, without those that an orchestrator makes for a service."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smsanalytics.settings.given import Given, merged

PREFIX = "SMSANALYTICS_"
LEVELS = "__"
SERVICE = r"SMSANALYTICS_(?:[A-Z0-9]+_)*"  #: of this name, or of one that begins with it
OF_A_SERVICE = (
    re.compile(  # Source: "Accessing the Service" at kubernetes.io, "Legacy container links" at docs.docker.com
        SERVICE + r"(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?|ENV_\w+)"
    )
)
OF_A_SERVICE_BY_VALUE = {  # variable: the form of a value that is no setting
    re.compile(SERVICE + "PORT"): re.compile(r"(?:tcp|udp|sctp)://.*"),
    re.compile(SERVICE + "NAME"): re.compile(r"/.*"),
}


@dataclass
class Variables:
    """
    What the environment says.

    Attributes
    ----------
    given : Given
        Values.
    ignored : list of str
        Variables that an orchestrator made.
    mistakes : list of str
        What could not be read.
    """

    given: Given = field(default_factory=Given)
    ignored: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)


def read(variables: Mapping[str, str], kind_of: Callable[[tuple[str, ...]], type | None]) -> Variables:
    """
    Read the variables that are ours: ``__`` stands between levels, a list is JSON or has commas, a table is JSON.

    Parameters
    ----------
    variables : mapping of str to str
        The environment.
    kind_of : callable
        Of keys, whether they lead to a `list` or to a `dict`; anything else is text.

    Examples
    --------
    >>> variables = {"SMSANALYTICS_MAIL__HOST": "mail.example.org", "SMSANALYTICS_PORT": "tcp://10.0.0.1:8025"}
    >>> found = read(variables, lambda keys: None)
    >>> found.given.values, found.ignored
    ({'mail': {'host': 'mail.example.org'}}, ['SMSANALYTICS_PORT'])
    """
    found = Variables()
    for name in sorted((name for name in variables if name.upper().startswith(PREFIX)), key=_levels):
        text = variables[name].strip("\r\n")
        if _of_a_service(name, text):
            found.ignored.append(name)
            continue
        keys = tuple(name[len(PREFIX) :].lower().split(LEVELS))
        try:
            value = _value(text, kind_of(keys))
        except ValueError as error:
            found.mistakes.append(f"{name}: {error}")
            continue
        found.given.places[keys] = name
        for key in reversed(keys):
            value = {key: value}
        found.given = Given(merged(found.given.values, value), found.given.places)
    return found


def variable(keys: tuple[str, ...]) -> str:
    """
    The variable of a setting.

    Examples
    --------
    >>> variable(("mail", "host"))
    'SMSANALYTICS_MAIL__HOST'
    """
    return PREFIX + LEVELS.join(keys).upper()


def _levels(name: str) -> tuple[int, str]:
    """A whole table first, then what is put into it."""
    return name.count(LEVELS), name


def _of_a_service(name: str, text: str) -> bool:
    by_value = any(known.fullmatch(name) and form.fullmatch(text) for known, form in OF_A_SERVICE_BY_VALUE.items())
    return by_value or OF_A_SERVICE.fullmatch(name) is not None


def _value(text: str, kind: type | None) -> Any:
    if kind is list and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind not in (list, dict):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, kind):
        raise ValueError(
            'needs a list: values with commas between them, or JSON such as ["first", "second"]'
            if kind is list
            else f'needs a table as JSON, such as {{"NAME": …}}, or a variable for each of its values, with {LEVELS}'
        )
    return value
