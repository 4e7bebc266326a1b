"""Modes of the car behind the box, and of its locks."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

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
        customer="The car's own electronics did not wake up.",
        ask="Please try again.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to press again at once, as the next wake often works. If it comes"
        " back, send the car to a workshop.",
        evidence=(
            "OVMS vehicle_renaultzoe_ph2: 3 of 10 wakes needed, then `Failed to wake up CAN bus`",
        ),
        recipe=Recipe(parameters={"probability": 1}),
        signature=Signature(
            needs=facts(Fact.REFUSED_CAN_BUS),
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
        now="Ask whether somebody sits in the car. With the ignition off and the gear in P ask the"
        " customer to press again.",
        evidence=(
            "hvv switch FAQ: ignition off, lever in P",
            "volkswagencarnet: fail_ignition_on",
            "Volvo invokeStatus: NOT_ALLOWED_PRIVACY_ENABLED, NOT_ALLOWED_WRONG_USAGE_MODE",
        ),
        recipe=Recipe(
            reasons={
                "not_in_park": Recipe(parameters={"state": "not_in_park"}),
                "privacy_mode": Recipe(parameters={"state": "privacy_mode"}),
            }
        ),
        signature=Signature(
            needs=facts(Fact.REFUSED_VEHICLE_STATE),
            rules_out=facts(Fact.TWO_BOOKINGS, Fact.WENT_WELL, Fact.NOT_DELIVERED)
            # The customer sits in the car by now and uses it.
            | facts(Fact.ALREADY_OPENED),
        ),
    ),
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
        now="Ask the customer to wait half a minute and press again. In frost warm the lock. If"
        " that fails, give them another car.",
        evidence=("Fiat/Alfa E3040: 8 movements in 20 s inhibit for 30 s, below 9 V no command",),
        recipe=Recipe(
            causes={Cause.VEHICLE_FAILED: Recipe(parameters={"why": "hot"})},
            reasons={"undervoltage": Recipe(parameters={"why": "weak"})},
        ),
        signature=Signature(
            hallmarks=facts(Fact.REFUSED_WITHOUT_REASON, Fact.TOO_WEAK_TO_MOVE),
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
        evidence=(
            "Fiat/Alfa E3040: the locks are reversed where a door is ajar",
            "Volvo invokeStatus: UNABLE_TO_LOCK_DOOR_OPEN",
        ),
        recipe=Recipe(
            unlocks_per_car=3,
            customers={
                "walk": {"base_s": 2, "spread_s": 2},
                "drive": {"base_s": 4, "spread_s": 4},
                "locks": {"base_s": 1, "spread_s": 2},
                "ends": {"base_s": 1, "spread_s": 2},
            },
        ),
        signature=Signature(
            hallmarks=facts(Fact.REFUSED_VEHICLE_STATE),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.RELOCKED),
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
        evidence=(
            "kia_uvo#436: locked again after 30 s without a door (Blue Link)",
            "ha-volvo-cars#129: 120 s",
        ),
        recipe=Recipe(box={"inhibit_count": None}, customers={}, parameters={"after": 3}),
        signature=Signature(
            needs=facts(Fact.RELOCKED),
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
        now="Ask which door opens. Have the second command (doors, or immobiliser) sent again.",
        evidence=(
            "ha-volvo-cars#129: some cars unlock the boot handle alone",
            "WaiveCar accessCar: lock and immobiliser are two commands",
            "Zipcar 2019: doors could open, the engine would not start",
        ),
        signature=Signature(
            hallmarks=facts(Fact.REFUSED_WITHOUT_REASON),
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
        evidence=(
            "The Mobility Factory's docs: a car locked with the key is not unlocked by the app",
            "Karshare help: the same",
        ),
        signature=Signature(
            needs=facts(Fact.REFUSED_VEHICLE_STATE, Fact.LOCKED_BY_KEY),
            rules_out=facts(Fact.NOT_PARKED, Fact.WENT_WELL, Fact.NOT_DELIVERED),
        ),
    ),
)
