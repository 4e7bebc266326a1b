"""Modes of a box's firmware: what it refuses, updates and forgets."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import ANSWERS, AWAY_CAUSES, Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="ttl_too_long_rejected",
        title="the box rejects commands with a long lifetime",
        number=20,
        layer=Layer.BOX,
        party=Party.PLATFORM,
        cause=Cause.BOX_REJECTED,
        engineer="The box refuses commands that count for longer than it allows: platform and box"
        " disagree about the longest time (TTL).",
        customer="The car refused our message because of a setting on our side.",
        acts=Actor.PLATFORM_TEAM,
        now="Give the customer a car with other firmware: those with the same may refuse too, and"
        " pressing again does not help.",
        mend="Shorten the life of commands to these boxes, or allow them more.",
        evidence=("Tesla vehicle-command: TIME_TO_LIVE_TOO_LONG, at most 30 s without a counter",),
        recipe=Recipe(load={"deadline_s": 20, "command_ttl_s": 60}),
        signature=Signature(
            needs=facts(Fact.REFUSED_TTL_TOO_LONG),
            hallmarks=facts(Fact.FIRMWARE_FAILS, Fact.HARDWARE_FAILS),
            rules_out=facts(Fact.WENT_WELL, Fact.NOT_DELIVERED),
        ),
    ),
    FailureMode(
        slug="update_or_daily_reboot",
        title="the box was restarting or updating",
        number=29,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=(*AWAY_CAUSES, Cause.BOX_BUSY),
        engineer="The box was busy with an update, or restarting, when the command came.",
        customer="The car is restarting or being updated. It answers when that is done.",
        is_seldom=True,
        acts=Actor.BOX_TEAM,
        now="Ask the customer to press again in a minute. An update takes some minutes. If it"
        " fails again, give them another car.",
        mend="Move reboots and updates to hours without bookings.",
        evidence=(
            "CUP-obc changelog 0.105: a daily reboot",
            "Tesla vehicle-command: ERROR_INTERNAL, not finished booting",
            "ford-connect-sim: firmwareUpgradeInProgress",
        ),
        recipe=Recipe(
            load={"deadline_s": 12, "command_ttl_s": 12},
            parameters={
                "begins": {"base_s": 0, "spread_s": 5},
                "busy": {"base_s": 10, "spread_s": 10},
                "reboot": {"base_s": 18, "spread_s": 6},
            },
            causes={
                Cause.EXECUTION_SILENT: Recipe(  # back so late that nobody waits for its answer
                    asked={"from_s": 10, "until_s": 12},
                    parameters={"begins": 0, "busy": 5, "reboot": {"base_s": 10, "spread_s": 2}},
                ),
                Cause.BOX_SAYS_EXPIRED: Recipe(
                    parameters={"busy": 5, "reboot": {"base_s": 6, "spread_s": 6}}
                ),
            },
        ),
        signature=Signature(
            needs_one_of=(facts(Fact.BOOTED_AFTER, Fact.BOOTED_BEFORE, Fact.UPDATING),),
            rules_out=facts(Fact.BACK_WITHOUT_BOOT)
            | (ANSWERS - facts(Fact.REFUSED_BUSY))
            | facts(Fact.STILL_AWAY, Fact.WAS_ASLEEP, Fact.DENIED_AT_BROKER, Fact.SIGNAL_FELL)
            | facts(Fact.LATE_WITHOUT_RETURN),
        ),
    ),
    FailureMode(
        slug="box_busy_duplicate",
        title="the box was busy with an earlier request",
        number=30,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_BUSY,
        also=(Cause.API_REFUSED, Cause.API_FAILED),
        engineer="The box still works on an earlier request, and refuses the new one.",
        customer="The car is still busy with an earlier request.",
        ask="Please wait a moment.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to wait a minute and press once: not again and again, or it stays"
        " busy.",
        evidence=(
            "Hyundai and Kia: 4004, duplicate request",
            "BetterBlue#48: HT_533",
            "INVERS OneAPI: resource state is incomplete or busy",
        ),
        recipe=Recipe(unlocks_per_car=4, load={"deadline_s": 10, "command_ttl_s": 10}),
        signature=Signature(
            needs=facts(Fact.REFUSED_BUSY),
            rules_out=facts(Fact.WENT_WELL, Fact.NOT_DELIVERED, Fact.BACK_SOON),
        ),
    ),
    FailureMode(
        slug="ack_without_actuation",
        title="the box says yes, the lock did not move",
        number=33,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.DOOR_UNCONFIRMED,
        also=(None,),
        engineer="The box reports success when it has told the lock to move, and does not see that"
        " the lock did not.",
        customer="The car says that it opened, but its lock has not moved.",
        acts=Actor.BOX_TEAM,
        now="Ask the customer to press again. If the lock does not move, give them another car.",
        mend="Check wiring and firmware.",
        evidence=(
            "OVMS vehicle_vwegolf, vehicle_smarted: success once the frame is queued",
            "WaiveCar car-service.js:1826",
            "ha-volvo-cars#129",
        ),
        recipe=Recipe(parameters={"probability": 1}),
        signature=Signature(
            needs=facts(Fact.RESULT_WITHOUT_STATE),
            rules_out=facts(
                Fact.ONLY_BOOT_OPEN,
                Fact.DOORS_DIFFER,
                Fact.WENT_WELL,
                Fact.FLAPPED,
                Fact.TAKEN_OVER,
                Fact.WILL_AFTER,  # its report may have been lost
                Fact.DOOR_AJAR,
            )
            | facts(Fact.LOCK_BOUNCED),
        ),
    ),
)
