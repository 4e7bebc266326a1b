"""Modes of the box itself: its sleep, its clock, its answers, its position."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import ANSWERS, AWAY_CAUSES, Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="deep_sleep_modem_off",
        title="the box is in deep sleep",
        number=4,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_SILENT,
        also=(*AWAY_CAUSES, Cause.BOX_ASLEEP),
        engineer="To save power the box has switched its modem off; no SMS wakes it, only its own"
        " timer.",
        customer="The car was unused for so long that its electronics are asleep.",
        is_seldom=True,
        acts=Actor.FIELD_CREW,
        now="Give the customer another car, unless a crew with the mechanical key is near.",
        mend="Open with the mechanical key, or wait for the box's timer; shorten its deep sleep.",
        evidence=(
            "Teltonika FMB120 sleep modes, wiki.teltonika-gps.com",
            "AutoPi power management, docs.autopi.io",
            "volvooncall#51: asleep after 5 days",
        ),
        recipe=Recipe(parameters={"sleep": {"base_s": 25, "spread_s": 25}, "awake_s": 5}),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.LEFT_QUIETLY),
            rules_out=ANSWERS
            | facts(Fact.REPORTED_AFTER, Fact.REPLACED, Fact.VOLTAGE_FELL, Fact.TOLD_LOW_VOLTAGE)
            | facts(Fact.TAKEN_OVER, Fact.TLS_FAILED, Fact.KEEPALIVE_EXCEEDED)
            | facts(Fact.CONNECTION_CLOSED, Fact.DENIED_AT_BROKER, Fact.OPENED_LATE),
        ),
    ),
    FailureMode(
        slug="slow_wake_client_timeout",
        title="the car woke up too slowly",
        number=5,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_ASLEEP,
        also=(Cause.EXECUTION_SILENT, Cause.API_FAILED, None),
        engineer="The box wakes, but more slowly than the customer is patient; the car opens"
        " afterwards.",
        customer="The car took too long to wake up.",
        is_seldom=True,
        acts=Actor.PLATFORM_TEAM,
        now="Ask the customer to press again in a minute, if the car is locked by then.",
        mend="Give sleeping cars a longer deadline, or wake them when the booking begins.",
        evidence=(
            "ha-teslafi#47, ha-teslafi#53: 10 s are too short on cellular, 30 s are not",
            "kia_uvo#148: Google stops at 5 s, and the car unlocks anyway",
        ),
        recipe=Recipe(
            box={"asleep_share": 1.0, "sms_wake": 1, "sms_loss": 0},
            load={"deadline_s": 14, "command_ttl_s": 60},
            parameters={"wake": {"median_s": 25, "sigma": 0.3}},
        ),
        signature=Signature(
            needs=facts(Fact.WAS_ASLEEP),
            hallmarks=facts(Fact.WOKE_SLOWLY, Fact.OPENED_LATE, Fact.REFUSED_LATE),
            rules_out=facts(Fact.STILL_AWAY, Fact.NOT_WOKEN, Fact.WAS_ONLINE, Fact.WILL_BEFORE),
        ),
    ),
    FailureMode(
        slug="late_delivery_persistent_session",
        title="the command was delivered too late",
        number=17,
        layer=Layer.BROKER,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=AWAY_CAUSES,
        engineer=(
            "The command waited at the broker, in the box's session. The box carried it out when "
            "it came back, whoever stood there by then."
        ),
        customer="Your request reached the car late. It may be open now, or open later.",
        is_seldom=True,
        acts=Actor.FIELD_CREW,
        now="Ask the customer whether they are with the car. If they are not, have it locked now.",
        mend="Lock the car on site if remote locking fails. The platform team makes commands"
        " expire at broker and box.",
        evidence=(
            "OVMS protocol: no expiry, persistent session",
            "Traccar CommandsManager: queue without a lifetime",
            "TeslaWatch#180: can be ten minutes later",
        ),
        recipe=Recipe(
            asked={"until_s": 25},
            load={"deadline_s": 10, "command_ttl_s": 3600},
            window={"start_s": 5, "end_s": 30},
            parameters={"offline": 25},
        ),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            # A box that is back carries the command out, or refuses it as too old.
            needs_one_of=(
                facts(Fact.OPENED_LATE, Fact.CONFIRMED_LATE, Fact.REFUSED_LATE)
                | facts(Fact.LATE_ON_RETURN, Fact.LATE_WITHOUT_RETURN),
            ),
            hallmarks=facts(Fact.REGION_AWAY, Fact.REGION_FAILS),
            rules_out=ANSWERS
            | facts(Fact.NOTHING_AFTER_RETURN, Fact.WAS_ASLEEP, Fact.REPORTED_AFTER)
            | facts(Fact.OPENED_IN_TIME, Fact.CONNECTION_CLOSED, Fact.DROPPED_AT_BROKER)
            | facts(Fact.LOST_AT_ONCE, Fact.LEFT_QUIETLY, Fact.TAKEN_OVER, Fact.DENIED_AT_BROKER)
            | facts(Fact.VOLTAGE_FELL, Fact.TOLD_LOW_VOLTAGE, Fact.LOST_AT_SAME_DATA)
            | facts(
                Fact.EVENTS_IN_A_FLOOD, Fact.BOOTED_AFTER, Fact.TLS_FAILED, Fact.NOTHING_REQUESTED
            ),
        ),
    ),
    FailureMode(
        slug="expired_by_skewed_box_clock",
        title="the box's clock is wrong",
        number=19,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_SAYS_EXPIRED,
        engineer="The box's clock is ahead, so it finds good commands expired, at once and each"
        " time.",
        customer="The car's clock is wrong, so it treats our message as an old one.",
        acts=Actor.BOX_TEAM,
        now="Give the customer another car: pressing again does not help.",
        mend="Set the box's clock (a reboot with reception does); find out why it was wrong.",
        evidence=(
            "CUP-obc changelog: `ora sballata`, a wrong hour",
            "Tesla vehicle-command: TIME_EXPIRED",
        ),
        recipe=Recipe(load={"deadline_s": 20, "command_ttl_s": 30}),
        signature=Signature(
            needs=facts(Fact.REFUSED_EXPIRED),
            rules_out=facts(Fact.SLOW_DELIVERY, Fact.WENT_WELL),
        ),
    ),
    FailureMode(
        slug="bad_firmware_cohort",
        title="a firmware release that crashes",
        number=28,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=AWAY_CAUSES,
        engineer=(
            "A release of the box's software crashes when a command comes. All boxes that have it "
            "restart instead of opening."
        ),
        customer="The car's software fails at the moment.",
        acts=Actor.BOX_TEAM,
        now="Give the customer a car with other firmware: this one restarts at each request.",
        mend="Stop the rollout and roll the release back.",
        evidence=("Rivian 2023.42: a wrong certificate in a release (Electrek, 2023-11-14)",),
        signature=Signature(
            hallmarks=facts(Fact.FIRMWARE_AWAY, Fact.FIRMWARE_FAILS, Fact.HARDWARE_FAILS),
            needs_one_of=(
                facts(Fact.FIRMWARE_FAILS, Fact.FIRMWARE_AWAY, Fact.LOST_BY_COMMAND)
                | facts(Fact.BOOTED_AFTER, Fact.BOOTED_BEFORE, Fact.BOOTED_AGAIN),
            ),
            rules_out=facts(Fact.BACK_WITHOUT_BOOT)
            | ANSWERS
            | facts(Fact.STILL_AWAY, Fact.WILLS_AT_ONCE, Fact.REPORTED_AFTER)
            | facts(Fact.TLS_FAILED, Fact.DENIED_AT_BROKER, Fact.SIGNAL_FELL)
            | facts(Fact.LATE_WITHOUT_RETURN),
        ),
    ),
    FailureMode(
        slug="ack_lost_executed",
        title="the car opened, its answer was lost",
        number=32,
        layer=Layer.COMMAND,
        party=Party.NETWORK,
        cause=Cause.RESULT_LOST,
        also=(Cause.EXECUTION_SILENT,),
        engineer="The car opened, and the answer that says so was lost: only its state shows it.",
        customer="The car has opened. Only its answer was lost.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to try the door before anything else.",
        evidence=(
            "Teslemetry PR #66: about 161 timeouts, about all executed",
            "Tesla vehicle-command: MayHaveSucceeded",
        ),
        recipe=Recipe(parameters={"loss": 1}),
        signature=Signature(
            needs=facts(Fact.STATE_WITHOUT_RESULT),
            rules_out=facts(Fact.WENT_WELL, Fact.NOT_DELIVERED, Fact.RESULT_WITHOUT_STATE),
        ),
    ),
    FailureMode(
        slug="ghost_gps",
        title="the car's position is old",
        number=53,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.API_REFUSED,
        also=(Cause.NOT_OBSERVED, None),
        engineer="The car's position is old: the customer walks to the wrong place, or a distance"
        " check refuses.",
        customer="Our map shows where the car was before, not where it is now.",
        acts=Actor.SUPPORT,
        now="Find out where the car is, and tell the customer. Open it with the support tool when"
        " they stand beside it.",
        mend="Have the car's receiver checked.",
        evidence=(
            "INVERS FAQ, inspect: a standby position every 30 min",
            "JuJu trailers#11: unlocks within 25 m",
        ),
        recipe=Recipe(
            box={"heartbeat_s": 10},
            customers={
                "phone": {"sends_position": True},
                "patience": {"base_s": 25, "spread_s": 10},
            },
            platform={"max_distance_m": 50},
        ),
        signature=Signature(
            needs=facts(Fact.POSITION_OLD),
            rules_out=facts(Fact.NOT_DELIVERED),
        ),
    ),
)
