"""Modes of how a box is built in."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import ANSWERS, AWAY_CAUSES, Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="event_storm_self_ddos",
        title="a sensor floods the car's electronics",
        number=54,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_SILENT,
        also=(
            *AWAY_CAUSES,
            Cause.DOWNLINK_LOST,
            Cause.UNCLASSIFIED,
            Cause.RESULT_LOST,  # a full queue in the modem loses messages
            Cause.DOOR_UNCONFIRMED,
        ),
        engineer="A badly seated key or a flapping sensor makes the box send a flood of reports, so"
        " that commands do not get through.",
        customer="A sensor in the car keeps its electronics too busy.",
        is_seldom=True,
        acts=Actor.FIELD_CREW,
        now="Ask the customer to press again in some minutes, or give them another car.",
        mend="Check the key holder and the sensors; the box team limits what the box sends.",
        evidence=("INVERS, help.invers.com/cloudboxx/troubleshooting: a badly seated key fob",),
        recipe=Recipe(
            besides=[
                {
                    "name": "sim_suspended_datacap",
                    "window": {"start_s": 0},
                    "parameters": {"cap_bytes": 50000},
                }
            ],
            causes={
                Cause.EXECUTION_SILENT: Recipe(asked={"from_s": 6, "until_s": 46}),  # behind events
                Cause.BOX_SILENT: Recipe(  # its data plan is used up first
                    besides=[
                        {
                            "name": "sim_suspended_datacap",
                            "window": {"start_s": 0},
                            "parameters": {"cap_bytes": 15000},
                        }
                    ]
                ),
            },
        ),
        signature=Signature(
            needs=facts(Fact.EVENTS_IN_A_FLOOD),
            hallmarks=facts(Fact.DROPPED_AT_BROKER),
            rules_out=facts(Fact.WAS_ASLEEP, Fact.BOOTED_AFTER, Fact.TLS_FAILED),
        ),
    ),
    FailureMode(
        slug="loose_wiring",
        title="the box's antenna or power is loose",
        number=55,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=AWAY_CAUSES,
        engineer="The antenna or the power of the box is loose: it comes and goes, with a weak"
        " signal and reboots of its own.",
        customer="The car's electronics have a loose contact.",
        is_seldom=True,
        acts=Actor.FIELD_CREW,
        now="Give the customer another car, and take this one out of service.",
        mend="Repair the wiring of its box.",
        evidence=(
            "INVERS, help.invers.com/cloudboxx/troubleshooting: loose wiring, antenna, no power",
        ),
        recipe=Recipe(
            box={"heartbeat_s": 5, "network_stable": 3},
            load={"deadline_s": 10, "command_ttl_s": 10},
            parameters={"good": {"base_s": 3, "spread_s": 7}, "bad": {"base_s": 5, "spread_s": 15}},
        ),
        signature=Signature(
            # A loose contact comes and goes: until it has, nothing parts it from any other loss.
            needs_one_of=(
                facts(Fact.FLAPPED, Fact.SIGNAL_FELL, Fact.SIGNAL_LOW)
                | facts(Fact.BOOTED_AFTER, Fact.BOOTED_BEFORE, Fact.BOOTED_AGAIN),
            ),
            rules_out=ANSWERS
            | facts(Fact.WAS_ASLEEP, Fact.DENIED_AT_BROKER, Fact.TLS_FAILED, Fact.WILLS_AT_ONCE)
            | facts(Fact.TAKEN_OVER, Fact.FIRMWARE_FAILS),  # a contact knows no release
        ),
    ),
)
