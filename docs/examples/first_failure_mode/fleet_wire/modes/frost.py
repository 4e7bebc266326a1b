"""Modes of frost: what ice keeps from moving."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="door_frozen",
        title="ice holds the lock",
        number=61,
        layer=Layer.ACTUATOR,
        party=Party.VEHICLE,
        cause=Cause.DOOR_UNCONFIRMED,
        engineer="The lock is frozen: its motor runs, nothing moves, and the box reports success.",
        customer="The lock is frozen, so the door stays shut.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to warm the lock and press again. If that fails, give another car.",
        mend="Park the cars of a cold place where the sun reaches them.",
        recipe=Recipe(parameters={"probability": 1}),
        signature=Signature(
            needs=facts(Fact.RESULT_WITHOUT_STATE, Fact.REGION_FAILS),
            rules_out=facts(Fact.FIRMWARE_FAILS, Fact.HARDWARE_FAILS, Fact.LOCK_BOUNCED),
        ),
    ),
)
