"""The cars that are not to be touched now, as a file names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fleet_wire.errors import ConfigError
from platform_probe.settings.car_files import read_cars


class BookedCars:
    """The cars that a file names, read again when it changes. An empty file name means no cars.

    Writers replace the whole file (a rename), else we may read half of it. While it cannot be read
    every car counts as booked, and `on_problem` gets the reason at each question.
    """

    def __init__(self, path: Path | None, on_problem: Callable[[str], None]) -> None:
        """Read the file. Raises `ConfigError` where it cannot be used."""
        self._path = path
        self._on_problem = on_problem
        self._read_as: tuple[int, ...] = ()
        self._cars: frozenset[str] = frozenset()
        if path is not None:
            self._read(path)

    def why_not(self, vehicle_id: str) -> str | None:
        """Return why a car is not to be touched now; None: it may be."""
        if self._path is None:
            return None
        try:
            if not self._read_as or _file_stamp(self._path) != self._read_as:
                self._read(self._path)
        except ConfigError as error:
            self._on_problem(error.problems[0])
            return "the list of booked cars cannot be used"
        return "it is booked" if vehicle_id in self._cars else None

    def _read(self, path: Path) -> None:
        self._read_as = ()
        looks = _file_stamp(path)  # first: what changes meanwhile is read the next time
        self._cars = frozenset(read_cars(path))
        self._read_as = looks


def _file_stamp(path: Path) -> tuple[int, ...]:
    """Return what changes with a file's content; () where there is no file."""
    try:
        there = path.stat()
    except (OSError, ValueError):
        return ()
    return there.st_mtime_ns, there.st_size, there.st_ino
