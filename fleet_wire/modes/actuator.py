"""Modes of the lock itself."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer, Signature, facts

MODES: Final = (
    FailureMode(
        slug="actuator_inhibit_or_frozen",
        title="the lock is frozen or protects itself",
        number=37,
        layer=Layer.ACTUATOR,
        party=Party.VEHICLE,
        cause=Cause.VEHICLE_FAILED,
        also=(Cause.DOOR_UNCONFIRMED,),
        engineer="The lock's motor is frozen, broken, or protects itself after many movements.",
        customer="The lock does not move: it is frozen, or was used too often in a row.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to wait half a minute and press again; in frost warm the lock; else"
        " give them another car.",
        signature=Signature(
            speaks_for=facts(
                Fact.REFUSED_INHIBITED,
                Fact.RESULT_WITHOUT_STATE,
                Fact.REFUSED_LOW_VOLTAGE,
                Fact.REFUSED_WITHOUT_REASON,
                Fact.DOORS_DIFFER,
                Fact.VOLTAGE_FELL,
                Fact.VOLTAGE_LOW,
                Fact.UNLOCKED_MOMENTS_BEFORE,
                Fact.FAILS_AGAIN,
            ),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.LOCK_BOUNCED, Fact.ONLY_BOOT_OPEN),
        ),
    ),
    FailureMode(
        slug="door_ajar_repulsion",
        title="a door is not shut",
        number=38,
        layer=Layer.ACTUATOR,
        party=Party.VEHICLE,
        cause=Cause.DOOR_UNCONFIRMED,
        also=(None, Cause.VEHICLE_FAILED, Cause.VEHICLE_STATE),
        engineer="A door is not shut, so locks bounce back within a second; the state that the next"
        " customer finds is wrong.",
        customer="A door is not shut properly, so the lock springs back.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to push every door shut, then lock and unlock once.",
        signature=Signature(
            speaks_for=facts(
                Fact.DOOR_AJAR,
                Fact.LOCK_BOUNCED,
                Fact.WENT_WELL,
                Fact.RESULT_WITHOUT_STATE,
                Fact.REFUSED_VEHICLE_STATE,
            ),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.RELOCKED),
        ),
    ),
)
