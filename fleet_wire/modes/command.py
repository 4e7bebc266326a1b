"""Modes of the service that sends commands and waits for their answers."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer, Signature, facts

MODES: Final = (
    FailureMode(
        slug="stale_online_cache",
        title="a sleeping car was not woken",
        number=6,
        layer=Layer.COMMAND,
        party=Party.PLATFORM,
        cause=Cause.BOX_ASLEEP,
        also=(None,),
        engineer="The platform believes what it remembers (its cache), that the box is awake, and"
        " does not ask a sleeping one to wake.",
        customer="The car was asleep, and our system did not wake it.",
        acts=Actor.PLATFORM_TEAM,
        now="Have the car woken, then ask the customer to press again.",
        mend="Make the platform trust presence, not its cache.",
        signature=Signature(
            needs=facts(Fact.WAS_ASLEEP, Fact.NOT_WOKEN),
            speaks_for=facts(Fact.NOT_DELIVERED, Fact.STILL_AWAY, Fact.FAILS_AGAIN)
            | facts(Fact.SAID_SILENT, Fact.MANY_FAIL),
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
        engineer="A command was left at the broker to be told again (retain flag): the box gets it"
        " each time it connects.",
        customer="The car repeats an old request of ours.",
        acts=Actor.PLATFORM_TEAM,
        now="See that the car is locked when nobody is there: it may open again by itself.",
        mend="Clear the retained message on the car's command topic.",
        signature=Signature(
            speaks_for=facts(
                Fact.ANSWERED_TWICE,
                Fact.EXECUTED_AGAIN,
                Fact.COPY_REFUSED,
                Fact.COPY_AFTER_CONNECT,
                Fact.OPENED_LATE,
                Fact.WENT_WELL,
                Fact.RECONNECTED_JUST_BEFORE,
                Fact.REFUSED_REPLAYED,
                Fact.REFUSED_EXPIRED,
            ),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.STATE_WITHOUT_RESULT),
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
        engineer="One of the programs that share the cars' answers (a shared subscription) hangs:"
        " what falls to it the platform never sees.",
        customer="Our system missed the car's answer: the car may well be open.",
        acts=Actor.PLATFORM_TEAM,
        now="Ask the customer to try the door.",
        mend="Restart the consumer that hangs.",
        signature=Signature(
            needs=facts(Fact.PLATFORM_MISSED_IT),
            speaks_for=facts(
                Fact.OPEN_BUT_TOLD_NO,
                Fact.WENT_WELL,
                Fact.SAID_SILENT,
                Fact.SAID_ERROR,
                Fact.ASKED_AGAIN,
            )
            | facts(Fact.SUPPORT_CALLED, Fact.DOOR_OPENED, Fact.ALREADY_OPENED),
            rules_out=facts(
                Fact.PLATFORM_WAITED_LONG,
                Fact.EXPLAINED_NOTHING,
                Fact.NOT_DELIVERED,
                Fact.NO_DOOR_OPENED,
            ),
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
        signature=Signature(
            needs=facts(Fact.SENT_TWICE),
            speaks_for=facts(
                Fact.ANSWERED_TWICE,
                Fact.REFUSED_VEHICLE_STATE,
                Fact.NOT_PARKED,
                Fact.UNLOCKED_MOMENTS_BEFORE,
                Fact.WENT_WELL,
                Fact.REFUSED_BUSY,
                Fact.REFUSED_INHIBITED,
                Fact.OPENED_LATE,
                Fact.PLATFORM_MISSED_IT,
            ),
            rules_out=facts(Fact.NOT_DELIVERED, Fact.RECONNECTED_JUST_BEFORE, Fact.HELD_UP),
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
        customer="The car has opened; only its answer was lost.",
        acts=Actor.CUSTOMER,
        now="Ask the customer to try the door before anything else.",
        signature=Signature(
            needs=facts(Fact.STATE_WITHOUT_RESULT),
            speaks_for=facts(Fact.OPEN_BUT_TOLD_NO, Fact.ALONE, Fact.SAID_SILENT, Fact.DOOR_OPENED)
            | facts(Fact.SILENT_AFTER_RECEIPT, Fact.WAS_ONLINE),
            rules_out=facts(Fact.WENT_WELL, Fact.NOT_DELIVERED, Fact.RESULT_WITHOUT_STATE),
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
        now="Have the old command cancelled, then ask the customer to press again; else give them"
        " another car.",
        mend="Add a timeout to the state machine.",
        signature=Signature(
            speaks_for=facts(Fact.SAID_BUSY, Fact.BLOCKS_LATER, Fact.SENT_LATE, Fact.EXECUTED_AGAIN)
            | facts(Fact.SENT_AGAIN)
            | facts(Fact.PLATFORM_MISSED_IT, Fact.PLATFORM_WAITED_LONG, Fact.OPEN_BUT_TOLD_NO)
            | facts(Fact.NOTHING_PUBLISHED, Fact.SAID_NO, Fact.FAILS_AGAIN)
            | facts(Fact.ASKED_AGAIN, Fact.SUPPORT_CALLED, Fact.ALREADY_OPENED),
            rules_out=facts(Fact.REFUSED_BUSY, Fact.RESULT_WITHOUT_STATE, Fact.NOT_DELIVERED)
            | facts(Fact.HELD_UP),
        ),
    ),
)
