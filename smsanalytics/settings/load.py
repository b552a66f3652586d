"""Reads the settings, and lists all that is wrong with them."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smsanalytics.errors import SettingsError
from smsanalytics.settings import environment, toml
from smsanalytics.settings.given import Given, Keys
from smsanalytics.settings.mistake import in_words, kind_of
from smsanalytics.settings.model import DEFAULT_ACCOUNT, Settings

DEFAULT_FILE = Path("smsanalytics.toml")
SHORT: dict[Keys, Keys] = {  # settings that have a short form
    ("accounts", DEFAULT_ACCOUNT, "secrets", DEFAULT_ACCOUNT): ("secret",),
    ("accounts", DEFAULT_ACCOUNT, "secret_file"): ("secret_file",),
}

NAMED: set[Keys] = {("accounts",), ("reports",)}  #: tables of tables, of which the others hold when one is wrong

log = logging.getLogger("smsanalytics.settings")


@dataclass(frozen=True)
class Read:
    """
    Settings as they were found.

    Attributes
    ----------
    settings : Settings
        Without what is wrong.
    mistakes : list of str
        What is wrong, and where; never a value.
    unknown : frozenset of str
        Settings at the top of which the value is not known, or not all of it.
    sources : str
        Where they are from.
    """

    settings: Settings
    mistakes: list[str]
    unknown: frozenset[str]
    sources: str


def load(config: Path | None = None, **given: Any) -> Settings:
    """
    Read the settings: what is given here wins over the environment, and that over the file.

    Parameters
    ----------
    config : Path, optional
        The file; ``smsanalytics.toml`` in the working directory if there is one.
    **given
        Single settings, from the command line; None counts as not given.

    Returns
    -------
    Settings

    Raises
    ------
    SettingsError
        With a line for every wrong setting that names its place, and never a value.
    """
    found = read(config, **given)
    if found.mistakes:
        raise SettingsError("\n".join(found.mistakes))
    return found.settings


def read(config: Path | None = None, **given: Any) -> Read:
    """
    Read the settings as `load` does, and go on where something is wrong: to examine what is left.

    Raises
    ------
    SettingsError
        If there is no file of that name.
    """
    if config is not None and not config.exists():
        raise SettingsError(f"there is no settings file {config}")
    variables = environment.read(os.environ, kind_of)
    if variables.ignored:
        log.info(
            "ignored %d variables that a container orchestrator makes for services, such as %s",
            len(variables.ignored), variables.ignored[0],
        )  # fmt: skip
    options = {name: value for name, value in given.items() if value is not None}
    on_the_command_line = Given(options, {(name,): f"--{name.replace('_', '-')}" for name in options})
    mistakes, unknown, from_file = list(variables.mistakes), set[str](), Given()
    path = config or DEFAULT_FILE
    there = path.exists() or path.is_symlink()
    try:
        from_file = toml.read(path) if there else Given()
    except SettingsError as error:
        mistakes.insert(0, str(error))
        unknown = set(Settings.model_fields) - options.keys() - variables.given.values.keys()
    standing = variables.given.over(from_file)
    of_the_standing = _checked(standing)  # must hold by itself: the maintenance is given no more
    of_all = _checked(on_the_command_line.over(standing))
    mistakes += dict.fromkeys([*of_the_standing.mistakes, *of_all.mistakes])
    file = str(path) if there else f"no {path} in {Path.cwd()}"
    return Read(
        of_all.settings, mistakes, frozenset(unknown | of_all.unknown),
        f"{file}, {len(variables.given.places)} variables of the environment",
    )  # fmt: skip


def _checked(given: Given) -> Read:
    """These values, without each account, report or other table in which something is wrong."""
    mistakes: list[str] = []
    wrong: list[Keys] = []
    left = given
    while errors := _errors(left):
        found = [(SHORT[error["loc"]] if _is_short(error["loc"], given) else error["loc"], error) for error in errors]
        for keys, error in sorted(found, key=lambda pair: given.rank(pair[0])):
            if not any(known[: len(keys)] == keys for known in wrong):  # else it only follows from what was taken out
                mistakes.append(f"{given.place(keys) or 'settings'}: {in_words(error, keys, given.place(keys))}")
        left = left.without(*(keys for keys, _ in found))
        wrong += [keys for keys, _ in found]
    whole = given.without(*(keys[: 2 if keys[:1] in NAMED else 1] for keys in wrong))
    unknown = {str(name) for keys in wrong for name in keys[:1] or Settings.model_fields}
    return Read(Settings.model_validate(whole.values), mistakes, frozenset(unknown), "")


def _errors(given: Given) -> list[ErrorDetails]:
    try:
        Settings.model_validate(given.values)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _is_short(keys: Keys, given: Given) -> bool:
    return keys in SHORT and SHORT[keys][0] in given.values
