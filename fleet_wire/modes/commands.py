"""Modes of the service that sends commands and follows them."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="stale_online_cache",
        title="a sleeping car was not woken",
        number=6,
        layer=Layer.COMMAND,
        party=Party.PLATFORM,
        cause=Cause.BOX_ASLEEP,
        engineer=(
            "The platform's cache says that the box is awake, so the platform does not wake it "
            "although it sleeps."
        ),
        customer="The car was asleep, and our system did not wake it.",
        is_seldom=True,
        acts=Actor.PLATFORM_TEAM,
        now="Have the car woken, then ask the customer to press again.",
        mend="Make the platform trust presence, not its cache.",
        evidence=(
            "home-assistant/core#182023: a cached `online` skips the wake until the next poll",
        ),
        recipe=Recipe(box={"asleep_share": 0.5}, customers={"patience": 40}),
        signature=Signature(
            needs=facts(Fact.WAS_ASLEEP),
            # A later press waits behind the command that wakes nobody, or wakes the car itself.
            needs_one_of=(facts(Fact.NOT_WOKEN, Fact.BEHIND_ANOTHER, Fact.FAILS_AGAIN),),
            # A platform that believes a car awake does not wake it; the next command may have to
            # wait.
            rules_out=facts(Fact.WAS_ONLINE, Fact.WOKEN_AS_USUAL),
        ),
    ),
    FailureMode(
        slug="retained_command",
        title="an old command is repeated at each connect",
        number=18,
        layer=Layer.COMMAND,
        party=Party.PLATFORM,
        cause=None,
        also=(Cause.BOX_REJECTED, Cause.BOX_SAYS_EXPIRED, Cause.BOX_BUSY),
        engineer=(
            "A command was left at the broker with the retain flag. The box gets it each time it "
            "connects."
        ),
        customer="The car repeats an old request of ours.",
        acts=Actor.PLATFORM_TEAM,
        now="See that the car is locked when nobody is there: it may open again by itself.",
        mend="Clear the retained message on the car's command topic.",
        evidence=("EMS-ESP32#2179", "homie#281", "emqx#6402"),
        recipe=Recipe(
            box={"reconnect": {"full_jitter": False, "base_s": 1, "jitter_s": 1}},
            customers={},
            besides=[
                {
                    "name": "reconnect_storm",
                    "window": {"start_s": 25},
                    "parameters": {"waves": 2, "retry_s": 1, "jitter_s": 1},
                }
            ],
        ),
        signature=Signature(
            hallmarks=facts(Fact.REFUSED_REPLAYED),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.STATE_WITHOUT_RESULT),
        ),
    ),
    FailureMode(
        slug="retry_double_execution",
        title="the request was sent and carried out twice",
        number=31,
        layer=Layer.COMMAND,
        party=Party.PLATFORM,
        cause=None,
        also=(Cause.BOX_BUSY, Cause.VEHICLE_FAILED, Cause.VEHICLE_STATE),
        engineer="After a timeout the platform sent the unlock again, and the car executed both.",
        customer="Our system has sent your request twice.",
        acts=Actor.PLATFORM_TEAM,
        now="Have the car locked if nobody is there.",
        mend="Make retries keep the command's id.",
        evidence=(
            "Teslemetry PR #66: some 161 timeouts, nearly all of them executed",
            "Open-Locker#40, #42",
            "mosquitto#398",
        ),
        recipe=Recipe(
            customers={},
            parameters={"loss": 0.5, "retry_after_s": 6},
            causes={
                Cause.VEHICLE_STATE: Recipe(
                    customers={"presses_again": {"base_s": 6, "spread_s": 4}}
                )
            },
        ),
        signature=Signature(
            needs=facts(Fact.SENT_TWICE),
            hallmarks=facts(Fact.REFUSED_BUSY, Fact.REFUSED_INHIBITED),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.RECONNECTED_JUST_BEFORE, Fact.HELD_UP),
        ),
    ),
    FailureMode(
        slug="stuck_in_progress",
        title="an earlier request blocks this one",
        number=34,
        layer=Layer.COMMAND,
        party=Party.PLATFORM,
        cause=Cause.API_REFUSED,
        also=(
            Cause.NOT_PUBLISHED,
            Cause.API_FAILED,
            None,  # the one that blocks has opened the car, and nobody heard of it
        ),
        engineer="The platform waits for an answer that never comes, and blocks every further"
        " unlock of the car.",
        customer="Our system still waits for an earlier request to this car, and refuses new ones.",
        acts=Actor.PLATFORM_TEAM,
        now="Have the old command cancelled, then ask the customer to press again. If that fails,"
        " give them another car.",
        mend="Add a timeout to the state machine.",
        evidence=("fordpass-ha#477: in progress for 11 h", "bimmer_connected#110, #190"),
        recipe=Recipe(
            unlocks_per_car=2,
            customers={"drive": {"base_s": 10, "spread_s": 10}, "tries_door": 0.2},
            platform={"command_ttl_s": 15},
            parameters={"loss": 0.5},
        ),
        signature=Signature(
            needs_one_of=(  # another request, which this one blocks, or which keeps this one unsent
                facts(Fact.SAID_BUSY, Fact.BLOCKS_LATER, Fact.BEHIND_ANOTHER)
                | facts(Fact.PLATFORM_MISSED_IT, Fact.PLATFORM_WAITED_LONG)
                | facts(Fact.SENT_LATE, Fact.ASKED_AGAIN, Fact.ALREADY_OPENED, Fact.FAILS_AGAIN)
                | facts(Fact.NEVER_SENT),
            ),
            rules_out=facts(Fact.REFUSED_BUSY, Fact.RESULT_WITHOUT_STATE, Fact.NOT_DELIVERED)
            | facts(Fact.HELD_UP),
        ),
    ),
)
