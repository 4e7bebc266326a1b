"""The cars that are not to be touched now, as a file names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fleet_wire.config.watched import WatchedFile
from fleet_wire.errors import ConfigError
from platform_probe.settings.car_files import read_cars


class BookedCars:
    """The cars that a file names, read again when it changes. An empty file name means no cars.

    While it cannot be read every car counts as booked, and `on_problem` gets the reason at each
    question.
    """

    def __init__(self, path: Path | None, on_problem: Callable[[str], None]) -> None:
        """Read the file. Raises `ConfigError` where it cannot be used."""
        self._file = None if path is None else WatchedFile(path, _cars_in)
        self._on_problem = on_problem

    def why_not(self, vehicle_id: str) -> str | None:
        """Return why a car is not to be touched now; None: it may be."""
        if self._file is None:
            return None
        try:
            cars = self._file.read()
        except ConfigError as error:
            self._on_problem(error.problems[0])
            return "the list of booked cars cannot be used"
        return "it is booked" if vehicle_id in cars else None


def _cars_in(path: Path) -> frozenset[str]:
    return frozenset(read_cars(path))
