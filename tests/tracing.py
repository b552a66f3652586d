"""What processes ask of the kernel, as strace notes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

LINE = re.compile(r"(?P<pid>\d+) +(?:(?P<name>\w+)\((?P<args>.*)|<\.\.\. (?P<resumed>\w+) resumed>(?P<rest>.*))")
DESCRIPTOR = re.compile(r"\d+<((?:[^<>\\]|\\.)*)>")
TEXTS = re.compile(r'"((?:[^"\\]|\\.)*)"')
NEVER = 10**9

WRITES = ("write", "writev", "pwrite64", "ftruncate", "truncate")
SYNCS = ("fsync", "fdatasync")
RENAMES = ("rename", "renameat", "renameat2")
REMOVALS = ("unlink", "unlinkat")
MAKES = ("mkdir", "mkdirat")
ON_THE_DISK = (*WRITES, *SYNCS, *RENAMES, *REMOVALS, *MAKES, "openat")
ON_THE_WIRE = ("read", "recvfrom", "recvmsg", "sendto", "sendmsg")


@dataclass
class Call:
    """One that succeeded, and the lines of the log at which it began and was over."""

    pid: int
    name: str
    text: str
    start: int
    end: int

    @property
    def file(self) -> str:
        """What it works on: the file of its descriptor, else the first path it names."""
        if match := DESCRIPTOR.match(self.text):
            return match[1]
        return self.paths[0] if self.paths else ""

    @property
    def paths(self) -> list[str]:
        return [text for text in TEXTS.findall(self.text) if text.startswith("/")]

    @property
    def creates(self) -> bool:
        return self.name in MAKES or (self.name == "openat" and "O_CREAT" in self.text)


def calls_of(log: Path) -> list[Call]:
    """The calls of an strace log, in the order in which they began."""
    calls: list[Call] = []
    pending: dict[str, Call] = {}
    failed: set[int] = set()
    for number, text in enumerate(log.read_text(errors="replace").splitlines()):
        match = LINE.match(text)
        if not match:
            continue
        if match["resumed"]:
            call = pending.pop(match["pid"], None)
            if call:
                call.text += match["rest"]
                call.end = number
        else:
            call = Call(int(match["pid"]), match["name"], match["args"], number, number)
            calls.append(call)
            if text.endswith("<unfinished ...>"):
                call.end = NEVER
                pending[match["pid"]] = call
        if call and re.search(r"\) += -1 ", text):
            failed.add(id(call))
    return [call for call in calls if id(call) not in failed]
