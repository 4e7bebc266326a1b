"""Modes of the 12 V battery, which also feeds the box."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import (
    ANSWERS,
    AWAY_CAUSES,
    Actor,
    FailureMode,
    Layer,
    Signature,
    facts,
)
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="undervoltage_cutout",
        title="the car's battery is flat",
        number=8,
        layer=Layer.BOX,
        party=Party.VEHICLE,
        cause=Cause.BOX_OFFLINE,
        also=(*AWAY_CAUSES, Cause.VEHICLE_FAILED),
        engineer=(
            "The 12 V battery ran down. The box refuses to move the locks, or has switched itself "
            "off. Its reports show a falling voltage, and then stop."
        ),
        customer="The car's battery is too low.",
        acts=Actor.FIELD_CREW,
        now="Give the customer another car.",
        mend="Charge the car's battery, or jump-start it.",
        evidence=(
            "AutoPi cut-out at 12.2 V for 240 s, docs.autopi.io",
            "OVMS powermgmt.cpp",
            "Car Next Door's SMS on voltage loss",
        ),
        recipe=Recipe(
            asked={"from_s": 18},
            box={"heartbeat_s": 5},
            window={"start_s": 0},
            parameters={"drain_v_per_min": 2.4, "hold_s": 5},
            causes={  # the box cuts out at about 20 s
                Cause.EXECUTION_SILENT: Recipe(asked={"from_s": 15, "until_s": 22}),
            },
        ),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            hallmarks=facts(Fact.REFUSED_LOW_VOLTAGE),
            needs_one_of=(
                facts(Fact.VOLTAGE_FELL, Fact.VOLTAGE_LOW, Fact.TOLD_LOW_VOLTAGE)
                | facts(Fact.BOOTED_AFTER),
            ),
            rules_out=facts(Fact.BACK_WITHOUT_BOOT, Fact.CONNECTION_CLOSED, Fact.DROPPED_AT_BROKER)
            | facts(Fact.LOST_AT_SAME_DATA, Fact.LOST_AT_ONCE, Fact.OPENED_LATE)
            | facts(Fact.LEFT_QUIETLY, Fact.TOO_WEAK_TO_MOVE)
            | (ANSWERS - facts(Fact.REFUSED_LOW_VOLTAGE))
            | facts(Fact.WAS_ASLEEP, Fact.TLS_FAILED, Fact.DENIED_AT_BROKER),
        ),
    ),
    FailureMode(
        slug="modem_search_drain",
        title="the search for a network drained the battery",
        number=9,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=AWAY_CAUSES,
        engineer="Without reception the modem searches at full power and drains the 12 V battery,"
        " until the box switches itself off.",
        customer="The car had no reception for so long that its battery ran low.",
        is_seldom=True,
        acts=Actor.FIELD_CREW,
        now="Give the customer another car.",
        mend="Charge the battery, and move the car to where there is reception.",
        evidence=(
            "Zipcar in a garage, news.ycombinator.com/item?id=20873234: flat after a weekend",
        ),
        recipe=Recipe(
            box={"heartbeat_s": 4, "network_stable": 3},
            parameters={"episode": 20, "start_v": 12.25, "drain_v_per_min": 0.6, "hold_s": 5},
        ),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.POWER_IN_DOUBT),
            hallmarks=facts(Fact.VOLTAGE_FELL),
            rules_out=facts(Fact.BACK_WITHOUT_BOOT, Fact.CONNECTION_CLOSED, Fact.DROPPED_AT_BROKER)
            | facts(Fact.LOST_AT_SAME_DATA, Fact.LOST_AT_ONCE, Fact.OPENED_LATE)
            | ANSWERS
            | facts(Fact.REPORTED_AFTER, Fact.TAKEN_OVER, Fact.TLS_FAILED, Fact.LEFT_QUIETLY)
            | facts(Fact.WAS_ASLEEP, Fact.DENIED_AT_BROKER, Fact.TOLD_LOW_VOLTAGE),
        ),
    ),
)
