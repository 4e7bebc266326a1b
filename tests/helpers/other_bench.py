"""A monitor that watches a fleet, on the contract's wire or on its own, without a broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile
from platform_probe.measure.attempts.evidence import FleetEvidence
from platform_probe.measure.watching.inbox import Inbox
from platform_probe.measure.watching.known_values import KnownValues
from platform_probe.measure.watching.only_open import OnlyOpen
from platform_probe.outputs.logs import Complaints
from platform_probe.outputs.metrics import ProbeMetrics
from tests.helpers.log_lines import Log
from tests.helpers.messages import message_of
from tests.helpers.tracker_bench import DEADLINE_S, TrackerBench


def _raise(error: Exception) -> None:
    """Let a defect fail the test."""
    raise error


@dataclass
class OtherBench:
    """An inbox that reads a profile, and what lies behind it."""

    profile: Profile = NATIVE
    is_watching: bool = True
    behind: TrackerBench = field(init=False)

    def __post_init__(self) -> None:
        """Put it together, as a probe that watches does."""
        evidence = FleetEvidence(wire=self.profile.traits)
        self.behind = TrackerBench(evidence=evidence, is_watching=self.is_watching)
        clock = self.behind.clock
        self.metrics = metrics = ProbeMetrics(CollectorRegistry(), version="test")
        self.log = Log(clock=clock)
        self.only_open = OnlyOpen(
            clock, patience_s=DEADLINE_S, window_s=600.0, has_copies=self.profile.traits.mqtt != "5"
        )
        is_nameless = self.profile.traits.correlation.value in ("only_open", "state")
        self.inbox = Inbox(
            self.behind.tracker,
            metrics,
            Complaints(self.log.logger, clock),
            profile=self.profile,
            only_open=self.only_open if is_nameless else None,
            unix_s=clock.unix_s,
            values=KnownValues(clock, metrics.capped_values),
        )
        self.inbox.on_defect = _raise

    def take(self, topic: str, payload: bytes, **changes: Any) -> None:
        """Let a message come."""
        self.inbox.handle_message(message_of(topic, payload, **changes))
