"""Facts: single pieces of evidence about an unlock, and from where each is known.

A fact is seen, or not seen although its source was there, or its source was not there: then nothing
follows from it. `fleet_wire.modes.mode` lists the facts that support each mode.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple


class EvidenceSource(StrEnum):
    """A source of evidence: how a fact becomes known."""

    ATTEMPT = "attempt"
    """The unlock's own stages, and whether it was answered."""
    RECEIPTS = "receipts"
    """Receipts: boxes confirm commands. Not all wires have them."""
    EXPIRY = "expiry"
    """Commands that say until when they count, where boxes confirm them. Without an expiry every
    box that returns opens its car late."""
    REASONS = "reasons"
    """Boxes say why they refuse. Not all do."""
    WORDS = "words"
    """The box's own words for a refusal, beside its reason."""
    PRESENCE = "presence"
    """Presence messages and last wills; where there are none, the broker's log of connections."""
    TELEMETRY = "telemetry"
    """Heartbeats."""
    TELEMETRY_SINCE = "telemetry_since"
    """Heartbeats that were due after the command: before that none can have failed to come."""
    POSITION = "position"
    """The age of the car's position, in heartbeats."""
    SIGNAL = "signal"
    """The strength of the radio signal, in heartbeats."""
    DATA_USED = "data_used"
    """How much mobile data a box has used, in heartbeats."""
    UPTIME = "uptime"
    """For how long a box has run, in heartbeats."""
    VOLTAGE = "voltage"
    """The battery's voltage, in heartbeats or in the car's state."""
    EVENTS = "events"
    """Events that boxes send when they happen: boots, updates, a low battery."""
    STATE = "state"
    """The car's state: whether it is locked."""
    DOORS = "doors"
    """Whether a door is open, in the car's state."""
    PARTS = "parts"
    """What is not as in a parked car, in its state: other doors, the boot, the immobiliser."""
    NEIGHBOURS = "neighbours"
    """Other unlocks at the time: of the car, and of others."""
    KIND = "kind"
    """Traits of the car, from its state: operator, region, firmware, hardware. They also show how
    similar cars do."""
    TECHNOLOGY = "technology"
    """The technology of the car's modem. It also shows how cars with similar modems do."""
    PLATFORM = "platform"
    """The platform's log."""
    COMMAND_END = "command_end"
    """The same source for the end of a command, once it was due: before that the answer may still
    arrive."""
    BROKER_LOG = "broker_log"
    """The broker's own log."""
    RETURN = "return"
    """The words and acts of a box that is heard of again: of a silent one nobody knows them."""


Told = EvidenceSource
"""The old name of `EvidenceSource`, for one release."""
HEARTBEATS: Final = (
    EvidenceSource.TELEMETRY, EvidenceSource.TELEMETRY_SINCE, EvidenceSource.POSITION,
    EvidenceSource.SIGNAL, EvidenceSource.DATA_USED, EvidenceSource.UPTIME,
)  # fmt: skip
"""All that heartbeats tell: where there are none, all are missing."""
PLATFORM_LOG: Final = (EvidenceSource.PLATFORM, EvidenceSource.COMMAND_END)
"""The same of the platform's log."""


