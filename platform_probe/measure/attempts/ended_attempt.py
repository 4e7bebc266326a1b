"""One ended unlock, as MQTT showed it, and its record."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from fleet_wire.contract.attempt import Attempt, Flag, Origin, PlatformSide, Stage
from fleet_wire.contract.causes import Cause, outcome_of
from fleet_wire.contract.messages import Result
from fleet_wire.profiles.profile import WireTraits
from platform_probe.cars.state import Labels
from platform_probe.measure.attempts.start import Start
from platform_probe.measure.attempts.timings import Times, on_start, rounded, timings


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """Which one of which unlock."""

    attempt_id: str
    """The id under which it was written before; empty: it was not."""
    revision: int | UnsetType


ONLY: Final = Judgement("", UNSET)
"""The judgement of an unlock that no other source reports: no revision follows."""


class EndedAttempt(msgspec.Struct, frozen=True, gc=False):
    """The observations of one unlock from its start to its end. Never part of a cycle."""

    start: Start
    reached_s: dict[Stage, float]
    """When each stage was reached, on the monotonic clock."""
    started_at: float
    """Intended start, Unix seconds."""
    scheduled_s: float
    """The same, seconds since the load began."""
    ended_s: float
    """On the monotonic clock."""
    cause: Cause | None
    """None: it went well."""
    reason: str | None
    flags: tuple[Flag, ...]
    evidence: dict[str, Any]
    """The evidence from which the cause was concluded."""
    result: Result | None
    """The car's final answer."""
    asked: PlatformSide | UnsetType
    """Our own request to an API."""
    build: Labels

    @property
    def command_id(self) -> str | None:
        """The command's id; None where there never was one."""
        return None if self.start.is_unnamed else self.start.command_id

    def placed(self, *, but: Container[Stage] = ()) -> tuple[dict[Stage, float], float]:
        """Return its stages and its end as a record that begins with it would place them.

        Stages of `but` are left out: another source has them.
        """
        return on_start(
            self.reached_s, intended_s=self.start.intended_s, ended_s=self.ended_s, but=but
        )

    def record_without_log(self, wire: WireTraits) -> Attempt:
        """Return the record of an unlock that no other source shows."""
        start = self.start
        times = timings(
            self.reached_s,
            intended_s=start.intended_s,
            ended_s=self.ended_s,
            through_api=start.through_api,
            wire=wire,
        )
        return self.as_record(times, flags=self.flags, platform=self.asked)

    def as_record(
        self,
        times: Times,
        *,
        flags: tuple[Flag, ...],
        platform: PlatformSide | UnsetType,
        earlier_s: float = 0.0,
        name: Judgement = ONLY,
        trace_id: str | None = None,
        booking_id: str | None = None,
        sources_missing: tuple[Origin, ...] | UnsetType = UNSET,
    ) -> Attempt:
        """Return the record with these times and flags, and what the platform says.

        It began `earlier_s` before its first MQTT message. Names that are given take the place of
        our own.
        """
        start, build, result = self.start, self.build, self.result
        stages, hops_s, total_s = times
        record = Attempt(
            attempt_id=name.attempt_id or start.attempt_id,
            command_id=self.command_id,
            vehicle_id=start.vehicle_id,
            trace_id=trace_id or start.trace_id,
            source=start.source,
            started_at=self.started_at - earlier_s,
            scheduled_s=rounded(rounded(self.scheduled_s) - earlier_s),
            outcome=outcome_of(self.cause),
            cause=self.cause,
            reason=self.reason,
            total_s=total_s,
            stages=stages,
            hops_s=hops_s,
            flags=flags,
            evidence=self.evidence,
        )
        # In two steps: for a call with more names than that, Python makes a dict of them first,
        # and msgspec takes them out of it: 5.5 us against 1.6.
        return msgspec.structs.replace(
            record,
            parent_span_id=start.parent_span_id,
            booking_id=start.booking_id or booking_id,
            can_wake_s=result.can_wake_s if result else None,
            actuation_s=result.actuation_s if result else None,
            region=build.region,
            operator=build.operator,
            firmware=build.firmware,
            hardware=build.hardware,
            site=build.site or UNSET,
            revision=name.revision,
            sources_missing=sources_missing,
            platform=platform,
        )
