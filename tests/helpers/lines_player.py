"""Plays transcripts of the platform's log: its lines, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.profiles.loading import load_profile
from tests.helpers.join_bench import JoinBench
from tests.helpers.platform_inbox_bench import PlatformBench
from tests.helpers.told_attempts import Accounts
from tests.helpers.transcripts import Player

_COUNTS = ("taken", "repeated", "malformed")
_GAUGES = (
    "platform_newest_line_timestamp_seconds",
    "platform_clock_ahead_seconds",
    "attempts_to_join",
)


@dataclass
class LinesPlayer(Player):
    """An inbox for lines before a joiner. A line is named by its step, `raw` has any bytes."""

    bench: PlatformBench = field(default_factory=PlatformBench)
    accounts: Accounts = field(default_factory=Accounts)
    said: list[str] = field(default_factory=list)
    told: int = 0
    logged: int = 0
    before: dict[str, float] = field(default_factory=dict)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        bench, join = self.bench, self.bench.behind
        steps: dict[str, Callable[..., object]] = {
            step.value: lambda step=step.value, **more: bench.take(step, **more)
            for step in PlatformStep
        }
        return {
            **super().verbs(),
            **steps,
            "ahead": lambda seconds: self._make(behind=JoinBench(ahead_s=seconds)),
            "earlier": lambda step: bench.inbox.restore_events([join.event(step)]),
            "opens": join.opens,
            "profile": lambda name: self._make(profile=load_profile(name)),
            "raw": lambda text: bench.inbox.take_lines([str(text).encode("latin-1")]),
            "seen": join.seen,
            "wait": join.wait,
        }

    def news(self) -> list[str]:
        """Return what was counted and recorded since it was asked last."""
        value = self.bench.value
        now = {name: value("platform_lines_total", end=name) or 0 for name in _COUNTS}
        for family in self.bench.metrics.registry.collect():
            for one in family.samples if family.name.endswith("platform_answers") else ():
                now[" ".join(("answer", *one.labels.values()))] = one.value
        counted = [
            f"{name} {count:g}" for name, count in now.items() if count > self.before.get(name, 0)
        ]
        self.before = now
        new = self.bench.behind.records[self.told :]
        self.told += len(new)
        lines = self.bench.log.lines[self.logged :]
        self.logged += len(lines)
        self.said += (f"{line['event']}: {line['reason']}" for line in lines)
        records = [line for record in new for line in self.accounts.of(record)]
        said, self.said[:] = self.said[:], []
        return [*filter(None, [", ".join(counted)]), *said, *records]

    def _make(self, **changes: Any) -> None:
        self.bench = PlatformBench(**changes)

    def _do_heard(self) -> None:
        self.bench.inbox.let_hear(lambda event: self.said.append(f"heard {event.event}"))

    def _do_gauges(self) -> None:
        began_at = self.bench.behind.platform_at
        for name in _GAUGES:
            value = self.bench.value(name) or 0.0
            is_now = value == began_at
            self.said.append(f"{name} {'now' if is_now else f'{value:g}'}")