class Fact(StrEnum):
    """A piece of evidence; `FACTS` says what each means."""

    # The unlock itself: one of these says how far it came
    WENT_WELL = "went_well"
    NOTHING_REQUESTED = "nothing_requested"
    NOTHING_PUBLISHED = "nothing_published"
    BROKER_UNREACHABLE = "broker_unreachable"
    BROKER_DENIED = "broker_denied"
    NO_SUBSCRIBER = "no_subscriber"
    NOT_DELIVERED = "not_delivered"
    SILENT_AFTER_RECEIPT = "silent_after_receipt"
    STATE_WITHOUT_RESULT = "state_without_result"
    RESULT_WITHOUT_STATE = "result_without_state"
    REFUSED_EXPIRED = "refused_expired"
    REFUSED_REPLAYED = "refused_replayed"
    REFUSED_BAD_SIGNATURE = "refused_bad_signature"
    REFUSED_TTL_TOO_LONG = "refused_ttl_too_long"
    REFUSED_MALFORMED = "refused_malformed"
    REFUSED_BUSY = "refused_busy"
    REFUSED_CAN_BUS = "refused_can_bus"
    REFUSED_INHIBITED = "refused_inhibited"
    REFUSED_LOW_VOLTAGE = "refused_low_voltage"
    REFUSED_VEHICLE_STATE = "refused_vehicle_state"
    REFUSED_WITHOUT_REASON = "refused_without_reason"
    NOT_ANSWERED = "not_answered"
    REFUSED_SOMEHOW = "refused_somehow"

    # Oddities of the unlock
    ANSWERED_BY_ANOTHER = "answered_by_another"
    ANSWERED_TWICE = "answered_twice"
    COPY_REFUSED = "copy_refused"
    COPY_AFTER_CONNECT = "copy_after_connect"
    EXECUTED_AGAIN = "executed_again"
    OPENED_LATE = "opened_late"
    OPENED_IN_TIME = "opened_in_time"
    OPENED_AT_LAST = "opened_at_last"
    REFUSED_LATE = "refused_late"
    CONFIRMED_LATE = "confirmed_late"
    LATE_ON_RETURN = "late_on_return"
    LATE_WITHOUT_RETURN = "late_without_return"
    NOTHING_AFTER_RETURN = "nothing_after_return"
    WOKEN = "woken"
    WOKEN_AS_USUAL = "woken_as_usual"
    WOKE_SLOWLY = "woke_slowly"
    SLOW_DELIVERY = "slow_delivery"
    SENT_LATE = "sent_late"
    HELD_UP = "held_up"
    BEHIND_ANOTHER = "behind_another"
    CLOCK_WRONG = "clock_wrong"

    # Presence
    WAS_ONLINE = "was_online"
    WAS_ASLEEP = "was_asleep"
    WAS_OFFLINE = "was_offline"
    NEVER_PRESENT = "never_present"
    WILL_BEFORE = "will_before"
    WILL_AFTER = "will_after"
    BACK_AFTER_WILL = "back_after_will"
    BACK_WITHOUT_WILL = "back_without_will"
    BACK_SOON = "back_soon"
    BACK_IN_MINUTES = "back_in_minutes"
    BACK_WITH_OTHERS = "back_with_others"
    BACK_AFTER_OTHERS = "back_after_others"
    STILL_AWAY = "still_away"
    FLAPPED = "flapped"
    LOST_AT_ONCE = "lost_at_once"
    LOST_BY_COMMAND = "lost_by_command"
    TALKS_WHILE_OFFLINE = "talks_while_offline"
    RECONNECTED_JUST_BEFORE = "reconnected_just_before"

    # Heartbeats
    REPORTED_AFTER = "reported_after"
    RESUMED = "resumed"
    SILENT_BEFORE = "silent_before"
    SILENT_SINCE = "silent_since"
    VOLTAGE_LOW = "voltage_low"
    VOLTAGE_FELL = "voltage_fell"
    TOO_WEAK_TO_MOVE = "too_weak_to_move"
    TOLD_LOW_VOLTAGE = "told_low_voltage"
    SIGNAL_LOW = "signal_low"
    SIGNAL_FELL = "signal_fell"
    POSITION_OLD = "position_old"
    KEY_EXPIRED = "key_expired"
    BOOTED_BEFORE = "booted_before"
    BOOTED_AFTER = "booted_after"
    BOOTED_AGAIN = "booted_again"
    RAN_UNCONNECTED = "ran_unconnected"
    BACK_WITHOUT_BOOT = "back_without_boot"
    POWER_IN_DOUBT = "power_in_doubt"
    UPDATING = "updating"
    FIRMWARE_CHANGED = "firmware_changed"
    EVENTS_IN_A_FLOOD = "events_in_a_flood"
    MUCH_DATA = "much_data"
    LOST_AT_SAME_DATA = "lost_at_same_data"

    # The state of the car
    LOCK_BOUNCED = "lock_bounced"
    RELOCKED = "relocked"
    RELOCKED_AT_ONCE = "relocked_at_once"
    ASKED_AFTER_RELOCK = "asked_after_relock"
    DOOR_OPENED = "door_opened"
    NO_DOOR_OPENED = "no_door_opened"
    DOOR_AJAR = "door_ajar"
    DOORS_DIFFER = "doors_differ"
    ONLY_BOOT_OPEN = "only_boot_open"
    ANOTHER_DOOR_LOCKED = "another_door_locked"
    LOCKED_BY_KEY = "locked_by_key"
    NOT_PARKED = "not_parked"
    WRONG_PIN = "wrong_pin"

    # Others at the time
    FAILS_AGAIN = "fails_again"
    WENT_WELL_BETWEEN = "went_well_between"
    OPENED_WITHOUT_RETURN = "opened_without_return"
    BLOCKS_LATER = "blocks_later"
    UNSENT_BEFORE = "unsent_before"
    OPERATOR_FAILS = "operator_fails"
    REGION_FAILS = "region_fails"
    FIRMWARE_FAILS = "firmware_fails"
    HARDWARE_FAILS = "hardware_fails"
    TECHNOLOGY_AWAY = "technology_away"
    TECHNOLOGY_WELL = "technology_well"
    OPERATOR_AWAY = "operator_away"
    REGION_AWAY = "region_away"
    FIRMWARE_AWAY = "firmware_away"
    HARDWARE_AWAY = "hardware_away"
    MANY_AWAY = "many_away"
    ALL_OF_OPERATOR_AWAY = "all_of_operator_away"
    OTHER_OPERATOR_AWAY = "other_operator_away"
    OTHERS_THERE_HEARD = "others_there_heard"
    NONE_THERE_HEARD = "none_there_heard"
    NO_OPERATOR_HEARD = "no_operator_heard"
    FEW_AWAY = "few_away"
    MANY_FAIL = "many_fail"
    SOME_FAIL = "some_fail"
    ALONE = "alone"
    WILLS_IN_A_WAVE = "wills_in_a_wave"
    WILLS_AT_ONCE = "wills_at_once"
    CUT_AT_ONCE = "cut_at_once"
    MANY_CAME_BACK = "many_came_back"
    LEFT_BEHIND = "left_behind"
    TWO_BOOKINGS = "two_bookings"
    OPENED_AGAIN = "opened_again"
    ALREADY_OPENED = "already_opened"
    SENT_TWICE = "sent_twice"
    UNLOCKED_MOMENTS_BEFORE = "unlocked_moments_before"

    # The platform's log
    SAID_YES = "said_yes"
    SAID_DONE = "said_done"
    SAID_NO = "said_no"
    SAID_ERROR = "said_error"
    SAID_NOTHING = "said_nothing"
    EXPLAINED_NOTHING = "explained_nothing"
    SAID_MAINTENANCE = "said_maintenance"
    SAID_BUSY = "said_busy"
    SAID_BOOKING = "said_booking"
    SAID_OVERLOADED = "said_overloaded"
    SAID_SILENT = "said_silent"
    YES_BEFORE_THE_END = "yes_before_the_end"
    YES_BEFORE_SENDING = "yes_before_sending"
    ASKED_AGAIN = "asked_again"
    SENT_AGAIN = "sent_again"
    NOT_WOKEN = "not_woken"
    PLATFORM_MISSED_IT = "platform_missed_it"
    PLATFORM_GAVE_UP = "platform_gave_up"
    NEVER_SENT = "never_sent"
    PLATFORM_WAITED_LONG = "platform_waited_long"
    OPEN_BUT_TOLD_NO = "open_but_told_no"
    SUPPORT_CALLED = "support_called"
    SHOWN_KEY_EXPIRED = "shown_key_expired"
    ANOTHER_CAR_ASKED = "another_car_asked"
    BOOKING_OF_SEVERAL = "booking_of_several"
    SAID_TOO_FAR = "said_too_far"
    SAID_SIGNED_OUT = "said_signed_out"
    SIGNED_OUT_ALONE = "signed_out_alone"
    SAID_WRONG = "said_wrong"
    SAID_WHY_NOT = "said_why_not"
    PHONE_FAR = "phone_far"
    TWO_PLACES = "two_places"
    WITHOUT_BOOKING = "without_booking"
    APP_VERSION_FAILS = "app_version_fails"
    APP_VERSION_FARES_WELL = "app_version_fares_well"
    MANY_CARS_OF_ONE = "many_cars_of_one"
    CARS_OF_OTHERS = "cars_of_others"

    # The broker's log
    LEFT_QUIETLY = "left_quietly"
    REPLACED = "replaced"
    TAKEN_OVER = "taken_over"
    DROPPED_AT_BROKER = "dropped_at_broker"
    KEEPALIVE_EXCEEDED = "keepalive_exceeded"
    PING_OVERDUE = "ping_overdue"
    BACK_BY_PING = "back_by_ping"
    OTHERS_OVERDUE = "others_overdue"
    OTHERS_BY_PING = "others_by_ping"
    CONNECTION_CLOSED = "connection_closed"
    DENIED_AT_BROKER = "denied_at_broker"
    TLS_FAILED = "tls_failed"
    TLS_EXPIRED = "tls_expired"


