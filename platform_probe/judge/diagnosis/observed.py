"""The facts of an unlock, each with a sentence that cites its values. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import ANSWERS, COHORT, TURNED_DOWN_UNREAD
from platform_probe.judge.diagnosis import (
    seen_of_attempt,
    seen_of_box,
    seen_of_car,
    seen_of_others,
    seen_of_platform,
)
from platform_probe.judge.diagnosis.case import Case


def observe(case: Case, *, is_first: bool) -> None:
    """Note in `case.seen` all facts that can be seen, each with its sentence.

    Conditions at the unlock's start are noted at the first look alone: later the car's history may
    not reach so far back.
    """
    for look in _LOOKS:
        if is_first or look not in _AT_FIRST:
            look(case)


def no_longer(seen: dict[Fact, str]) -> None:
    """Remove facts of an earlier look that a later one has refuted."""
    for now, before in _REFUTED:
        if not seen.keys().isdisjoint(now):
            for fact in before:
                seen.pop(fact, None)


_SENT: Final = ANSWERS | {
    Fact.NOT_ANSWERED, Fact.NOT_DELIVERED, Fact.SILENT_AFTER_RECEIPT, Fact.STATE_WITHOUT_RESULT,
}  # fmt: skip
"""What can be seen of commands alone that were sent."""
_SAID_LATE: Final = frozenset(
    {
        Fact.OPENED_LATE, Fact.OPENED_IN_TIME, Fact.OPENED_AT_LAST, Fact.CONFIRMED_LATE,
        Fact.REFUSED_LATE,
    }
)  # fmt: skip
_REFUTED: Final[tuple[tuple[frozenset[Fact], tuple[Fact, ...]], ...]] = (
    (COHORT, (Fact.ALONE, Fact.FEW_AWAY)),
    (_SAID_LATE, (Fact.NOTHING_AFTER_RETURN,)),
    (frozenset({Fact.OPENED_IN_TIME}), (Fact.OPENED_LATE, Fact.OPENED_AT_LAST)),
    (frozenset({Fact.DOOR_OPENED}), (Fact.NO_DOOR_OPENED,)),
    (_SENT, (Fact.NOTHING_PUBLISHED, *TURNED_DOWN_UNREAD)),  # another request of it was read
    (frozenset({Fact.SAID_YES}), (*TURNED_DOWN_UNREAD,)),
    (frozenset({Fact.NOT_ANSWERED}), (Fact.NOT_DELIVERED,)),
    (frozenset({Fact.BOOTED_AFTER}), (Fact.BACK_WITHOUT_BOOT,)),
    (frozenset({Fact.REPORTED_AFTER}), (Fact.BACK_AFTER_OTHERS, Fact.RESUMED)),
    (frozenset({Fact.OTHERS_THERE_HEARD}), (Fact.NONE_THERE_HEARD, Fact.NO_OPERATOR_HEARD)),
    (frozenset({Fact.NO_OPERATOR_HEARD}), (Fact.NONE_THERE_HEARD,)),
    (frozenset({Fact.BACK_SOON, Fact.BACK_IN_MINUTES}), (Fact.LEFT_BEHIND,)),
    (frozenset({Fact.MANY_FAIL}), (Fact.SOME_FAIL,)),
    (frozenset({Fact.SOME_FAIL}), (Fact.ALONE,)),
    (frozenset({Fact.APP_VERSION_FAILS}), (Fact.APP_VERSION_FARES_WELL,)),
    (
        frozenset({Fact.WENT_WELL}),
        (Fact.NOT_ANSWERED, Fact.NOT_DELIVERED, Fact.SILENT_AFTER_RECEIPT),
    ),
    (frozenset({Fact.SAID_YES, Fact.SAID_ERROR}), (Fact.SAID_NOTHING,)),
    (frozenset({Fact.SAID_SIGNED_OUT}), (Fact.SIGNED_OUT_ALONE,)),
    # A command that the platform itself repeated is answered again: no other sender is needed.
    (
        frozenset({Fact.SENT_AGAIN}),
        (Fact.ANSWERED_TWICE, Fact.EXECUTED_AGAIN, Fact.COPY_REFUSED, Fact.COPY_AFTER_CONNECT),
    ),
)
"""What is refuted by any of which facts, in this order."""
_LOOKS: Final[tuple[Callable[[Case], None], ...]] = (
    seen_of_attempt.note_how_far,
    seen_of_attempt.note_words_of_refusal,
    seen_of_attempt.note_oddities,
    seen_of_attempt.note_late_words,
    seen_of_car.note_presence_before,
    seen_of_car.note_life_before,
    seen_of_car.note_presence_after,
    seen_of_car.note_life,
    seen_of_car.note_waiting_command,
    seen_of_car.note_usual_wake,
    seen_of_car.note_slow_wake,
    seen_of_box.note_heartbeats,
    seen_of_box.note_boots,
    seen_of_box.note_firmware,
    seen_of_box.note_use,
    seen_of_box.note_return_without_boot,
    seen_of_box.note_bounce,
    seen_of_box.note_state,
    seen_of_box.note_doors,
    seen_of_car.note_this_car,
    seen_of_others.note_others,
    seen_of_others.note_heard_there,
    seen_of_others.note_heard_alike,
    seen_of_others.note_back_after_others,
    seen_of_box.note_power,
    seen_of_platform.note_platform,
    seen_of_platform.note_held_up,
    seen_of_platform.note_missed_before,
    seen_of_others.note_app,
    seen_of_car.note_broker_log,
)
"""In this order: a later one may look at what an earlier one has seen."""
_AT_FIRST: Final = frozenset(
    {
        seen_of_car.note_presence_before,
        seen_of_car.note_life_before,
        seen_of_box.note_bounce,
    }
)
