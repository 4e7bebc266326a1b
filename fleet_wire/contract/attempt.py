"""The attempt: the one record of an unlock. Metrics, logs, store, alerts and report read only this.

It stands in the wire package because the monitor writes it and the run report reads it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.trace_context import span_id_of


class Source(StrEnum):
    """The party that asked for the unlock."""

    PROBE = "probe"
    """The monitor itself."""
    CUSTOMER = "customer"
    """Somebody else, whose command the monitor saw, or whose request the platform's log has."""
    FLOOR = "floor"
    """An unlock of the null box: what the stack itself takes. Kept apart from all others."""


class Stage(StrEnum):
    """How far an unlock got, in this order."""

    INTENDED = "intended"
    """The customer wants to open the car. The time is the plan's, else the request's at the
    platform, else the time at which the command was seen."""
    REQUESTED = "requested"
    """The unlock was asked for."""
    API_ANSWERED = "api_answered"
    """The platform's API has answered, where there is one. An answer that waits until the command
    is published delays nothing: its hop is 0, and the answer may come after `total_s`. How long
    the API took is `api_answered` less `requested`."""
    PUBLISHED = "published"
    """The command was given to the connection with the broker. If the platform's log does not say
    when, the time is that at which the monitor saw it."""
    BROKER_ACCEPTED = "broker_accepted"
    """The broker's PUBACK came. If the platform's log does not say when, the time is when the
    monitor saw the command: the broker had accepted it by then."""
    BOX_RECEIVED = "box_received"
    """The box has the command; placed by its own durations, before its answer came."""
    BOX_EXECUTED = "box_executed"
    """The box has moved the lock, as it says with how long that took; placed in the same way. After
    a refusal there is none: the box's whole time lies in the hop into `result_received`."""
    RESULT_RECEIVED = "result_received"
    """The box's last answer has come."""
    STATE_CHANGED = "state_changed"
    """The car reports an open lock."""


PROBE_STOPPED: Final = "the probe was stopped"
"""The reason of an unlock that was under way when its monitor was told to stop."""
BEGUN_LATE: Final = "the monitor, too busy, began it"
"""Begins the reason of an unlock that its monitor asked for so late that its end says nothing."""


UNREAD: Final = "what the car sent could not be read"
"""The reason of an unlock whose answer may have come in messages that break the contract."""


class Flag(StrEnum):
    """An anomaly of an attempt, whatever its outcome."""

    DUPLICATE = "duplicate"
    """An answer came more than once."""
    SENT_TWICE = "sent_twice"
    """The same command was published twice at once."""
    OUT_OF_ORDER = "out_of_order"
    """A later stage was seen before an earlier one."""
    WOKEN = "woken"
    """A wake request was sent first."""
    ANSWERED_BY_ANOTHER = "answered_by_another"
    """Another car answered to the command, or opened by it."""
    ANSWER_GUESSED = "answer_guessed"
    """The answer names no command and several of the car were open: it is taken for the first's."""
    OBSERVED_LATE = "observed_late"
    """The monitor stood still meanwhile: how it ended is known, its times are not."""
    TOLD_OTHERWISE = "told_otherwise"
    """The car opened, and the platform's API told its customer that it did not."""
    ONLY_TOLD = "only_told"
    """The API told our own request that the car is open, and by then neither a command nor an open
    lock had been seen."""


class Origin(StrEnum):
    """A source of knowledge about an attempt, besides the monitor's own actions."""

    MQTT = "mqtt"
    """Messages of the broker."""
    PLATFORM = "platform"
    """Lines of the platform's log."""


