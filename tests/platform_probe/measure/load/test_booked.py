"""Cars that are not to be touched: the file is read again when it changes, and decides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.measure.load.booked import BookedCars


def replaced(path: Path, text: str) -> None:
    """Put a whole new file in place, as whoever lists bookings should."""
    other = path.with_suffix(".new")
    other.write_text(text)
    other.replace(path)


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """By another file in its place, or by writing into it; empty: nothing is booked."""
    path = tmp_path / "booked.txt"
    path.write_text("# bookings\ncar-1\n")
    booked = BookedCars(path, pytest.fail)
    assert booked.why_not("car-1") == "it is booked"
    assert booked.why_not("car-2") is None
    replaced(path, "car-2\n")
    assert booked.why_not("car-1") is None
    assert booked.why_not("car-2") == "it is booked"
    path.write_text("")
    assert booked.why_not("car-2") is None
    at_ns = path.stat().st_mtime_ns
    path.write_text("car-3\n")
    os.utime(path, ns=(at_ns, at_ns))  # written within one tick of the file system's clock
    assert booked.why_not("car-3") == "it is booked"


@pytest.mark.parametrize("text", [None, "car-1;2026-01-01\n", "\xff"])
def test_while_nobody_can_tell_no_car_is_touched(tmp_path: Path, text: str | None) -> None:
    """A list that is gone, half written or of another form is not an empty one."""
    path = tmp_path / "booked.txt"
    path.write_text("car-1\n")
    problems: list[str] = []
    booked = BookedCars(path, problems.append)
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="latin-1")
    for _ in range(2):
        assert booked.why_not("car-9") == "the list of booked cars cannot be used"
    assert str(path) in problems[1]
    replaced(path, "car-1\n")
    assert booked.why_not("car-9") is None
    assert len(problems) == 2


def test_a_file_that_is_missing_at_the_start_is_an_error(tmp_path: Path) -> None:
    """Else a mistyped name would mean that nothing is ever booked."""
    path = tmp_path / "booked.txt"
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        BookedCars(path, pytest.fail)
