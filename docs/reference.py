"""
Write docs/reference/ from the code: ``python docs/reference.py``.

What is said there is said once, in a docstring, a help text or a table of the package; a test compares the pages.
"""

# ruff: noqa: E501 - a meaning is one line

from __future__ import annotations

import csv
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import typer.main
from pydantic import BaseModel, SecretStr

import smsanalytics as sms
from smsanalytics import charts, codes, collector, metrics
from smsanalytics.analysis import query
from smsanalytics.analysis.queries import Queries
from smsanalytics.analysis.query import MessageOptions, QueryOptions
from smsanalytics.cli import app
from smsanalytics.metrics.messages import AGE, CALENDAR, HANDED_OUT
from smsanalytics.settings import Settings
from smsanalytics.storage.schema import COLUMNS, HIDDEN, MESSAGES

HERE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/reference.py from the code; edit that, and run `python docs/reference.py`. -->\n"
WIDTH = 100  #: of the help of a command
EMPTY = inspect.Parameter.empty


def pages() -> dict[str, str]:
    """Every page of the reference: its name, and its text."""
    made = {
        "cli.md": cli(),
        "python.md": python(),
        "settings.md": settings(),
        "codes.md": code_tables(),
        "tables.md": tables(),
    }
    return {name: NOTE + "\n" + "\n\n".join(parts).rstrip() + "\n" for name, parts in made.items()}


def cli() -> Iterator[str]:
    """Every command with its ``--help``."""
    group: Any = typer.main.get_command(app)
    yield "# Command line"
    yield (
        '`smsanalytics COMMAND --help` prints the same. Exit codes: 0 done, 1 the answer is "no" (the demo\'s counts '
        "differ, the simulator was not accepted, a report is owed, the doctor or the check found something, a number is not "
        "forgotten everywhere), 2 wrong usage or settings, with one line that says what to do."
    )
    yield "\n".join(f"- [`smsanalytics {name}`](#smsanalytics-{name})" for name in group.commands)
    for name, command in group.commands.items():
        yield f"## smsanalytics {name}"
        for title, one in _with_subcommands(f"smsanalytics {name}", command):
            yield f"```text\n{_help(title, one)}\n```"


