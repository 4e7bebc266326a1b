"""Files of a run to which many lines are written: each is on its way to disk at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from fleet_wire.errors import LimitError
from fleet_wire.private_files import open_to_append

_encode = msgspec.json.Encoder().encode


class LineFiles:
    """The files of one directory; each stays open from its first line on.

    `on_error` is told once of each that cannot be written, which takes no more from then on; None:
    that is raised.
    """

    def __init__(self, path: Path, on_error: Callable[[LimitError], None] | None = None) -> None:
        self._path = path
        self._on_error = on_error
        self._files: dict[str, int | None] = {}
        """None: closed."""

    def opened(self, name: str) -> Callable[[Any], None]:
        """Make a file, should nothing be written to it, and return what appends a record to it."""
        self._files[name] = open_to_append(self._path / name)
        return partial(self.append, name)

    def append(self, name: str, record: Any) -> None:
        """Append one record as a line of JSON to the file of this name."""
        try:
            if name not in self._files:
                self.opened(name)
            descriptor = self._files[name]
            if descriptor is not None:
                os.write(descriptor, _encode(record) + b"\n")
        except OSError as error:
            self._close(name)
            path = self._path / name
            told = LimitError(f"{path}: {error.strerror}", f"df -h {path.parent}")
            if self._on_error is None:
                raise told from None
            self._on_error(told)

    def close(self) -> None:
        """Close the files."""
        for name in self._files:
            self._close(name)

    def _close(self, name: str) -> None:
        descriptor = self._files.get(name)
        self._files[name] = None
        if descriptor is not None:
            os.close(descriptor)
