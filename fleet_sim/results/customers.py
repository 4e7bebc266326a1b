"""The experience of customers, and the answers to their phones, from the files of a run."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from fleet_sim.results.times import quantiles
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.problems import PROBLEMS, is_generic

UNLOCK: Final = "unlock"


class CustomerLine(msgspec.Struct, frozen=True):
    """What is needed of a line of `customers.jsonl`."""

    customer_id: str
    step: str
    press: int | None = None
    since_press_s: float | None = None


@dataclass(slots=True)
class CustomersTally:
    """Counts what customers did; each customer rents once."""

    came: set[str] = field(default_factory=set)
    pressed: set[str] = field(default_factory=set)
    pressed_again: set[str] = field(default_factory=set)
    steps: Counter[str] = field(default_factory=Counter)
    opened_at_press: Counter[int] = field(default_factory=Counter)
    opens_after_s: array[float] = field(default_factory=lambda: array("d"))

    def add(self, line: CustomerLine) -> None:
        """Count one line."""
        self.came.add(line.customer_id)
        self.steps[line.step] += 1
        if line.step == "pressed":
            self.pressed.add(line.customer_id)
            if (line.press or 1) > 1:
                self.pressed_again.add(line.customer_id)
        elif line.step == "opened" and line.press is not None:
            self.opened_at_press[line.press] += 1
            self.opens_after_s.append(line.since_press_s or 0.0)

    def as_json(self) -> dict[str, Any]:
        """Return the entry `customers` of `summary.json`."""
        pressed, opened = len(self.pressed), self.steps["opened"]
        return {
            "total": len(self.came),
            "booked": self.steps["booked"],
            "not_booked": self.steps["not_booked"],
            "pressed": pressed,
            "opened": opened,
            "opened_share": opened / pressed if pressed else None,
            "opened_at_first_press": self.opened_at_press[1],
            "first_press_share": self.opened_at_press[1] / pressed if pressed else None,
            "pressed_again": len(self.pressed_again),
            "gave_up": self.steps["gave_up"],
            "called_support": self.steps["called_support"],
            "drove": self.steps["drove"],
            "ended": self.steps["ended"],
            "to_open": quantiles([*self.opens_after_s, *[math.inf] * (pressed - opened)]),
        }


@dataclass(slots=True)
class AnswersTally:
    """Counts what the platform has answered, and how long unlocks took it."""

    requests: int = 0
    answers: int = 0
    generic: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    woken: int = 0
    published: int = 0
    _asked_at: dict[str, float] = field(default_factory=dict)
    """Only unlocks count: as many quick locks would hide those that had to wait."""
    _published: set[str] = field(default_factory=set)
    """Requests whose command was published once."""
    to_publish_s: array[float] = field(default_factory=lambda: array("d"))
    to_answer_s: array[float] = field(default_factory=lambda: array("d"))

    def add(self, event: PlatformEvent) -> None:
        """Count one line of the platform's log. Requests and answers are those of any operation."""
        match event.event:
            case PlatformStep.REQUESTED:
                self.requests += 1
                if event.operation == UNLOCK:
                    self._asked_at[event.request_id] = event.at
            case PlatformStep.ANSWERED:
                self._add_answer(event)
            case PlatformStep.WOKEN:
                self.woken += 1
            case PlatformStep.PUBLISHED:
                self._add_publish(event)
            case PlatformStep.ENDED:
                self.outcomes[event.outcome or "unknown"] += 1

    def _add_answer(self, event: PlatformEvent) -> None:
        self.answers += 1
        if event.problem is not None:
            self.problems[event.problem] += 1
        if is_generic(event.status or 0, event.problem):
            self.generic += 1
        asked_at = self._asked_at.pop(event.request_id, None)
        if asked_at is not None:
            self.to_answer_s.append(event.at - asked_at)

    def _add_publish(self, event: PlatformEvent) -> None:
        self.published += 1
        asked_at = self._asked_at.get(event.request_id)
        if asked_at is not None and event.request_id not in self._published:
            self._published.add(event.request_id)
            self.to_publish_s.append(event.at - asked_at)

    def as_json(self) -> dict[str, Any]:
        """Return the entry `platform` of `summary.json`. Every problem has its key."""
        return {
            "requests": self.requests,
            "answers": self.answers,
            "problems": self.problems.total(),
            "generic": self.generic,
            "generic_share": self.generic / self.answers if self.answers else None,
            "by_problem": {slug: self.problems[slug] for slug in PROBLEMS},
            "commands": {
                "woken": self.woken,
                "published": self.published,
                **{
                    outcome: self.outcomes[outcome]
                    for outcome in ("executed", "refused", "expired", "not_published")
                },
            },
            "to_publish": quantiles(self.to_publish_s),
            "to_answer": quantiles(self.to_answer_s),
        }
