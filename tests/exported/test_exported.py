"""What is exported shows again: a sample of modes; `python -m tests.exported` does all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.exported import export_and_run, run_shipped, touched_in

pytestmark = pytest.mark.long

SAMPLE = (
    "no_coverage_garage",  # network: silent or offline, by the box's keepalive
    "sim_suspended_datacap",  # box settings make it show
    "retained_command",  # a second fault brings it out
    "actuator_inhibit_or_frozen",  # parameters by cause
    "door_ajar_repulsion",  # cars that are rented again and again
    "double_booking_race",  # two customers of one car
    "phone_side",  # nothing ever came
    "insider_or_support_unlock",  # customers elsewhere
)
LEAST = 3
"""Unlocks that must end of a cause in the run: fewer are there by chance."""


@pytest.mark.parametrize("mode", SAMPLE)
def test_it_shows_again(mode: str, tmp_path: Path) -> None:
    """An unlock that the fault touched, exported with the true mode and run, ends alike."""
    run_shipped(mode, tmp_path / "original")
    touched = touched_in(tmp_path / "original", mode)[0]
    again = export_and_run(mode, touched, tmp_path / "original", tmp_path / "again")
    assert again.shows, (touched, again.causes)


@pytest.mark.parametrize(
    ("mode", "ended"),
    [
        ("inflight_stall", "box_says_expired"),
        ("update_or_daily_reboot", "execution_silent"),
    ],
)
def test_a_rarer_end_shows_again(mode: str, ended: str, tmp_path: Path) -> None:
    """What came when its time was over, or just before its deadline: by chance in the field."""
    run_shipped(mode, tmp_path / "original")
    (touched,) = (one for one in touched_in(tmp_path / "original", mode) if one.ended == ended)
    again = export_and_run(mode, touched, tmp_path / "original", tmp_path / "again")
    assert again.shows, (touched, again.causes)
    assert again.causes[ended] >= LEAST, again.causes
