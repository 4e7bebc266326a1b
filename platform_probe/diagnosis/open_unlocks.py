"""Unlocks whose diagnosis may still change, and when they are looked at again. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.modes.facts import Fact, Told
from platform_probe.diagnosis.neighbours import family_of

SAME_S: Final = 300.0
"""Unlocks of a car that fail alike within so long fail of the same [E]."""


class Look(NamedTuple):
    """When an unlock is to be looked at again."""

    at_s: float
    number: int
    attempt_id: str


Seen = tuple[frozenset[Fact], frozenset[Told]]
"""Facts, and from where there could be any."""


@dataclass(slots=True, eq=False)
class OpenUnlock:
    """An unlock whose diagnosis may still change."""

    record: Attempt
    """As its stages say; facts are seen of this one."""
    began_s: float
    named: Attempt | None = None
    """With its mode, and the cause that follows."""
    revision: int = 0
    late: dict[str, float] = field(default_factory=dict)
    basis: tuple[Seen, ...] = ()
    """What was seen of this unlock, and of those alike, at the last revision; empty: none yet."""
    looks_at_s: float = 0.0
    kept: dict[Fact, str] = field(default_factory=dict)
    """What was seen at earlier looks and stays true."""
    told: frozenset[Told] = frozenset()
    """From where facts could be seen, as of the last look."""
    called_s: float | None = None
    """When its customer called support."""
    shown: str | None = None
    """What the app had shown, as the customer told support."""
    last: Diagnosis | None = None
    is_settled: bool = False
    """Whether it is looked at no more."""


def still_told_by(unlocks: Sequence[OpenUnlock]) -> Iterator[OpenUnlock]:
    """Yield those of a car that are open, and those that one of these may have failed alike."""
    at_s = [one.began_s for one in unlocks if not one.is_settled]
    for one in unlocks:
        if any(abs(one.began_s - each_s) < SAME_S for each_s in at_s):
            yield one


def is_alike(one: OpenUnlock, other: OpenUnlock) -> bool:
    """Return whether two unlocks of a car failed alike within minutes."""
    causes = one.record.cause, other.record.cause
    if None in causes or Cause.NOT_OBSERVED in causes or not (one.kept and other.kept):
        return False
    families = {family_of(cause) for cause in causes}
    return len(families) == 1 and abs(one.began_s - other.began_s) < SAME_S


def is_between(at_s: float, one_s: float, other_s: float) -> bool:
    """Return whether a moment lies between two others."""
    return min(one_s, other_s) < at_s < max(one_s, other_s)
