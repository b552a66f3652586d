"""A small file system of its own, on a file, that can lose its power, fill up, and be read-only for a while."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from torture.outcome import Unable, need

SHUTDOWN, WITHOUT_ITS_LOG = 0x8004587D, 2  # ioctl FS_IOC_SHUTDOWN: nothing that was not synced will be there again
OPTIONS = "loop,noauto_da_alloc,commit=300"  # no favours: what nobody syncs is not written for minutes


class Disk:
    """
    An ext4 of its own at a directory, made by `disk`.

    Attributes
    ----------
    path : Path
        Where it is mounted.
    """

    def __init__(self, image: Path, path: Path) -> None:
        self._image, self.path = image, path

    def mount(self) -> None:
        done = _run(need("mount"), "-o", OPTIONS, str(self._image), str(self.path))
        if done.returncode:
            raise Unable(f"no loop mount here: {done.stderr.strip()}")
        os.chmod(self.path, 0o700)  # noqa: PTH101

    def unmount(self) -> None:
        """When nobody uses it any more; the loop device goes with it."""
        for _ in range(100):
            if not self.path.is_mount() or not _run(need("umount"), str(self.path)).returncode:
                return
            time.sleep(0.1)
        _run(need("umount"), "--lazy", str(self.path))

    def cut_power(self) -> None:
        """From here on every call fails, and what was not durable is gone."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            if os.fstat(descriptor).st_dev == self.path.parent.stat().st_dev:
                raise Unable(f"{self.path} is no file system of its own")
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_ITS_LOG))
        finally:
            os.close(descriptor)

    def remount(self, how: str) -> bool:
        """Make it ``ro`` or ``rw``; false while a file on it is being written."""
        return not _run(need("mount"), "-o", f"remount,{how}", str(self.path)).returncode

    @property
    def free(self) -> int:
        """Bytes that its users may still take."""
        now = os.statvfs(self.path)
        return now.f_bavail * now.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Take all but some bytes, in a file that `clear` removes."""
        with (self.path / "ballast").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while self.free > leave:
                file.write(bytes(min(self.free - leave, 2**20) if leave else 2**12))

    def clear(self) -> None:
        (self.path / "ballast").unlink()


@contextlib.contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk at ``folder/data``; detached again whatever happens."""
    image, path = folder / "disk.img", folder / "data"
    with image.open("wb") as file:
        file.truncate(megabytes * 2**20)
    done = _run(need("mkfs.ext4"), "-q", "-F", "-m", "0", str(image))
    if done.returncode:
        raise Unable(f"mkfs.ext4 fails: {done.stderr.strip()}")
    path.mkdir()
    made = Disk(image, path)
    try:
        made.mount()
        yield made
    finally:
        made.unmount()
        image.unlink()


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True)