class PlatformSide(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The platform log's facts about an unlock besides its stages; facts it omits are absent.

    The monitor's clock and the platform's differ. `clock_ahead_s` converts the platform's stages to
    the monitor's clock, so a hop between the two is as uncertain as that.
    """

    requests: int = 1
    """How often the phone asked for it: a retry is another request, also one that comes after the
    attempt was judged, see `revision`."""
    sent_again: int = 0
    """How often the platform sent the same command once more, with its id."""
    status: int | None = None
    """The HTTP status of the answer."""
    problem: str | None = None
    """The slug of the answer's problem type; of our own request what `error_class` names."""
    endpoint: str | None = None
    """The route's template."""
    method: str | None = None
    """The request's HTTP method."""
    app_version: str | None = None
    """The phone's app."""
    api_release: str | None = None
    """What answered."""
    account_id: str | None = None
    """The customer's."""
    vehicle_id: str | None = None
    """The car that it was asked for, where the command went to another one."""
    distance_m: float | None = None
    """How far the phone was from the car as the platform knows it, metres, where the app says."""
    position: tuple[float, float] | None = None
    """The phone's position, latitude and longitude in degrees, if the app sends it."""
    woken_s: float | None = None
    """Seconds from the intended start until a sleeping car was asked to wake."""
    hung_up_s: float | None = None
    """Seconds from the intended start until a client first went before it was answered."""
    ended_s: float | None = None
    """Seconds from the intended start until the platform knew how it ended, or gave up."""
    outcome: str | None = None
    """How it ended in the platform's own words."""
    clock_ahead_s: float | None = None
    """How far the platform's clock is ahead of the monitor's."""
    clock_uncertainty_s: float | None = None
    """How wrong that may be; absent where it has no bound yet."""
    hops_across: tuple[str, ...] = ()
    """Stages whose hop is from a time of one clock to a time of the other."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One unlock, ended.

    `stages` maps each stage that was reached to seconds since the intended start, on the monitor's
    monotonic clock. `hops_s` maps each stage but the first to the time since the stage before it;
    the hops add up to `total_s`. A timeout has `total_s` equal to the deadline.
    """

    attempt_id: str
    """Its own name, also in answers that come too late."""
    command_id: str | None
    """The command's, on the wire; the correlation data of MQTT. Null where there never was one.
    Some fleets, such as OVMS, reuse ids per car or client. These then stand in front
    (`car-1/app/17`), and the API's own command id is the last part: `platform-probe diagnose
    --command` takes both."""
    vehicle_id: str
    """The car; empty where the request did not say which."""
    trace_id: str
    """The trace of W3C Trace Context, from the command's `traceparent` or the platform's log; where
    neither names one, `attempt_id`."""
    parent_span_id: str | None = None
    """The span that sent the command, from a customer's `traceparent`; null where there is none."""
    source: Source
    """Who asked."""
    started_at: float
    """Intended start, Unix seconds."""
    scheduled_s: float
    """Intended start, seconds since the load began."""
    outcome: Outcome
    """How it ended; `unknown` may have opened the car."""
    cause: Cause | None
    """Why it did not end well; null where it did."""
    failure_mode: None = None
    """Always null, and removed in the next release: `diagnoses.jsonl` has the modes."""
    reason: str | None = None
    """The reason in the words of the box, the broker or the platform."""
    total_s: float
    """Seconds from the intended start to the end; of a timeout the deadline."""
    stages: dict[str, float]
    """Seconds from the intended start to each stage that was reached."""
    hops_s: dict[str, float]
    """Seconds from the stage before to each stage, also to the one waited for in vain."""
    flags: tuple[Flag, ...] = ()
    """All anomalies of the attempt."""
    evidence: dict[str, Any] = {}
    """The facts behind the cause, by name."""
    booking_id: str | None = None
    """The booking that the command named."""
    can_wake_s: float | None = None
    """Seconds that the box took to wake the car's bus, by its own clock."""
    actuation_s: float | None = None
    """Seconds that the lock took, by the box's own clock."""
    region: str | None = None
    """The car's, as its state says."""
    operator: str | None = None
    """Its mobile network's, as its state says."""
    firmware: str | None = None
    """Its box's version, as its state says."""
    hardware: str | None = None
    """Its box's model, as its state says."""
    site: str | UnsetType = UNSET
    """The place where it stands, where its state says one."""
    revision: int | UnsetType = UNSET
    """Present if the platform's log is followed: 1, and one more for each change after the attempt
    was judged. The highest one holds."""
    sources_missing: tuple[Origin, ...] | UnsetType = UNSET
    """Present if the platform's log is followed: the sources that should have reported this unlock
    and did not."""
    same_as: str | UnsetType = UNSET
    """The `attempt_id` of the unlock that this proved to be a part of: this one does not count."""
    platform: PlatformSide | UnsetType = UNSET
    """The platform log's facts about the unlock, if any. A synthetic request has at least its
    question and answer."""

    @property
    def is_first(self) -> bool:
        """Whether this is the first judgement of its unlock: what counts events counts this one."""
        return not self.revision or self.revision == 1

    @property
    def span_id(self) -> str:
        """The span of the whole unlock; see `span_id_of` for those of its hops."""
        return span_id_of(self.attempt_id)

    @property
    def has_times(self) -> bool:
        """Whether its times were measured; how it ended is known in any case."""
        return Flag.OBSERVED_LATE not in self.flags

    @property
    def api_took_s(self) -> float | None:
        """Seconds from the request to the API's answer; None where it is not known to be answered.

        If an unlock has several requests: from the first request to the answer that counts.
        """
        answered_s = self.stages.get(Stage.API_ANSWERED)
        if answered_s is None:
            return None
        return max(0.0, answered_s - self.stages.get(Stage.REQUESTED, 0.0))


class StrayKind(StrEnum):
    """Answers that belong to no open attempt."""

    LATE = "late"
    """The attempt had ended otherwise, and this answer is new: see `StrayAnswer.is_late_unlock`."""
    DUPLICATE = "duplicate"
    """The attempt had ended with this same answer."""
    ORPHAN = "orphan"
    """Nobody is known to have asked."""


class StrayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that came outside of its attempt. Written beside the attempts, never into them."""

    kind: StrayKind
    """In what way it does not belong."""
    vehicle_id: str
    """Who answered."""
    command_id: str
    """The id of the answered command."""
    phase: str
    """The phase that the box reported: `received`, `executed` or `refused`."""
    reason: str | None = None
    """Why it refused; `replayed` of a command that it had executed: a third party has sent it
    again."""
    at: float
    """When it came, Unix seconds."""
    attempt_id: str | None = None
    """The attempt that has ended, where one is remembered."""
    after_s: float | None = None
    """Seconds since the intended start of its attempt."""
    source: Source | None = None
    """The party that had asked; None if unknown."""
    is_late_unlock: bool = False
    """The car opened after its customer was told no. A late `executed` was seen from start to end,
    and the followed platform log shows no timely answer to an app."""


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """A customer who called support, known from the platform's log. Never counted as an unlock."""

    complaint_id: str
    """The helpdesk's name for the call."""
    at: float
    """When it was, Unix seconds on the monitor's clock."""
    scheduled_s: float
    """The same, seconds since the load began."""
    vehicle_id: str
    """The car; empty where the call does not say which."""
    booking_id: str | None = None
    """The booking."""
    account_id: str | None = None
    """The customer's."""
    app_version: str | None = None
    """The phone's app, as the customer says."""
    shown: str | None = None
    """The app's screen, in the customer's words."""
    attempts: tuple[str, ...] = ()
    """The `attempt_id` of each unlock of this booking before the call. Failed unlocks of this car
    by this customer under another booking count too: the app may have forgotten its booking. Empty:
    nothing that the customer did has reached the platform or the broker, unless `missed`."""
    missed: bool | UnsetType = UNSET
    """True: no unlock is known, and the monitor was not there for some of the time before the call.
    Not there otherwise."""
    region: str | None = None
    """The car's, as its state says."""
    operator: str | None = None
    """Its mobile network's, as its state says."""
    firmware: str | None = None
    """Its box's version, as its state says."""
    hardware: str | None = None
    """Its box's model, as its state says."""
    site: str | UnsetType = UNSET
    """The place where it stands, where its state says one."""


Record = Attempt | StrayAnswer | Complaint