def _with_subcommands(title: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield title, command
    for name, one in getattr(command, "commands", {}).items():
        yield from _with_subcommands(f"{title} {name}", one)


def _help(title: str, command: Any) -> str:
    command.rich_markup_mode = None  # plain text, whatever the terminal
    context = command.context_class(command, info_name=title, terminal_width=WIDTH, max_content_width=WIDTH)
    return str(command.get_help(context)).rstrip()


def python() -> Iterator[str]:
    """What `import smsanalytics as sms` gives."""
    yield "# Python"
    yield (
        "`import smsanalytics as sms`. A `store` answers questions with pandas frames; `sms.metrics` are the same "
        "definitions as functions on frames of any engine; `sms.charts` draws what either returns."
    )
    rooms: dict[str, list[tuple[str, Any]]] = {
        "Open a store": [("sms.open_store", sms.open_store), ("sms.load_sample", sms.load_sample)],
        "Ask it": [
            ("Queries", Queries),
            *_members("store", Queries),
            ("QueryOptions", QueryOptions),
            ("MessageOptions", MessageOptions),
        ],
        "Its tables": [("sms.Store", sms.Store), *_members("store", sms.Store)],
        "Metrics": [("sms.metrics", metrics), *_exported("sms.metrics", metrics)],
        "Charts": [("sms.charts", charts), *_exported("sms.charts", charts)],
        "Codes": [("smsanalytics.codes", codes), ("codes.cause_of", codes.cause_of), ("codes.Code", codes.Code)],
        "Collect in your own application": [
            ("smsanalytics.collector.create_app", collector.create_app),
            ("smsanalytics.collector.create_admin_app", collector.create_admin_app),
        ],
    }
    yield "\n".join(
        f"- {title}: "
        + " · ".join(f"[`{name.rpartition('.')[2]}`](#{_anchor(_heading(name, one))})" for name, one in members)
        for title, members in rooms.items()
    )
    yield (
        "The examples are run by the tests. In them `example_store` is a small store of two messages, a reply and a "
        "confirmed number, `store` is it opened, and `own_store` is a copy that may be written."
    )
    yield "The columns that `by` and `where` take:"
    words = [(f"`{name}`", ", ".join(f"`{word}`" for word in found)) for name, found in sorted(vars(query).items())
             if name.startswith("BY_")]  # fmt: skip
    yield table(("", "Columns"), words)
    for title, members in rooms.items():
        yield f"## {title}"
        for name, one in members:
            yield f"### {_heading(name, one)}"
            if signature := _signature(name, one):
                yield signature
            yield from documented(inspect.getdoc(one) or "")


def _members(prefix: str, owner: type) -> list[tuple[str, Any]]:
    return [
        (f"{prefix}.{name}", member)
        for name, member in vars(owner).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    ]


def _exported(prefix: str, module: types.ModuleType) -> list[tuple[str, Any]]:
    return [(f"{prefix}.{name}", getattr(module, name)) for name in module.__all__]


def _heading(name: str, one: Any) -> str:
    return f"{name}()" if inspect.isfunction(one) else name


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")


def _signature(name: str, one: Any) -> str | None:
    if not inspect.isfunction(one):
        return None
    said, starred = [], False
    for parameter in inspect.signature(one).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            starred = True
            said.append("*")
        default = "" if parameter.default is EMPTY else f"={_value(parameter.default)}"
        said.append(f"{parameter.name}{default}")
    line = f"{name}({', '.join(said)})"
    if len(line) > WIDTH:
        line = f"{name}(\n    " + ",\n    ".join(said) + ",\n)"
    return f"```text\n{line}\n```"


def _value(value: Any) -> str:
    """A default as one would write it."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    if hasattr(value, "total_seconds"):
        minutes = value.total_seconds() / 60
        return f"timedelta(hours={minutes / 60:g})" if minutes % 60 == 0 else f"timedelta(minutes={minutes:g})"
    return f'"{value.date()}"' if hasattr(value, "date") else repr(value)


def documented(text: str) -> Iterator[str]:
    """A docstring in the manner of numpydoc, as Markdown."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$\n", text, flags=re.MULTILINE)
    yield from _prose(parts[0])
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        yield f"**{title}**"
        if title == "Examples":
            yield f"```pycon\n{_example(body)}\n```"
        elif title in ("Notes", "References"):
            yield from _prose(body)
        else:
            yield "\n".join(_entries(body, named=title in ("Parameters", "Attributes", "Raises")))


def _example(body: str) -> str:
    return re.sub(r"  # (noqa|doctest):? ?.*$", "", textwrap.dedent(body).strip(), flags=re.MULTILINE)