class FactInfo(NamedTuple):
    """The meaning of a fact, and the source that shows it."""

    told: EvidenceSource
    meaning: str


def _facts_from(told: EvidenceSource, **meanings: str) -> dict[Fact, FactInfo]:
    return {Fact(name): FactInfo(told, meaning) for name, meaning in meanings.items()}


FACTS: Final[dict[Fact, FactInfo]] = {
    **_facts_from(
        EvidenceSource.ATTEMPT,
        went_well="the car answered that it opened, and reported an open lock where it reports any",
        nothing_requested="a call that the car does not open, and nobody had asked for it to open",
        nothing_published="an unlock that stopped before a command was sent to the car",
        broker_unreachable="no connection with the broker, which passes commands on to the cars",
        broker_denied="the broker refused to take the command",
        no_subscriber="no car was listening for the command",
        not_answered="a command that nobody answered, where boxes do not confirm what they get",
        refused_somehow="the car refused, where boxes do not say why",
        answered_by_another="another car answered to the command, or opened by it",
        answered_twice="an answer came more than once",
        copy_after_connect="an answer came once more just after the box had connected",
        executed_again="the box answered once more that it had done what the command says, after"
        " the command had ended",
        opened_at_last="the car opened by the command after the customer was told no, where it had"
        " the command before, or commands do not say until when they count",
        refused_late="the box refused the command after the customer had given up",
        nothing_after_return="the box came back, and never answered the command that should have"
        " waited for it",
        woken="the car was asked to wake before the command",
        woken_as_usual="the car was asked to wake before the command, as before any other for"
        " which this one may have waited",
        woke_slowly="the box connected long after the car had last been asked to wake",
        slow_delivery="the command took more than five seconds to reach the box",
        sent_late="the command was sent more than three seconds after it was asked for",
        without_booking="the command named no booking, as others' commands do",
        clock_wrong="the box's clock is wrong by more than half a minute, as its answers say",
    ),
    **_facts_from(
        EvidenceSource.RECEIPTS,
        not_delivered="the broker took the command, and the box never confirmed it",
        silent_after_receipt="the box confirmed the command, and said nothing more",
        copy_refused="the box refused a copy of the command that came after the command had ended",
        confirmed_late="the box confirmed the command after the customer had given up",
        opened_in_time="the car had opened in time by the box's clock, and its answer came late",
    ),
    **_facts_from(
        EvidenceSource.EXPIRY,
        opened_late="the car opened by the command after the customer was told no",
    ),
    **_facts_from(
        EvidenceSource.REASONS,
        refused_expired="the box refused: the command was too old by its clock",
        refused_replayed="the box refused: it had seen a later command before, so that this one"
        " looks like an old copy",
        refused_bad_signature="the box refused: the command was not signed with this car's key",
        refused_ttl_too_long="the box refused: the command would count for longer than the box"
        " allows",
        refused_malformed="the box refused: it could not read the command",
        refused_busy="the box refused: it was busy",
        refused_can_bus="the box failed: the car's own network did not answer",
        refused_inhibited="the box failed: the locks protect themselves from heat",
        refused_low_voltage="the box failed: the battery is too low to move the locks",
        refused_vehicle_state="the box refused: the car was in a state in which it stays locked",
        refused_without_reason="the box failed, and did not say why",
    ),
    **_facts_from(
        EvidenceSource.WORDS,
        locked_by_key="the car had been locked by key",
        not_parked="the ignition was on, the car not in park, or remote services off",
        wrong_pin="the box said that the command's PIN was wrong, or locked after wrong ones",
    ),
    **_facts_from(
        EvidenceSource.PRESENCE,
        late_on_return="a late answer came just after the box had connected again",
        late_without_return="a late answer came without the box having to connect again",
        was_online="the car counted as connected when the unlock began",
        was_asleep="the car had said that it goes to sleep when the unlock began",
        was_offline="the car counted as not connected when the unlock began",
        never_present="a car that has never said whether it is connected",
        will_before="the broker had reported that the box's connection broke (last will) when the"
        " unlock began",
        will_after="the broker reported after the command that the box's connection broke (last"
        " will)",
        back_after_will="the box connected again after its connection had broken",
        back_without_will="the box connected again, though it had counted as connected all the"
        " time",
        back_soon="the box connected again within 90 s of the command",
        back_in_minutes="the box connected again later than 90 s after the command",
        back_with_others="many boxes connected within seconds of this one",
        still_away="silence of the box for five minutes or more after the command",
        flapped="the box connected and was lost again and again within minutes",
        lost_at_once="the box's connection broke so soon after a sign of life that no silence was"
        " waited for",
        lost_by_command="the box's connection broke within seconds of a command",
        opened_without_return="the car opened for its next unlock on the connection that it had"
        " all the time",
        talks_while_offline="the box reported while it counted as not connected",
        reconnected_just_before="the box had connected less than two minutes before",
    ),
    **_facts_from(
        EvidenceSource.TELEMETRY,
        silent_before="the box was silent for longer than usual when the unlock began",
        firmware_changed="the box got new software (firmware) within the last day",
    ),
    **_facts_from(
        EvidenceSource.SIGNAL,
        signal_low="the signal was very weak in the last report, below -110 dBm",
        signal_fell="the signal was far weaker than hours before, by 15 dB or more",
    ),
    **_facts_from(
        EvidenceSource.DATA_USED,
        much_data="the box had used far more mobile data than others",
        lost_at_same_data="the cars that have lost their connection had used the same amount of"
        " mobile data, and no other car more",
    ),
    **_facts_from(
        EvidenceSource.UPTIME,
        ran_unconnected="the box had run for more than 20 s since its restart when it connected",
    ),
    **_facts_from(
        EvidenceSource.POSITION,
        position_old="the car's position was older than half an hour",
    ),
    **_facts_from(
        EvidenceSource.TELEMETRY_SINCE,
        reported_after="the box went on reporting after it should have had the command, and had"
        " not to connect again for it",
        resumed="the box reported again after a silence or with a late answer, and had not to"
        " connect again for it",
        silent_since="silence from the command on, though two regular reports (heartbeats) should"
        " have come",
    ),
    **_facts_from(
        EvidenceSource.EVENTS,
        booted_before="the box had restarted within ten minutes before",
        booted_after="the box restarted after the command",
        booted_again="the box restarted twice or more within ten minutes",
        updating="the box had begun to install new software",
        key_expired="the box reported that it refused a phone's own key as expired",
        events_in_a_flood="the box sent a flood of reports",
        told_low_voltage="the box reported that its battery is low",
        back_without_boot="the box connected again, and has not restarted",
        power_in_doubt="the car's battery was low or fell, the box restarted, or others are back"
        " without it",
    ),
    **_facts_from(
        EvidenceSource.STATE,
        state_without_result="the car reported an open lock, and no answer came",
        result_without_state="the box said that it unlocked, and no open lock was reported",
        lock_bounced="the lock sprang open again when the car was last locked",
        relocked="the car locked itself again, and no door had been opened",
        relocked_at_once="the car locked itself again sooner than anybody can open a door",
        asked_after_relock="the customer asked for the car once more, or called support, after it"
        " had locked itself again, and not before",
        two_bookings="another booking had opened the car, and nobody had locked it since",
    ),
    **_facts_from(
        EvidenceSource.DOORS,
        door_opened="a door was opened after the unlock",
        no_door_opened="the car was open, and no door was opened for most of a minute",
        door_ajar="a door was not shut",
    ),
    **_facts_from(
        EvidenceSource.PARTS,
        doors_differ="several doors were open and the driver's was locked",
        only_boot_open="the boot alone was open",
        another_door_locked="a door, or the immobiliser, stayed locked",
    ),
    **_facts_from(
        EvidenceSource.VOLTAGE,
        voltage_low="the car's battery was below 12.25 V in its last report",
        too_weak_to_move="the battery was below 9 V in its last report: locks do not move",
        voltage_fell="the battery's voltage fell by 0.15 V or more within hours, below 12.5 V",
    ),
    **_facts_from(
        EvidenceSource.NEIGHBOURS,
        fails_again="another unlock of this car failed within half an hour",
        went_well_between="an unlock of this car went well within half an hour",
        blocks_later="a later unlock of this car was turned down as another was under way",
        unsent_before="moments before, the platform had said yes to the same booking, and nothing"
        " was sent",
        many_fail="more than half of the other unlocks at the time failed",
        some_fail="of the other unlocks at the time a tenth to a half failed",
        alone="the other unlocks at the time went well",
        many_away="more than a third of all cars have lost their connection",
        few_away="almost all other cars are connected",
        wills_in_a_wave="many boxes lost their connection within a minute or two of this one",
        wills_at_once="many boxes lost their connection within seconds of this one",
        cut_at_once="many boxes lost their connection within seconds of this one, and no silence"
        " of theirs was waited for, as far as the broker says",
        many_came_back="many boxes connected again within the same minute",
        left_behind="most of the boxes that lost their connection with this one are back, and it"
        " is not",
        opened_again="the same booking opened the car again within minutes",
        already_opened="the command was sent late, and another one of the same booking had opened"
        " the car by then",
        sent_twice="two commands were sent to the car for one request, this one or one just before",
        unlocked_moments_before="the car had been asked to open or to lock moments before",
    ),
    **_facts_from(
        EvidenceSource.KIND,
        operator_fails="cars of this mobile operator fail far more often than others",
        region_fails="cars of this region fail far more often than others",
        firmware_fails="cars with this firmware fail far more often than others",
        hardware_fails="cars with this hardware fail far more often than others",
        operator_away="cars of this mobile operator lose their connection far more often than"
        " others",
        region_away="cars of this region lose their connection far more often than others",
        firmware_away="cars with this firmware lose their connection far more often than others",
        hardware_away="cars with this hardware lose their connection far more often than others",
        all_of_operator_away="nearly all cars of this operator in this region have lost their"
        " connection",
        other_operator_away="cars of another operator in this region have lost their connection"
        " too",
        others_there_heard="others of this operator in this region were heard of while this car"
        " was silent",
        none_there_heard="silence of all cars of this operator in this region since the command,"
        " while others were heard of",
        back_after_others="others of this operator in this region connected again minutes before"
        " this car did, and after the command",
        no_operator_heard="silence of all cars in this region since the command, whatever their"
        " operator",
    ),
    **_facts_from(
        EvidenceSource.TECHNOLOGY,
        technology_away="cars with modems of this technology lose their connection far more often"
        " than others",
        technology_well="most cars with modems of this technology, operator and region were heard"
        " of minutes later",
    ),
    **_facts_from(
        EvidenceSource.PLATFORM,
        said_yes="the platform answered the app, and with no error",
        said_done="the platform answered the app that the car is open, not that it is to wait",
        said_no="the platform turned the request down",
        said_error="the platform answered the app with an error",
        said_nothing="the platform left the app without an answer",
        explained_nothing="the platform answered the app with an error that says nothing of its"
        " cause",
        said_maintenance="the platform said that it is under maintenance",
        said_busy="the platform said that an earlier request is still under way",
        said_booking="the platform found no booking that would open this car now",
        said_overloaded="the platform was overloaded, or asked too often",
        said_silent="the platform told the app that the car did not answer",
        yes_before_the_end="the platform said yes before the car had answered",
        yes_before_sending="the platform said yes before the command was sent",
        asked_again="the phone sent this request more than once",
        sent_again="the platform itself sent the same command again",
        not_woken="the box was asleep, and the platform did not ask it to wake before the command",
        platform_missed_it="the car opened, and the platform gave up waiting for an answer; or"
        " that was so with the command before",
        platform_waited_long="the platform waited for an answer for more than a minute, though it"
        " had come",
        open_but_told_no="the car opened, and the customer was told that it did not",
        support_called="the customer called support",
        shown_key_expired="the app had shown that the phone's key for the car has expired, as the"
        " customer told support",
        held_up="the platform sent the command late or never, though no earlier one was under way"
        " and the car had not to be woken",
        behind_another="no command was sent, and according to the platform an earlier one of"
        " the car was under way",
        booking_of_several="other customers have named the same booking, for other cars",
        another_car_asked="the platform's log names another car than the one that got the command",
        said_too_far="the platform said that the phone is too far from the car",
        said_signed_out="the platform said that the phone is not signed in",
        signed_out_alone="the platform said that the phone is not signed in, and had hardly ever"
        " said so to others just then",
        said_why_not="the platform turned the request down and named a reason of its own",
        said_wrong="the platform found something wrong with the request itself",
        phone_far="the phone was far from where the platform believes the car",
        two_places="one account was at two places between which nobody travels so fast",
        app_version_fails="phones with this version of the app fail far more often than others",
        app_version_fares_well="the platform found no booking, and hardly ever does so with others"
        " that have this version of the app",
        many_cars_of_one="one account asked for many cars within minutes",
        cars_of_others="one account was refused several cars within minutes, as it has booked none"
        " of them",
    ),
    **_facts_from(
        EvidenceSource.COMMAND_END,
        never_sent="no command was sent before the deadline",
        platform_gave_up="the platform gave up waiting for an answer, or never sent the command",
    ),
    **_facts_from(
        EvidenceSource.BROKER_LOG,
        left_quietly="the box had closed its connection, and counted as connected all the same",
        replaced="another connection under the box's name (client id) ended the one before",
        taken_over="connections under the box's name (client id) ended one another again and again"
        " within minutes",
        dropped_at_broker="the broker discarded messages for the box",
        keepalive_exceeded="the broker closed the box's connection after a long silence (1.5"
        " times its keepalive)",
        ping_overdue="the box was away for longer than it takes it to notice a dead connection"
        " (keepalive), and to connect again",
        back_by_ping="the box was back as soon as it can have noticed a dead connection",
        others_overdue="most cars that fell silent with this one stayed away for longer than it"
        " takes a box to notice a dead connection",
        others_by_ping="cars that fell silent with this one were all back as soon as a box notices"
        " a dead connection",
        connection_closed="the broker saw the box's connection break at once, and had not to wait"
        " for a silence",
        denied_at_broker="the broker denied something to the box or the sender",
        tls_failed="secure connections to the broker failed over a certificate (TLS), and one of"
        " them may have been the box's",
        tls_expired="secure connections that failed all as a certificate had expired, and none as"
        " one was not valid yet",
    ),
}
"""Every fact, with its source and its meaning in one line."""

