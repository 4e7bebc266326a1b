"""What a diagnosis believes, in words: how likely, for what reasons, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from fleet_wire.contract.diagnosis import UNKNOWN, FactSeen, RankedMode
from fleet_wire.modes.alike import AlikeClass, class_of
from fleet_wire.modes.catalogue import MODES, TITLES
from fleet_wire.modes.facts import FACTS, Fact, Told
from fleet_wire.modes.mode import FailureMode
from platform_probe.support.rows import Row, unix_s
from platform_probe.support.times import long_of

LEAST_TOLD: Final = 0.02
"""Modes that are less likely are not worth a word on the telephone [E]."""
PERHAPS_FROM: Final = 0.3
_HOW_SURE: Final = ((0.9, "almost certainly"), (0.6, "probably"), (PERHAPS_FROM, "perhaps"))
"""From which probability on a word is used [E]. What is less likely is no answer."""
ACCUSED_FROM: Final = 0.9
"""A mode that accuses somebody is told from this probability on: who reads it acts on it, and one
in ten is a customer or a colleague who did nothing [E]."""
_ACCUSES: Final = frozenset(
    {"attack_bruteforce_vehicle_ids", "impossible_travel", "insider_or_support_unlock"}
)
"""Modes in which whoever asked did wrong; of one who sends an old command nobody knows the name."""
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


def revision_of(row: Row, *, has_account: bool) -> Revision:
    """Return a row of the diagnoses as what may be told of it.

    Accusations are left out unless they are very likely, and where it is not known whose account
    asked, in any case.
    """
    modes = msgspec.json.decode(row["modes"], type=list[RankedMode])
    told = tuple(mode for mode in modes if _may_be_told(mode, has_account=has_account))
    return Revision(
        at_s=unix_s(row["made_at"]),
        after_s=row["after_s"],
        modes=told or (RankedMode(UNKNOWN, 0.0),),
        facts=msgspec.json.decode(row["facts"], type=tuple[FactSeen, ...]),
        told=_sources_of(row["told"]),
    )


def _may_be_told(mode: RankedMode, *, has_account: bool) -> bool:
    if mode.mode not in _ACCUSES:
        return True
    return has_account and mode.probability >= ACCUSED_FROM


def _sources_of(told: Sequence[str] | None) -> frozenset[Told]:
    """Return the sources that a diagnosis had; all, where it does not say."""
    return frozenset(source for source in Told if told is None or source.value in told)


def title_of(slug: str) -> str:
    """Return what a mode is called; the slug itself for one of another version."""
    return TITLES.get(slug, slug)


def how_likely(probability: float) -> str:
    """Return a probability as a person says it, with its number; of a low one the number alone."""
    word = next((word for least, word in _HOW_SURE if probability >= least), None)
    return percent(probability) if word is None else f"{word} ({percent(probability)})"


def headline(first: RankedMode) -> str:
    """Return what it was as a sentence, or that nothing is likely enough to be called that."""
    title = title_of(first.mode)
    if first.probability < LEAST_TOLD:
        return "It is not clear what it was."
    if first.probability < _HOW_SURE[-1][0]:
        return (
            f"It is not clear what it was; the likeliest: {title} ({percent(first.probability)})."
        )
    return f"{title[0].upper()}{title[1:]}: {how_likely(first.probability)}."


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
            listed.append(f"not seen: {FACTS[Fact(one.fact)].meaning}")
    return [one for one in dict.fromkeys(listed) if not _is_in_another(one, listed)]


def _is_in_another(sentence: str, listed: Sequence[str]) -> bool:
    """Return whether another sentence says the same and more: two facts may be of one thing."""
    return any(other != sentence and other.startswith(sentence) for other in listed)


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
