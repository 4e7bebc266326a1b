"""Takes the lines of the platform's log, wherever they come from. What is no line is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from fleet_wire.contract.platform_log import (
    CLIENT_GONE_STATUS,
    PlatformEvent,
    PlatformStep,
    decode_events,
)
from fleet_wire.error_text import OURS, with_place
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.latest import Latest
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile
from platform_probe.measure.attempts.joiner import Joiner
from platform_probe.measure.watching.known_values import KnownValues
from platform_probe.outputs.logs import Complaints
from platform_probe.outputs.platform_metrics import LineEnd, PlatformMetrics

MAX_KNOWN: Final = 25_000
"""The fewest recent requests, half of the most, whose repeated lines are recognised."""
_SHOWN_BYTES: Final = 80
_BITS: Final = {step: 1 << place for place, step in enumerate(PlatformStep)}


class PlatformInbox:
    """Sorts what a platform logs to the joiner, and counts the API's answers."""

    def __init__(
        self,
        joiner: Joiner,
        metrics: PlatformMetrics | None,
        complaints: Complaints,
        is_ours: Callable[[str], bool] | None = None,
        *,
        values: KnownValues,
        profile: Profile = NATIVE,
    ) -> None:
        self._values = values
        self._joiner = joiner
        self._metrics = metrics
        self._complaints = complaints
        self._is_ours = is_ours
        """Says of a request whether it is ours to count; None: there is no other monitor."""
        self._logged_id = profile.logged_id
        self._has_ids_within_car = profile.traits.ids_within_car
        self._cars: Latest[str, str] = Latest(2 * MAX_KNOWN)
        """The car of each request: a later line may leave it out."""
        self._known: Latest[str, int] = Latest(2 * MAX_KNOWN)
        """The steps that have come of each request."""
        self._sent: Latest[str, float] = Latest(2 * MAX_KNOWN)
        """When the command of each request was sent last: the platform may send it again."""
        self._hearers: tuple[Callable[[PlatformEvent], None], ...] = ()
        self.on_defect: Callable[[Exception], None] = lambda _: None
        """Called with each defect, besides metric and log."""
        self.taken = 0
        """Lines that were new."""
        self.repeated = 0
        """Lines that had come before."""
        self.malformed = 0
        """Lines that break the contract."""
        self.forged = 0
        """Posts without the right token."""

    def let_hear(self, hearer: Callable[[PlatformEvent], None]) -> None:
        """Add a hearer of every new event, after those before. It must neither wait nor raise."""
        self._hearers += (hearer,)

    def take_lines(self, lines: Sequence[bytes]) -> None:
        """Handle lines, in order. Never raises for what they hold."""
        read = decode_events(lines)
        events = [event for event in read if isinstance(event, PlatformEvent)]
        if len(events) < len(read):
            for line, event in zip(lines, read, strict=True):
                if isinstance(event, RemoteProtocolError):
                    self.refuse(event.reason, line)
        self._handle_events(events)

    def refuse(self, reason: str, line: bytes) -> None:
        """Count something that is no line of the contract."""
        self.malformed += 1
        self._complaints.complain(
            "malformed_line",
            "platform",
            reason=reason,
            line_starts=repr(line[:_SHOWN_BYTES]),
            line_bytes=len(line),
        )

    def refuse_forged(self, reason: str, remote: str) -> None:
        """Count a post of somebody who may not write the log."""
        self.forged += 1
        self._complaints.complain("forged_post", "platform", reason=reason, remote=remote)

    def handle_event(self, event: PlatformEvent) -> None:
        """Handle one event, unless it is a repetition."""
        self._handle_events((event,))

    def restore_events(self, events: Iterable[PlatformEvent]) -> None:
        """Restore events that an earlier process has written to the journal.

        They are only put together with their unlocks, of which it may have written no record.
        """
        self._handle_events(events, is_again=True)

    def _handle_events(self, events: Iterable[PlatformEvent], *, is_again: bool = False) -> None:
        """Handle new events, not those of a file read again, or of a post sent again."""
        new = self._new_of(events)
        self.taken += len(new)
        hearers = self._hearers
        for event in () if is_again else new:
            if event.event is PlatformStep.ANSWERED:
                self._count_answer(event)
            for hear in hearers:
                try:
                    hear(event)
                except Exception as error:  # noqa: BLE001 - a defect of ours: others go on
                    self._note_defect(event, error)
        self._joiner.take_events(new)

    def _note_defect(self, event: PlatformEvent, error: Exception) -> None:
        """Count an event at which code of ours failed; the lines behind it are taken."""
        self.on_defect(error)
        if self._metrics is not None:
            self._metrics.line_defects.inc()
        self._complaints.complain("line_defect", event.event.value, error=with_place(error, *OURS))

    def _new_of(self, events: Iterable[PlatformEvent]) -> list[PlatformEvent]:
        """Note which steps of requests have come; return those that had not."""
        new: list[PlatformEvent] = []
        known = self._known
        if self._has_ids_within_car:
            events = map(self._with_id_on_wire, events)
        for said in events:
            event = _as_it_was(said) if said.status == CLIENT_GONE_STATUS else said
            request_id, step = event.request_id, event.event
            bit = _BITS[step]
            steps = known.get(request_id) or 0
            is_sent = step is PlatformStep.PUBLISHED
            if steps & bit and not (is_sent and self._was_sent_later(event)):
                self.repeated += 1
                continue
            known.keep(request_id, steps | bit)
            if is_sent:
                self._sent.keep(request_id, event.at)
            new.append(self._values.bound_event(event))
        return new

    def _with_id_on_wire(self, event: PlatformEvent) -> PlatformEvent:
        """Return an event with its command's id as MQTT has it."""
        car = event.vehicle_id or self._cars.get(event.request_id)
        if car is not None:
            self._cars.keep(event.request_id, car)
        if event.command_id is None:
            return event
        command_id = self._logged_id(car, event.command_id)
        return msgspec.structs.replace(event, command_id=command_id)

    def _was_sent_later(self, event: PlatformEvent) -> bool:
        """Return whether a command was sent once more after the last time that is known."""
        before_at = self._sent.get(event.request_id)
        return before_at is not None and event.at > before_at

    def _count_answer(self, event: PlatformEvent) -> None:
        is_ours = self._is_ours is None or self._is_ours(event.request_id)
        if is_ours and self._metrics is not None:
            self._metrics.count_answer(event)

    def note(self) -> None:
        """Bring the metrics up to date."""
        if self._metrics is None:
            return
        totals = {
            LineEnd.TAKEN: self.taken - self._joiner.out_of_time,
            LineEnd.REPEATED: self.repeated,
            LineEnd.OUT_OF_TIME: self._joiner.out_of_time,
            LineEnd.MALFORMED: self.malformed,
            LineEnd.FORGED: self.forged,
        }
        self._metrics.note_lines(totals, max(self._joiner.newest_at, 0.0))
        clocks = self._joiner.judging.clocks()
        self._metrics.set_join(
            waiting=len(self._joiner),
            clock_ahead_s=clocks.ahead_s,
            clock_uncertainty_s=clocks.uncertainty_s,
        )


def _as_it_was(event: PlatformEvent) -> PlatformEvent:
    """Return an event of a client that has gone with its real kind: some servers log an answer."""
    if event.event is PlatformStep.ANSWERED:
        return msgspec.structs.replace(event, event=PlatformStep.HUNG_UP, status=None)
    return event
