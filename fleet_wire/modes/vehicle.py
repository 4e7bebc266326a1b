"""Modes of the car behind the box: its bus, its state, its own rules."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer, Signature, facts

MODES: Final = (
    FailureMode(
        slug="can_bus_asleep_no_ack",
        title="the car's own electronics did not wake up",
        number=35,
        layer=Layer.VEHICLE,
        party=Party.VEHICLE,
        cause=Cause.VEHICLE_FAILED,
        engineer="The car's own control units do not wake up, or do not answer the box (no"
        " acknowledgement on the CAN bus).",
        customer="The car's own electronics did not wake up; please try again.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to press again at once, as the next wake often works; where it comes"
        " back, send the car to a workshop.",
        signature=Signature(
            needs=facts(Fact.REFUSED_CAN_BUS),
            speaks_for=facts(Fact.WENT_WELL_BETWEEN, Fact.WAS_ONLINE, Fact.ALONE)
            | facts(Fact.FAILS_AGAIN),
            rules_out=facts(Fact.WENT_WELL, Fact.NOT_DELIVERED),
        ),
    ),
    FailureMode(
        slug="wrong_vehicle_state",
        title="the ignition is on or the car not parked",
        number=36,
        layer=Layer.VEHICLE,
        party=Party.VEHICLE,
        cause=Cause.VEHICLE_STATE,
        engineer="The ignition is on, the car not in park, or a privacy mode set: by its own rules"
        " it does not unlock by remote.",
        customer="The car is in use or not parked properly, so it cannot be opened from afar.",
        acts=Actor.CUSTOMER,
        now="Ask whether somebody sits in the car; with the ignition off and the gear in P ask the"
        " customer to press again.",
        signature=Signature(
            needs=facts(Fact.REFUSED_VEHICLE_STATE),
            speaks_for=facts(Fact.NOT_PARKED, Fact.FAILS_AGAIN, Fact.ALONE, Fact.WAS_ONLINE),
            rules_out=facts(
                Fact.TWO_BOOKINGS, Fact.LOCKED_BY_KEY, Fact.WENT_WELL, Fact.NOT_DELIVERED
            )
            # The customer sits in the car by now and uses it.
            | facts(Fact.ALREADY_OPENED),
        ),
    ),
    FailureMode(
        slug="auto_relock",
        title="the car locked itself again",
        number=39,
        layer=Layer.VEHICLE,
        party=Party.VEHICLE,
        cause=None,
        engineer="The unlock went well, and the car locked itself again before anybody opened a"
        " door.",
        customer="The car opened and locked itself again before a door was opened.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to stand beside the car, unlock once more, and open a door at once.",
        signature=Signature(
            needs=facts(Fact.RELOCKED),
            speaks_for=facts(Fact.WENT_WELL, Fact.ASKED_AGAIN, Fact.SUPPORT_CALLED, Fact.SAID_YES)
            | facts(Fact.OPENED_AGAIN, Fact.NO_DOOR_OPENED, Fact.FAILS_AGAIN)
            | facts(Fact.RELOCKED_AT_ONCE, Fact.ASKED_AFTER_RELOCK),
            rules_out=facts(Fact.PLATFORM_MISSED_IT, Fact.LOCK_BOUNCED, Fact.NOT_DELIVERED)
            | facts(Fact.ANOTHER_CAR_ASKED)  # theirs has never opened
            | facts(Fact.HELD_UP),  # a customer has left the door after so long a wait
        ),
    ),
    FailureMode(
        slug="partial_unlock",
        title="only a part of the car opened",
        number=40,
        layer=Layer.VEHICLE,
        party=Party.VEHICLE,
        cause=None,
        also=(Cause.VEHICLE_FAILED, Cause.DOOR_UNCONFIRMED),
        engineer="Only a part of the car opened: the boot, one door, or the doors without the"
        " immobiliser.",
        customer="Only a part of the car has opened.",
        acts=Actor.SUPPORT,
        now="Ask which door opens; have the second command (doors, or immobiliser) sent again.",
        signature=Signature(
            speaks_for=facts(Fact.ONLY_BOOT_OPEN, Fact.ANOTHER_DOOR_LOCKED, Fact.OPENED_AGAIN)
            | facts(Fact.WENT_WELL, Fact.ASKED_AGAIN, Fact.SUPPORT_CALLED)
            | facts(Fact.RESULT_WITHOUT_STATE, Fact.REFUSED_WITHOUT_REASON),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.LOCK_BOUNCED),
        ),
    ),
    FailureMode(
        slug="key_overrides_app",
        title="the car was locked with its key",
        number=41,
        layer=Layer.VEHICLE,
        party=Party.VEHICLE,
        cause=Cause.VEHICLE_STATE,
        engineer="Somebody locked the car with its mechanical or radio key, which overrides the"
        " app.",
        customer="The car was locked with its key, so the app cannot open it.",
        acts=Actor.FIELD_CREW,
        now="Give the customer another car: the app cannot open this one.",
        mend="Open the car with its key; lock cars with the app.",
        signature=Signature(
            needs=facts(Fact.REFUSED_VEHICLE_STATE, Fact.LOCKED_BY_KEY),
            speaks_for=facts(Fact.FAILS_AGAIN, Fact.ALONE, Fact.WAS_ONLINE),
            rules_out=facts(Fact.NOT_PARKED, Fact.WENT_WELL, Fact.NOT_DELIVERED),
        ),
    ),
)
