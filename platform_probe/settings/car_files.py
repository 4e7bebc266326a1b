"""Files that name cars, one a line; empty lines and those that begin with # are no cars.

A car's key may follow its name. The contents of a line of keys are never shown: a mix-up of columns
or files must not put a key into the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from fleet_wire.config.lines import lines_of
from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.signing import parse_vehicle_key
from fleet_wire.contract.topics import checked_vehicle_id
from fleet_wire.errors import ConfigError, LocalProtocolError

MAX_PROBLEMS: Final = 20
"""The most problems of one file that are reported."""


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


def read_keys(path: Path, vehicle_ids: Iterable[str]) -> dict[str, bytes]:
    """Return the key of each of these cars.

    `path` is a file with a car's id and its key on each line. Or it is a directory of mounted
    secrets, in which the file of a car's key is named by the car's id. Raises `ConfigError` for
    anything else, and for a car without a key.
    """
    cars = dict.fromkeys(vehicle_ids)
    if _is_directory(path):
        return {vehicle_id: _key_in(path / vehicle_id, vehicle_id) for vehicle_id in cars}
    keys = _keys_in(path)
    missing = [vehicle_id for vehicle_id in cars if vehicle_id not in keys]
    if missing:
        raise ConfigError([f"{path}: no key of car '{one}'" for one in missing[:MAX_PROBLEMS]])
    return {vehicle_id: keys[vehicle_id] for vehicle_id in cars}


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # we may not look: reading it says so
        return False


def _key_in(path: Path, vehicle_id: str) -> bytes:
    try:
        return parse_vehicle_key(read_secret(path, name=f"key of car '{vehicle_id}'").strip())
    except LocalProtocolError as error:
        raise ConfigError([f"{path}: {error}"]) from None


def _keys_in(path: Path) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    problems: list[str] = []
    for number, line in lines_of(path):
        vehicle_id, *digits = line.split()
        try:
            key = parse_vehicle_key(" ".join(digits))
            checked_vehicle_id(vehicle_id)
        except LocalProtocolError:
            problems.append(f"{path}:{number}: expected a car's id, and 64 hexadecimal digits")
            continue
        if keys.setdefault(vehicle_id, key) != key:
            problems.append(f"{path}:{number}: the car has another key further up")
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return keys
