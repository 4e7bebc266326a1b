"""Modes of the rights to open a car."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="booking_window_race",
        title="the booking does not count as active",
        number=47,
        layer=Layer.BOOKING,
        party=Party.PLATFORM,
        cause=Cause.API_REFUSED,
        also=(Cause.NOT_PUBLISHED, Cause.BOX_REJECTED),
        engineer="The booking is not yet, or no longer, known where it is checked: an early start,"
        " an extension under way, clocks apart.",
        customer="Our system does not show your booking as active right now.",
        acts=Actor.SUPPORT,
        now="Check the booking's times. If they are right, open the car with the support tool, or"
        " send somebody with a key.",
        evidence=(
            "Zipcar help: extensions that have not come to the car",
            "Hacker News 20873234",
            "Karshare and Tribecar help",
        ),
        recipe=Recipe(customers={}, parameters={"lag": {"base_s": 10, "spread_s": 20}}),
        signature=Signature(
            needs=facts(Fact.SAID_BOOKING),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.WENT_WELL)
            | facts(Fact.APP_VERSION_FAILS, Fact.BOOKING_OF_SEVERAL),
        ),
    ),
    FailureMode(
        slug="double_booking_race",
        title="the car was booked twice",
        number=48,
        layer=Layer.BOOKING,
        party=Party.PLATFORM,
        cause=Cause.API_REFUSED,
        also=(Cause.BOX_BUSY, Cause.BOX_REJECTED, Cause.VEHICLE_STATE, None),
        engineer="Two customers got the same car: both bookings were checked before either was"
        " noted.",
        customer="Somebody else has booked the same car at the same moment.",
        acts=Actor.PLATFORM_TEAM,
        now="Give the second customer another car.",
        mend="Make the insert of bookings atomic.",
        evidence=(
            "CUP-api:535-547; ObcService.java:1763: ignored, `there is already an open trip`",
            "WaiveCar: a lock of 5 s for each car, `Another driver has already reserved`",
        ),
        # The first of the two drives already when the second comes.
        recipe=Recipe(customers={"same_car": 0.6, "walk": {"base_s": 5, "spread_s": 30}}),
        signature=Signature(
            needs=facts(Fact.TWO_BOOKINGS),
            hallmarks=facts(Fact.SAID_BOOKING, Fact.WENT_WELL),
            rules_out=facts(Fact.NOT_DELIVERED),
        ),
    ),
    FailureMode(
        slug="wrong_vin_mapping",
        title="two cars are mixed up: another one opened",
        number=49,
        layer=Layer.BOOKING,
        party=Party.PLATFORM,
        cause=Cause.UNCLASSIFIED,
        also=(None, Cause.DOOR_UNCONFIRMED, Cause.VEHICLE_STATE),
        engineer=(
            "The box was moved to another car, but the list of boxes and cars was not changed. "
            "Another car opens."
        ),
        customer="Our system has mixed up two cars: another one opened.",
        acts=Actor.FIELD_CREW,
        now="Give the customer another car, and have the one that opened locked.",
        mend="Compare box and car on site, and correct the mapping of both.",
        evidence=(
            "Tesla vehicle-command: MESSAGEFAULT_ERROR_WRONG_PERSONALIZATION",
            "WaiveCar: `reassignment` in its table of telematics units",
            "Vancouver 2023 (shacklemedia): the wrong Tesla opened",
        ),
        recipe=Recipe(customers={}, parameters={"share": 1}),
        signature=Signature(
            hallmarks=facts(Fact.ANSWERED_BY_ANOTHER, Fact.REFUSED_VEHICLE_STATE),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.FLAPPED),
        ),
    ),
)
