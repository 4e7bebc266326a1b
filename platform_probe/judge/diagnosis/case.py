"""An unlock to be diagnosed, with all that is known around it, and what was seen of it so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

from fleet_wire.contract.attempt import Attempt, Stage
from fleet_wire.contract.messages import Reason
from fleet_wire.contract.text import Text, Value
from fleet_wire.modes.facts import EvidenceSource, Fact
from platform_probe.cars.state import Session
from platform_probe.judge.diagnosis.car_history import CarHistory
from platform_probe.judge.diagnosis.census import Census
from platform_probe.judge.diagnosis.neighbours import ALL, Comparison, Place, Share, Waves

CROSSING_S: Final = 2.0
"""The same as `platform_probe.measure.attempts.conclusion.CROSSING_S`: the box sent it
before it got the command.
"""
WINDOW_S: Final = 600.0
"""An unlock's window ends so long after the unlock at the latest."""
SETTLED_S: Final = 5.0
"""A box that is there again has told within so long what it has to tell [E]."""
MAX_TLS_ERRORS: Final = 64
"""The number of latest failed handshakes that are kept; of older ones only their existence is
known.
"""
_OF_THE_BOX: Final = frozenset(
    {
        Stage.BOX_RECEIVED.value, Stage.BOX_EXECUTED.value, Stage.RESULT_RECEIVED.value,
        Stage.STATE_CHANGED.value,
    }
)  # fmt: skip
"""Stages that the box itself has told."""
_BARE: Final = frozenset(reason.value for reason in Reason)
"""Reasons of refusals without any more words."""


def evidence(key: str, /, **values: Value) -> Text:
    """Return a sentence of evidence, with numbers as exact as anybody reads them."""
    exact = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in values.items()
    }
    return Text(key=f"seen.{key}", values=exact)


class TlsError(NamedTuple):
    """A handshake that failed at the broker over a certificate: nobody knows whose it was."""

    at_s: float
    is_expired: bool
    """Whether the other side said that the certificate has expired."""


