"""All modes. Which of them look the same where something is not told, `alike.py` says."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Final

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
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Signature, behind_the_door, facts, on_any_wire

MODES: Final[dict[str, FailureMode]] = {
    mode.slug: on_any_wire(behind_the_door(mode))
    for mode in sorted(
        (
            *phone.MODES, *gateway.MODES, *booking.MODES, *command.MODES, *broker.MODES,
            *network.MODES, *box.MODES, *vehicle.MODES, *actuator.MODES, *security.MODES,
        ),
        key=lambda mode: mode.number,
    )
}  # fmt: skip
"""Every mode by slug, in the order of their numbers."""

APP_RELEASE: Final = replace(
    MODES["phone_side"],
    customer="This version of our app has a defect, which is not your fault; please update it if"
    " you can.",
    acts=Actor.APP_TEAM,
    now="Ask the customer to update the app, if there is a newer version; else open the car with"
    " the support tool.",
    mend="Withdraw the release, or fix it.",
)
"""How `phone_side` is told where one version of the app fails, and not one phone."""


def mode_told(slug: str | None, cohort: Container[str]) -> FailureMode | None:
    """Return the mode of this name, as it is told of what shares these traits; None: no mode."""
    is_of_release = slug == APP_RELEASE.slug and "app_version" in cohort
    return APP_RELEASE if is_of_release else MODES.get(slug or "")


SIGNATURES: Final[dict[str, Signature]] = {
    **{slug: mode.signature for slug, mode in MODES.items()},
    NOTHING_WRONG: Signature(
        needs=facts(Fact.WENT_WELL),
        rules_out=facts(Fact.SUPPORT_CALLED, Fact.ASKED_AFTER_RELOCK, Fact.HELD_UP)
        | facts(Fact.BACK_IN_MINUTES),
    ),
}
"""Facts that a successful unlock without any failure cannot show. A support call, a missed rental,
a platform that delays commands and a car that is back within minutes all have a reason."""

TITLES: Final[dict[str, str]] = {
    **{slug: mode.title for slug, mode in MODES.items()},
    UNKNOWN: "none of the known failure modes",
    NOTHING_WRONG: "nothing was wrong, it only looked odd",
}
"""The title of each possible first entry of a diagnosis, also of those that are no mode."""
