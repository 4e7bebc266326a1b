"""Thresholds for a slow hop: slower than nearly all of the hours before."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.attempt import Attempt, Flag
from platform_probe.judge.detection.measures import SLOW, Measure

SAMPLES: Final = 400
LEAST_SAMPLES: Final = 30
"""With fewer nobody can say what is slow."""
LEARNED_FROM: Final = 5
"""One of so many unlocks is learned from, once something is known: that is cheaper."""
LEARNED_FROM_MANY: Final = 20
"""The same once as many samples as are kept were taken of this hour."""
QUANTILE: Final = 0.97
SLACK: Final = 1.25
SLACK_S: Final = 1.0
"""A hop is slow if it exceeds all but 3 % of earlier ones by this much [E]: a delay that nobody
notices is no problem.
"""
NO_TIMES: Final = frozenset({Flag.WOKEN, Flag.OBSERVED_LATE, Flag.ANSWER_GUESSED, Flag.ONLY_TOLD})
"""Flags of an unlock whose hops say nothing: the car slept, or nobody knows how long they took."""
EVERY_S: Final = 3600.0
"""The interval at which the thresholds are learned anew, from the hour before the last one."""


class Hops:
    """Knows what is slow."""

    def __init__(self) -> None:
        self._samples: dict[str, list[float]] = {}
        self._seen: dict[str, int] = {}
        self._before: dict[str, float] = {}
        """The thresholds for the next hour."""
        self.slow_s: dict[str, float] = {}
        """The thresholds from which each hop is slow, seconds."""
        self._ends_s: float | None = None
        self._taken = 0
        self._learned_from = LEARNED_FROM

    def slow(self, attempt: Attempt, now_s: float) -> tuple[Measure, ...]:
        """Return the hops that were slow, and learn from some.

        Not of one that failed, whose hop is waited for in vain, and not of a car that was woken.
        """
        if attempt.cause is not None or not NO_TIMES.isdisjoint(attempt.flags):
            return ()
        slow_s, hops_s = self.slow_s, attempt.hops_s
        try:
            slow = [stage for stage, hop_s in hops_s.items() if hop_s > slow_s[stage]]
        except KeyError:  # of a hop nobody can say yet what is slow
            slow = [stage for stage, hop_s in hops_s.items() if hop_s > slow_s.get(stage, hop_s)]
        found = tuple([SLOW[stage] for stage in slow]) if slow else ()
        self._taken += 1
        if self._taken % self._learned_from == 0 or len(slow_s) < len(hops_s):
            for stage, hop_s in hops_s.items():
                self._learn(stage, min(hop_s, slow_s.get(stage, hop_s)))
            self._renew(now_s)
        return found

    def _learn(self, stage: str, hop_s: float) -> None:
        samples = self._samples.get(stage)
        if samples is None:
            samples = self._samples[stage] = []
            self._seen[stage] = 0
        seen = self._seen[stage] = self._seen[stage] + 1
        if len(samples) < SAMPLES:
            samples.append(hop_s)
            if len(samples) == LEAST_SAMPLES and stage not in self.slow_s:
                self.slow_s[stage] = _limit_s(samples)
        else:
            self._learned_from = LEARNED_FROM_MANY
            samples[seen * 7919 % SAMPLES] = hop_s  # a prime: every place in turn

    def _renew(self, now_s: float) -> None:
        """Update the thresholds at the end of an hour."""
        if self._ends_s is None:
            self._ends_s = now_s + EVERY_S
        if now_s < self._ends_s:
            return
        self._ends_s = now_s + EVERY_S
        for stage, samples in self._samples.items():
            if len(samples) >= LEAST_SAMPLES:
                self.slow_s[stage] = self._before.get(stage, self.slow_s[stage])
                self._before[stage] = _limit_s(samples)
        self._samples.clear()
        self._learned_from = LEARNED_FROM


def _limit_s(samples: list[float]) -> float:
    return sorted(samples)[int(len(samples) * QUANTILE)] * SLACK + SLACK_S