def _prose(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.startswith(">>>"):
            yield f"```pycon\n{_example(paragraph)}\n```"
        elif paragraph:
            yield _inline(paragraph)


def _entries(body: str, *, named: bool) -> Iterator[str]:
    """``name : type`` and its description, indented below; without a type a name or, in what is returned, a type."""
    for entry in re.split(r"\n(?=\S)", body.strip()):
        head, _, rest = entry.partition("\n")
        names, colon, kind = head.partition(" : ")
        if colon or named:
            said = ", ".join(f"`{name.strip('*')}`" for name in names.split(", "))
            said += f" ({_inline(kind)})" if colon else ""
        else:
            said = _inline(head)
        first, *more = _described(textwrap.dedent(rest)) or [""]
        if first.startswith("  -"):
            first, more = "", [first, *more]
        yield f"- {said}{': ' if first or more else ''}{first.strip()}".rstrip()
        yield from more


def _described(text: str) -> list[str]:
    """Paragraphs below an entry, and what is listed in them: columns and their meaning."""
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        for line in re.split(r"\n(?=``[^`\n]+``[^\n]* : )", paragraph):
            name, colon, meaning = line.partition(" : ")
            if colon and name.startswith("``"):
                found.append(f"  - {_inline(name)}: {_inline(meaning)}")
            elif line:
                found.append(("\n" if found else "") + f"  {_inline(line)}")
    return found


def _inline(text: str) -> str:
    """One line of Markdown: ``code`` becomes `code`, a footnote keeps its number."""
    line = re.sub(r"\s*\n\s*", " ", text.strip())
    line = re.sub(r"``(.+?)``", r"`\1`", line)
    line = re.sub(r"\[(\d+)\]_", r"[\1]", line)
    line = re.sub(r"^\.\. \[(\d+)\]", r"[\1]", line)
    return re.sub(r"\s+", " ", line)


def settings() -> Iterator[str]:
    """Every setting with its type and default."""
    yield "# Settings"
    yield (
        "In `smsanalytics.toml` in the working directory, or in the file that `--config` names; each also in the "
        "environment as `SMSANALYTICS_` and its name in capitals, with `__` between levels: "
        "`SMSANALYTICS_ACCOUNTS__SHOP__CHARSET=utf-8`. What the command line says wins over the environment, and that "
        "over the file. A name that is no setting is an error, and no error shows a value."
    )
    yield (
        "The file is UTF-8, or UTF-16 with its mark. In a variable a list is a value, values with commas between them, or "
        "JSON; a table is JSON, or a variable for each of its values. Spaces and line ends around a secret do not count, "
        "wherever it stands. Variables that Kubernetes or Docker make for a service called smsanalytics set nothing."
    )
    for model, place in _models(Settings, ""):
        yield f"## {_place(place)}"
        text = inspect.getdoc(model) or ""
        yield from _prose(re.split(r"^Attributes\n-+$", text, flags=re.MULTILINE)[0])
        rows, left = [], dict(model.model_fields)
        for names, meaning in _attributes(text):
            fields = [left.pop(name) for name in names]  # raises where there is no such setting
            kinds = dict.fromkeys(_type(field.annotation) for field in fields)
            defaults = [default for field in fields if (default := _default(field))]
            rows.append((", ".join(f"`{name}`" for name in names), ", ".join(kinds), ", ".join(defaults), meaning))
        if left:
            raise LookupError(f"the docstring of {model.__name__} says nothing of {', '.join(left)}")
        yield table(("Setting", "Type", "Default", ""), rows)


def _models(model: type[BaseModel], place: str) -> Iterator[tuple[type[BaseModel], str]]:
    """A model, and those that its settings are made of."""
    yield model, place
    for name, field in model.model_fields.items():
        for inner in _leaves(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                several = get_origin(_needed(field.annotation)) is dict
                yield from _models(inner, f"{place}{name}.{'NAME.' if several else ''}")


def _place(place: str) -> str:
    return f"[{place.rstrip('.')}]" if place else "At the top"


def _leaves(annotation: Any) -> Iterator[Any]:
    inner = get_args(annotation)
    if not inner or get_origin(annotation) is Literal:
        yield annotation
    for one in inner if get_origin(annotation) is not Literal else ():
        yield from _leaves(one)


def _needed(annotation: Any) -> Any:
    """Of an optional setting, what it is when it is there."""
    if get_origin(annotation) in (Union, types.UnionType):
        several = [inner for inner in get_args(annotation) if inner is not type(None)]
        return _needed(several[0]) if len(several) == 1 else annotation
    if hasattr(annotation, "__metadata__"):
        return _needed(get_args(annotation)[0])
    return annotation


NAMES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Path: "path",
    SecretStr: "secret",
    IPv4Network | IPv6Network: "address or network",
}


def _type(annotation: Any) -> str:
    kind = _needed(annotation)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in inner)
    if origin in (tuple, list):
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"table of {_type(inner[1])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "table"
    return NAMES.get(kind, getattr(kind, "__name__", str(kind)).lower())


