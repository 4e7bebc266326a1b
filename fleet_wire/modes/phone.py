"""Modes of the phone, its app, and who holds it."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import (
    REFUSALS,
    Actor,
    FailureMode,
    Layer,
    Signature,
    facts,
)
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="wrong_car_approached",
        title="the customer stands at another car",
        number=50,
        layer=Layer.PHONE,
        party=Party.NOBODY_KNOWS,
        cause=None,
        engineer=(
            "The command went well, but the customer stands at another car that looks the same."
        ),
        customer="Your car has opened.",
        ask="Please compare the number plate.",
        acts=Actor.CUSTOMER,
        now="Read the number plate to the customer, and let the horn sound.",
        evidence=("Zipcar help: check the licence plate",),
        recipe=Recipe(
            box={"door_opens": None},
            customers={
                "patience": {"base_s": 25, "spread_s": 10},
                "presses_again": {"base_s": 8, "spread_s": 4},
                "calls_support": 1.0,
                "dials": {"base_s": 5, "spread_s": 5},
            },
            parameters={"share": 1},
        ),
        signature=Signature(
            needs=facts(Fact.WENT_WELL),
            rules_out=facts(Fact.OPEN_BUT_TOLD_NO, Fact.FLAPPED, Fact.PLATFORM_MISSED_IT)
            | facts(Fact.NOT_DELIVERED, Fact.RELOCKED_AT_ONCE, Fact.UNSENT_BEFORE),
        ),
    ),
    FailureMode(
        slug="phone_side",
        title="the phone or its app",
        number=51,
        layer=Layer.PHONE,
        party=Party.NOBODY_KNOWS,
        cause=Cause.NOT_OBSERVED,
        also=(Cause.API_REFUSED,),
        engineer=(
            "The phone has no data, lacks a permission, is signed out, or runs an app with a "
            "defect. We get no request, or a wrong one."
        ),
        customer="The app on your phone could not reach us.",
        ask="Please check its connection, sign in again, and update it.",
        acts=Actor.CUSTOMER,
        now="Check with the customer: mobile data, Bluetooth and location permission, whether they"
        " are signed in, and the app's version.",
        evidence=(
            "WaiveCar, car-service.js, update(): a defect of plateNumber in 15 months of releases",
            "Zipcar and Karshare help: phone without signal or location",
        ),
        recipe=Recipe(
            customers={
                "phone": {"timeout_s": 6},
                "patience": {"base_s": 25, "spread_s": 10},
                "presses_again": {"base_s": 8, "spread_s": 4},
                "calls_support": 1.0,
                "dials": {"base_s": 5, "spread_s": 5},
            },
            causes={Cause.API_REFUSED: Recipe(parameters={"what": "app_bug"})},
        ),
        signature=Signature(
            hallmarks=facts(Fact.APP_VERSION_FAILS, Fact.SAID_WRONG, Fact.SIGNED_OUT_ALONE),
            rules_out=REFUSALS
            | facts(Fact.NOT_DELIVERED, Fact.KEY_EXPIRED, Fact.SHOWN_KEY_EXPIRED)
            | facts(Fact.APP_VERSION_FARES_WELL),
        ),
    ),
    FailureMode(
        slug="ble_token_expired_offline",
        title="the phone's offline key has expired",
        number=52,
        layer=Layer.PHONE,
        party=Party.NOBODY_KNOWS,
        cause=Cause.NOT_OBSERVED,
        also=(None, Cause.BOX_REJECTED),
        engineer=(
            "The offline key in the phone has expired, and phone or car have no network to renew "
            "it."
        ),
        customer="The offline key in your phone has expired. It needs a moment with reception.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to go to where the phone has reception, open the app, and come back.",
        evidence=(
            "WaiveCar, car-service.js:1325: a token for Bluetooth is good for 38 minutes",
            "Daily Dot on GIG cars, which have to be synchronised every 24 hours",
        ),
        recipe=Recipe(
            customers={
                "phone": {"timeout_s": 5, "offline_key_s": 2280},
                "patience": {"base_s": 25, "spread_s": 10},
                "presses_again": {"base_s": 12, "spread_s": 4},
                "calls_support": 1.0,
                "dials": {"base_s": 5, "spread_s": 5},
            }
        ),
        signature=Signature(
            rules_out=facts(Fact.NOT_DELIVERED, Fact.SAID_YES, Fact.APP_VERSION_FAILS)
            | facts(Fact.SAID_OVERLOADED, Fact.SAID_BUSY),
        ),
    ),
)
