"""Every cause has something to say and something to do."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from fleet_wire.contract.causes import CAUSES, Cause, Outcome
from fleet_wire.contract.text import Text
from fleet_wire.modes.catalogue import APP_RELEASE, MODES
from fleet_wire.modes.mode import Actor, FailureMode
from platform_probe.tell.support import advice
from tests.helpers.english import ENGLISH


class Said(NamedTuple):
    """Advice in English."""

    say: str
    do: str
    acts: Actor | None
    mend: str | None


def in_english(key: str) -> str:
    """Return a text of the catalogue."""
    return ENGLISH.say(Text(key=key))


def advice_for(
    cause: Cause | None,
    mode: FailureMode | None = None,
    *also: str,
    is_sent: bool = True,
    now: str = "",
) -> Said:
    """Return what the table advises under some conditions."""
    flags = [*also, *(["sent"] if is_sent else []), now]
    found = advice.advice_for(cause, mode, flags, {"now": now})
    mend = None if found.mend is None else ENGLISH.say(found.mend)
    return Said(ENGLISH.say_all(found.say), ENGLISH.say_all(found.do), found.acts, mend)


@pytest.mark.parametrize("cause", [*Cause, None])
def test_every_cause_has_its_advice(cause: Cause | None) -> None:
    """Whole sentences; where the door may have opened nobody is told that it did not."""
    told = advice_for(cause)
    for text in (told.say, told.do, in_english(f"explanation.{cause or 'opened'}")):
        assert text[0].isupper()
        assert text.endswith(".")
    if cause is Cause.RESULT_LOST:  # the car itself reports an open lock
        assert ENGLISH.say(advice.ended_as(cause)) == "opened by its own report, and never answered"
    elif cause is not None and CAUSES[cause].outcome is Outcome.UNKNOWN:
        assert ENGLISH.say(advice.ended_as(cause)) == "is not known to have opened"
    assert len({advice_for(each) for each in Cause}) == len(Cause)


def test_no_door_is_tried_where_none_can_be_open() -> None:
    """No command was sent, or the mode lets none through to the car."""
    garage = MODES["no_coverage_garage"]
    for cause, mode in ((Cause.BOX_ASLEEP, None), (Cause.BOX_OFFLINE, garage)):
        assert "try the door" in advice_for(cause, mode).say
        assert "try the door" not in advice_for(cause, mode, is_sent=False).say
    assert "try the door" not in advice_for(Cause.DOWNLINK_LOST).say
    held_back = ("stale_online_cache", "inflight_stall")
    for slug in (*held_back, "acl_denied_silent", "queue_full_drop", "sms_wake_lost"):
        assert advice_for(Cause.BOX_SILENT, MODES[slug]).say == MODES[slug].spoken


def test_a_mode_that_lets_try_the_door_says_so_only_of_what_was_sent() -> None:
    """Who must act stands all the same."""
    mode = MODES["generic_500"]
    unsent = advice_for(Cause.API_FAILED, mode, is_sent=False)
    by_cause = advice_for(Cause.API_FAILED)
    assert (unsent.say, unsent.do) == (by_cause.say, by_cause.do)
    assert (unsent.acts, unsent.mend) == (mode.acts, mode.mend)


def test_nobody_presses_or_tries_the_door_twice_in_one_sentence() -> None:
    """Of what comes first only why is told, where the advice itself begins with the same."""
    press = advice_for(Cause.API_FAILED, now="over")
    assert press.do == f"The incident is over. {advice_for(Cause.API_FAILED).do}"
    door = advice_for(Cause.EXECUTION_SILENT, None, "opened_since")
    assert door.do.startswith("Another unlock has opened the car since. If the door is locked, ")
    assert door.say == in_english("advice.opened_for_them")
    twice = MODES["retry_double_execution"]
    lock = advice_for(Cause.VEHICLE_STATE, twice, "opened_since")
    assert lock.do == f"Another unlock has opened the car since. {lock.do.partition('. ')[2]}"


def test_nobody_is_told_to_open_a_car_without_a_tool() -> None:
    """Advice names the support tool or the key."""
    assert [mode.slug for mode in (*MODES.values(), APP_RELEASE) if "by hand" in mode.now] == []