def _default(field: Any) -> str:
    if field.is_required():
        return "needed"
    value = field.default
    if value is None or value in ({}, ()):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (tuple, list)):
        return " ".join(f"`{one}`" for one in value)
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _attributes(text: str) -> Iterator[tuple[list[str], str]]:
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$\n", text, flags=re.MULTILINE)
    body = dict(zip(parts[1::2], parts[2::2], strict=True)).get("Attributes", "")
    for entry in re.split(r"\n(?=\S)", body.strip()):
        names, _, meaning = entry.partition("\n")
        yield names.partition(" : ")[0].split(", "), _inline(textwrap.dedent(meaning))


def code_tables() -> Iterator[str]:
    """The provider's codes in both languages."""
    yield "# Codes"
    yield (
        "The provider's statuses, reasons (`err`) and message types, as `smsanalytics/codes/` has them. The column "
        '"how sure" says where a meaning comes from: *documented* is a page of the provider, *seen in clients* is '
        "code that others run, *inferred* is our reading. The advice is ours, not the provider's. A code that is not "
        "listed is kept, and shown as unknown."
    )
    yield (
        "In Python: `from smsanalytics import codes`; `codes.STATUSES`, `codes.ERRORS`, `codes.TYPES`, and "
        "`codes.cause_of(status, err)` for the row that explains a failure: the reason, where one was given, else the "
        "status."
    )
    yield "## Statuses"
    yield (
        "The provider does not say which statuses are final: the outcome is inferred from the definitions. `failure` "
        "with a later report of success counts as delivered."
    )
    surely = _confidence("status_codes")
    rows = [(one.code, one.name, one.outcome, one.meaning_en, one.meaning_ru, surely[one.code])
            for one in codes.STATUSES.values()]  # fmt: skip
    yield table(("Code", "Name", "Outcome", "Meaning", "Значение", "How sure"), rows)
    yield "## Reasons"
    yield "The field `err` of a status. 200 means that nothing was really sent; such messages are in no metric."
    surely = _confidence("error_codes")
    rows = [(one.code, one.name, one.meaning_en, one.meaning_ru, surely[one.code]) for one in codes.ERRORS.values()]
    yield table(("Code", "Name", "Meaning", "Значение", "How sure"), rows)
    yield "## What to do"
    for title, kind in (("By status, where no reason was given", codes.STATUSES), ("By reason", codes.ERRORS)):
        yield f"### {title}"
        advice = [(one.code, one.action_en, one.action_ru) for one in kind.values() if one.action_en]
        yield table(("Code", "Action", "Действие"), advice)
    yield "## Message types"
    yield "Metrics count 0 to 3, and messages without a type; the others are asked for with `type=`."
    surely = _confidence("message_types")
    rows = [(one.code, one.name, one.meaning_en, one.meaning_ru, surely[one.code]) for one in codes.TYPES.values()]
    yield table(("Code", "Name", "Meaning", "Значение", "How sure"), rows)


def _confidence(name: str) -> dict[int, str]:
    text = files("smsanalytics").joinpath("codes", f"{name}.csv").read_text("utf-8")
    found = {row["code"]: row["confidence"] for row in csv.DictReader(text.splitlines())}
    return {int(code): surely for code, surely in found.items() if code.lstrip("-").isdigit()}


