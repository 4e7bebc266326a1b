"""Stages as times since the intended start, and the hops between them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from fleet_wire.contract.attempt import Stage
from fleet_wire.contract.messages import Phase
from fleet_wire.profiles.profile import CONTRACT, WireTraits

_WAITS_FOR: Final = {
    Stage.INTENDED: Stage.REQUESTED,
    Stage.REQUESTED: Stage.PUBLISHED,
    Stage.API_ANSWERED: Stage.PUBLISHED,
    Stage.PUBLISHED: Stage.BROKER_ACCEPTED,
    Stage.BROKER_ACCEPTED: Stage.BOX_RECEIVED,
    Stage.BOX_RECEIVED: Stage.BOX_EXECUTED,
    Stage.BOX_EXECUTED: Stage.RESULT_RECEIVED,
    Stage.RESULT_RECEIVED: Stage.STATE_CHANGED,
    Stage.STATE_CHANGED: Stage.RESULT_RECEIVED,
}
"""The stage that an unlock waits for when this is the furthest one it reached."""
_NAMED: Final = tuple((stage, stage.value) for stage in Stage)
_INTENDED: Final = Stage.INTENDED.value
_API_ANSWERED: Final = Stage.API_ANSWERED.value
_MICROSECONDS: Final = 1e6
"""Times are recorded to the microsecond."""

Times = tuple[dict[str, float], dict[str, float], float]
"""Stages, hops and total of a record, in seconds."""


def timings(
    reached_s: Mapping[Stage, float],
    *,
    intended_s: float,
    ended_s: float,
    through_api: bool,
    wire: WireTraits = CONTRACT,
) -> Times:
    """Return stages, hops and total, in seconds since the intended start.

    `reached_s` and the other two are seconds on one clock. Hops are taken on the running maximum,
    so that they add up where answers came out of order. Time waited in vain counts as the hop into
    the awaited stage. So a stage's latency does not look better because it was never reached. A
    customer who asks `through_api` waits for the API's answer first. An API that answers after it
    sent the command is not on its path, and its hop is 0.
    """
    stages: dict[str, float] = {}
    hops_s: dict[str, float] = {}
    latest_us = 0
    furthest = Stage.INTENDED
    aside = _API_ANSWERED if _is_answered_aside(reached_s) else ""
    for stage, name in _NAMED:
        if stage in reached_s:
            furthest = stage
            at_us = round((reached_s[stage] - intended_s) * _MICROSECONDS)
            stages[name] = at_us / _MICROSECONDS if at_us > 0 else 0.0
            if at_us > latest_us and name != aside:
                hops_s[name] = (at_us - latest_us) / _MICROSECONDS
                latest_us = at_us
            else:
                hops_s[name] = 0.0
    hops_s.pop(_INTENDED, None)
    end_s, latest_s = rounded(ended_s - intended_s), latest_us / _MICROSECONDS
    if end_s > latest_s:
        waited_for = _WAITS_FOR[furthest].value
        if through_api and furthest is Stage.REQUESTED:
            waited_for = Stage.API_ANSWERED.value
        if furthest is Stage.BROKER_ACCEPTED and Phase.RECEIVED not in wire.phases:
            waited_for = Stage.RESULT_RECEIVED.value  # no box of this fleet says more before
        hops_s[waited_for] = rounded(hops_s.get(waited_for, 0.0) + end_s - latest_s)
        latest_s = end_s
    return stages, hops_s, latest_s


def on_start(
    reached_s: Mapping[Stage, float],
    *,
    intended_s: float,
    ended_s: float,
    but: Container[Stage] = (),
) -> tuple[dict[Stage, float], float]:
    """Return stages and end as a record that begins with `intended_s` would place them.

    Those of `but` are left out: others place them.
    """
    placed_s: dict[Stage, float] = {}
    latest_s = intended_s + rounded(ended_s - intended_s)
    for stage, at_s in reached_s.items():
        if stage in but:
            continue
        at_us = round((at_s - intended_s) * _MICROSECONDS)
        placed_s[stage] = intended_s + at_us / _MICROSECONDS if at_us > 0 else intended_s
    return placed_s, max(latest_s, *placed_s.values())


def _is_answered_aside(reached_s: Mapping[Stage, float]) -> bool:
    """Return whether the API answered only after the command was sent."""
    answered_s, published_s = reached_s.get(Stage.API_ANSWERED), reached_s.get(Stage.PUBLISHED)
    return answered_s is not None and published_s is not None and answered_s > published_s


def rounded(seconds: float) -> float:
    """Return `seconds` to the microsecond; `round` to digits takes five times as long."""
    return round(seconds * _MICROSECONDS) / _MICROSECONDS
