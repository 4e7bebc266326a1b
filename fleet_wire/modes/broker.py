"""Modes of the message broker, and of what boxes and platform have there together."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import ANSWERS, Actor, FailureMode, Layer, Signature, facts

_AWAY: Final = (
    Cause.BOX_SILENT,
    Cause.BOX_OFFLINE,
    Cause.EXECUTION_SILENT,
    Cause.NO_SUBSCRIBER,
    Cause.BOX_SAYS_EXPIRED,  # it was back before the customer had given up
    Cause.NOT_PUBLISHED,  # a platform that knows it to be away sends nothing
)

MODES: Final = (
    FailureMode(
        slug="reconnect_storm",
        title="all cars are reconnecting at once",
        number=13,
        layer=Layer.BROKER,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=(*_AWAY, Cause.BROKER_UNREACHABLE),
        engineer="All connections broke at once, and boxes that all wait equally long (firmware"
        " without jitter) come back in one peak, again and again.",
        customer="All our cars are reconnecting at this moment; please try again in a minute.",
        acts=Actor.BROKER_TEAM,
        now="Ask the customer to press again in a minute.",
        mend="Throttle connects at the broker while the boxes come back. Add jitter to the"
        " firmware.",
        signature=Signature(
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | facts(
                Fact.NOT_DELIVERED,
                Fact.WILLS_IN_A_WAVE,
                Fact.MANY_CAME_BACK,
                Fact.MANY_AWAY,
                Fact.MANY_FAIL,
                Fact.WILL_BEFORE,
                Fact.WILL_AFTER,
                Fact.BACK_SOON,
                Fact.BACK_AFTER_WILL,
                Fact.WAS_OFFLINE,
                Fact.CONFIRMED_LATE,
                Fact.OPENED_LATE,
                Fact.OPENED_IN_TIME,
                Fact.REFUSED_LATE,
                Fact.SLOW_DELIVERY,
                Fact.WILLS_AT_ONCE,
                Fact.BACK_WITH_OTHERS,
                Fact.CONNECTION_CLOSED,
                Fact.LOST_AT_ONCE,
                Fact.LATE_ON_RETURN,
            ),
            rules_out=facts(Fact.DROPPED_AT_BROKER, Fact.KEEPALIVE_EXCEEDED)
            | ANSWERS
            | facts(Fact.STILL_AWAY, Fact.TLS_FAILED, Fact.DENIED_AT_BROKER, Fact.REPORTED_AFTER)
            | facts(Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP, Fact.BOOTED_AFTER),
        ),
    ),
    FailureMode(
        slug="broker_auth_backend_down",
        title="the broker cannot check passwords",
        number=14,
        layer=Layer.BROKER,
        party=Party.BROKER,
        cause=Cause.BOX_OFFLINE,
        also=(*_AWAY, Cause.BROKER_UNREACHABLE),
        engineer="The broker cannot check passwords, so it refuses every new connection; boxes that"
        " take this for final never come back.",
        customer="Our servers refuse the cars' connections at the moment.",
        acts=Actor.BROKER_TEAM,
        now="Ask the customer to open by Bluetooth or card: other cars have it too.",
        mend="Repair the broker's user database; restart boxes that have given up.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.DENIED_AT_BROKER),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | facts(
                Fact.WILLS_AT_ONCE,
                Fact.CONNECTION_CLOSED,
                Fact.LOST_AT_ONCE,
                Fact.MANY_AWAY,
                Fact.FIRMWARE_AWAY,
                Fact.MANY_FAIL,
                Fact.WILL_BEFORE,
                Fact.WILL_AFTER,
                Fact.WAS_OFFLINE,
                Fact.STILL_AWAY,
                Fact.OPENED_IN_TIME,
                Fact.WILLS_IN_A_WAVE,
                Fact.FIRMWARE_FAILS,
                Fact.LEFT_BEHIND,
            ),
            rules_out=ANSWERS
            | facts(Fact.REPORTED_AFTER, Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP)
            | facts(Fact.KEEPALIVE_EXCEEDED, Fact.DROPPED_AT_BROKER, Fact.OPENED_LATE),
        ),
    ),
    FailureMode(
        slug="queue_full_drop",
        title="the broker's queue for the car was full",
        number=15,
        layer=Layer.BROKER,
        party=Party.BROKER,
        cause=Cause.BOX_OFFLINE,
        also=_AWAY,
        engineer="Too many messages wait at the broker for the box (its queue is full): the broker"
        " takes the command and throws it away.",
        customer="Our message to the car was lost on our side.",
        acts=Actor.BROKER_TEAM,
        now="Ask the customer to press again. If it fails again, give them another car.",
        mend="Find out who fills the car's queue, and empty it.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.DROPPED_AT_BROKER),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | facts(
                Fact.NOTHING_AFTER_RETURN,
                Fact.WAS_OFFLINE,
                Fact.WILL_BEFORE,
                Fact.WILL_AFTER,
                Fact.BACK_AFTER_WILL,
                Fact.BACK_IN_MINUTES,
                Fact.BACK_SOON,
                Fact.FAILS_AGAIN,
                Fact.NO_OPERATOR_HEARD,
                Fact.NONE_THERE_HEARD,
            ),
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
        engineer="The box's confirmations of earlier messages were lost (PUBACKs), so the broker"
        " waits for them, and sends the box nothing until it connects again.",
        customer="Our server holds back messages to this car.",
        acts=Actor.BROKER_TEAM,
        now="Restart the car's box by SMS and ask the customer to press again, or give them"
        " another car.",
        mend="Close the box's connection at the broker. The box connects again and works.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | facts(
                Fact.WILL_AFTER,
                Fact.BACK_AFTER_WILL,
                Fact.BACK_SOON,
                Fact.BACK_IN_MINUTES,
                Fact.CONNECTION_CLOSED,
                Fact.LOST_AT_ONCE,
                Fact.REFUSED_LATE,
                Fact.LATE_ON_RETURN,
                Fact.FEW_AWAY,
                Fact.REPORTED_AFTER,
                Fact.WAS_ONLINE,
                Fact.FAILS_AGAIN,
                Fact.DROPPED_AT_BROKER,
                Fact.WENT_WELL_BETWEEN,
                Fact.ALONE,
                Fact.WENT_WELL,
                Fact.COPY_AFTER_CONNECT,
                Fact.COPY_REFUSED,
                Fact.EXECUTED_AGAIN,
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
            ),
        ),
    ),
    FailureMode(
        slug="late_delivery_persistent_session",
        title="the command was delivered too late",
        number=17,
        layer=Layer.BROKER,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=_AWAY,
        engineer="The command waited at the broker (in the box's session), and the box carried it"
        " out when it came back, whoever stood there by then.",
        customer="Your request reached the car late. It may be open now, or open later.",
        acts=Actor.FIELD_CREW,
        now="Ask the customer whether they are with the car. If they are not, have it locked now.",
        mend="Lock the car on site if remote locking fails. The platform team makes commands"
        " expire at broker and box.",
        signature=Signature(
            # It is not named before the car has opened, so nothing is needed of it but that.
            needs=facts(Fact.NOT_DELIVERED),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT, Fact.OPENED_LATE)
            | facts(
                Fact.LATE_ON_RETURN,
                Fact.RESUMED,
                Fact.LATE_WITHOUT_RETURN,
                Fact.CONFIRMED_LATE,
                Fact.BACK_AFTER_WILL,
                Fact.BACK_IN_MINUTES,
                Fact.BACK_SOON,
                Fact.WILL_AFTER,
                Fact.WILL_BEFORE,
                Fact.WAS_OFFLINE,
                Fact.STILL_AWAY,
                Fact.KEEPALIVE_EXCEEDED,
                Fact.PING_OVERDUE,
                Fact.OTHERS_OVERDUE,
                Fact.BACK_BY_PING,
                Fact.REFUSED_LATE,
                Fact.REPLACED,
                Fact.BACK_WITHOUT_WILL,
                Fact.BACK_WITH_OTHERS,
                Fact.SILENT_AFTER_RECEIPT,
                Fact.REGION_FAILS,
                Fact.REGION_AWAY,
                Fact.SOME_FAIL,
                Fact.OTHERS_THERE_HEARD,
                Fact.NO_OPERATOR_HEARD,
                Fact.NONE_THERE_HEARD,
                # Like a car in a garage: its command outlives its customer.
                Fact.OTHER_OPERATOR_AWAY,
                Fact.ALONE,
                Fact.FEW_AWAY,
                Fact.FAILS_AGAIN,
                Fact.WAS_ONLINE,
                Fact.SILENT_BEFORE,
                Fact.SIGNAL_LOW,
                Fact.SIGNAL_FELL,
            ),
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
        slug="acl_denied_silent",
        title="the broker's access rules stop the command",
        number=21,
        layer=Layer.BROKER,
        party=Party.BROKER,
        cause=Cause.BROKER_DENIED,
        also=(Cause.NO_SUBSCRIBER, Cause.DOWNLINK_LOST, Cause.BOX_SILENT, Cause.NOT_PUBLISHED),
        engineer="The broker's access rules (ACL) do not let the command through, or do not let the"
        " box listen for it; over an old version of the protocol (MQTT 3.1.1) nobody is told.",
        customer="Our server blocks messages to this car.",
        acts=Actor.BROKER_TEAM,
        now="Give the customer another car: pressing again does not help.",
        mend="Compare the broker's access rules with the car's topics; undo the last change.",
        signature=Signature(
            speaks_for=facts(
                Fact.BROKER_DENIED,
                Fact.NO_SUBSCRIBER,
                Fact.DENIED_AT_BROKER,
                Fact.NOT_DELIVERED,
                Fact.REPORTED_AFTER,
                Fact.FAILS_AGAIN,
                Fact.WAS_ONLINE,
                Fact.NOTHING_PUBLISHED,
                Fact.NOTHING_AFTER_RETURN,
                Fact.FEW_AWAY,
                Fact.SOME_FAIL,
            ),
            rules_out=ANSWERS
            | facts(Fact.WILL_BEFORE, Fact.WAS_OFFLINE, Fact.WILL_AFTER, Fact.SILENT_SINCE)
            | facts(Fact.OPENED_LATE, Fact.CONFIRMED_LATE, Fact.REFUSED_LATE, Fact.BOOTED_AFTER)
            | facts(Fact.OPENED_AT_LAST)
            | facts(Fact.EVENTS_IN_A_FLOOD, Fact.TLS_FAILED, Fact.HELD_UP),
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
            *_AWAY,
            Cause.DOOR_UNCONFIRMED,
            Cause.DOWNLINK_LOST,
            Cause.RESULT_LOST,
            Cause.BOX_REJECTED,
        ),
        engineer="Two boxes have one name at the broker (client id) and throw each other out in"
        " turn: a command reaches whichever is connected.",
        customer="Another car may have opened instead of yours; please do not press again.",
        acts=Actor.BOX_TEAM,
        now="Ask the customer whether their car has opened. If not, give them another one. Nobody"
        " may press again.",
        mend="Find the second box (its other connections, its place), and give it its own id.",
        signature=Signature(
            needs=facts(Fact.FLAPPED),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | facts(
                Fact.TAKEN_OVER,
                Fact.NOT_DELIVERED,
                Fact.WENT_WELL,
                Fact.RESULT_WITHOUT_STATE,
                Fact.STATE_WITHOUT_RESULT,
                Fact.SILENT_AFTER_RECEIPT,
                Fact.ANSWERED_TWICE,
                Fact.BACK_SOON,
                Fact.BACK_WITHOUT_WILL,
                Fact.REPLACED,
                Fact.BACK_AFTER_WILL,
                Fact.RECONNECTED_JUST_BEFORE,
                Fact.WILL_AFTER,
                Fact.WILL_BEFORE,
                Fact.OPENED_LATE,
                Fact.CONFIRMED_LATE,
                Fact.REFUSED_REPLAYED,
                Fact.ALONE,
            ),
            # Each has a second box of its own: a third of a fleet has not got one at once.
            rules_out=facts(Fact.STILL_AWAY, Fact.OPERATOR_FAILS, Fact.WILLS_IN_A_WAVE)
            | facts(Fact.MANY_AWAY),
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
        engineer="The end of an old connection (its last will) was told after the new one had"
        " begun: the car is there, and everybody believes it is away.",
        customer="Our system thinks that the car is offline, but it is not.",
        acts=Actor.PLATFORM_TEAM,
        now="Have the command sent anyway, because the car is online; else give the customer"
        " another car.",
        mend="Make boxes announce themselves again after a last will, and try cars that count as"
        " away.",
        signature=Signature(
            needs=facts(Fact.TALKS_WHILE_OFFLINE),
            speaks_for=facts(
                Fact.WAS_OFFLINE,
                Fact.WILL_BEFORE,
                Fact.NOTHING_PUBLISHED,
                Fact.REPORTED_AFTER,
                Fact.SAID_SILENT,
                Fact.SAID_ERROR,
                Fact.ALONE,
            ),
            rules_out=facts(Fact.WAS_ONLINE, Fact.STILL_AWAY),
        ),
    ),
    FailureMode(
        slug="tls_cert_expired",
        title="a certificate has expired",
        number=26,
        layer=Layer.BROKER,
        party=Party.BROKER,
        cause=Cause.BOX_OFFLINE,
        also=(*_AWAY, Cause.BROKER_UNREACHABLE),
        engineer="A certificate is over, or the box does not know who issued it (its root): since"
        " one moment no box of a kind can connect again.",
        customer="The car's secure connection to us fails at the moment.",
        acts=Actor.BROKER_TEAM,
        now="Give the customer another car: this one does not come back by itself.",
        mend="Renew the certificate; look at its end and at the roots of each firmware.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.TLS_FAILED),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | facts(
                Fact.CONNECTION_CLOSED,
                Fact.LOST_AT_ONCE,
                Fact.FIRMWARE_AWAY,
                Fact.MANY_AWAY,
                Fact.WILL_BEFORE,
                Fact.WILL_AFTER,
                Fact.WAS_OFFLINE,
                Fact.STILL_AWAY,
                Fact.OPENED_IN_TIME,
                Fact.FIRMWARE_FAILS,
                Fact.MANY_FAIL,
                Fact.FAILS_AGAIN,
                Fact.TLS_EXPIRED,
                Fact.BOOTED_AFTER,  # a customer who has given up tries again then
            ),
            rules_out=ANSWERS
            | facts(Fact.REPORTED_AFTER, Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP)
            | facts(Fact.DENIED_AT_BROKER)
            | facts(Fact.KEEPALIVE_EXCEEDED, Fact.DROPPED_AT_BROKER, Fact.OPENED_LATE),
        ),
    ),
)
