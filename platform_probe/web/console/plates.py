"""The cars' plates, from a file: a car's id, a comma, its plate."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from fleet_wire.config.lines import lines_of
from fleet_wire.config.watched import WatchedFile
from fleet_wire.errors import ConfigError
from platform_probe.web.console.search import plain_plate


class Plates(NamedTuple):
    """Which car has which plate."""

    by_car: Mapping[str, str]
    """Plates as they are written."""
    cars: Mapping[str, str]
    """Cars by plate, without spaces and signs."""


class PlateFile:
    """The plates of a file, read again when it has changed; without a file there are none."""

    def __init__(self, path: Path | None) -> None:
        """Read the file. Raises `ConfigError` that says what is wrong in which line."""
        self._file = None if path is None else WatchedFile(path, _plates_in)
        self._plates = Plates({}, {}) if self._file is None else self._file.read()

    def plates(self) -> Plates:
        """Return the plates; while the file cannot be used what was read last holds."""
        if self._file is not None:
            with suppress(ConfigError):
                self._plates = self._file.read()
        return self._plates


def _plates_in(path: Path) -> Plates:
    by_car = {}
    for number, line in lines_of(path):
        car, comma, plate = (part.strip() for part in line.partition(","))
        if not comma or not car or not plate:
            raise ConfigError([f"{path}:{number}: expected a car's id, a comma and its plate"])
        by_car[car] = plate
    return Plates(by_car, {plain_plate(plate): car for car, plate in by_car.items()})
