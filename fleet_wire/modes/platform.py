"""Modes of the platform's API."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="generic_500",
        title="the API returns errors without a cause",
        number=42,
        layer=Layer.GATEWAY,
        party=Party.PLATFORM,
        cause=Cause.API_FAILED,
        also=(None, Cause.NOT_PUBLISHED),
        engineer=(
            "A release of the platform answers every failure, and some successes, with the same "
            "error (500). The phone never learns the cause."
        ),
        customer="Our app showed an error, but the car may have opened all the same.",
        acts=Actor.PLATFORM_TEAM,
        now="Ask the customer to try the door: the error may mean nothing.",
        mend="Roll the API's release back.",
        evidence=(
            "Tesla, 2021-11-19 (The Guardian): about 5 hours of 500",
            "bimmer_connected#278",
            "INVERS OneAPI: /problems/telematics-unit/error is a 500",
        ),
        recipe=Recipe(
            box={"asleep_share": 0.1},
            customers={"max_presses": 2, "calls_support": 0.8, "dials": 5},
            parameters={"successes": 0.5},
        ),
        signature=Signature(
            needs=facts(Fact.EXPLAINED_NOTHING),
            rules_out=facts(Fact.SAID_YES, Fact.SAID_NOTHING),
        ),
    ),
)