OF_TABLES = {
    "statuses": "Every delivery status as it came, repetitions included.",
    "incoming": "Every SMS of a subscriber.",
    "confirmations": "Every call by which a subscriber confirmed a number.",
    "call_events": "Keys pressed in voice menus, once `call_events` of the account names their fields.",
    "sends": "What your own systems told of messages they handed over.",
    "confirmation_requests": "What your own systems told of numbers they asked to confirm by a call.",
    "rejected": "Callbacks that were refused.",
}
MEANINGS = {
    "account": "account of the settings whose handler address was called",
    "message_id": "the provider's `id`; one send to several numbers shares it, so a message is (`account`, `message_id`, `phone`)",
    "phone": "digits without `+`; an address, an `@name` or `#id` of a messenger, or the name of a sender in lower case; as it came in `extra` where that differs",
    "status": "the provider's status code",
    "err": "its reason",
    "status_at": "when the status happened: see `time_source`",
    "received_at": "when the collector had it on the disk",
    "time_source": "where `status_at` is from: `ts` (Unix time), `time` (text, in the account's `zone`), or `received` where neither came or was believable (from 30 days before receipt to an hour after)",
    "type": "message type",
    "parts": "SMS it was made of; of a call its seconds",
    "cost": "in the currency of the account",
    "sender": "sender name",
    "operator": "of the subscriber",
    "mcc": "country code of the network",
    "mnc": "operator code of the network",
    "country": "of the subscriber",
    "region": "of the subscriber",
    "flag": "the provider's bit field; its bits are not documented",
    "signed_by": "the algorithms that verified, such as `md5` or `md5+sha1`; `none` if unverified",
    "key": "label of the secret that verified it",
    "copies": "how often it was told; handed out as the sum over its repetitions",
    "claimed_at": "the time that came as text, where it is not believed",
    "repeated_at": "receipts of its repetitions, as far as they were merged into this row",
    "extra": "fields without a column under the provider's names, and what did not convert under ours",
    "incoming_id": "the provider's `id` of the incoming SMS, a sequence of its own",
    "to_number": "your receiving number, digits",
    "text": "as sent; may be empty",
    "sent_at": "when it was sent",
    "called_at": "when the subscriber called (signed)",
    "stale": "whether that is more than 15 minutes from its receipt: such a call confirms nothing",
    "keys": "1 to 32 of `0-9*#`",
    "tag": "your own word for what it was for",
    "purpose": "your own word for why it was asked",
    "source": "how you told of it: `http`, `import` or `api` (Python)",
    "requested_at": "when you asked",
    "number_to_call": "the number shown to the subscriber",
    "request_id": "your own",
    "reason": "`signature` or `address` (403), `structure` or `malformed` (400), `journal` (a line of the journal that could not be read)",
    "remote": "address that it came from; behind a proxy that of the proxy",
    "body": "as it came, secrets masked",
    "first_seen_at": "time of its first event, a send or a status; its UTC date is that of the file",
    "last_sent_at": "when you sent it last, where you reported several sends",
    "first_status_at": "time of its first status",
    "last_status_at": "time of its latest status",
    "opened_at": "first report of -2, -1 or 0",
    "accepted_at": "first report of 0, passed to the operator",
    "delivered_at": "first report of 1, 2 or 4",
    "read_at": "first report of 2 or 4",
    "clicked_at": "first report of 4",
    "failed_at": "last report of a failure",
    "delivered_code": "latest report of a delivery, packed: seconds since `delivered_at` · 2^25 + (status + 129, or 0 beyond -128 to 127) · 2^16 + (err + 1, or 0)",
    "failed_code": "latest report of a failure, packed the same, since `failed_at`",
    "unknown_code": "latest status that no list explains, packed the same, since `first_status_at`",
    "open_code": "latest of -2, -1 and 0, packed the same, since `opened_at`",
    "hlr": "whether it is an HLR lookup, by its type or its fields",
    "test_mode": "whether any status had `err` 200: nothing was really sent",
    "untimed": "whether a status of it came without a believable time",
    "terms_at": "receipt of the report that `type` and `sender` are from, µs since `received_at`; 5·10^15 more if a send told it",
    "price_at": "receipt of the report that `parts` and `cost` are from, likewise",
    "network_at": "receipt of the report that the network is from, likewise",
    "state": "`delivered`, `failed`, `pending`, `stuck` or `unknown`",
    "contradictory": "whether reported delivered and failed; it counts as delivered",
    "delivery_seconds": "from `sent_at`, else from the first open status, to `delivered_at`; missing without either, and when negative",
    "day": "local day of `sent_at`, else of `first_status_at`: midnight, without zone",
    "hour": "local hour of it, 0 to 23",
    "weekday": "Monday is 1",
    "week": "its Monday",
    "month": "its first day",
    "matured": "whether it was at least as old as the horizon",
    "age_seconds": "from the start of `delivery_seconds` to `as_of`; missing without a start",
    "delivered_age_seconds": "from the first report of delivery to `as_of`; missing without one",
}  # fmt: skip
ELSEWHERE = {  # where a word means something else in a table
    ("incoming", "sent_at"): "when the provider says it was sent; missing where that is not believable",
    ("messages", "sent_at"): "when you sent it, where you told of it",
    ("sends", "phone"): "digits without `+`; an address, or an `@name` or `#id` of a messenger, in lower case",
    ("confirmation_requests", "phone"): "digits without `+`, of who is to call",
    ("sends", "received_at"): "when it was told",
    ("confirmation_requests", "received_at"): "when it was told",
    ("messages", "received_at"): "its first receipt",
    ("statuses", "hlr"): "whether it is of an HLR lookup, by its type or its fields",
    (
        "messages",
        "status",
    ): "the status shown: the latest of the class that decides `state`; of several in a second the largest code",
    ("messages", "err"): "of that status; 200 if any status said that nothing was really sent",
    ("messages", "type"): "message type, as first reported",
    ("messages", "sender"): "as first reported, with `type`",
    ("messages", "parts"): "as first reported, with `cost`",
    ("messages", "cost"): "as first reported, in the currency of the account",
    ("messages", "operator"): "as first reported, with the other columns of the network",
}
HANDED_OUT_TYPES = {
    "status": "SMALLINT", "err": "INTEGER", "state": "VARCHAR", "contradictory": "BOOLEAN",
    "delivery_seconds": "BIGINT", "day": "TIMESTAMP", "week": "TIMESTAMP", "month": "TIMESTAMP",
    "hour": "SMALLINT", "weekday": "SMALLINT", "matured": "BOOLEAN", "age_seconds": "BIGINT",
    "delivered_age_seconds": "BIGINT",
}  # fmt: skip


