"""An inbox for the platform's log before a joiner, its metrics and its log."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from fleet_wire.contract.platform_log import encode_event
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile
from fleet_wire.series import Counter
from platform_probe.measure.watching.known_values import KnownValues
from platform_probe.measure.watching.platform_inbox import PlatformInbox
from platform_probe.outputs.dimension import UNKNOWN
from platform_probe.outputs.logs import Complaints
from platform_probe.outputs.platform_metrics import PlatformMetrics
from tests.helpers.join_bench import JoinBench
from tests.helpers.log_lines import Log


def _raise(error: Exception) -> None:
    """Let a defect fail the test."""
    raise error


@dataclass
class PlatformBench:
    """An inbox before a joiner, its metrics and its log."""

    behind: JoinBench = field(default_factory=JoinBench)
    profile: Profile = NATIVE

    def __post_init__(self) -> None:
        """Put it together."""
        self.metrics = PlatformMetrics(CollectorRegistry())
        self.log = Log()
        clock = self.behind.behind.clock
        self.capped = defaultdict[str, Counter](Counter)
        """How many values became "other", by trait."""
        self.inbox = PlatformInbox(
            self.behind.joiner,
            self.metrics,
            Complaints(self.log.logger, clock),
            values=KnownValues(clock, self.capped),
            profile=self.profile,
        )

        self.inbox.on_defect = _raise

    def take(self, step: str, **changes: object) -> None:
        """Let a line come."""
        self.inbox.take_lines([encode_event(self.behind.event(step, **changes))])

    def value(self, name: str, **labels: str) -> float | None:
        """Return a metric as it is now."""
        self.inbox.note()
        return self.metrics.registry.get_sample_value(f"unlockpath_{name}", labels)

    def answers(self, kind: str, endpoint: str = "/unlock", app: str = UNKNOWN) -> float | None:
        """Return how many answers of a kind were counted."""
        labels = {"endpoint": endpoint, "app_version": app, "kind": kind}
        return self.value("platform_answers_total", **labels)
