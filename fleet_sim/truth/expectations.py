"""Expectations of clients: shares of true grades, and how often a grade is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fleet_sim.results.junit import Case, Suite
from fleet_sim.truth.grading import Grade
from fleet_sim.truth.modes import CONTROL
from fleet_sim.truth.score import ClientResult, TruthResult, number_of, true_share

_FORM: Final = re.compile(r"(?:([a-z0-9_]+)=)?(?:(\d{1,3}(?:\.\d{1,4})?)%|(\d{1,6}))", re.ASCII)
_ALL: Final = 100.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """A bound on one number of each client."""

    text: str
    """The user's own words."""
    mode: str | None = None
    """The mode of a share; None: all failure modes together."""
    least_share: float | None = None
    """The least share of true grades, from 0 to 1."""
    grade: Grade | None = None
    most: int = 0
    """Most unlocks with the grade, in all failure modes together."""

    def failure(self, client: ClientResult) -> str | None:
        """Return in what a client falls short; None: it does not."""
        if self.grade is not None:
            found = client.total.get(self.grade, 0)
            return f"{found} unlocks, expected at most {self.most}" if found > self.most else None
        counts = client.total if self.mode is None else client.modes.get(self.mode, {})
        share, least = true_share(counts), self.least_share or 0.0
        if share is None:
            return "no unlock was graded"
        if share.value >= least:
            return None
        of = f"{counts.get(Grade.TRUE, 0)} of {number_of(counts)} unlocks true"
        return f"{of}, {100 * share.value:.1f} %, expected at least {100 * least:g} %"


def parse(text: str, modes: tuple[str, ...]) -> Expectation:
    """Return an expectation: `90%`, `MODE=50%`, or `GRADE=0`. Raises `ValueError` that says why."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("expected 90%, MODE=50% or GRADE=0")
    name, percent, most = found.groups()
    if percent is not None:
        if float(percent) > _ALL:
            raise ValueError("expected at most 100%")
        if name is not None and name not in modes:
            raise ValueError(f"{name!r} is no failure mode of this run, and not {CONTROL}")
        return Expectation(text, mode=name, least_share=float(percent) / _ALL)
    if name is None or name in modes:
        raise ValueError(f"a share needs its unit: write {text}%")
    if name not in {*Grade} - {Grade.TRUE}:
        grades = ", ".join(grade for grade in Grade if grade is not Grade.TRUE)
        raise ValueError(f"a number of unlocks needs a grade: one of {grades}")
    return Expectation(text, grade=Grade(name), most=int(most))


def suites(result: TruthResult, expected: tuple[Expectation, ...]) -> list[Suite]:
    """Return a suite for each client: whether it was graded to the end, and each expectation."""
    return [
        Suite(name=name, cases=[*_cases(client, result.duration_s, expected)])
        for name, client in result.clients.items()
    ]


def _cases(
    client: ClientResult, duration_s: float, expected: tuple[Expectation, ...]
) -> Iterator[Case]:
    yield Case(name="is graded to the end", duration_s=duration_s, error=client.error)
    for each in expected:
        yield Case(name=each.text, failure=each.failure(client))


def failures(result: TruthResult, expected: tuple[Expectation, ...]) -> list[str]:
    """Return a line for each expectation that a client does not meet."""
    return [
        f"{suite.name}: {case.name}: {case.failure}"
        for suite in suites(result, expected)
        for case in suite.cases
        if case.failure is not None
    ]
