"""Runs the pages of the documentation as a reader would: every block in order, in one session, from one directory."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    language: str
    text: str
    said: str | None  # what the page shows that it prints; None where it shows nothing
    line: int


def blocks_of(page: str) -> list[Block]:
    """Python with the ``text`` block that follows it, commands with their output, settings; in order."""
    found = []
    matches = list(BLOCK.finditer(page))
    for match, following in zip_longest(matches, matches[1:]):
        indent, language, text = match.groups()
        text = re.sub(f"^{indent}", "", text, flags=re.MULTILINE)
        said = None
        if language == "console":
            said = text
        elif following and following[2] == "text" and not page[match.end() : following.start()].strip():
            said = re.sub(f"^{following[1]}", "", following[3], flags=re.MULTILINE)
        found.append(Block(language, text, said, page.count("\n", 0, match.start()) + 1))
    return found


def printed(blocks: list[Block], directory: Path, environment: dict[str, str]) -> list[str]:
    """What each block prints when they run one after the other; commands are shown before what they print."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:The inplace keyword", __file__],
        input=json.dumps(blocks),
        capture_output=True,
        text=True,
        cwd=directory,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _session() -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    outputs = []
    for language, text, _, line in json.load(sys.stdin):
        output = io.StringIO()
        if language == "python":
            with contextlib.redirect_stdout(output):
                exec(compile("\n" * line + text, "page", "exec"), names)
        elif language == "console":
            for command in re.findall(r"^\$ (.+(?:\\\n.+)*)", text, re.MULTILINE):
                ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
                output.write(f"$ {command}\n{ran.stdout}{ran.stderr if ran.returncode else ''}")
        outputs.append(output.getvalue())
    json.dump(outputs, sys.stdout)


if __name__ == "__main__":
    _session()