@dataclass(kw_only=True, eq=False)
class Case:
    """One unlock and its surroundings at one moment. Times are monotonic seconds."""

    record: Attempt
    car: CarHistory
    now_s: float
    unix_offset_s: float
    """To add to a monotonic time for Unix seconds."""
    refusal: str | None
    """Why the box refused, in its contract's word."""
    late: dict[str, float]
    """Late answers of the box after the unlock had ended, and when."""
    support_called_s: float | None
    shown: str | None
    """The text that the app had shown, as the customer told support."""
    compared: dict[Place, Comparison]
    count_cars: Callable[[], Census]
    """Returns how all cars are at this look. To count them takes long: a fact that needs it asks.
    """
    count_waves: Callable[[float | None, float | None], Waves]
    """Returns how many boxes were lost and came back with this one, by when it was and did."""
    cars_known: int
    cars_of_account: int
    """How many cars the account asked for within minutes."""
    not_its_own: int
    """How many of these it was refused as not its own."""
    is_booking_of_several: bool
    """Whether other accounts named the same booking, for other cars."""
    others_name_bookings: bool
    """Whether customers' commands mostly name their booking on this wire."""
    signed_out: Share
    """The share of recent requests for other cars that were answered with "not signed in"."""
    two_places: Text | None
    """Evidence that the account was at two places at once."""
    tls_errors: tuple[TlsError, ...]
    """Handshakes that failed at the broker, of clients that it could not name."""
    platform_told: bool
    broker_told: bool
    has_heartbeats: bool
    has_presence: bool
    has_events: bool
    """Whether boxes tell on this wire what happens to them."""
    has_state: bool
    """Whether this wire says what cars are like."""
    has_doors: bool
    """Whether it says if a door is open."""
    has_parts: bool
    """Whether it says what is not as in a parked car."""
    has_receipts: bool
    """Whether boxes confirm commands on this wire."""
    commands_expire: bool
    """Whether commands say until when they count."""
    has_reasons: bool
    """Whether they say why they refuse."""
    over_s: float | None
    """The end of the unlock's window, as an earlier look has seen it; None: it went on."""
    opened_again_s: float | None
    """When the car has opened for its next unlock; None: it has not since."""
    seen: dict[Fact, Text] = field(default_factory=dict)
    """The observed facts, each with its sentence."""

    def note(self, fact: Fact, key: str | None = None, /, **values: Value) -> None:
        """Note a fact with its sentence, by default that of the fact's own name."""
        self.seen[fact] = evidence(key or fact.value, **values)

    @cached_property
    def began_s(self) -> float:
        """When the customer wanted to open the car."""
        return self.record.started_at - self.unix_offset_s

    @cached_property
    def ended_s(self) -> float:
        """When the unlock ended."""
        return self.began_s + self.record.total_s

    @cached_property
    def published_s(self) -> float:
        """When the command left, or should have."""
        return self.began_s + self.record.stages.get(Stage.PUBLISHED.value, 0.0)

    @cached_property
    def at_box_s(self) -> float:
        """The time from which messages of the box may be about the command."""
        return self.published_s + CROSSING_S

    @cached_property
    def ends_s(self) -> float:
        """When the last look within the unlock's window is, at the latest."""
        again_s = self.opened_again_s
        ends_s = self.ended_s + WINDOW_S
        is_well = self.record.cause is None
        return ends_s if again_s is None or is_well else min(again_s + SETTLED_S, ends_s)

    @cached_property
    def until_s(self) -> float:
        """The end of the unlock's window, or now.

        The troubles of a car that is there again, or has opened since, are no part of this unlock.
        A late answer to its own command is. An end that an earlier look has seen stays: a car's
        history is short.
        """
        known_s = self.known_end_s
        return min(self.now_s, self.ends_s if known_s is None else known_s)

    @cached_property
    def known_end_s(self) -> float | None:
        """When the unlock's window ends, if that is known: also a moment that is to come."""
        late_s = max(self.late.values(), default=0.0)
        if self.over_s is not None:
            return max(self.over_s, late_s)
        heard_s = self.car.first_heard_after(max(self.at_box_s, self.ended_s))
        if heard_s is not None:
            return min(self.ends_s, max(heard_s + SETTLED_S, late_s))
        return self.ends_s if self.ends_s < self.now_s else None

    @cached_property
    def back_s(self) -> float | None:
        """When the box connected anew after the command; None: it has not."""
        changes = self.car.changes_between(self.published_s, self.until_s)
        return next((each.at_s for each in changes if each.session is Session.ONLINE), None)

    @cached_property
    def lost_before_s(self) -> float | None:
        """When the box was lost that was away for the command; None: it was not away so."""
        if self.car.standing_at(self.published_s) is not Session.WILL:
            return None
        return max((at_s for at_s in self._wills_s if at_s <= self.published_s), default=None)

    @cached_property
    def lost_s(self) -> float | None:
        """When the box was lost that was away for the command, or lost after it; None: it was not.

        A box that nobody has heard of since may be lost, though its connection has not ended yet.
        """
        if self.lost_before_s is not None:
            return self.lost_before_s
        after = (at_s for at_s in self._wills_s if self.published_s < at_s <= self.ends_s)
        after_s = next(after, None)
        return self.began_s if after_s is None and not self.has_box_answered else after_s

    @property
    def _wills_s(self) -> list[float]:
        return [each.at_s for each in self.car.changes if each.session is Session.WILL]

    @cached_property
    def returned_s(self) -> float | None:
        """When the box connected anew after the command, or moments before; None: it has not.

        A box that has not answered should have come back when it was called, as others did.
        """
        since_s = self.began_s - RECENT_S
        online = [
            change.at_s for change in self.car.changes_between(since_s, self.ends_s)
            if change.session is Session.ONLINE
        ]  # fmt: skip
        after = [at_s for at_s in online if at_s > self.published_s]
        at_s = after[0] if after else online[-1] if online else None
        return self.began_s if at_s is None and not self.has_box_answered else at_s

    def are_many(self, boxes: int) -> bool:
        """Return whether so many boxes that were lost, or came back, are more than single ones."""
        return boxes >= max(WAVE_CARS, WAVE_SHARE * self.cars_known)

    @property
    def has_expiry(self) -> bool:
        """Whether a box that opens its car late should have known better."""
        return self.has_receipts and self.commands_expire

    @property
    def has_box_answered(self) -> bool:
        """Whether the box has answered, or was heard of after it should have had the command."""
        has_answered = not _OF_THE_BOX.isdisjoint(self.record.stages)
        return has_answered or self.car.first_heard_after(self.at_box_s) is not None

    @property
    def was_heartbeat_due(self) -> bool:
        """Whether a heartbeat should have come after the command, on the connection that it had."""
        until_s = self.now_s if self.back_s is None else self.back_s
        interval_s = self.car.interval_s
        return interval_s is not None and until_s - self.at_box_s >= interval_s

    @property
    def is_position_known(self) -> bool:
        """Whether a heartbeat told the age of the position, and not long before the unlock."""
        beats = self.car.beats
        is_new = bool(beats) and self.began_s - beats[-1] < AWAY_S
        return is_new and self.car.position_age_s is not None

    @property
    def was_end_due(self) -> bool:
        """Whether the platform has said how the command ended, or should have."""
        side = self.record.platform
        has_ended = side.outcome is not None if side else False
        return has_ended or self.now_s - self.began_s >= COMMAND_ENDS_S

    @cached_property
    def clock_ahead_s(self) -> float | None:
        """How far the box's clock is ahead of ours, as far as is known."""
        sent_unix_s = self.published_s + self.unix_offset_s
        return self.car.clock_ahead_s(self.record.command_id, sent_unix_s)

    @cached_property
    def opened_s(self) -> float | None:
        """When the box has executed the command, by its clock put right, as far as is known."""
        box_s, ahead_s = self.car.executed_box_s(self.record.command_id), self.clock_ahead_s
        if box_s is None or ahead_s is None:
            return None
        return box_s - ahead_s - self.unix_offset_s

    @property
    def now_unix_s(self) -> int:
        """The moment of this look: what is counted is counted until then. It is read later."""
        return self.unix_s(self.now_s)

    def unix_s(self, at_s: float) -> int:
        """Return a moment as Unix seconds."""
        return int(at_s + self.unix_offset_s)

    def when(self, at_s: float) -> dict[str, float]:
        """Return a moment for a sentence: Unix seconds, and seconds after the request."""
        return {"at": self.unix_s(at_s), "ago": at_s - self.began_s}

    def evidence_sources(self) -> frozenset[EvidenceSource]:
        """Return from where facts could be seen."""
        has_neighbours = self.compared[ALL].inside.total >= FEWEST
        traits = self.car.shared_traits
        is_there = {
            EvidenceSource.ATTEMPT: True,
            EvidenceSource.STATE: self.has_state,
            EvidenceSource.DOORS: self.has_doors,
            EvidenceSource.PARTS: self.has_parts,
            EvidenceSource.VOLTAGE: self.car.voltage_v is not None,
            EvidenceSource.EVENTS: self.has_events,
            EvidenceSource.RECEIPTS: self.has_receipts,
            EvidenceSource.EXPIRY: self.has_expiry,
            EvidenceSource.REASONS: self.has_reasons,
            EvidenceSource.WORDS: self.record.reason not in _BARE,
            EvidenceSource.PRESENCE: self.has_presence,
            EvidenceSource.TELEMETRY: self.has_heartbeats,
            EvidenceSource.TELEMETRY_SINCE: self.was_heartbeat_due,
            EvidenceSource.POSITION: self.is_position_known,
            EvidenceSource.SIGNAL: self.car.signal_dbm is not None,
            EvidenceSource.DATA_USED: self.car.data_used_bytes is not None,
            EvidenceSource.UPTIME: self.car.ran_unconnected_s is not None,
            EvidenceSource.PLATFORM: self.platform_told,
            EvidenceSource.COMMAND_END: self.platform_told and self.was_end_due,
            EvidenceSource.BROKER_LOG: self.broker_told,
            EvidenceSource.RETURN: self.has_box_answered,
            EvidenceSource.NEIGHBOURS: has_neighbours,
            EvidenceSource.KIND: has_neighbours and bool(traits),
            EvidenceSource.TECHNOLOGY: has_neighbours and "technology" in dict(traits),
        }
        return frozenset(source for source, is_told in is_there.items() if is_told)


FEWEST: Final = 5
"""The fewest other unlocks that allow a conclusion [E]."""

COMMAND_ENDS_S: Final = 60.0
"""The time within which a command that a customer waits for ends, its grace included [E]."""
AWAY_S: Final = 300.0
RECENT_S: Final = 120.0
WAVE_SHARE: Final = 0.04
WAVE_CARS: Final = 5
AGAIN_S: Final = 1800.0
