"""Unlocks through an API, and cars that are locked again, in the text files of this folder.

A lock has 8 s, and three tries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from fleet_wire.contract.attempt import Record, StrayAnswer
from fleet_wire.contract.causes import Cause
from platform_probe.measure.doors.relocks import Relocks
from platform_probe.outputs.metrics import ProbeMetrics
from tests.helpers.clock_timers import ClockTimers
from tests.helpers.door_player import DoorPlayer
from tests.helpers.log_lines import Log
from tests.helpers.tracker_bench import TrackerBench
from tests.helpers.transcripts import Teller, stories_test

PATIENCE_S = 8.0


@dataclass
class RelockPlayer(Teller):
    """Relocks behind a tracker that sees the commands of others.

    A lock is sent as command `lock-1`, `lock-2` and on, and `unlock` is a synthetic unlock that
    goes well. `no_link` and `link` say whether locks can be sent, and `books` that somebody books.
    """

    tracker: TrackerBench = field(default_factory=lambda: TrackerBench(is_watching=True))
    told: list[str] = field(default_factory=list)
    locks: int = 0
    not_sent: str | None = None
    booked: bool = False
    ends: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put it together."""
        self.timers = ClockTimers(self.tracker.clock, self.tracker.wait)
        self.metrics = ProbeMetrics(CollectorRegistry(), version="test")
        self.log = Log()
        self.began_s = self.tracker.clock.now_s
        self.relocks = Relocks(
            lock=self._lock,
            why_not=lambda _: "it is booked" if self.booked else None,
            tracker=self.tracker.tracker,
            clock=self.tracker.clock,
            timers=self.timers,
            patience_s=PATIENCE_S,
            metrics=self.metrics,
            logger=self.log.logger,
        )
        self.tracker.tracker._emit = self._emit

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        bench, tracker = self.tracker, self.tracker.tracker
        same = (
            *("answer", "customer", "executed", "opened", "presence", "received"),
            *("refused", "send", "start"),
        )
        return {
            **super().verbs(),
            **{name: getattr(bench, name) for name in same},
            "books": lambda: setattr(self, "booked", True),
            "close": self.relocks.close,
            "link": lambda: setattr(self, "not_sent", None),
            "no_link": lambda: setattr(self, "not_sent", "no connection"),
            "others": lambda: setattr(tracker, "is_ours", lambda _: False),
            "published": tracker.published,
            "wait": self.timers.run_for,
        }

    def news(self) -> list[str]:
        """Return the locks that were sent, what was logged, and what became of cars."""
        for line in self.new_of(self.log.lines):
            known = "" if line["is_known_to_have_opened"] else ", it may not have opened"
            said = f"{line['level']} {line['event']} {line['vehicle_id']}: {line['why']}"
            self.told.append(f"{said}, after {line['tries']} tries{known}")
        for end in ("locked", "failed", "left"):
            labels = {"end": end}
            count = self.metrics.registry.get_sample_value("unlockpath_relocks_total", labels) or 0
            if count != self.ends.get(end, 0):
                self.told.append(f"{end} {count:g}, {len(self.relocks)} under way")
                self.ends[end] = count
        return super().news()

    def _emit(self, record: Record) -> None:
        if isinstance(record, StrayAnswer):
            self.told.append(f"{record.kind} {record.phase} of {record.command_id}")
        self.relocks.handle_record(record)

    def _lock(self, vehicle_id: str) -> tuple[str, str | None]:
        self.locks += 1
        command_id = f"lock-{self.locks}"
        self.tracker.tracker.pass_over(command_id)
        self.told.append(
            f"{self.tracker.clock.now_s - self.began_s:g} s: {command_id} {vehicle_id}"
        )
        return command_id, self.not_sent

    def _do_unlock(self, command_id: str = "c1") -> None:
        self.tracker.send(command_id)
        self.tracker.executed(command_id)
        self.tracker.opened(command_id)

    def _do_locked(self, number: int = 1, *, is_locked: bool = True) -> None:
        self.tracker.executed(f"lock-{number}")
        self.tracker.opened(f"lock-{number}", is_locked=is_locked)

    def _do_told_by_api(self, cause: Cause | None = None) -> None:
        attempt = self.tracker.start(through_api=True)
        self.tracker.tracker.api_answered(attempt, 200, problem=None)
        self.tracker.tracker.end_as_told(attempt, cause, None)


test_stories = stories_test(__file__, RelockPlayer, http=DoorPlayer)
