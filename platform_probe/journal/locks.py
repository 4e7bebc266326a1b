"""Locks that end with the process that holds them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_wire.private_files import FOR_GROUP


class Locked(Exception):  # noqa: N818 - no error: another one is at work
    """Somebody else holds the lock; `holder` is the id of that process, 0 if unknown."""

    def __init__(self, holder: int) -> None:
        self.holder = holder
        super().__init__(f"process {holder}")


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Hold a lock within the block. Raises `Locked` at once where another has it, `OSError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FOR_GROUP)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.read(descriptor, 20)
            raise Locked(int(text) if text.isdigit() else 0) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
