"""Modes in which the broker says something else than what is true, or nothing."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import ANSWERS, AWAY_CAUSES, Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="broker_auth_backend_down",
        title="the broker cannot check passwords",
        number=14,
        layer=Layer.BROKER,
        party=Party.BROKER,
        cause=Cause.BOX_OFFLINE,
        also=(*AWAY_CAUSES, Cause.BROKER_UNREACHABLE),
        engineer=(
            "The broker cannot check passwords, so it refuses every new connection. Boxes that "
            "take a refusal as final never come back."
        ),
        customer="Our servers refuse the cars' connections at the moment.",
        acts=Actor.BROKER_TEAM,
        now="Ask the customer to open by Bluetooth or card: other cars have it too.",
        mend="Repair the broker's user database; restart boxes that have given up.",
        evidence=(
            "An EMQX incident, a wrong password for the database of users: mkozak.pl",
            "OVMS v3, ovms_server_v3.cpp:156: after bad credentials it never tries again",
        ),
        recipe=Recipe(
            box={"reconnect": {"full_jitter": False, "base_s": 3, "jitter_s": 2, "cap_s": 5}},
            window={"start_s": 5, "end_s": 45},
            parameters={"gives_up": 0.5},
        ),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.DENIED_AT_BROKER),
            hallmarks=facts(Fact.FIRMWARE_AWAY, Fact.FIRMWARE_FAILS),
            rules_out=ANSWERS
            | facts(Fact.REPORTED_AFTER, Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP)
            | facts(Fact.KEEPALIVE_EXCEEDED, Fact.DROPPED_AT_BROKER, Fact.OPENED_LATE),
        ),
    ),
    FailureMode(
        slug="acl_denied_silent",
        title="the broker's access rules stop the command",
        number=21,
        layer=Layer.BROKER,
        party=Party.BROKER,
        cause=Cause.BROKER_DENIED,
        also=(Cause.NO_SUBSCRIBER, Cause.DOWNLINK_LOST, Cause.BOX_SILENT, Cause.NOT_PUBLISHED),
        engineer=(
            "The broker's access rules (ACL) block the command, or keep the box from subscribing "
            "to it. With MQTT 3.1.1 nobody is told."
        ),
        customer="Our server blocks messages to this car.",
        acts=Actor.BROKER_TEAM,
        now="Give the customer another car: pressing again does not help.",
        mend="Compare the broker's access rules with the car's topics; undo the last change.",
        evidence=(
            "mosquitto#547, mosquitto#229",
            "mosquitto 2.0.21, acl_file: a subscription is granted, and what it would bring is not",
        ),
        recipe=Recipe(box={"heartbeat_s": 5}),
        signature=Signature(
            hallmarks=facts(Fact.DENIED_AT_BROKER),
            needs_one_of=(
                facts(Fact.BROKER_DENIED, Fact.NO_SUBSCRIBER, Fact.DENIED_AT_BROKER)
                | facts(Fact.NOT_DELIVERED),
            ),
            rules_out=ANSWERS
            | facts(Fact.WILL_BEFORE, Fact.WAS_OFFLINE, Fact.WILL_AFTER, Fact.SILENT_SINCE)
            | facts(Fact.OPENED_LATE, Fact.CONFIRMED_LATE, Fact.REFUSED_LATE, Fact.BOOTED_AFTER)
            | facts(Fact.OPENED_AT_LAST)
            | facts(Fact.EVENTS_IN_A_FLOOD, Fact.TLS_FAILED)
            | facts(Fact.OPERATOR_FAILS, Fact.REGION_FAILS),  # access rules know neither
        ),
    ),
    FailureMode(
        slug="lwt_ghost_offline",
        title="the car is online but counts as offline",
        number=23,
        layer=Layer.BROKER,
        party=Party.BROKER,
        cause=Cause.NOT_PUBLISHED,
        also=(Cause.BOX_OFFLINE, Cause.API_FAILED, Cause.API_REFUSED, None),
        engineer=(
            "The end of an old connection (its last will) was published after the new one had "
            "begun. The car is online, but counts as offline."
        ),
        customer="Our system thinks that the car is offline, but it is not.",
        is_seldom=True,
        acts=Actor.PLATFORM_TEAM,
        now="Have the command sent anyway, because the car is online. If that fails, give the"
        " customer another car.",
        mend="Make boxes announce themselves again after a last will, and try cars that count as"
        " away.",
        evidence=(
            "mosquitto, src/handle_connect.c: the will of a short session is published at takeover",
            "OVMS v3, ovms_server_v3.cpp:109: a retained will",
        ),
        recipe=Recipe(
            box={"heartbeat_s": 5, "reconnect": {"full_jitter": False, "base_s": 1, "jitter_s": 1}},
            customers={},
            platform={"refuses_offline": True},
        ),
        signature=Signature(
            needs=facts(Fact.TALKS_WHILE_OFFLINE),
            rules_out=facts(Fact.WAS_ONLINE, Fact.STILL_AWAY),
        ),
    ),
    FailureMode(
        slug="shared_sub_stuck_consumer",
        title="a part of the platform hangs and missed the answer",
        number=24,
        layer=Layer.COMMAND,
        party=Party.PLATFORM,
        cause=None,
        also=(
            Cause.API_FAILED,
            Cause.VEHICLE_STATE,  # a customer who was told no presses again in an open car
        ),
        engineer=(
            "One of the programs that share the cars' answers (a shared subscription) hangs. The "
            "platform never sees the answers that it gets."
        ),
        customer="Our system missed the car's answer: the car may well be open.",
        acts=Actor.PLATFORM_TEAM,
        now="Ask the customer to try the door.",
        mend="Restart the consumer that hangs.",
        evidence=("vernemq#420, vernemq#1958", "emqx#2446, emqx#2967", "bifromq#261"),
        recipe=Recipe(
            customers={"phone": {"wait_s": 8, "timeout_s": 20}},
            platform={
                "shared_group": "command-service",
                "learns_from_state": False,
                "retry_after_s": None,
            },
            causes={  # asked again, and driving already when the platform gets to that
                Cause.VEHICLE_STATE: Recipe(
                    customers={"presses_again": {"base_s": 6, "spread_s": 4}}
                )
            },
        ),
        signature=Signature(
            needs=facts(Fact.PLATFORM_MISSED_IT),
            rules_out=facts(Fact.PLATFORM_WAITED_LONG, Fact.EXPLAINED_NOTHING)
            | facts(Fact.NOT_DELIVERED),
        ),
    ),
)
