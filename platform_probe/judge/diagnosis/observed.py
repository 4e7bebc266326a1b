"""The facts of an unlock, each with a sentence that cites its values. No I/O.

Each look sees them anew from the car, the unlock and its neighbours. Facts of the unlock's window
are kept from look to look, because a car's history is short: what has happened stays true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fleet_wire.contract.text import Text
from fleet_wire.modes.facts import Fact
from platform_probe.judge.diagnosis import (
    neighbour_facts,
    seen_of_attempt,
    seen_of_box,
    seen_of_car,
    seen_of_platform,
)
from platform_probe.judge.diagnosis.case import Case


@dataclass(slots=True)
class Earlier:
    """The facts that earlier looks at an unlock have seen."""

    before: dict[Fact, Text] | None = None
    """Facts of the time before the unlock; None: there was no look yet."""
    within: dict[Fact, Text] = field(default_factory=dict)
    """Facts of its window."""
    is_over: bool = False
    """Whether the last look was after the end of its window."""


def observe(case: Case, earlier: Earlier) -> None:
    """Note in `case.seen` all facts that can be seen, each with its sentence."""
    if earlier.before is None:
        _add_facts(case, _BEFORE)
        earlier.before = case.seen
    case.seen = {**earlier.before}
    _add_facts(case, _OF_RECORD)
    of_record = {*case.seen}
    case.seen |= {fact: said for fact, said in earlier.within.items() if fact not in of_record}
    is_first = not earlier.within
    if is_first or not earlier.is_over:
        _renew_facts(case, _OF_CAR, PASSING_OF_CAR - of_record)
    if is_first or case.now_s <= case.until_s + LOOKED_AT_S:
        now_known = HEARD_THERE if neighbour_facts.knows_who_was_heard(case) else frozenset()
        _renew_facts(case, _OF_OTHERS, PASSING_OF_OTHERS | now_known)
    if is_first or case.now_s <= case.ends_s:
        _renew_facts(case, _UNTIL_IT_OPENS, PASSING_UNTIL_IT_OPENS)
    earlier.is_over = case.until_s < case.now_s
    earlier.within = {fact: said for fact, said in case.seen.items() if fact not in of_record}
    _add_facts(case, _AT_LAST)


def _add_facts(case: Case, looks: Sequence[Callable[[Case], None]]) -> None:
    for look in looks:
        look(case)


def _renew_facts(
    case: Case, looks: Sequence[Callable[[Case], None]], passing: frozenset[Fact]
) -> None:
    """Look again at what an earlier look has seen only as of then, and at what is new."""
    for fact in passing:
        case.seen.pop(fact, None)
    _add_facts(case, looks)


LOOKED_AT_S: Final = 10.0
"""The first look after the window of a car that is there again comes within so long [E]."""
HEARD_THERE: Final = frozenset(
    {Fact.OTHERS_THERE_HEARD, Fact.NONE_THERE_HEARD, Fact.NO_OPERATOR_HEARD}
)
"""Which others were heard of since the command: the last count counts."""
PASSING_OF_CAR: Final = frozenset(
    {
        Fact.STILL_AWAY, Fact.RESUMED, Fact.BACK_WITHOUT_BOOT, Fact.TLS_FAILED, Fact.TLS_EXPIRED,
    }
)  # fmt: skip
PASSING_OF_OTHERS: Final = frozenset(
    {
        Fact.ALONE, Fact.SOME_FAIL, Fact.MANY_FAIL, Fact.FEW_AWAY, Fact.BACK_AFTER_OTHERS,
        Fact.TECHNOLOGY_WELL, Fact.OTHERS_OVERDUE, Fact.OTHERS_BY_PING, Fact.LEFT_BEHIND,
        Fact.OPERATOR_FAILS, Fact.REGION_FAILS, Fact.FIRMWARE_FAILS, Fact.HARDWARE_FAILS,
        Fact.APP_VERSION_FAILS,
    }
)  # fmt: skip
PASSING_UNTIL_IT_OPENS: Final = frozenset({Fact.NO_DOOR_OPENED, Fact.SIGNED_OUT_ALONE})
"""Facts that are as of a look, and may be otherwise at the next one."""
_BEFORE: Final = (
    seen_of_car.note_presence_before,
    seen_of_car.note_life_before,
    seen_of_box.note_bounce,
)
"""Looks at the time before the unlock: later the car's history may not reach so far back."""
_OF_RECORD: Final = (
    seen_of_attempt.note_how_far,
    seen_of_attempt.note_words_of_refusal,
    seen_of_attempt.note_oddities,
    seen_of_attempt.note_late_words,
    seen_of_platform.note_platform,
    seen_of_platform.note_missed_before,
)
"""Looks at the unlock's own record, and at the platform's log."""
_OF_CAR: Final = (
    seen_of_attempt.note_clock,
    seen_of_car.note_presence_after,
    seen_of_car.note_life,
    seen_of_car.note_slow_wake,
    seen_of_box.note_heartbeats,
    seen_of_box.note_use,
    seen_of_box.note_boot_after,
    seen_of_box.note_return_without_boot,
    seen_of_car.note_broker_log,
    seen_of_box.note_power,
)
"""Looks at the car until it is there again."""
_OF_OTHERS: Final = (
    neighbour_facts.note_others,
    neighbour_facts.note_heard_there,
    neighbour_facts.note_heard_alike,
    neighbour_facts.note_back_after_others,
)
"""Looks at others while the car is away."""
_UNTIL_IT_OPENS: Final = (
    seen_of_car.note_flapping,
    seen_of_box.note_boots,
    seen_of_box.note_firmware,
    seen_of_box.note_state,
    seen_of_box.note_doors,
    seen_of_platform.note_signed_out,
)
"""Looks at the car until it opens for another unlock."""
_AT_LAST: Final = (
    seen_of_car.note_waiting_command,
    seen_of_car.note_usual_wake,
    seen_of_car.note_this_car,
    seen_of_platform.note_held_up,
    neighbour_facts.note_app,
)
"""Looks that follow from all others, and from the car's other unlocks."""