AFTER_RETURN: Final = frozenset(
    {
        Fact.OPENED_LATE, Fact.OPENED_IN_TIME, Fact.OPENED_AT_LAST, Fact.CONFIRMED_LATE,
        Fact.REFUSED_LATE, Fact.LATE_ON_RETURN, Fact.LATE_WITHOUT_RETURN,
        Fact.NOTHING_AFTER_RETURN, Fact.BACK_SOON, Fact.BACK_IN_MINUTES, Fact.BACK_AFTER_WILL,
        Fact.BACK_WITHOUT_WILL, Fact.BACK_WITH_OTHERS, Fact.BACK_WITHOUT_BOOT, Fact.BACK_BY_PING,
        Fact.PING_OVERDUE, Fact.RESUMED, Fact.REPLACED, Fact.BOOTED_AFTER, Fact.BOOTED_AGAIN,
        Fact.RAN_UNCONNECTED, Fact.POWER_IN_DOUBT, Fact.OPENED_WITHOUT_RETURN,
    }
)  # fmt: skip
"""Facts that only a box which is heard of again can show, besides their own source."""

ESTIMATED: Final = frozenset(
    fact
    for fact, info in FACTS.items()
    if info.told in (EvidenceSource.KIND, EvidenceSource.TECHNOLOGY)
) | {
    Fact.MANY_FAIL, Fact.SOME_FAIL, Fact.ALONE, Fact.MANY_AWAY, Fact.FEW_AWAY, Fact.LEFT_BEHIND,
    Fact.WILLS_IN_A_WAVE, Fact.WILLS_AT_ONCE, Fact.CUT_AT_ONCE,
    Fact.MANY_CAME_BACK, Fact.BACK_WITH_OTHERS,
    Fact.VOLTAGE_FELL, Fact.SIGNAL_FELL, Fact.FLAPPED, Fact.LOST_AT_SAME_DATA, Fact.TLS_FAILED,
    Fact.TLS_EXPIRED, Fact.PING_OVERDUE, Fact.BACK_BY_PING, Fact.OTHERS_OVERDUE,
    Fact.OTHERS_BY_PING,
}  # fmt: skip
"""Facts that rest on counts of others, on habits of boxes, or on what nobody signed.

However strongly they speak against a mode, they prove nothing.
"""

