"""The diagnosis: which failure modes an unlock may have had, how likely each is, and what says so.

It stands in the wire package because the monitor writes it, and store, reports and scores read it.
A diagnosis has revisions: what comes after the unlock (the car is back, its neighbours fail too)
makes another one, with the next number. The highest holds.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fleet_wire.contract.attempt import Source
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.text import Text

UNKNOWN: Final = "unknown"
"""Stands among the modes for one that is not in the catalogue."""
NOTHING_WRONG: Final = "nothing_wrong"
"""Stands among the modes for an unlock that only looks odd."""


class FactSeen(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One piece of evidence about an unlock."""

    fact: str
    """Its slug; see `fleet_wire.modes.facts`."""
    sentence: str
    """The observation in English words, with its values and times (UTC). `text` replaces it in
    the next release."""
    text: Text | None = None
    """The observation for any language; None: an older monitor wrote it."""


class Weighed(msgspec.Struct, frozen=True, gc=False):
    """The effect of a fact on the probability of a mode."""

    fact: str
    """Its slug."""
    weight: float
    """The change of the mode's log odds; below 0 the fact is evidence against it."""
    is_seen: bool = True
    """False: it should have been seen and was not."""


class RankedMode(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One mode that an unlock may have had."""

    mode: str
    """Its slug, `unknown` or `nothing_wrong`."""
    probability: float
    """How likely it is, of 1."""
    weighed: tuple[Weighed, ...] = ()
    """The facts that speak for it and against it, the heaviest first."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The possible modes of an unlock's failure, as known at one moment."""

    attempt_id: str
    """The unlock's."""
    vehicle_id: str
    """The car; empty where the request did not say which."""
    booking_id: str | None = None
    """The booking that the command named."""
    source: Source
    """The party that asked for the unlock."""
    revision: int
    """1, and one more each time that the evidence has changed."""
    at: float
    """When it was made, Unix seconds."""
    after_s: float
    """Seconds from the intended start of the unlock until then."""
    outcome: Outcome
    """How the unlock ended."""
    cause: Cause | None
    """Its cause, as the attempt has it."""
    modes: tuple[RankedMode, ...]
    """The likeliest modes, the likeliest first; the third may be a less likely one, which may have
    struck the same unlock beside the first."""
    facts: tuple[FactSeen, ...]
    """All that was seen."""
    told: tuple[str, ...]
    """The evidence sources that were there; no conclusion follows from a source that is not
    listed."""

    @property
    def first(self) -> RankedMode:
        """The likeliest mode."""
        return self.modes[0]
