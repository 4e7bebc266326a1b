"""The cars' plates, from a file: a car's id, a comma, its plate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fleet_wire.errors import ConfigError
from platform_probe.web.console.search import plain_plate

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Plates:
    """Which car has which plate; read again when the file has changed."""

    def __init__(self, path: Path | None) -> None:
        """Read the file. Raises `ConfigError` that says what is wrong in which line."""
        self._path = path
        self._stamp = (0, 0)
        self._cars: Mapping[str, str] = _NONE
        self._plates: Mapping[str, str] = _NONE
        if path is not None:
            self._load(path)

    def cars(self) -> Mapping[str, str]:
        """Return the cars by their plates, without spaces and signs."""
        self._load_if_changed()
        return self._cars

    def by_car(self) -> Mapping[str, str]:
        """Return the plates, as they are written, by car."""
        self._load_if_changed()
        return self._plates

    def _load_if_changed(self) -> None:
        if self._path is None:
            return
        try:
            found = self._path.stat()
            if (found.st_mtime_ns, found.st_size) != self._stamp:
                self._load(self._path)
        except (OSError, ConfigError):
            return  # what was read last holds

    def _load(self, path: Path) -> None:
        try:
            found = path.stat()
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is no text"
            raise ConfigError([f"plates_file {path}: {reason}"]) from None
        plates = {}
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            car, comma, plate = (part.strip() for part in line.partition(","))
            if not comma or not car or not plate:
                raise ConfigError([f"{path}:{number}: expected a car's id, a comma and its plate"])
            plates[car] = plate
        self._plates = plates
        self._cars = {plain_plate(plate): car for car, plate in plates.items()}
        self._stamp = (found.st_mtime_ns, found.st_size)
