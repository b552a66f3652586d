"""The contracts of ``pyproject.toml`` on who may import whom break where they must."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLANTED = {  # file: a line that breaks one contract each
    "smsc/parser.py": "import duckdb",
    "storage/journal.py": "import starlette",
    "storage/atomic.py": "from smsanalytics.storage import publish",
    "storage/reader.py": "from smsanalytics.smsc import signature",
    "collector/endpoint.py": "from smsanalytics.storage.reader import connect",
    "settings/load.py": "import pandas",
    "analysis/store.py": "import altair",
    "cli/metric.py": "import jinja2",
    "charts/rates.py": "import typer",
}


def contracts(package):
    """Each contract with what became of it."""
    shutil.copy(ROOT / "pyproject.toml", package.parent)
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=package.parent,
        env=os.environ | {"PYTHONPATH": str(package.parent), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    return dict(re.findall(r"^(.+) (KEPT|BROKEN)$", done.stdout, re.MULTILINE))


def test_every_contract_is_kept_and_a_planted_import_breaks_it(tmp_path):
    package = shutil.copytree(
        ROOT / "smsanalytics", tmp_path / "smsanalytics", ignore=shutil.ignore_patterns("__pycache__")
    )
    found = contracts(package)
    assert len(found) == 9
    assert set(found.values()) == {"KEPT"}
    for name, line in PLANTED.items():
        path = package / name
        path.write_text(path.read_text("utf-8") + f"\n{line}\n", "utf-8")
    assert set(contracts(package).values()) == {"BROKEN"}
