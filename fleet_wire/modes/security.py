"""Modes of people without the right to a car, and of those kept from it."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="command_pin_lockout",
        title="the car refuses a wrong PIN",
        number=56,
        layer=Layer.SECURITY,
        party=Party.BOX,
        cause=Cause.BOX_REJECTED,
        also=(Cause.API_REFUSED,),
        engineer=(
            "A wrong command PIN was sent. The car refuses it, and after a few of them refuses "
            "all remote commands until it is reset."
        ),
        customer="The car has refused the code that we sent.",
        acts=Actor.SUPPORT,
        now="Give the customer another car: this one refuses every press until its PIN is set right"
        " and its counter is reset.",
        mend="Find out who sent the wrong PIN, and set it right.",
        evidence=("volkswagencarnet, check_spin_state: remaining tries", "OVMS v3, PinCheck"),
        recipe=Recipe(unlocks_per_car=4, load={"deadline_s": 8, "command_ttl_s": 8}),
        signature=Signature(
            needs=facts(Fact.WRONG_PIN),
            hallmarks=facts(Fact.REFUSED_BAD_SIGNATURE),
            rules_out=facts(Fact.WENT_WELL, Fact.NOT_DELIVERED),
        ),
    ),
    FailureMode(
        slug="attack_bruteforce_vehicle_ids",
        title="somebody tries out vehicle ids",
        number=57,
        layer=Layer.SECURITY,
        party=Party.PLATFORM,
        cause=Cause.API_REFUSED,
        also=(None,),
        engineer="One account tries to open many cars, by ids or plates that it guesses.",
        customer="This account asked for many cars. We open none for it until that is cleared up.",
        acts=Actor.SECURITY_TEAM,
        now="Tell the security team, and open nothing for this account.",
        mend="Block the account and its addresses; check which cars it opened.",
        evidence=(
            "Kia, 2024: any car from its number plate in 30 s, samcurry.net",
            "car2go Chicago, 2019-04-17: about 100 cars by fraudulent accounts",
        ),
        recipe=Recipe(customers={}, parameters={"cars_per_h": 10000}),
        signature=Signature(
            needs=facts(Fact.MANY_CARS_OF_ONE, Fact.CARS_OF_OTHERS),
            rules_out=facts(Fact.SUPPORT_CALLED, Fact.NOT_DELIVERED),
        ),
    ),
    FailureMode(
        slug="attack_replay",
        title="somebody sends an old command again",
        number=58,
        layer=Layer.SECURITY,
        party=Party.NOBODY_KNOWS,
        cause=Cause.BOX_REJECTED,
        also=(None, Cause.BOX_SAYS_EXPIRED),
        engineer="Somebody sends a captured command again: the box knows that it had it before.",
        customer="The car has received a copy of an old message, and we did not send it.",
        acts=Actor.SECURITY_TEAM,
        now="Tell the security team. A customer whose own unlock failed may press again.",
        mend="Find the sender at the broker, change the credentials; keep the box's log.",
        evidence=(
            "Tesla vehicle-command, protocol.md: counters, a window of 32, REPEATED_COUNTER",
        ),
        recipe=Recipe(
            customers={
                "walk": {"base_s": 3, "spread_s": 3},
                "drive": {"base_s": 3, "spread_s": 3},
                "locks": {"base_s": 2, "spread_s": 2},
                "ends": {"base_s": 2, "spread_s": 2},
            },
            parameters={"after": {"base_s": 25, "spread_s": 5}},
        ),
        signature=Signature(
            hallmarks=facts(Fact.REFUSED_REPLAYED),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.FLAPPED, Fact.COPY_AFTER_CONNECT)
            | facts(Fact.SENT_TWICE, Fact.SENT_AGAIN),
        ),
    ),
    FailureMode(
        slug="impossible_travel",
        title="an account used at two places at once",
        number=59,
        layer=Layer.SECURITY,
        party=Party.NOBODY_KNOWS,
        cause=None,
        also=(Cause.API_REFUSED,),
        engineer="One account opens cars so far apart, or so many at once, that it cannot be one"
        " person.",
        customer="Your account was used in two places at once.",
        ask="Please change your password.",
        acts=Actor.SECURITY_TEAM,
        now="Tell the security team, and check who is calling before you open anything.",
        mend="Sign the account out everywhere, and call its owner.",
        evidence=(
            "CUP-api, customer_locations: latitude and longitude of the user at each opening",
        ),
        recipe=Recipe(
            asks="others",
            customers={"phone": {"sends_position": True}},
            parameters={"gap": {"base_s": 10, "spread_s": 5}, "share": 0.5},
        ),
        signature=Signature(
            needs=facts(Fact.TWO_PLACES),
            hallmarks=facts(Fact.MANY_CARS_OF_ONE, Fact.PHONE_FAR),
            rules_out=facts(Fact.NOT_DELIVERED),
        ),
    ),
    FailureMode(
        slug="insider_or_support_unlock",
        title="opened by staff without a booking",
        number=60,
        layer=Layer.SECURITY,
        party=Party.PLATFORM,
        cause=None,
        also=(Cause.VEHICLE_STATE,),  # a car that somebody drives refuses it
        engineer="A member of the staff opens a car without a booking, or for the wrong person.",
        customer="Somebody of our staff has opened the car.",
        acts=Actor.SECURITY_TEAM,
        now="Tell the security team, and have the car locked.",
        mend="Ask the operator's account for the reason.",
        evidence=(
            "WaiveCar: an SMS 'unlock waive<n> <email>' opens any car",
            "ayyahfleet: instant access for staff",
        ),
        recipe=Recipe(
            asks="others", customers={}, parameters={"every": {"base_s": 3, "spread_s": 3}}
        ),
        signature=Signature(
            needs=facts(Fact.WITHOUT_BOOKING),
            rules_out=facts(Fact.NOT_DELIVERED),
        ),
    ),
)
