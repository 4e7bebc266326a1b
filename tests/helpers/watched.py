"""A diagnosis that a test feeds, with a clock that it turns."""

from __future__ import annotations

import msgspec

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Cause, outcome_of
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus, Telemetry
from platform_probe.judge.diagnosis.diagnosing import Diagnosing
from platform_probe.judge.weights import shipped_ranking
from tests.helpers.fake_clock import FakeClock
from tests.helpers.records import attempt_of

ONLINE = Presence(PresenceStatus.ONLINE, "one")
ASLEEP = Presence(PresenceStatus.OFFLINE, "one", PresenceReason.SLEEP)
WILL = Presence(PresenceStatus.OFFLINE, "one", PresenceReason.LAST_WILL)
HEARTBEAT = Telemetry(-80.0, 12.6, 1.0)
SENT = {"intended": 0.0, "requested": 0.0, "published": 1.0}
"""Stages of an unlock whose command was sent, and no more is known."""


class Watched:
    """A diagnosis with a clock that the test turns, and all that it tells."""

    def __init__(self) -> None:
        self.clock = FakeClock(now_s=0.0)
        self.told: list[Diagnosis] = []
        self.diagnosing = Diagnosing(
            shipped_ranking(),
            clock=self.clock,
            tell=self.told.append,
        )

    def at(self, second: float) -> Diagnosing:
        """Turn the clock, and let be looked at what is due."""
        self.clock.wall_s += second - self.clock.now_s
        self.clock.now_s = second
        self.diagnosing.tick()
        return self.diagnosing

    def ended(self, cause: Cause | None, **changes: object) -> Attempt:
        """Return an unlock of car-1 that has just ended after 20 s."""
        attempt = attempt_of(cause=cause, total_s=20.0)
        began = {"started_at": self.clock.wall_s - 20.0, "outcome": outcome_of(cause)}
        return msgspec.structs.replace(attempt, **{**began, **changes})

    def facts(self) -> set[str]:
        """Return what was seen of the unlock that was diagnosed last."""
        return {one.fact for one in self.told[-1].facts}