def tables() -> Iterator[str]:
    """The columns of every table."""
    yield "# Tables"
    yield (
        "Times are UTC. Types are DuckDB's: `VARCHAR` is text, `TIMESTAMPTZ` a moment, `MAP(VARCHAR, VARCHAR)` names "
        "and texts. Files: `DATA/<table>/date=YYYY-MM-DD/*.parquet`, by the UTC date of receipt; "
        "[how to read them with other tools](../how-to/read-the-parquet-with-other-tools.md). A column in *italics* "
        "is in the files and is not handed out by the store."
    )
    for name, columns in COLUMNS.items():
        yield f"## {name}"
        yield OF_TABLES[name]
        yield _columns(name, columns, HIDDEN.get(name, {}))
    yield "## messages"
    yield (
        "One row per message. The files keep what does not depend on the moment one looks from; `store.messages()` and "
        "`sms.metrics.prepare` make the rest of it."
    )
    yield "### As handed out"
    handed_out = {name: MESSAGES.get(name) or HANDED_OUT_TYPES[name] for name in (*HANDED_OUT, *CALENDAR, *AGE)}
    yield _columns("messages", handed_out, {})
    yield "### As stored"
    yield "`messages/date=YYYY-MM-DD/<generation>.parquet`; `messages/live.json` says which generation counts."
    yield _columns("messages", MESSAGES, {})


def _columns(name: str, columns: Mapping[str, str], hidden: Mapping[str, str]) -> str:
    shown = [(f"`{column}`", kind, _meaning(name, column)) for column, kind in columns.items()]
    shown += [(f"*{column}*", kind, _meaning(name, column)) for column, kind in hidden.items()]
    return table(("Column", "Type", ""), shown)


def _meaning(name: str, column: str) -> str:
    return ELSEWHERE.get((name, column)) or MEANINGS[column]


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of Markdown."""
    escaped: Callable[[Any], str] = lambda cell: str(cell).replace("|", "\\|").replace("\n", " ")  # noqa: E731
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(escaped, line))} |" for line in lines)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for page, content in pages().items():
        (HERE / page).write_text(content, "utf-8")
        print(f"wrote docs/reference/{page}")
