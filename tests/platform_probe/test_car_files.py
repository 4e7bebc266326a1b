"""Files that name cars: every mistake with its line, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.car_files import MAX_PROBLEMS, read_cars


def test_cars_are_read_in_order(tmp_path: Path) -> None:
    """Empty lines and comments are no cars."""
    path = tmp_path / "cars.txt"
    path.write_text("# ours\ncar-2\n\n car-1 \n")
    assert read_cars(path) == ["car-2", "car-1"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"car-1\ncar/2\n", ":2: vehicle id 'car/2'"), (b"car-1\n\xff", ": cannot be read: it is no")],
)
def test_mistakes_are_named(tmp_path: Path, content: bytes, problem: str) -> None:
    """With the path, and the line where there is one."""
    path = tmp_path / "cars.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_cars(path)
    assert f"{path}{problem}" in str(caught.value)


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
