"""Modes between the box and the broker: coverage, the operator's network, its way to us."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import (
    ANSWERS,
    SEEN_AWAY,
    Actor,
    FailureMode,
    Layer,
    Signature,
    facts,
)

_AWAY: Final = (
    Cause.BOX_SILENT,
    Cause.BOX_OFFLINE,
    Cause.EXECUTION_SILENT,
    Cause.NO_SUBSCRIBER,
    Cause.BOX_SAYS_EXPIRED,  # it was back before the customer had given up
    Cause.NOT_PUBLISHED,  # a platform that knows it to be away sends nothing
)
_NOT_AWAY: Final = ANSWERS | facts(
    Fact.LEFT_QUIETLY,
    Fact.NOTHING_REQUESTED,
    Fact.REPORTED_AFTER,
    Fact.TAKEN_OVER,
    Fact.TLS_FAILED,
    Fact.DROPPED_AT_BROKER,
)
_NOT_SILENT: Final = _NOT_AWAY | facts(
    Fact.CONNECTION_CLOSED, Fact.LOST_AT_ONCE, Fact.DENIED_AT_BROKER
)
"""Facts that rule out a lost radio: the broker then hears nothing for a keepalive."""
_RETURNS: Final = facts(
    Fact.BACK_AFTER_WILL, Fact.BACK_SOON, Fact.BACK_IN_MINUTES, Fact.OPENED_IN_TIME
)

MODES: Final = (
    FailureMode(
        slug="no_coverage_garage",
        title="no reception where the car stands",
        number=1,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_OFFLINE,
        also=_AWAY,
        engineer="The car stands where there is no radio coverage: the box falls silent, and after"
        " a while the broker gives its connection up (1.5 times its keepalive).",
        customer="The car has no reception where it stands, so we hear nothing from it.",
        acts=Actor.SUPPORT,
        now="Ask the customer to open by Bluetooth or card, or give them another car.",
        mend="Note the place, and let no rental end there.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | SEEN_AWAY
            | facts(Fact.ALONE, Fact.FEW_AWAY, Fact.FAILS_AGAIN, Fact.REFUSED_LATE)
            | facts(Fact.REGION_FAILS, Fact.REGION_AWAY, Fact.SIGNAL_LOW, Fact.SIGNAL_FELL)
            | facts(Fact.BACK_WITHOUT_WILL, Fact.REPLACED, Fact.LATE_ON_RETURN, Fact.WAS_ONLINE)
            | facts(Fact.RESUMED, Fact.LATE_WITHOUT_RETURN)
            | facts(Fact.OTHERS_THERE_HEARD, Fact.OTHER_OPERATOR_AWAY)
            | facts(Fact.BACK_SOON, Fact.SOME_FAIL, Fact.NO_OPERATOR_HEARD, Fact.BACK_BY_PING)
            | facts(Fact.NONE_THERE_HEARD),
            rules_out=_NOT_SILENT
            | facts(Fact.VOLTAGE_FELL, Fact.TOLD_LOW_VOLTAGE, Fact.BOOTED_AFTER)
            | facts(Fact.WAS_ASLEEP, Fact.LOST_AT_SAME_DATA, Fact.OPENED_LATE),
        ),
    ),
    FailureMode(
        slug="one_way_downlink",
        title="the car reports but does not hear us",
        number=2,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.DOWNLINK_LOST,
        also=(Cause.BOX_SILENT, Cause.BOX_OFFLINE, Cause.UNCLASSIFIED),
        engineer="The way up works, the way down is dead: the car's regular reports keep coming and"
        " no command arrives, until the box makes a new connection.",
        customer="The car reports to us but does not hear us at the moment.",
        acts=Actor.NETWORK_OPERATOR,
        now="Restart the car's box by SMS and ask the customer to press again in a minute, or give"
        " them another car.",
        mend="Find out why nothing reaches the SIM. A new connection of the box fixes it for a"
        " time.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | facts(
                Fact.REPORTED_AFTER,
                Fact.WAS_ONLINE,
                Fact.FAILS_AGAIN,
                Fact.BACK_WITHOUT_WILL,
                Fact.REPLACED,
                Fact.LATE_ON_RETURN,
                Fact.CONFIRMED_LATE,
                Fact.REFUSED_LATE,
                Fact.OPERATOR_FAILS,
                Fact.SOME_FAIL,
                Fact.FEW_AWAY,
            ),
            rules_out=ANSWERS
            | facts(Fact.SILENT_SINCE)  # the way up works
            | facts(Fact.DENIED_AT_BROKER, Fact.WILL_BEFORE, Fact.TAKEN_OVER, Fact.WAS_OFFLINE)
            | facts(Fact.BOOTED_AFTER, Fact.EVENTS_IN_A_FLOOD, Fact.DROPPED_AT_BROKER)
            | facts(Fact.OPENED_LATE),
        ),
    ),
    FailureMode(
        slug="half_open_tcp_nat",
        title="a connection that died without notice",
        number=3,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_SILENT,
        also=(Cause.BOX_OFFLINE, Cause.EXECUTION_SILENT, Cause.BOX_SAYS_EXPIRED),
        engineer="The mobile network forgot the connection (its NAT), and neither end knows: the"
        " car counts as connected until the box tries its connection the next time, and connects"
        " again.",
        customer="We lost the connection to the car; it comes back by itself.",
        acts=Actor.BOX_TEAM,
        now="Ask the customer to press again in some minutes: the car connects anew by itself.",
        mend="Set the keepalive below the operator's NAT timeout.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.WAS_ONLINE),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | facts(
                Fact.BACK_WITHOUT_WILL,
                Fact.REPLACED,
                Fact.BACK_SOON,
                Fact.BACK_IN_MINUTES,
                Fact.ALONE,
                Fact.CONFIRMED_LATE,
                Fact.REFUSED_LATE,
                Fact.NOTHING_AFTER_RETURN,
                Fact.FEW_AWAY,
                Fact.SILENT_BEFORE,
                Fact.LATE_ON_RETURN,
                Fact.OPERATOR_FAILS,
                Fact.SOME_FAIL,
                Fact.OTHERS_THERE_HEARD,
                Fact.SILENT_AFTER_RECEIPT,
                Fact.OPENED_IN_TIME,
                Fact.BACK_BY_PING,
                Fact.OTHERS_BY_PING,
                Fact.FAILS_AGAIN,
                # The broker's patience may end before the box's next ping fails.
                Fact.KEEPALIVE_EXCEEDED,
                Fact.WILL_AFTER,
                Fact.BACK_AFTER_WILL,
                # A NAT that starts anew forgets all that are behind it.
                Fact.REGION_FAILS,
                Fact.WILLS_IN_A_WAVE,
                Fact.MANY_CAME_BACK,
                Fact.OPERATOR_AWAY,
                Fact.REGION_AWAY,
                Fact.MANY_AWAY,
                Fact.ALL_OF_OPERATOR_AWAY,
                Fact.OTHER_OPERATOR_AWAY,
                Fact.NONE_THERE_HEARD,
                Fact.NO_OPERATOR_HEARD,
            ),
            rules_out=_NOT_AWAY
            | facts(Fact.WAS_ASLEEP, Fact.WILL_BEFORE, Fact.VOLTAGE_FELL)
            | facts(Fact.FLAPPED, Fact.WAS_OFFLINE, Fact.BOOTED_AFTER, Fact.DENIED_AT_BROKER)
            | facts(Fact.CONNECTION_CLOSED, Fact.TOLD_LOW_VOLTAGE)
            # Its next ping fails, and it connects anew: about when the broker's patience ends, so
            # whether a last will comes says nothing.
            | facts(Fact.PING_OVERDUE, Fact.OTHERS_OVERDUE)
            # A dead connection brings nothing any more, in neither direction.
            | facts(Fact.LATE_WITHOUT_RETURN, Fact.RESUMED, Fact.OPENED_LATE),
        ),
    ),
    FailureMode(
        slug="sms_wake_lost",
        title="the wake-up SMS was lost",
        number=7,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_ASLEEP,
        also=(Cause.NOT_PUBLISHED,),
        engineer="The box sleeps, and the SMS that should wake it is lost or late in the operator's"
        " network.",
        customer="The car is asleep, and our wake-up message has not reached it.",
        acts=Actor.NETWORK_OPERATOR,
        now="Have the wake request sent again, then ask the customer to press again; else give"
        " them another car.",
        mend="Find out why SMS to these cars are lost or late.",
        signature=Signature(
            needs=facts(Fact.WAS_ASLEEP, Fact.WOKEN),
            speaks_for=facts(Fact.NOT_DELIVERED, Fact.STILL_AWAY, Fact.FAILS_AGAIN, Fact.ALONE)
            | facts(Fact.NOTHING_PUBLISHED, Fact.SAID_SILENT, Fact.MANY_FAIL),
            rules_out=ANSWERS
            | facts(Fact.BACK_SOON, Fact.NOT_WOKEN, Fact.REPORTED_AFTER, Fact.WAS_ONLINE)
            | facts(Fact.CONFIRMED_LATE, Fact.OPENED_LATE, Fact.SLOW_DELIVERY)
            | facts(Fact.OPENED_AT_LAST, Fact.WOKE_SLOWLY),
        ),
    ),
    FailureMode(
        slug="sim_suspended_datacap",
        title="the car's SIM is blocked",
        number=10,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_OFFLINE,
        also=_AWAY,
        engineer="The SIM has used up its data plan and is blocked: a box that sends too much is"
        " cut off for good, in the middle of a good signal.",
        customer="The car's mobile contract is blocked at the moment.",
        acts=Actor.SUPPORT,
        now="Give the customer another car, and have the operator lift the block of the SIM.",
        mend="Find out what used up the data.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.LOST_AT_SAME_DATA),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | SEEN_AWAY
            | facts(
                Fact.HARDWARE_FAILS,
                Fact.FIRMWARE_FAILS,
                Fact.MUCH_DATA,
                Fact.EVENTS_IN_A_FLOOD,
                Fact.OTHERS_THERE_HEARD,
                Fact.NONE_THERE_HEARD,
            ),
            rules_out=_NOT_SILENT
            | facts(Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP)
            | facts(Fact.TOLD_LOW_VOLTAGE, Fact.BOOTED_AFTER, Fact.SIGNAL_FELL)
            | facts(Fact.NO_OPERATOR_HEARD, Fact.OPENED_LATE),
        ),
    ),
    FailureMode(
        slug="regional_carrier_outage",
        title="the mobile network is down in the region",
        number=11,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_OFFLINE,
        also=_AWAY,
        engineer="A mobile operator's network is down in a region: the connections of many cars"
        " break at about the same time, and all come back together.",
        customer="The mobile network that the car uses is down where it stands.",
        acts=Actor.NETWORK_OPERATOR,
        now="Give the customer a car of another operator, or ask them to open by Bluetooth or"
        " card.",
        mend="Bring the network back, and say how long it takes.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | SEEN_AWAY
            | facts(Fact.OPERATOR_FAILS, Fact.REGION_FAILS, Fact.WILLS_IN_A_WAVE)
            | facts(Fact.OPERATOR_AWAY, Fact.REGION_AWAY, Fact.MANY_AWAY, Fact.RESUMED)
            | facts(Fact.ALL_OF_OPERATOR_AWAY, Fact.NONE_THERE_HEARD)
            | facts(Fact.MANY_CAME_BACK, Fact.FAILS_AGAIN, Fact.REFUSED_LATE, Fact.MANY_FAIL)
            | facts(Fact.BACK_WITH_OTHERS, Fact.LATE_ON_RETURN, Fact.SOME_FAIL)
            | facts(Fact.BACK_WITHOUT_WILL, Fact.REPLACED, Fact.BACK_BY_PING),
            rules_out=_NOT_SILENT
            | facts(Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP)
            | facts(Fact.TOLD_LOW_VOLTAGE, Fact.BOOTED_AFTER, Fact.OTHER_OPERATOR_AWAY)
            | facts(Fact.OTHERS_THERE_HEARD, Fact.NO_OPERATOR_HEARD, Fact.LOST_AT_SAME_DATA)
            | facts(Fact.OPENED_LATE, Fact.BACK_AFTER_OTHERS),
        ),
    ),
    FailureMode(
        slug="network_sunset",
        title="the car's mobile technology was switched off",
        number=12,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_OFFLINE,
        also=tuple(cause for cause in _AWAY if cause is not Cause.BOX_SAYS_EXPIRED),
        engineer="The radio technology of this hardware was switched off: its cars are lost for"
        " good, all of one model.",
        customer="The car's modem uses a mobile network that was switched off.",
        acts=Actor.BOX_TEAM,
        now="Give the customer another car, and take this one out of service.",
        mend="Exchange the boxes of this hardware.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            speaks_for=(SEEN_AWAY - _RETURNS)
            | facts(Fact.HARDWARE_FAILS, Fact.STILL_AWAY, Fact.WILLS_IN_A_WAVE)
            | facts(Fact.HARDWARE_AWAY, Fact.TECHNOLOGY_AWAY, Fact.MANY_AWAY)
            | facts(Fact.FAILS_AGAIN, Fact.MANY_FAIL, Fact.OPERATOR_FAILS, Fact.SOME_FAIL)
            | facts(Fact.OTHERS_THERE_HEARD),
            rules_out=facts(Fact.OPENED_LATE, Fact.OPENED_AT_LAST)
            | _NOT_SILENT
            | _RETURNS
            | facts(Fact.TECHNOLOGY_WELL)  # it takes all of one technology
            | facts(Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP)
            | facts(Fact.TOLD_LOW_VOLTAGE, Fact.BOOTED_AFTER),
        ),
    ),
    FailureMode(
        slug="dns_failure",
        title="the car cannot find the server's address",
        number=25,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_OFFLINE,
        also=_AWAY,
        engineer="The lookup of our servers' address (DNS) is broken, at the mobile operator or"
        " with us: cars that are connected stay so, and those that are not cannot find us, by"
        " operator.",
        customer="The car cannot find our servers at the moment.",
        acts=Actor.NETWORK_OPERATOR,
        now="Give the customer a car of another operator, or ask them to open by Bluetooth or"
        " card.",
        mend="Fix the lookup of the broker's name in your network. If our record is wrong, we"
        " change it.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            speaks_for=facts(Fact.BACK_WITHOUT_BOOT)
            | (SEEN_AWAY - facts(Fact.KEEPALIVE_EXCEEDED))
            | facts(Fact.OPERATOR_FAILS, Fact.FAILS_AGAIN, Fact.MANY_CAME_BACK, Fact.MANY_FAIL)
            | facts(Fact.OPERATOR_AWAY, Fact.MANY_AWAY, Fact.SOME_FAIL)
            | facts(Fact.CONNECTION_CLOSED, Fact.LOST_AT_ONCE, Fact.OTHERS_THERE_HEARD),
            rules_out=_NOT_AWAY
            | facts(Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP, Fact.DENIED_AT_BROKER)
            | facts(Fact.TOLD_LOW_VOLTAGE, Fact.WILLS_AT_ONCE, Fact.KEEPALIVE_EXCEEDED)
            | facts(Fact.OPENED_LATE, Fact.BACK_AFTER_OTHERS),
        ),
    ),
)
