"""Modes of bookings: their times, their races, and which box is in which car."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer, Signature, facts

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
        signature=Signature(
            needs=facts(Fact.SAID_BOOKING),
            speaks_for=facts(Fact.NOTHING_PUBLISHED, Fact.SAID_NO, Fact.ASKED_AGAIN)
            | facts(Fact.FAILS_AGAIN, Fact.SUPPORT_CALLED, Fact.MANY_FAIL)
            | facts(Fact.APP_VERSION_FARES_WELL),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.SAID_YES, Fact.WENT_WELL)
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
        signature=Signature(
            needs=facts(Fact.TWO_BOOKINGS),
            speaks_for=facts(
                Fact.WENT_WELL,
                Fact.SAID_BOOKING,
                Fact.SAID_NO,
                Fact.SAID_BUSY,
                Fact.UNLOCKED_MOMENTS_BEFORE,
                Fact.NOTHING_PUBLISHED,
                Fact.REFUSED_BUSY,
                Fact.REFUSED_VEHICLE_STATE,
                Fact.NOT_PARKED,
                Fact.SUPPORT_CALLED,
            ),
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
        engineer="The box was moved to another car, and the list of which box is in which car was"
        " not changed: another car opens.",
        customer="Our system has mixed up two cars: another one opened.",
        acts=Actor.FIELD_CREW,
        now="Give the customer another car, and have the one that opened locked.",
        mend="Compare box and car on site, and correct the mapping of both.",
        signature=Signature(
            speaks_for=facts(
                Fact.ANSWERED_BY_ANOTHER,
                Fact.ANOTHER_CAR_ASKED,
                Fact.REFUSED_VEHICLE_STATE,
                Fact.NOT_PARKED,
                Fact.NO_DOOR_OPENED,
                Fact.SUPPORT_CALLED,
                Fact.WENT_WELL,
                Fact.ASKED_AGAIN,
                Fact.FAILS_AGAIN,
                Fact.SAID_YES,
            ),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.FLAPPED, Fact.SAID_BOOKING),
        ),
    ),
)
