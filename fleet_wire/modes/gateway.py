"""Modes of the API that phones speak to."""

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
        slug="silent_success",
        title="the app said yes and nothing was sent",
        number=43,
        layer=Layer.GATEWAY,
        party=Party.PLATFORM,
        cause=Cause.NOT_PUBLISHED,
        engineer=(
            "A check failed inside the platform, but it still said yes, and nothing was sent to "
            "the car."
        ),
        customer="Our app said yes, but our system sent nothing to the car.",
        acts=Actor.PLATFORM_TEAM,
        now="Ask the customer to press again. If nothing happens, open the car with the support"
        " tool.",
        mend="Search the API's log for this request; correct what it answers.",
        evidence=(
            "WaiveCar car-service.js:1647: the permission check returns, and the API says OK",
        ),
        recipe=Recipe(customers={}, parameters={"probability": 1}),
        signature=Signature(
            needs=facts(Fact.SAID_YES, Fact.NOTHING_PUBLISHED, Fact.NEVER_SENT),
            rules_out=facts(Fact.SAID_ERROR, Fact.SAID_NO, Fact.NOT_DELIVERED, Fact.RELOCKED)
            | facts(Fact.PLATFORM_MISSED_IT, Fact.HELD_UP, Fact.BEHIND_ANOTHER, Fact.WAS_ASLEEP),
        ),
    ),
    FailureMode(
        slug="ok_at_enqueue",
        title="the app said yes before the car had answered",
        number=44,
        layer=Layer.GATEWAY,
        party=Party.PLATFORM,
        cause=Cause.NOT_PUBLISHED,
        also=(
            None,
            Cause.BOX_OFFLINE,
            Cause.BOX_SILENT,
            Cause.BOX_ASLEEP,
            Cause.DOWNLINK_LOST,
            Cause.NO_SUBSCRIBER,
            Cause.EXECUTION_SILENT,
            Cause.BOX_SAYS_EXPIRED,
        ),
        engineer=(
            "The platform says yes as soon as it has noted the request. It never says whether the "
            "car opened."
        ),
        customer="Our app said yes too early: the car had not answered yet.",
        acts=Actor.PLATFORM_TEAM,
        now="Look at how the command ended. If the car has not opened, ask the customer to press"
        " again.",
        mend="Show success in the app only after the car has confirmed.",
        evidence=(
            "CUP-api (Share'ngo): 200 for a row in a table",
            "CUP-push-service: warned after 30 s not sent, 20 to 90 s without a result",
        ),
        recipe=Recipe(customers={}, platform={"command_ttl_s": 15}, parameters={"unsent": 0.5}),
        signature=Signature(
            needs=facts(Fact.SAID_YES, Fact.SAID_DONE),
            needs_one_of=(  # never sent and not given up, it was forgotten: `silent_success`
                facts(Fact.PLATFORM_GAVE_UP, Fact.WENT_WELL),
                facts(Fact.PLATFORM_GAVE_UP, Fact.YES_BEFORE_THE_END, Fact.YES_BEFORE_SENDING),
            ),
            rules_out=facts(Fact.SAID_ERROR, Fact.SAID_NO, Fact.BACK_WITHOUT_WILL, Fact.REPLACED),
        ),
    ),
    FailureMode(
        slug="app_gateway_outage",
        title="app, login or gateway are down",
        number=45,
        layer=Layer.GATEWAY,
        party=Party.PLATFORM,
        cause=Cause.API_FAILED,
        also=(Cause.NOT_OBSERVED, Cause.API_REFUSED, Cause.NOT_PUBLISHED),
        engineer=(
            "The app, the login or the gateway is down. Requests get errors or no answer, while "
            "all cars are well."
        ),
        customer="Our app or its login is down at the moment. The cars themselves are fine.",
        acts=Actor.PLATFORM_TEAM,
        now="Open the car with the support tool while the app is down. If the tool is down too,"
        " send somebody with a key.",
        mend="Restart or scale the gateway.",
        evidence=(
            "Zipcar, Black Friday 2024-11-29 (404media): login by SMS congested",
            "Tesla, 2021-11-19 (The Guardian): app servers down",
        ),
        recipe=Recipe(
            asked={"from_s": 5},
            customers={},
            window={"start_s": 15},  # a customer who booked before wants to open now
            parameters={"login_failures": 0.8, "unreached": 0.25},
        ),
        signature=Signature(
            rules_out=REFUSALS
            | facts(Fact.WENT_WELL, Fact.SAID_YES, Fact.NOT_DELIVERED)
            | facts(Fact.KEY_EXPIRED, Fact.SHOWN_KEY_EXPIRED, Fact.SAID_WHY_NOT),
        ),
    ),
    FailureMode(
        slug="planned_maintenance_window",
        title="planned maintenance",
        number=46,
        layer=Layer.GATEWAY,
        party=Party.PLATFORM,
        cause=Cause.API_FAILED,
        also=(Cause.API_REFUSED,),
        engineer="Start and end of rentals are switched off for planned work.",
        customer="We are working on our system, so rentals cannot begin or end at the moment.",
        acts=Actor.PLATFORM_TEAM,
        now="Ask the platform team how long the work lasts, and tell the customer. Meanwhile send"
        " somebody with a key, where you can.",
        mend="Do no such work while cars are booked.",
        evidence=(
            "Communauto notice (campaign-archive): 20 minutes without start and end",
            "RFC 9110, section 15.6.4: a 503 may say in Retry-After when to come back",
        ),
        recipe=Recipe(asked={"from_s": 5}, customers={}, window={"start_s": 15}),
        signature=Signature(
            needs=facts(Fact.SAID_MAINTENANCE),
            rules_out=facts(Fact.WENT_WELL, Fact.NOT_DELIVERED, Fact.SAID_YES, Fact.SAID_WHY_NOT),
        ),
    ),
)
