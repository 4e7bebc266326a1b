"""Tests of `fleet_wire.durations`: times in command lines."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from fleet_wire.durations import Duration
from platform_probe.__main__ import main as platform_probe

DAY = Duration(least_s=0.1, most_s=86_400)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("5m", 300.0), ("1.5h", 5400.0), ("1d", 86_400.0)],
)
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    """Seconds without a unit."""
    assert DAY.convert(text, None, None) == seconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        *(
            (text, "such as 90s, 5m or 1h")
            for text in ("", "m", "5 m", "-5m", "nan", "1e9", "5w", "٣m", "9" * 100)
        ),
        ("0", r"from 0\.1 s to 86400 s"),
        ("2d", r"from 0\.1 s to 86400 s"),
    ],
)
def test_other_times_are_refused(text: str, problem: str) -> None:
    """With examples, or with the bounds."""
    with pytest.raises(click.BadParameter, match=problem):
        DAY.convert(text, None, None)


def test_the_former_name_is_still_accepted() -> None:
    """`learn --seconds` listens as long as `learn --for`; the broker is not there."""
    for option in ("--seconds=5", "--for=5s"):
        result = CliRunner().invoke(
            platform_probe, ["learn", "--broker=mqtt://127.0.0.1:1", option]
        )
        assert "for 5 s" in result.output, result.output
