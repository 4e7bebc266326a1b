"""Files with data of customers: nobody reads them but their owner, or also the owner's group."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

FOR_OWNER: Final = 0o600
"""The file mode of a program's own state and of secrets."""
FOR_GROUP: Final = 0o640
"""Records and stores: members of the group look up unlocks in them."""


def write_whole(path: Path, content: bytes, mode: int, *, is_synced: bool = False) -> None:
    """Write a file, whole or not at all, in place of one that is there. Raises `OSError`.

    With `is_synced` the content is on the disk before the file gets its name.
    """
    fresh = path.with_name(f"{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(fresh, flags, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)  # one that was left there may have another
        file.write(content)
        if is_synced:
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)


def open_to_append(path: Path) -> int:
    """Return a descriptor that appends to a file of records. Raises `OSError`."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FOR_GROUP)
