"""What is wrong with a setting, in words: what was needed, what was found, what was probably meant; never a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from smsanalytics.errors import meant
from smsanalytics.settings.environment import PREFIX, variable
from smsanalytics.settings.given import Keys
from smsanalytics.settings.model import Settings

NEEDS = {  # kind of error: what was needed; in braces what the rule says
    "missing": "is needed, and is not set",
    "int_type": "needs a whole number",
    "int_parsing": "needs a whole number",
    "int_from_float": "needs a whole number",
    "float_type": "needs a number",
    "float_parsing": "needs a number",
    "bool_type": "needs true or false",
    "bool_parsing": "needs true or false",
    "string_type": "needs text in quotes",
    "path_type": "needs a path in quotes",
    "tuple_type": 'needs a list, such as ["first", "second"]',
    "dict_type": "needs a table: a line [{table}], and lines NAME = VALUE below it",
    "model_type": "needs a table: a line [{table}], and lines NAME = VALUE below it",
    "literal_error": "needs {expected}",
    "greater_than": "needs more than {gt:g}",
    "greater_than_equal": "needs {ge:g} or more",
    "less_than_equal": "needs {le:g} or less",
    "string_too_short": "needs {min_length} characters or more",
}
KINDS = {bool: "true or false", str: "text", int: "a number", float: "a number", list: "a list", dict: "a table"}
TABLES = {"accounts": "[accounts.NAME]", "reports": "[reports.NAME]", "mail": "[mail]"}


def in_words(error: ErrorDetails, keys: Keys, place: str) -> str:
    """
    What is wrong.

    Parameters
    ----------
    error : ErrorDetails
        Of pydantic.
    keys, place : tuple and str
        Which setting it is, and what a person calls the place where it was given.

    Examples
    --------
    >>> in_words({"type": "int_type", "loc": ("port",), "msg": "", "input": [1]}, ("port",), "--port")
    'needs a whole number; found a list'
    """
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"there is no such setting{_hint(keys, place)}"
    rule = {"table": ".".join(map(str, keys)), **error.get("ctx", {})}
    needed = NEEDS[kind].format(**rule) if kind in NEEDS else error["msg"].removeprefix("Value error, ")
    if keys[-1] == "[key]" and kind == "literal_error":
        right = meant(str(keys[-2]), re.findall("'(.+?)'", rule["expected"]))
        return f"there is no such setting; {f'did you mean {right}?' if right else needed}"
    if error["input"] == "":
        return f"{needed}; it is empty"
    if kind.endswith("_type"):
        return f"{needed}; found {KINDS.get(type(error['input']), 'something else')}"
    return needed


def kind_of(keys: Keys) -> type | None:
    """
    What these keys lead to: a `dict`, a `list`, or None for anything else.

    Examples
    --------
    >>> kind_of(("accounts", "shop")), kind_of(("accounts", "shop", "addresses")), kind_of(("port",))
    (<class 'dict'>, <class 'list'>, None)
    """
    annotation = _annotation(keys)
    if _is_model(annotation) or get_origin(annotation) is dict:
        return dict
    return list if get_origin(annotation) is tuple else None


def _hint(keys: Keys, place: str) -> str:
    above, name = _annotation(keys[:-1]), str(keys[-1])
    if not _is_model(above):
        return ""
    in_environment = place.upper().startswith(PREFIX)
    if in_environment and above is Settings and name.startswith(tuple(f"{table}_" for table in (*TABLES, "retention"))):
        return f"; between levels there are two underscores, such as {variable(('accounts', 'shop', 'charset'))}"
    if right := meant(name, above.model_fields):
        shown = variable((*map(str, keys[:-1]), right)) if in_environment else right
        return f"; did you mean {shown}?"
    if above is not Settings and name in Settings.model_fields:
        return f"; {name} stands above the first [table] of the file"
    for table, head in TABLES.items():
        if above is Settings and name in _fields_below(table):
            return f"; it belongs below {head}"
    return ""


def _fields_below(table: str) -> Iterator[str]:
    annotation = _annotation((table,) if table == "mail" else (table, "NAME"))
    yield from annotation.model_fields


def _annotation(keys: Keys) -> Any:
    """The type that these keys lead to; None where there is nothing."""
    found: Any = Settings
    for key in keys:
        if _is_model(found):
            field = found.model_fields.get(key)
            found = _plain(field.annotation) if field else None
        else:
            found = _plain(get_args(found)[1]) if get_origin(found) is dict else None
    return found


def _plain(annotation: Any) -> Any:
    """A type without what is optional or checked about it."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _plain(next(inner for inner in get_args(annotation) if inner is not type(None)))
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
