"""Makes the record of an unlock of which MQTT, the platform's log, or both have told. No I/O.

It knows how the two clocks compare, since when we listen, and which unlocks are ours to count.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import PROBE_STOPPED, Attempt, Source
from fleet_wire.contract.causes import Cause
from platform_probe.measure.attempts.clock_offset import ClockOffset
from platform_probe.measure.attempts.ended_attempt import EndedAttempt, Judgement
from platform_probe.measure.attempts.evidence import FleetEvidence
from platform_probe.measure.attempts.joined import Joined
from platform_probe.measure.attempts.joined_record import (
    Clocks,
    has_known_end,
    is_expected_on_mqtt,
    joined_record,
    record_of_mqtt,
    record_of_platform,
)
from platform_probe.measure.attempts.platform_side import PlatformSide


class Judging:
    """Judges one unlock at a time, as it is known now.

    `patience_s` is how long a command may come after its request. `is_ours` decides by the car
    whether a platform-only unlock is ours, if neither trace nor request names a car; None: there is
    no other monitor that could count it.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        evidence: FleetEvidence,
        load_began_s: Callable[[], float],
        patience_s: float,
        is_ours: Callable[[str], bool] | None,
    ) -> None:
        self._clock = clock
        self._evidence = evidence
        self._load_began_s = load_began_s
        self._patience_s = patience_s
        self._is_ours = is_ours
        self._began_s = clock.monotonic_s()
        self.clock_offset = ClockOffset(self._began_s - clock.unix_s())
        self.logs_pubacks = False
        """Whether the platform logs PUBACKs: then a missing one says something."""

    def clocks(self) -> Clocks:
        """Return how the clocks compare now."""
        offset = self.clock_offset
        unix_offset_s = self._clock.monotonic_s() - self._clock.unix_s()
        return Clocks(offset.offset_s, offset.uncertainty_s, unix_offset_s, self._load_began_s())

    def compare_clocks(self, joined: Joined) -> None:
        """Compare both clocks by an unlock that both sources show, once."""
        side, attempt = joined.side, joined.attempt
        if attempt is None or joined.is_compared:
            return
        joined.is_compared = True
        if side is None or side.published_at is None:
            return
        if attempt.start.source is Source.CUSTOMER:  # else it began before it was published
            self.clock_offset.command(
                published_at=side.published_at,
                accepted_at=side.accepted_at,
                seen_s=attempt.start.intended_s,
                now_s=self._clock.monotonic_s(),
            )

    def is_counted_here(self, joined: Joined) -> bool:
        """Return whether an unlock is ours to count, of which perhaps the log alone tells.

        A command that the broker accepted reached all monitors, and the car decides which of them
        counts it. An unlock that began before us may be an earlier process's.
        """
        side = joined.side
        if joined.attempt is not None or side is None or joined.revision:
            return True
        if side.requested_at is None and self._began_before_us(side):
            return False
        if self._is_ours is None:
            return True
        is_on_broker = is_expected_on_mqtt(side) or (
            side.published_at is not None and not self.logs_pubacks
        )
        key = side.vehicle_id or side.trace_id or side.request_ids[0]
        return not is_on_broker and self._is_ours(key)

    def record_of(self, joined: Joined) -> Attempt:
        """Return the record of an unlock."""
        attempt, side = joined.attempt, joined.side
        name = Judgement(joined.attempt_id, joined.revision)
        if attempt is not None:
            return self.record_on_mqtt(attempt, side, name)
        assert side is not None  # noqa: S101 - an unlock is known by one of the two
        record = record_of_platform(
            side,
            self.clocks(),
            name=name,
            build=self._evidence.state_of(side.vehicle_id or "").labels,
            patience_s=self._patience_s,
            is_cut_short=joined.is_cut_short and not has_known_end(side),
        )
        if joined.evidence:
            evidence = {**joined.evidence, **record.evidence}
            record = msgspec.structs.replace(record, evidence=evidence)
        if record.cause is Cause.NOT_OBSERVED and self._was_away(side):
            record = msgspec.structs.replace(record, reason=PROBE_STOPPED)
        return record

    def record_on_mqtt(
        self, attempt: EndedAttempt, side: PlatformSide | None, name: Judgement
    ) -> Attempt:
        """Return the record of an unlock from MQTT, with the platform's facts if there are any."""
        if side is None:
            return record_of_mqtt(attempt, name=name, wire=self._evidence.wire)
        return joined_record(attempt, side, self.clocks(), name=name, wire=self._evidence.wire)

    def _began_before_us(self, side: PlatformSide) -> bool:
        """Return whether a request may stand in the log before the line at which we began."""
        first_s = side.first_at + self.clock_offset.offset_s
        return first_s < self._began_s + self._patience_s

    def _was_away(self, side: PlatformSide) -> bool:
        """Return whether a command was sent before we listened: nobody was there to see it."""
        sent_at = side.first_at if side.published_at is None else side.published_at
        there_s = max(self._began_s, self._load_began_s())
        return sent_at + self.clock_offset.offset_s < there_s


class JudgedCounts:
    """Counts of judged unlocks that the MQTT tracker does not know, and of revisions."""

    def __init__(self) -> None:
        self.only_platform = 0
        """Unlocks of which MQTT tells nothing."""
        self.ok_by_log = 0
        """Unlocks of which the log alone tells that they went well."""
        self.revisions = 0
        """Judgements after the first one of an unlock."""

    def first(self, joined: Joined, record: Attempt) -> None:
        """Count an unlock that is judged for the first time."""
        joined.is_alone = joined.attempt is None
        joined.is_ok_by_log = record.cause is None and not _is_ok_on_mqtt(joined)
        self.only_platform += joined.is_alone
        self.ok_by_log += joined.is_ok_by_log

    def leave_to_tracker(self, joined: Joined) -> None:
        """Leave an unlock to the tracker if MQTT shows it too by now."""
        self.revisions += 1
        if joined.is_alone and joined.attempt is not None:
            joined.is_alone = False
            self.only_platform -= 1
        if joined.is_ok_by_log and _is_ok_on_mqtt(joined):
            joined.is_ok_by_log = False
            self.ok_by_log -= 1

    def withdrawn(self, part: Joined) -> None:
        """Count a part of another unlock no more."""
        self.revisions += 1
        self.only_platform -= part.is_alone
        self.ok_by_log -= part.is_ok_by_log


def _is_ok_on_mqtt(joined: Joined) -> bool:
    return joined.attempt is not None and joined.attempt.cause is None
