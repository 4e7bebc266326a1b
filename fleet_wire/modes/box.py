"""Modes of the telematics box: sleep, power, clock, firmware, answers."""

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

MODES: Final = (
    FailureMode(
        slug="deep_sleep_modem_off",
        title="the box is in deep sleep",
        number=4,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_SILENT,
        also=(*_AWAY, Cause.BOX_ASLEEP),
        engineer="To save power the box has switched its modem off; no SMS wakes it, only its own"
        " timer.",
        customer="The car was unused for so long that its electronics are asleep.",
        acts=Actor.FIELD_CREW,
        now="Give the customer another car, unless a crew with the mechanical key is near.",
        mend="Open with the mechanical key, or wait for the box's timer; shorten its deep sleep.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            speaks_for=facts(
                Fact.LEFT_QUIETLY,
                Fact.BACK_IN_MINUTES,
                Fact.BACK_WITHOUT_WILL,
                Fact.ALONE,
                Fact.FEW_AWAY,
                Fact.SILENT_BEFORE,
                Fact.STILL_AWAY,
                Fact.WAS_ONLINE,
                Fact.FAILS_AGAIN,
                Fact.WOKEN,
                Fact.OPENED_IN_TIME,
                Fact.OTHERS_THERE_HEARD,
                Fact.PING_OVERDUE,
            ),
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
        acts=Actor.PLATFORM_TEAM,
        now="Ask the customer to press again in a minute, if the car is locked by then.",
        mend="Give sleeping cars a longer deadline, or wake them when the booking begins.",
        signature=Signature(
            needs=facts(Fact.WAS_ASLEEP),
            speaks_for=facts(
                Fact.OPENED_LATE,
                Fact.WOKEN,
                Fact.REFUSED_LATE,
                Fact.CONFIRMED_LATE,
                Fact.BACK_SOON,
                Fact.SLOW_DELIVERY,
                Fact.NOT_DELIVERED,
                Fact.SILENT_AFTER_RECEIPT,
                Fact.SAID_SILENT,
                Fact.OPEN_BUT_TOLD_NO,
                Fact.REFUSED_EXPIRED,
                Fact.NOTHING_AFTER_RETURN,  # the command's life was over before
            ),
            rules_out=facts(Fact.STILL_AWAY, Fact.NOT_WOKEN, Fact.WAS_ONLINE, Fact.WILL_BEFORE),
        ),
    ),
    FailureMode(
        slug="undervoltage_cutout",
        title="the car's battery is flat",
        number=8,
        layer=Layer.BOX,
        party=Party.VEHICLE,
        cause=Cause.BOX_OFFLINE,
        also=_AWAY,
        engineer="The 12 V battery ran down, and the box switched itself off: its reports tell of a"
        " falling voltage, and then none come.",
        customer="The car's battery is too low.",
        acts=Actor.FIELD_CREW,
        now="Give the customer another car.",
        mend="Charge the car's battery, or jump-start it.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED),
            speaks_for=SEEN_AWAY
            | facts(Fact.VOLTAGE_FELL, Fact.VOLTAGE_LOW, Fact.TOLD_LOW_VOLTAGE)
            | facts(Fact.ALONE, Fact.FEW_AWAY, Fact.BOOTED_AFTER, Fact.BOOTED_BEFORE)
            | facts(Fact.BACK_SOON, Fact.BACK_WITHOUT_WILL, Fact.REPLACED, Fact.LEFT_BEHIND)
            | facts(Fact.OTHERS_THERE_HEARD, Fact.NO_OPERATOR_HEARD, Fact.NONE_THERE_HEARD)
            | facts(Fact.SOME_FAIL, Fact.POWER_IN_DOUBT),
            rules_out=facts(Fact.BACK_WITHOUT_BOOT, Fact.CONNECTION_CLOSED, Fact.DROPPED_AT_BROKER)
            | facts(Fact.LOST_AT_SAME_DATA, Fact.LOST_AT_ONCE, Fact.OPENED_LATE)
            | ANSWERS
            | facts(Fact.REPORTED_AFTER, Fact.WAS_ASLEEP, Fact.TLS_FAILED, Fact.DENIED_AT_BROKER),
        ),
    ),
    FailureMode(
        slug="modem_search_drain",
        title="the search for a network drained the battery",
        number=9,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=_AWAY,
        engineer="Without reception the modem searches at full power and drains the 12 V battery,"
        " until the box switches itself off.",
        customer="The car had no reception for so long that its battery ran low.",
        acts=Actor.FIELD_CREW,
        now="Give the customer another car.",
        mend="Charge the battery, and move the car to where there is reception.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.POWER_IN_DOUBT),
            speaks_for=SEEN_AWAY
            | facts(Fact.VOLTAGE_FELL, Fact.VOLTAGE_LOW, Fact.SIGNAL_LOW)
            | facts(Fact.BOOTED_AFTER, Fact.BOOTED_BEFORE, Fact.REPLACED, Fact.FEW_AWAY, Fact.ALONE)
            | facts(Fact.BACK_SOON, Fact.LEFT_BEHIND, Fact.OTHERS_THERE_HEARD)
            | facts(Fact.NO_OPERATOR_HEARD, Fact.NONE_THERE_HEARD),
            rules_out=facts(Fact.BACK_WITHOUT_BOOT, Fact.CONNECTION_CLOSED, Fact.DROPPED_AT_BROKER)
            | facts(Fact.LOST_AT_SAME_DATA, Fact.LOST_AT_ONCE, Fact.OPENED_LATE)
            | ANSWERS
            | facts(Fact.REPORTED_AFTER, Fact.TAKEN_OVER, Fact.TLS_FAILED)
            | facts(Fact.WAS_ASLEEP, Fact.DENIED_AT_BROKER, Fact.TOLD_LOW_VOLTAGE),
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
        signature=Signature(
            needs=facts(Fact.REFUSED_EXPIRED),
            speaks_for=facts(Fact.CLOCK_WRONG, Fact.FAILS_AGAIN, Fact.ALONE, Fact.WAS_ONLINE),
            rules_out=facts(Fact.SLOW_DELIVERY, Fact.WENT_WELL),
        ),
    ),
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
        signature=Signature(
            needs=facts(Fact.REFUSED_TTL_TOO_LONG),
            speaks_for=facts(Fact.FIRMWARE_FAILS, Fact.FAILS_AGAIN, Fact.HARDWARE_FAILS),
            rules_out=facts(Fact.WENT_WELL, Fact.NOT_DELIVERED),
        ),
    ),
    FailureMode(
        slug="tls_not_yet_valid_clock1970",
        title="the box has lost the time",
        number=27,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=_AWAY,
        engineer="The box lost power and begins in 1970: certificates are not yet valid for it,"
        " until the network tells it the time.",
        customer="The car's electronics have restarted and are not connected again yet.",
        acts=Actor.BOX_TEAM,
        now="Ask the customer to press again in some minutes; else give them another car.",
        mend="Wait for the box to get the time, or restart it; give boxes a battery for the clock.",
        signature=Signature(
            needs=facts(Fact.NOT_DELIVERED, Fact.TLS_FAILED),
            speaks_for=SEEN_AWAY
            | facts(Fact.CLOCK_WRONG, Fact.ALONE, Fact.BOOTED_AFTER)
            | facts(Fact.BOOTED_BEFORE, Fact.FEW_AWAY, Fact.RAN_UNCONNECTED),
            rules_out=facts(Fact.BACK_WITHOUT_BOOT, Fact.CONNECTION_CLOSED, Fact.DROPPED_AT_BROKER)
            | ANSWERS
            | facts(Fact.REPORTED_AFTER, Fact.DENIED_AT_BROKER, Fact.OPENED_LATE)
            | facts(Fact.TLS_EXPIRED),  # to a box in 1970 nothing is over yet
        ),
    ),
    FailureMode(
        slug="bad_firmware_cohort",
        title="a firmware release that crashes",
        number=28,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=_AWAY,
        engineer="A release of the box's software crashes when a command comes: all boxes that have"
        " it restart instead of opening.",
        customer="The car's software fails at the moment.",
        acts=Actor.BOX_TEAM,
        now="Give the customer a car with other firmware: this one restarts at each request.",
        mend="Stop the rollout and roll the release back.",
        signature=Signature(
            speaks_for=facts(
                Fact.FIRMWARE_FAILS,
                Fact.FIRMWARE_AWAY,
                Fact.BOOTED_AFTER,
                Fact.BOOTED_AGAIN,
                Fact.BOOTED_BEFORE,
                Fact.FIRMWARE_CHANGED,
                Fact.NOT_DELIVERED,
                Fact.SILENT_AFTER_RECEIPT,
                Fact.BACK_SOON,
                Fact.BACK_WITHOUT_WILL,
                Fact.REPLACED,
                Fact.BACK_AFTER_WILL,
                Fact.WILL_AFTER,
                Fact.FAILS_AGAIN,
                Fact.HARDWARE_FAILS,
                Fact.MANY_FAIL,
                Fact.WAS_ONLINE,
            ),
            rules_out=facts(Fact.BACK_WITHOUT_BOOT)
            | ANSWERS
            | facts(Fact.STILL_AWAY, Fact.WILLS_AT_ONCE, Fact.REPORTED_AFTER)
            | facts(Fact.TLS_FAILED, Fact.DENIED_AT_BROKER, Fact.SIGNAL_FELL, Fact.ALONE)
            | facts(Fact.LATE_WITHOUT_RETURN),
        ),
    ),
    FailureMode(
        slug="update_or_daily_reboot",
        title="the box was restarting or updating",
        number=29,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_OFFLINE,
        also=(*_AWAY, Cause.BOX_BUSY),
        engineer="The box was busy with an update, or restarting, when the command came.",
        customer="The car is restarting or being updated. It answers when that is done.",
        acts=Actor.BOX_TEAM,
        now="Ask the customer to press again in a minute; an update takes some minutes. If it"
        " fails again, give them another car.",
        mend="Move reboots and updates to hours without bookings.",
        signature=Signature(
            speaks_for=facts(
                Fact.BOOTED_AFTER,
                Fact.BOOTED_BEFORE,
                Fact.UPDATING,
                Fact.FIRMWARE_CHANGED,
                Fact.FEW_AWAY,
                Fact.NOT_DELIVERED,
                Fact.REFUSED_BUSY,
                Fact.BACK_SOON,
                Fact.BACK_WITHOUT_WILL,
                Fact.REPLACED,
                Fact.BACK_AFTER_WILL,
                Fact.WILL_AFTER,
                Fact.WILL_BEFORE,
                Fact.WAS_OFFLINE,
                Fact.ALONE,
                Fact.BACK_IN_MINUTES,
            ),
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
        customer="The car is still busy with an earlier request; please wait a moment.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to wait a minute and press once: not again and again, or it stays"
        " busy.",
        signature=Signature(
            needs=facts(Fact.REFUSED_BUSY),
            speaks_for=facts(Fact.UNLOCKED_MOMENTS_BEFORE, Fact.WAS_ONLINE, Fact.FAILS_AGAIN),
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
        signature=Signature(
            needs=facts(Fact.RESULT_WITHOUT_STATE),
            speaks_for=facts(Fact.ALONE, Fact.SAID_YES, Fact.SUPPORT_CALLED, Fact.ASKED_AGAIN)
            | facts(Fact.FAILS_AGAIN, Fact.WAS_ONLINE),
            rules_out=facts(
                Fact.ONLY_BOOT_OPEN,
                Fact.DOORS_DIFFER,
                Fact.WENT_WELL,
                Fact.FLAPPED,
                Fact.TAKEN_OVER,
                Fact.DOOR_AJAR,
            )
            | facts(Fact.LOCK_BOUNCED),
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
        signature=Signature(
            needs=facts(Fact.POSITION_OLD),
            speaks_for=facts(Fact.SAID_NO, Fact.SUPPORT_CALLED, Fact.NOTHING_PUBLISHED)
            | facts(Fact.NOTHING_REQUESTED, Fact.SAID_TOO_FAR, Fact.PHONE_FAR),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.SAID_MAINTENANCE),
        ),
    ),
    FailureMode(
        slug="event_storm_self_ddos",
        title="a sensor floods the car's electronics",
        number=54,
        layer=Layer.BOX,
        party=Party.BOX,
        cause=Cause.BOX_SILENT,
        also=(
            *_AWAY,
            Cause.DOWNLINK_LOST,
            Cause.UNCLASSIFIED,
            Cause.RESULT_LOST,  # a full queue in the modem loses messages
            Cause.DOOR_UNCONFIRMED,
        ),
        engineer="A badly seated key or a flapping sensor makes the box send a flood of reports, so"
        " that commands do not get through.",
        customer="A sensor in the car keeps its electronics too busy.",
        acts=Actor.FIELD_CREW,
        now="Ask the customer to press again in some minutes, or give them another car.",
        mend="Check the key holder and the sensors; the box team limits what the box sends.",
        signature=Signature(
            needs=facts(Fact.EVENTS_IN_A_FLOOD),
            speaks_for=facts(Fact.SLOW_DELIVERY, Fact.NOT_DELIVERED, Fact.DROPPED_AT_BROKER)
            | facts(Fact.LATE_WITHOUT_RETURN, Fact.OPENED_IN_TIME, Fact.MUCH_DATA)
            | facts(Fact.SILENT_AFTER_RECEIPT, Fact.FAILS_AGAIN, Fact.ALONE),
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
        also=_AWAY,
        engineer="The antenna or the power of the box is loose: it comes and goes, with a weak"
        " signal and reboots of its own.",
        customer="The car's electronics have a loose contact.",
        acts=Actor.FIELD_CREW,
        now="Give the customer another car, and take this one out of service.",
        mend="Repair the wiring of its box.",
        signature=Signature(
            speaks_for=facts(
                Fact.BOOTED_AFTER,
                Fact.BOOTED_BEFORE,
                Fact.FEW_AWAY,
                Fact.FLAPPED,
                Fact.BOOTED_AGAIN,
                Fact.SIGNAL_FELL,
                Fact.SIGNAL_LOW,
                Fact.NOT_DELIVERED,
                Fact.WILL_AFTER,
                Fact.WILL_BEFORE,
                Fact.BACK_AFTER_WILL,
                Fact.BACK_WITHOUT_WILL,
                Fact.REPLACED,
                Fact.BACK_SOON,
                Fact.BACK_IN_MINUTES,
                Fact.WAS_OFFLINE,
                Fact.ALONE,
                Fact.RECONNECTED_JUST_BEFORE,
                Fact.SILENT_AFTER_RECEIPT,
                Fact.OPENED_IN_TIME,
                Fact.OTHERS_THERE_HEARD,
            ),
            rules_out=ANSWERS
            | facts(Fact.WAS_ASLEEP, Fact.DENIED_AT_BROKER, Fact.TLS_FAILED, Fact.WILLS_AT_ONCE),
        ),
    ),
)
