"""The walls: what each room may know. Data moves to the right, and nothing knows about anything to its right."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "smsanalytics"

MAY_IMPORT = {  # room: rooms of ours it may know
    "errors": set(),
    "codes": set(),
    "numbering": set(),
    "settings": {"settings", "numbering", "errors"},
    "logs": set(),
    "encodings": set(),
    "wire": {"wire", "encodings", "errors", "codes"},
    "collector": {
        "collector",
        "wire",
        "store.journal",
        "store.commit",
        "store.records",
        "store.layout",
        "store.space",
        "numbering",
        "settings",
        "errors",
    },
    "serving": {"serving", "collector", "store.layout", "store.durable", "settings", "errors"},
    "store": {"store", "encodings", "numbering", "errors", "codes"},
    "metrics": {"metrics", "errors", "codes"},
    "charts": {"charts", "errors", "codes"},
    "periods": {"errors"},
    "questions": {"store", "metrics", "periods", "errors"},
    "api": {"store", "metrics", "questions", "periods", "numbering", "errors", "codes"},
    "formats": {"errors"},
    "answers": {"api", "formats", "metrics", "periods", "errors"},
    "report": {"report", "api", "charts", "formats", "metrics.intervals", "periods", "store.durable", "errors"},
    "provider": {"provider", "errors"},
    "doctor": {
        "doctor",
        "periods",
        "report.cron",
        "report.mail",
        "wire.kind",
        "wire.signature",
        "store.durable",
        "store.journal",
        "store.layout",
        "store.freshness",
        "store.space",
        "store.national",
        "numbering",
        "settings",
        "errors",
    },
    "status": {"store.status", "store.waiting", "formats", "errors"},
    "check": {"check", "store", "errors", "codes"},
    "recovery": {
        "collector.accounts",
        "collector.sender",
        "wire",
        "store.rejected",
        "store.journal",
        "store.layout",
        "settings",
        "errors",
    },
    "refusals": {"recovery", "collector.accounts", "collector.sender", "wire", "errors"},
    "difference": set(),
    "sample": {"provider", "wire", "store", "api", "errors", "__version__"},
}
EVERYTHING = {"cli", "demo", "__init__", "__main__"}
HOME = {  # library: the rooms that may use it
    "duckdb": {"store", "api", "questions", "check"},
    "pyarrow": {"store", "metrics"},
    "openpyxl": {"store"},
    "narwhals": {"store", "metrics", "charts"},
    "pandas": {"metrics", "charts", "questions", "formats", "report", "provider", "refusals", "status", "demo"},
    "altair": {"charts"},
    "vl_convert": {"charts"},
    "jinja2": {"report"},
    "nbclient": {"report"},
    "nbconvert": {"report"},
    "apscheduler": {"report"},
    "smtplib": {"report"},
    "starlette": {"collector", "serving"},
    "uvicorn": {"serving"},
    "httptools": {"serving"},
    "prometheus_client": {"collector"},
    "pydantic": {"settings"},
    "typer": {"cli"},
    "platformdirs": {"sample"},
    "rich": {"cli", "check", "formats", "demo", "provider", "sample"},
    "orjson": {"store"},
    "zoneinfo": {"settings", "metrics", "questions", "periods", "provider", "refusals", "report", "store"},
}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute, so that the walls can be read"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def trespasses(path):
    room = room_of(path)
    for name in imported(path):
        first, _, rest = name.partition(".")
        if first == "smsanalytics" and rest and room not in EVERYTHING:
            allowed = MAY_IMPORT[room]
            known = rest.split(".")
            if not ({known[0], ".".join(known[:2])} & allowed) and rest not in {
                one.split(".")[0] for one in allowed if "." in one
            }:
                yield name
        elif first in HOME and room not in HOME[first]:
            yield name


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_room_knows_only_what_is_on_its_left_and_each_library_stays_in_its_room(path):
    assert list(trespasses(path)) == []


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("wire/signature.py", "import duckdb"),
        ("wire/body.py", "from smsanalytics.store import layout"),
        ("metrics/delivery.py", "from smsanalytics.api import open_store"),
        ("collector/endpoint.py", "import pandas"),
        ("collector/endpoint.py", "from uvicorn import Server"),
        ("serving/pages.py", "import duckdb"),
        ("collector/endpoint.py", "from smsanalytics.store.tables import connect"),
        ("store/journal.py", "from smsanalytics.settings import Settings"),
        ("charts/rates.py", "from smsanalytics import metrics"),
        ("doctor/place.py", "import duckdb"),
        ("doctor/calls.py", "from smsanalytics.serving.server import serve"),
        ("provider/world.py", "from smsanalytics.wire.signature import verify"),
    ],
)
def test_a_planted_import_is_found(monkeypatch, tmp_path, room, line):
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    planted = tmp_path / room
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"def f():\n    {line}\n")
    assert list(trespasses(planted)) != []


def test_every_room_is_in_the_plan():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")}
    assert rooms == {*MAY_IMPORT, *EVERYTHING}