LASTING_MARKS: Final = frozenset(
    {
        Fact.CLOCK_WRONG, Fact.EVENTS_IN_A_FLOOD, Fact.POSITION_OLD,
        Fact.TOLD_LOW_VOLTAGE, Fact.TOO_WEAK_TO_MOVE, Fact.VOLTAGE_FELL,
    }
)  # fmt: skip
"""Marks that a box shows before and after a failure, too: it may fail of another reason."""

MARKS: Final = frozenset(
    {
        # Why the box, the platform or the broker refused
        Fact.REFUSED_REPLAYED, Fact.REFUSED_BAD_SIGNATURE, Fact.REFUSED_TTL_TOO_LONG,
        Fact.REFUSED_BUSY, Fact.REFUSED_CAN_BUS, Fact.REFUSED_INHIBITED, Fact.REFUSED_LOW_VOLTAGE,
        Fact.REFUSED_VEHICLE_STATE, Fact.REFUSED_WITHOUT_REASON, Fact.LOCKED_BY_KEY, Fact.WRONG_PIN,
        Fact.BROKER_DENIED, Fact.DENIED_AT_BROKER, Fact.EXPLAINED_NOTHING,
        Fact.SAID_BOOKING, Fact.SAID_MAINTENANCE, Fact.SAID_TOO_FAR, Fact.SAID_WRONG,
        Fact.SAID_SIGNED_OUT, Fact.SIGNED_OUT_ALONE,
        # Whose request it was, and for which car
        Fact.ANOTHER_CAR_ASKED, Fact.APP_VERSION_FAILS, Fact.BOOKING_OF_SEVERAL,
        Fact.CARS_OF_OTHERS, Fact.MANY_CARS_OF_ONE, Fact.PHONE_FAR, Fact.TWO_PLACES,
        Fact.WITHOUT_BOOKING, Fact.KEY_EXPIRED, Fact.SHOWN_KEY_EXPIRED,
        # What became of the command
        Fact.ANSWERED_BY_ANOTHER, Fact.BEHIND_ANOTHER, Fact.COPY_AFTER_CONNECT,
        Fact.DROPPED_AT_BROKER, Fact.PLATFORM_MISSED_IT, Fact.RESULT_WITHOUT_STATE,
        Fact.STATE_WITHOUT_RESULT, Fact.DOORS_DIFFER, Fact.ONLY_BOOT_OPEN, Fact.LOCK_BOUNCED,
        # How the box went and came
        Fact.LEFT_QUIETLY, Fact.LOST_AT_SAME_DATA, Fact.LOST_BY_COMMAND, Fact.TAKEN_OVER,
        Fact.TALKS_WHILE_OFFLINE, Fact.TECHNOLOGY_AWAY, Fact.TLS_EXPIRED, Fact.TLS_FAILED,
        Fact.OTHERS_BY_PING, Fact.NOT_WOKEN, Fact.WAS_ASLEEP, Fact.WOKE_SLOWLY, Fact.UPDATING,
    }
) | LASTING_MARKS  # fmt: skip
"""Facts that hardly go with a mode which does not list them.

Others are seen beside any failure: a door ajar, a second press, a box that boots, other losses.
"""


@cache
def shown_by(told: frozenset[EvidenceSource]) -> frozenset[Fact]:
    """Return the facts that these sources can show."""
    there = EvidenceSource.RETURN in told
    return frozenset(
        fact
        for fact, info in FACTS.items()
        if info.told in told and (there or fact not in AFTER_RETURN)
    )
