"""Files of a run to which many lines are written: each is on its way to disk at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from fleet_wire.errors import LimitError
from fleet_wire.private_files import open_to_append

_encode = msgspec.json.Encoder().encode


class LineFile:
    """One file that stays open. `on_error` is told once when it cannot be written."""

    def __init__(self, path: Path, on_error: Callable[[str, LimitError], None]) -> None:
        self._path = path
        self._on_error = on_error
        self._descriptor: int | None = open_to_append(path)

    def append(self, record: Any) -> None:
        """Append one record as a line of JSON. After an error it takes no more."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, _encode(record) + b"\n")
        except OSError as error:
            self.close()
            told = LimitError(f"{self._path}: {error.strerror}", f"df -h {self._path.parent}")
            self._on_error(self._path.name, told)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()
