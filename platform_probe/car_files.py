"""Files that name cars, one a line; empty lines and those that begin with # are no cars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fleet_wire.contract.topics import checked_vehicle_id
from fleet_wire.errors import ConfigError, LocalProtocolError

MAX_PROBLEMS: Final = 20
"""Problems of one file that are told."""


def read_cars(path: Path) -> list[str]:
    """Return the cars that a file names, in its order.

    Raises `ConfigError` with path and line, for a file that cannot be read, too.
    """
    cars: list[str] = []
    problems: list[str] = []
    for number, line in lines_of(path):
        try:
            cars.append(checked_vehicle_id(line))
        except LocalProtocolError as error:
            problems.append(f"{path}:{number}: {error}")
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return cars


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that says something. Raises `ConfigError`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: cannot be read: it is no UTF-8 text"]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from None
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, text
