"""Files that name cars: every mistake with its line, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.contract.signing import vehicle_key
from fleet_wire.errors import ConfigError
from platform_probe.settings.car_files import MAX_PROBLEMS, read_cars, read_keys

SECRET = "fleet-secret-of-the-test"  # noqa: S105 - of the test's own fleet
KEY = vehicle_key(SECRET, "car-1")
OTHER_KEY = vehicle_key(SECRET, "car-2")


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_what_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    """A directory, a missing file, a name that no file can have."""
    with pytest.raises(ConfigError, match="cannot be read"):
        read_cars(tmp_path / name)


def test_not_every_mistake_of_a_wrong_file_is_told(tmp_path: Path) -> None:
    """Whoever names a picture is told so in a few lines."""
    path = tmp_path / "cars.txt"
    path.write_text("?\n" * 1_000)
    with pytest.raises(ConfigError) as caught:
        read_cars(path)
    assert len(caught.value.problems) == MAX_PROBLEMS


def test_keys_of_the_cars_that_are_asked_for_are_read_from_a_directory(tmp_path: Path) -> None:
    """One file for each car, as mounted secrets are; a car may be named twice."""
    (tmp_path / "..data").mkdir()
    for vehicle_id, key in (("car-1", KEY), ("car-2", OTHER_KEY)):
        (tmp_path / vehicle_id).write_text(f"{key.hex()}\n")
    assert read_keys(tmp_path, ["car-2", "car-1", "car-2"]) == {"car-1": KEY, "car-2": OTHER_KEY}
    with pytest.raises(ConfigError, match="car-9"):
        read_keys(tmp_path, ["car-1", "car-9"])


@pytest.mark.parametrize("content", [b"", KEY.hex()[1:].encode(), SECRET.encode(), b"\xff" * 64])
def test_no_mistake_in_a_directory_of_keys_shows_a_key(tmp_path: Path, content: bytes) -> None:
    """The file is named."""
    (tmp_path / "car-1").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_keys(tmp_path, ["car-1"])
    assert str(tmp_path / "car-1") in str(caught.value)
    assert not content or content.decode("latin-1") not in str(caught.value)


@pytest.mark.parametrize("vehicle_id", [".", ".."])
def test_a_car_named_as_a_directory_has_no_key(tmp_path: Path, vehicle_id: str) -> None:
    """Such ids are allowed on the wire."""
    with pytest.raises(ConfigError, match="Is a directory"):
        read_keys(tmp_path, [vehicle_id])
