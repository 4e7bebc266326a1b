"""All modes, and those among them that no monitor can tell apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.modes import (
    actuator,
    booking,
    box,
    broker,
    command,
    gateway,
    network,
    phone,
    security,
    vehicle,
)
from fleet_wire.modes.mode import FailureMode, on_any_wire

MODES: Final[dict[str, FailureMode]] = {
    mode.slug: replace(mode, signature=on_any_wire(mode.signature))
    for mode in sorted(
        (
            *phone.MODES, *gateway.MODES, *booking.MODES, *command.MODES, *broker.MODES,
            *network.MODES, *box.MODES, *vehicle.MODES, *actuator.MODES, *security.MODES,
        ),
        key=lambda mode: mode.number,
    )
}  # fmt: skip
"""Every mode by slug, in the order of their numbers."""

TITLES: Final[dict[str, str]] = {
    **{slug: mode.title for slug, mode in MODES.items()},
    UNKNOWN: "none of the ways of failing that we know",
    NOTHING_WRONG: "nothing was wrong, it only looked odd",
}
"""What each name is called that may stand first in a diagnosis, those that are no mode too."""


class AlikeClass(NamedTuple):
    """Modes that no evidence of a monitor tells apart. One of them named is all of them named."""

    slugs: frozenset[str]
    why: str
    """Which evidence would tell them apart, and why a monitor does not have it."""


ALIKE: Final[tuple[AlikeClass, ...]] = ()
"""Every class of modes that look the same; a mode is in one of them at most."""

_CLASS_OF: Final = {slug: min(alike.slugs) for alike in ALIKE for slug in alike.slugs}


def class_of(slug: str) -> str:
    """Return the name under which a mode counts with those that look the same."""
    return _CLASS_OF.get(slug, slug)
