"""What a diagnosis believes, in words: how likely, for what reasons, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from fleet_wire.contract.diagnosis import FactSeen, RankedMode
from fleet_wire.modes.alike import AlikeClass, class_of
from fleet_wire.modes.catalogue import MODES, TITLES
from fleet_wire.modes.facts import FACTS, Fact, Told
from fleet_wire.modes.mode import FailureMode
from platform_probe.support.rows import Row, unix_s
from platform_probe.support.times import long_of

LEAST_TOLD: Final = 0.02
"""Modes that are less likely are not worth a word on the telephone [E]."""
_HOW_SURE: Final = ((0.9, "almost certainly"), (0.6, "probably"), (0.3, "perhaps"))
"""From which probability on a word is used [E]."""
_HARDLY: Final = "less likely"
_LEAST_WEIGHT: Final = 0.1
"""What moves the odds by less than a tenth is no reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What was believed at a moment."""

    at_s: float
    """When, Unix seconds."""
    after_s: float
    """Seconds from the intended start of the unlock until then."""
    modes: Sequence[RankedMode]
    """The likeliest first."""
    facts: Sequence[FactSeen]
    told: frozenset[Told]
    """From where facts could be seen at all."""

    @property
    def alike(self) -> AlikeClass:
        """Return the likeliest mode with those that look the same from what is told here."""
        return class_of(self.first.mode, self.told)

    @property
    def first(self) -> RankedMode:
        """The likeliest mode."""
        return self.modes[0]

    @property
    def mode(self) -> FailureMode | None:
        """The likeliest mode as the catalogue has it; None where it is none of these."""
        return MODES.get(self.first.mode)

    @property
    def others(self) -> list[RankedMode]:
        """What else it may have been."""
        return [one for one in self.modes[1:] if one.probability >= LEAST_TOLD]


def revision_of(row: Row) -> Revision:
    """Return a row of the diagnoses as what it says."""
    return Revision(
        at_s=unix_s(row["made_at"]),
        after_s=row["after_s"],
        modes=msgspec.json.decode(row["modes"], type=tuple[RankedMode, ...]),
        facts=msgspec.json.decode(row["facts"], type=tuple[FactSeen, ...]),
        told=_sources_of(row["told"]),
    )


def _sources_of(told: Sequence[str] | None) -> frozenset[Told]:
    """Return the sources that a diagnosis had; all, where it does not say."""
    return frozenset(source for source in Told if told is None or source.value in told)


def title_of(slug: str) -> str:
    """Return what a mode is called; the slug itself for one of another version."""
    return TITLES.get(slug, slug)


def how_likely(probability: float) -> str:
    """Return a probability as a person says it, with its number."""
    word = next((word for least, word in _HOW_SURE if probability >= least), _HARDLY)
    return f"{word} ({percent(probability)})"


def percent(probability: float) -> str:
    """Return a probability; a model is never entirely sure."""
    return f"{min(99, max(1, round(100 * probability)))} %"


def reasons(revision: Revision, *, is_for: bool) -> list[str]:
    """Return what speaks for the likeliest mode, or against it, the heaviest first."""
    sentences = {fact.fact: fact.sentence for fact in revision.facts}
    listed = []
    for one in revision.first.weighed:
        if abs(one.weight) < _LEAST_WEIGHT or (one.weight > 0) is not is_for:
            continue
        if one.is_seen:
            listed.append(sentences.get(one.fact, one.fact))
        else:
            listed.append(f"not seen, and was to be expected: {FACTS[Fact(one.fact)].meaning}")
    return listed


def changes_of_mind(revisions: Sequence[Revision]) -> Iterator[str]:
    """Yield what was believed when, where the likeliest mode has changed."""
    told = [
        one
        for before, one in zip((None, *revisions), revisions, strict=False)
        if before is None or before.first.mode != one.first.mode
    ]
    if len(told) < 2:  # noqa: PLR2004 - one belief is no change
        return
    for before, one in zip((None, *told), told, strict=False):
        when = (
            f"{long_of(one.after_s)} after the request"
            if before is None
            else f"{long_of(one.after_s - before.after_s)} later"
        )
        yield f"{when}: {title_of(one.first.mode)}, {how_likely(one.first.probability)}"
