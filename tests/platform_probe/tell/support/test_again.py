"""Who was to wait first: until when, and what is said of a box that is back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import Fact
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling_programs import json_of
from tests.helpers.consoles import incident_of, put_incidents
from tests.helpers.diagnoses import put_believed
from tests.helpers.english import ENGLISH
from tests.helpers.said_advice import CONNECTED, LONG_AGO, advice_for
from tests.helpers.stores import BEGIN_S, ReadAnew, put_presence, unlock

REBOOT = MODES["update_or_daily_reboot"]
ANOTHER = "Give the customer another car."
BACK = (Fact.BOOTED_AFTER, Fact.BACK_SOON)


def advised(
    directory: Path,
    *facts: Fact,
    mode: str = REBOOT.slug,
    cause: Cause = Cause.BOX_OFFLINE,
    after_s: float = 60.0,
) -> dict[str, Any]:
    """Return what is told of an unlock that failed so, and of which that was seen."""
    failed = unlock(300, car="car-1", cause=cause, evidence={})
    put_believed(directory, failed, mode, *facts)
    case = look_up(
        ReadAnew(directory), UnlockQuery(attempt=failed.attempt_id), BEGIN_S + 300.0 + after_s
    )
    return json_of(case, ENGLISH)


@pytest.mark.parametrize("cause", [Cause.BOX_OFFLINE, Cause.BOX_SILENT, Cause.BOX_BUSY])
def test_who_stands_at_a_box_that_is_back_is_not_to_wait(tmp_path: Path, cause: Cause) -> None:
    """Though presence is not kept, as in the directory of a run: its diagnosis has seen it."""
    found = advised(tmp_path, *BACK, cause=cause)
    assert (found["say"], found["do"]) == (CONNECTED[0], f"{CONNECTED[1]} {ANOTHER}")


@pytest.mark.parametrize("facts", [(), (Fact.BACK_SOON, Fact.FLAPPED)])
def test_a_box_that_is_not_back_or_comes_and_goes_is_waited_for(
    tmp_path: Path, facts: tuple[Fact, ...]
) -> None:
    """Nobody knows whether it is there now."""
    assert advised(tmp_path, *facts)["do"] == REBOOT.now


def test_a_box_that_was_lost_once_more_is_waited_for(tmp_path: Path) -> None:
    """Where presence is kept it says more than what was seen within ten minutes."""
    put_presence(tmp_path, 330.0, "car-1", "online")
    put_presence(tmp_path, 350.0, "car-1", "offline")
    assert advised(tmp_path, *BACK)["do"] == REBOOT.now


def test_a_release_that_crashes_does_so_at_the_next_press_too(tmp_path: Path) -> None:
    """That the box is back mends nothing."""
    crashes = MODES["bad_firmware_cohort"]
    assert advised(tmp_path, *BACK, mode=crashes.slug)["do"] == crashes.now


def test_a_wait_is_over_twenty_minutes_after(tmp_path: Path) -> None:
    """Whether the door has opened nobody knows still."""
    assert advised(tmp_path, after_s=1_199.0)["do"] == REBOOT.now
    found = advised(tmp_path, after_s=1_200.0)
    door = advice_for(Cause.BOX_OFFLINE, REBOOT).say.removeprefix(REBOOT.spoken)
    assert "try the door" in door
    assert (found["say"], found["do"]) == (f"{LONG_AGO[0]}{door}", f"{LONG_AGO[1]} {ANOTHER}")


def test_a_wait_is_not_over_while_its_incident_goes_on(tmp_path: Path) -> None:
    """However long ago the unlock was."""
    cohort = {"region": "centre"}
    goes_on = incident_of(mode=REBOOT.slug, cohort=cohort, examples=("attempt-300",))
    put_incidents(tmp_path, [goes_on])
    assert advised(tmp_path, after_s=3_000.0)["do"] == REBOOT.now
