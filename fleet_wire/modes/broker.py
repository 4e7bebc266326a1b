"""Modes of the broker's queues and connections."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import ANSWERS, AWAY_CAUSES, Actor, FailureMode, Layer, Signature, facts
from fleet_wire.modes.recipe import Recipe

MODES: Final = (
    FailureMode(
        slug="reconnect_storm",
        title="all cars are reconnecting at once",
        number=13,
        layer=Layer.BROKER,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=(*AWAY_CAUSES, Cause.BROKER_UNREACHABLE, None),
        engineer=(
            "All connections broke at once. Boxes that all wait equally long (firmware without "
            "jitter) come back in one peak, again and again."
        ),
        customer="All our cars are reconnecting at this moment.",
        ask="Please try again in a minute.",
        acts=Actor.BROKER_TEAM,
        now="Ask the customer to press again in a minute.",
        mend="Throttle connects at the broker while the boxes come back. Add jitter to the"
        " firmware.",
        evidence=(
            "An EMQX incident: 50,000 connects a minute from a few thousand devices, mkozak.pl",
            "ClearBlade status n5y2v68lrcn6: restarts of a load balancer cascaded",
        ),
        recipe=Recipe(asked={"until_s": 30}, parameters={"retry_s": 30}),
        signature=Signature(
            needs_one_of=(
                facts(Fact.WILLS_IN_A_WAVE, Fact.WILLS_AT_ONCE, Fact.MANY_AWAY)
                | facts(Fact.MANY_CAME_BACK, Fact.BACK_WITH_OTHERS, Fact.BROKER_UNREACHABLE),
            ),
            rules_out=facts(Fact.DROPPED_AT_BROKER, Fact.KEEPALIVE_EXCEEDED)
            | (ANSWERS - facts(Fact.WENT_WELL))
            | facts(Fact.STILL_AWAY, Fact.TLS_FAILED, Fact.DENIED_AT_BROKER, Fact.REPORTED_AFTER)
            | facts(Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP, Fact.BOOTED_AFTER),
        ),
    ),
    FailureMode(
        slug="queue_full_drop",
        title="the broker's queue for the car was full",
        number=15,
        layer=Layer.BROKER,
        party=Party.BROKER,
        cause=Cause.BOX_OFFLINE,
        also=AWAY_CAUSES,
        engineer="Too many messages wait at the broker for the box (its queue is full): the broker"
        " takes the command and throws it away.",
        customer="Our message to the car was lost on our side.",
        is_seldom=True,
        acts=Actor.BROKER_TEAM,
        now="Ask the customer to press again. If it fails again, give them another car.",
        mend="Find out who fills the car's queue, and empty it.",
        evidence=("mosquitto#1593, mosquitto#3188", "mosquitto.conf: max_queued_messages"),
        recipe=Recipe(
            asked={"until_s": 25},
            load={"deadline_s": 10, "command_ttl_s": 120},
            window={"start_s": 5, "end_s": 25},
            parameters={"max_queued_messages": 100},
            causes={Cause.EXECUTION_SILENT: Recipe(asked={"from_s": 4, "until_s": 5})},
        ),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.DROPPED_AT_BROKER),
            rules_out=ANSWERS
            | facts(Fact.REFUSED_LATE, Fact.OPENED_LATE, Fact.CONFIRMED_LATE)
            | facts(Fact.OPENED_AT_LAST),
        ),
    ),
    FailureMode(
        slug="inflight_stall",
        title="the broker holds back messages to the car",
        number=16,
        layer=Layer.BROKER,
        party=Party.BROKER,
        cause=Cause.DOWNLINK_LOST,
        also=(
            Cause.BOX_SILENT,
            Cause.UNCLASSIFIED,
            Cause.BOX_OFFLINE,  # while the box makes its new connection
            Cause.BOX_SAYS_EXPIRED,  # after which it gets what has waited
            None,  # and once more what it had, and whose PUBACK was lost
        ),
        engineer=(
            "The box's confirmations (PUBACKs) of earlier messages were lost. The broker waits "
            "for them, and sends the box nothing until it connects again."
        ),
        customer="Our server holds back messages to this car.",
        is_seldom=True,
        acts=Actor.BROKER_TEAM,
        now="Restart the car's box by SMS and ask the customer to press again, or give them"
        " another car.",
        mend="Close the box's connection at the broker. The box connects again and works.",
        evidence=("mosquitto#3188: one missing PUBACK stalls the rest",),
        recipe=Recipe(
            asked={"until_s": 35},
            box={"heartbeat_s": 4},
            load={"deadline_s": 12, "command_ttl_s": 12},
            window={"start_s": 5, "end_s": 35},
            causes={  # what waited arrives when the boxes connect anew
                Cause.BOX_SAYS_EXPIRED: Recipe(asked={"from_s": 20}),
                Cause.EXECUTION_SILENT: Recipe(asked={"from_s": 20}),
            },
        ),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            hallmarks=facts(Fact.DROPPED_AT_BROKER),
            # What was held back is not delivered; what a lost PUBACK brings again comes as a copy.
            needs_one_of=(
                facts(Fact.NOT_DELIVERED, Fact.REFUSED_EXPIRED)
                | facts(Fact.COPY_AFTER_CONNECT, Fact.COPY_REFUSED, Fact.EXECUTED_AGAIN),
            ),
            rules_out=(ANSWERS - facts(Fact.WENT_WELL))
            | facts(
                Fact.SILENT_SINCE,
                Fact.LEFT_QUIETLY,
                Fact.KEEPALIVE_EXCEEDED,
                Fact.WILL_BEFORE,
                Fact.WAS_OFFLINE,
                Fact.DENIED_AT_BROKER,
                Fact.BOOTED_AFTER,
                Fact.TLS_FAILED,
                Fact.OPERATOR_FAILS,
                Fact.REGION_FAILS,
                Fact.OPENED_WITHOUT_RETURN,  # what is held back stays so until it connects again
            ),
        ),
    ),
    FailureMode(
        slug="client_id_takeover",
        title="another box uses this car's identity",
        number=22,
        layer=Layer.BROKER,
        party=Party.BOX,
        cause=None,
        also=(
            *AWAY_CAUSES,
            Cause.DOOR_UNCONFIRMED,
            Cause.DOWNLINK_LOST,
            Cause.RESULT_LOST,
            Cause.BOX_REJECTED,
        ),
        engineer="Two boxes have one name at the broker (client id) and throw each other out in"
        " turn: a command reaches whichever is connected.",
        customer="Another car may have opened instead of yours.",
        ask="Please do not press again.",
        is_seldom=True,
        acts=Actor.BOX_TEAM,
        now="Ask the customer whether their car has opened. If not, give them another one. Nobody"
        " may press again.",
        mend="Find the second box (its other connections, its place), and give it its own id.",
        evidence=(
            "MQTT 3.1.1, MQTT-3.1.4-2: the older client is thrown out",
            "mosquitto#631, emqx#935",
            "OVMS v3: the client id is the vehicle id",
        ),
        recipe=Recipe(
            box={"reconnect": {"full_jitter": False, "base_s": 2, "jitter_s": 1}},
            parameters={"flap_s": 2},
        ),
        signature=Signature(
            needs=facts(Fact.FLAPPED),
            hallmarks=facts(Fact.REFUSED_REPLAYED, Fact.NOT_DELIVERED)
            | facts(Fact.STATE_WITHOUT_RESULT, Fact.RESULT_WITHOUT_STATE),
            # Each has a second box of its own: a third of a fleet has not got one at once.
            rules_out=facts(Fact.STILL_AWAY, Fact.OPERATOR_FAILS, Fact.WILLS_IN_A_WAVE)
            | facts(Fact.MANY_AWAY),
        ),
    ),
)
