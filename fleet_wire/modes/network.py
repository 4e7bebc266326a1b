"""Modes between the box and the broker: coverage, the operator's network, SMS, the SIM."""

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

NOT_AWAY: Final = ANSWERS | facts(
    Fact.LEFT_QUIETLY,
    Fact.NOTHING_REQUESTED,
    Fact.REPORTED_AFTER,
    Fact.TAKEN_OVER,
    Fact.TLS_FAILED,
    Fact.DROPPED_AT_BROKER,
)
_NOT_SILENT: Final = NOT_AWAY | facts(
    Fact.CONNECTION_CLOSED, Fact.LOST_AT_ONCE, Fact.DENIED_AT_BROKER
)
"""Facts that rule out a lost radio: the broker then hears nothing for a keepalive."""
_OF_OPERATORS_AND_REGIONS: Final = facts(
    Fact.ALL_OF_OPERATOR_AWAY,
    Fact.OPERATOR_AWAY,
    Fact.OPERATOR_FAILS,
    Fact.REGION_AWAY,
    Fact.REGION_FAILS,
)
"""Whom a failure of the operator's own network strikes."""
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
        also=AWAY_CAUSES,
        engineer=(
            "The car stands where there is no radio coverage. The box falls silent, and the "
            "broker closes its connection after 1.5 times its keepalive."
        ),
        customer="The car has no reception where it stands, so we hear nothing from it.",
        acts=Actor.SUPPORT,
        now="Ask the customer to open by Bluetooth or card, or give them another car.",
        mend="Note the place, and let no rental end there.",
        evidence=(
            "INVERS, help.invers.com/cloudboxx/troubleshooting: no coverage underground",
            "Zipcar in a garage, news.ycombinator.com/item?id=20873234: every second time",
            "The Guardian on GIG, 2020-02-18",
        ),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            hallmarks=facts(Fact.REGION_AWAY, Fact.REGION_FAILS),
            rules_out=_NOT_SILENT
            | facts(Fact.VOLTAGE_FELL, Fact.TOLD_LOW_VOLTAGE, Fact.BOOTED_AFTER)
            | facts(Fact.WAS_ASLEEP, Fact.LOST_AT_SAME_DATA, Fact.OPENED_LATE)
            | facts(Fact.OPERATOR_AWAY, Fact.ALL_OF_OPERATOR_AWAY)  # a garage is no operator's
            | facts(Fact.CUT_AT_ONCE),  # each falls silent, and none is cut off
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
        engineer=(
            "The uplink works, but the downlink is dead. The car's regular reports keep coming, "
            "and no command arrives until the box makes a new connection."
        ),
        customer="The car reports to us but does not hear us at the moment.",
        acts=Actor.NETWORK_OPERATOR,
        now="Restart the car's box by SMS and ask the customer to press again in a minute, or give"
        " them another car.",
        mend="Find out why nothing reaches the SIM. A new connection of the box fixes it for a"
        " time.",
        evidence=("INVERS on the one-way problem, invers.com",),
        recipe=Recipe(box={"heartbeat_s": 4}, parameters={"episode": 120}),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            hallmarks=facts(Fact.OPERATOR_FAILS),
            rules_out=ANSWERS
            | facts(Fact.SILENT_SINCE, Fact.LEFT_QUIETLY)  # the way up works
            # Nothing arrives before the box makes a new connection.
            | facts(Fact.LATE_WITHOUT_RETURN, Fact.OPENED_WITHOUT_RETURN)
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
        engineer=(
            "The mobile network has dropped the connection (its NAT), and neither end knows. The "
            "car counts as connected until the box next tests its connection and reconnects."
        ),
        customer="We lost the connection to the car. It comes back by itself.",
        acts=Actor.BOX_TEAM,
        now="Ask the customer to press again in some minutes: the car connects anew by itself.",
        mend="Set the keepalive below the operator's NAT timeout.",
        evidence=(
            "NAT timeouts of mobile networks, blog.wirelessmoves.com, 2020-09",
            "OVMS v3 keepalive of 1740 s, ovms_server_v3.cpp",
        ),
        recipe=Recipe(box={"keepalive_s": 60}),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            hallmarks=_OF_OPERATORS_AND_REGIONS,
            rules_out=NOT_AWAY
            | facts(Fact.WAS_ASLEEP, Fact.VOLTAGE_FELL)
            | facts(Fact.FLAPPED, Fact.BOOTED_AFTER, Fact.DENIED_AT_BROKER)
            | facts(Fact.CONNECTION_CLOSED, Fact.TOLD_LOW_VOLTAGE)
            # Its next ping fails, and it connects anew: about when the broker's patience ends, so
            # whether a last will comes says nothing.
            | facts(Fact.PING_OVERDUE, Fact.OTHERS_OVERDUE)
            # A dead connection brings nothing any more, in neither direction.
            | facts(Fact.LATE_WITHOUT_RETURN, Fact.RESUMED, Fact.OPENED_LATE)
            | facts(Fact.OPENED_WITHOUT_RETURN),
        ),
    ),
    FailureMode(
        slug="sms_wake_lost",
        title="the wake-up SMS was lost",
        number=7,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_ASLEEP,
        also=(Cause.NOT_PUBLISHED, Cause.BOX_SAYS_EXPIRED),
        engineer="The box sleeps, and the SMS that should wake it is lost or late in the operator's"
        " network.",
        customer="The car is asleep, and our wake-up message has not reached it.",
        is_seldom=True,
        acts=Actor.NETWORK_OPERATOR,
        now="Have the wake request sent again, then ask the customer to press again. If that"
        " fails, give them another car.",
        mend="Find out why SMS to these cars are lost or late.",
        evidence=("Meng et al., INFOCOM 2007: 5.1 % of SMS lost in a nationwide network",),
        recipe=Recipe(box={"asleep_share": 1.0}, load={"deadline_s": 40, "command_ttl_s": 40}),
        signature=Signature(
            needs=facts(Fact.WAS_ASLEEP, Fact.WOKEN),
            rules_out=ANSWERS
            | facts(Fact.NOT_WOKEN, Fact.WAS_ONLINE)
            | facts(Fact.CONFIRMED_LATE, Fact.OPENED_LATE, Fact.SLOW_DELIVERY)
            | facts(Fact.OPENED_AT_LAST),
        ),
    ),
    FailureMode(
        slug="sim_suspended_datacap",
        title="the car's SIM is blocked",
        number=10,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_OFFLINE,
        also=AWAY_CAUSES,
        engineer=(
            "The SIM has used up its data plan and is blocked. A box that sends too much is cut "
            "off for good, although its signal is good."
        ),
        customer="The car's mobile contract is blocked at the moment.",
        is_seldom=True,
        acts=Actor.SUPPORT,
        now="Give the customer another car, and have the operator lift the block of the SIM.",
        mend="Find out what used up the data.",
        evidence=(
            "INVERS, help.invers.com/cloudboxx/troubleshooting: suspended by the daily data limit",
        ),
        recipe=Recipe(
            asked={"from_s": 20},
            box={"heartbeat_s": 0.5},
            window={"start_s": 0},
            parameters={"cap_bytes": 9000},
        ),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.LOST_AT_SAME_DATA),
            hallmarks=facts(Fact.EVENTS_IN_A_FLOOD, Fact.FIRMWARE_FAILS, Fact.HARDWARE_FAILS),
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
        also=AWAY_CAUSES,
        engineer=(
            "A mobile operator's network is down in a region. The connections of many cars break "
            "at about the same time, and all come back together."
        ),
        customer="The mobile network that the car uses is down where it stands.",
        acts=Actor.NETWORK_OPERATOR,
        now="Give the customer a car of another operator, or ask them to open by Bluetooth or"
        " card.",
        mend="Bring the network back, and say how long it takes.",
        evidence=(
            "O2 and SoftBank, 2018-12-06 (ZDNet)",
            "Rogers, 2022-07-08 (The Globe and Mail)",
            "Zipcar, 2019-03-09 (The Boston Globe)",
        ),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            hallmarks=_OF_OPERATORS_AND_REGIONS,
            needs_one_of=(
                facts(Fact.OPERATOR_FAILS, Fact.REGION_FAILS, Fact.MANY_FAIL, Fact.MANY_AWAY)
                | facts(Fact.OPERATOR_AWAY, Fact.REGION_AWAY, Fact.ALL_OF_OPERATOR_AWAY)
                | facts(Fact.WILLS_IN_A_WAVE, Fact.NONE_THERE_HEARD),
            ),
            rules_out=_NOT_SILENT
            | facts(Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP)
            | facts(Fact.TOLD_LOW_VOLTAGE, Fact.BOOTED_AFTER, Fact.OTHER_OPERATOR_AWAY)
            | facts(Fact.OTHERS_THERE_HEARD, Fact.NO_OPERATOR_HEARD, Fact.LOST_AT_SAME_DATA)
            | facts(Fact.FEW_AWAY)
            | facts(Fact.BACK_AFTER_OTHERS),
        ),
    ),
    FailureMode(
        slug="network_sunset",
        title="the car's mobile technology was switched off",
        number=12,
        layer=Layer.NETWORK,
        party=Party.NETWORK,
        cause=Cause.BOX_OFFLINE,
        also=tuple(cause for cause in AWAY_CAUSES if cause is not Cause.BOX_SAYS_EXPIRED),
        engineer="The radio technology of this hardware was switched off: its cars are lost for"
        " good, all of one model.",
        customer="The car's modem uses a mobile network that was switched off.",
        is_seldom=True,
        acts=Actor.BOX_TEAM,
        now="Give the customer another car, and take this one out of service.",
        mend="Exchange the boxes of this hardware.",
        evidence=("AT&T switches 3G off, 2022-02-22 (NBC Los Angeles)",),
        recipe=Recipe(box={"radio": {"technology": "gsm"}}),
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            hallmarks=facts(
                Fact.HARDWARE_AWAY, Fact.HARDWARE_FAILS, Fact.OPERATOR_FAILS, Fact.TECHNOLOGY_AWAY
            ),
            needs_one_of=(facts(Fact.HARDWARE_FAILS, Fact.HARDWARE_AWAY, Fact.TECHNOLOGY_AWAY),),
            rules_out=facts(Fact.OPENED_LATE, Fact.OPENED_AT_LAST)
            | _NOT_SILENT
            | _RETURNS
            | facts(Fact.TECHNOLOGY_WELL)  # it takes all of one technology
            | facts(Fact.VOLTAGE_FELL, Fact.WAS_ASLEEP)
            | facts(Fact.TOLD_LOW_VOLTAGE, Fact.BOOTED_AFTER),
        ),
    ),
)
