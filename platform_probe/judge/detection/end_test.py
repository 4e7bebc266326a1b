"""The test whether a problem goes on or is over, on the unlocks of its cohort since the last hit.

Each unlock that succeeds makes it likelier that the problem is over. How much follows from the
share of failures up to the last one. Later successes mean that it is over, and not that it was
small. A failed car that opens says more than others, if hardly any failed car had opened before:
the same fault would hit it again. The problem goes on if three cars fail again, though no test
counts them once more. Successes count each time, so a problem of few cars would else be over once
each of them has failed.
"""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet
from typing import Final

WELL: Final = -6.0
"""Log odds from which on it is over: 400 to 1."""
ILL: Final = 5.0
"""Log odds are never higher: what has lasted for days is noticed to be over as soon."""
CLEARLY_WORSE: Final = 3.0
"""While it goes on, so many times as many as usual are hit at least."""
LEAST_AGAIN: Final = 3
"""The number of cars that must fail again: a single sick car is no problem of its cohort."""
_MOST: Final = 0.99


class EndTest:
    """The log odds that one problem goes on."""

    def __init__(self) -> None:
        self._odds = ILL
        self._opened: set[str] = set()
        """Cars that have opened since they were hit."""
        self._again: set[str] = set()
        """Cars that were hit once more, and were not weighed yet."""
        self.expect(failed=0, total=0, expected=0.0, cars=frozenset())

    @property
    def is_over(self) -> bool:
        """Whether its cohort is as before."""
        return self._odds <= WELL

    @property
    def is_likely(self) -> bool:
        """Whether it is likelier that it goes on."""
        return self._odds > 0.0

    def expect(self, *, failed: int, total: int, expected: float, cars: AbstractSet[str]) -> None:
        """Set the failures, the unlocks up to the last failure, and the cars that failed.

        `expected` is the share that is hit on any day: by cars that are ill, which do not open
        when all is over.
        """
        self._opened &= cars
        share = (failed + 1.0) / (total + 2.0)
        share = min(max(share, expected * CLEARLY_WORSE), _MOST)
        usual = min(expected, share / CLEARLY_WORSE)
        self._hit = math.log(share / usual) if usual else 0.0
        self._missed = math.log((1.0 - share) / (1.0 - usual))
        again = min((len(cars) - len(self._opened) + 1.0) / (len(cars) + 2.0), _MOST)
        usual_again = min(usual / share, again / CLEARLY_WORSE)
        self._opens = math.log((1.0 - again) / (1.0 - usual_again))
        self._strikes = math.log(again / usual_again) if usual_again else 0.0

    def hit(self, *, was_counted_as_success: bool = False) -> None:
        """Weigh an unlock that was hit.

        It takes back earlier weights as successes (`was_counted_as_success`).
        """
        before = self._odds - self._missed if was_counted_as_success else self._odds
        self._odds = min(before + self._hit, ILL)

    def add_failure(self, car: str) -> None:
        """Note that a car was hit."""
        self._opened.discard(car)

    def add_repeated_failure(self, car: str) -> None:
        """Weigh that a car was hit which counts for no test once more: with some others."""
        self.add_failure(car)
        self._again.add(car)
        if len(self._again) >= LEAST_AGAIN:
            self._odds = min(self._odds + len(self._again) * self._strikes, ILL)
            self._again.clear()

    def add_success(self) -> None:
        """Weigh a success."""
        self._odds += self._missed

    def opens(self, car: str, *, counts: bool) -> None:
        """Weigh the success of a car that had failed. Its first success weighs most."""
        is_first = car not in self._opened
        self._opened.add(car)
        step = self._missed if counts else 0.0
        self._odds += min(step, self._opens) if is_first else step
