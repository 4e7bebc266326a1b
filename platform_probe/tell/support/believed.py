"""A diagnosis in words: how likely, for what reasons, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN, FactSeen, RankedMode, Weighed
from fleet_wire.contract.text import Text, Value
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import EvidenceSource, Fact
from fleet_wire.modes.lookalikes import AlikeClass, class_of
from fleet_wire.modes.mode import ANSWERS, INSTEAD_OF, REFUSALS, FailureMode
from platform_probe.tell.support.rows import Row, unix_s
from platform_probe.texts.catalogue import fact_text, title_text
from platform_probe.texts.speaking import Speaker

LEAST_TOLD: Final = 0.02
"""Modes that are less likely are not worth a word on the telephone [E]."""
_TOLD_ANYWAY: Final = 0.1
"""The probability from which a mode is shown although a fact rules it out: a tenth is no longer a
model's remainder [E].
"""
PERHAPS_FROM: Final = 0.3
_HOW_SURE: Final = ((0.9, "certainly"), (0.6, "probably"), (PERHAPS_FROM, "perhaps"))
"""The probability from which each word is used [E]. What is less likely is no answer."""
TOLD_FROM: Final = 0.8
"""The probability from which a customer hears the mode: four of five are right [E]."""
ACCUSED_FROM: Final = 0.9
"""The probability from which a mode that accuses somebody is shown.

Its reader acts on it, and one in ten is a customer or a colleague who did nothing [E].
"""
ACCUSES: Final = frozenset(
    {"attack_bruteforce_vehicle_ids", "impossible_travel", "insider_or_support_unlock"}
)
"""Modes that accuse the person who asked; a sender of an old command has no known name."""
_LEAST_WEIGHT: Final = 0.1
"""The least change of the odds that is a reason: a tenth."""
_HOW_FAR: Final = (ANSWERS | REFUSALS).union(
    INSTEAD_OF[Fact.NOT_ANSWERED],
    (Fact.NOT_ANSWERED, Fact.REFUSED_SOMEHOW),
    (Fact.NOTHING_REQUESTED, Fact.NOTHING_PUBLISHED, Fact.NO_SUBSCRIBER),
    (Fact.BROKER_UNREACHABLE, Fact.BROKER_DENIED),
) - {Fact.REFUSED_LATE}
"""Facts of which one says how far an unlock came: where it is seen the others cannot be."""
_SAYS_IT_TOO: Final[Mapping[str, Fact]] = {
    Fact.ANSWERED_BY_ANOTHER: Fact.ANOTHER_CAR_ASKED,
    Fact.ANOTHER_CAR_ASKED: Fact.ANSWERED_BY_ANOTHER,
    Fact.REGION_AWAY: Fact.ALL_OF_OPERATOR_AWAY,
    Fact.OPERATOR_AWAY: Fact.ALL_OF_OPERATOR_AWAY,
}
"""Pairs of facts of which either suffices.

Both show that another car got the command, or that cars of a region and an operator have lost their
connection.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The diagnosis at a moment."""

    at_s: float
    """When, Unix seconds."""
    after_s: float
    """Seconds from the intended start of the unlock until then."""
    modes: Sequence[RankedMode]
    """The likeliest first."""
    facts: Sequence[FactSeen]
    told: frozenset[EvidenceSource]
    """The sources that could have shown facts."""

    @property
    def likeliest_class(self) -> AlikeClass:
        """Return the likeliest mode with those that look the same from here."""
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
    def is_likely(self) -> bool:
        """Whether the likeliest mode is likely enough to say and do what it says."""
        return self.first.probability >= TOLD_FROM

    @property
    def is_possible(self) -> bool:
        """Whether the likeliest mode is likely enough to be named at all."""
        return self.first.probability >= PERHAPS_FROM

    def may_be(self, slug: str) -> bool:
        """Return whether a mode is likely enough to be named, though another may be likelier."""
        return any(one.mode == slug and one.probability >= PERHAPS_FROM for one in self.modes)

    @property
    def looks_like(self) -> list[str]:
        """Modes that look the same from here, and are possible."""
        went_well = any(fact.fact == Fact.WENT_WELL for fact in self.facts)
        told = self.likeliest_class.slugs - {self.first.mode} - ACCUSES
        return sorted(
            slug
            for slug in told - (frozenset() if went_well else {NOTHING_WRONG})
            if self._allows(slug)
        )

    def _allows(self, slug: str) -> bool:
        """Return whether nothing was seen that is never seen of a mode."""
        ruled_out = MODES[slug].signature.rules_out if slug in MODES else frozenset[Fact]()
        return not any(fact.fact in ruled_out for fact in self.facts)

    @property
    def other_modes(self) -> list[RankedMode]:
        """Other possible modes: not too unlikely, and not ruled out by facts.

        Likely modes are shown regardless of facts: else nobody knows the rest of the probability.
        """
        return [
            one
            for one in self.modes[1:]
            if one.probability >= (LEAST_TOLD if self._allows(one.mode) else _TOLD_ANYWAY)
        ]


def revision_of(row: Row, *, has_account: bool) -> Revision:
    """Return a row of the diagnoses with the parts that may be shown.

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
    if mode.mode not in ACCUSES:
        return True
    return has_account and mode.probability >= ACCUSED_FROM


def _sources_of(told: Sequence[str] | None) -> frozenset[EvidenceSource]:
    """Return the sources that a diagnosis had; all, where it does not say."""
    return frozenset(source for source in EvidenceSource if told is None or source.value in told)


def how_likely(probability: float) -> Text:
    """Return a probability as a person says it, with its number; of a low one the number alone."""
    word = next((word for least, word in _HOW_SURE if probability >= least), "number")
    return Text(key=f"likely.{word}", values={"percent": percent(probability)})


def headline(first: RankedMode) -> Text:
    """Return what it was as a sentence, or that nothing is likely enough to be called that."""
    if first.probability < LEAST_TOLD:
        return Text(key="likely.not_clear")
    values: dict[str, Value] = {"mode": title_text(first.mode)}
    if first.probability < _HOW_SURE[-1][0]:
        values["percent"] = percent(first.probability)
        return Text(key="likely.not_clear_mode", values=values)
    return Text(key="likely.mode", values={**values, "likely": how_likely(first.probability)})


def percent(probability: float) -> str:
    """Return a probability; a model is never entirely sure."""
    return f"{min(99, max(1, round(100 * probability)))} %"


def reasons(
    revision: Revision,
    speaker: Speaker,
    *,
    is_for: bool,
    not_missed: frozenset[str] = frozenset(),
) -> list[str]:
    """Return what speaks for the likeliest mode, or against it, the heaviest first.

    That is what its signature lists. Other facts often accompany the mode, or others, and explain
    nothing; they are shown only if no listed one supports a mode. Facts in `not_missed`, which
    others have shown since, are not reported as missing.
    """
    moved = [
        one
        for one in revision.first.weighed
        if abs(one.weight) >= _LEAST_WEIGHT
        and (one.weight > 0) is is_for
        and (one.is_seen or one.fact not in not_missed)
    ]
    listed = [one for one in moved if _is_reason(revision, one)]
    told = [_fact_sentence(revision, one, speaker) for one in listed or (moved if is_for else ())]
    return [one for one in dict.fromkeys(told) if not _is_in_another(one, told)]


def _is_reason(revision: Revision, one: Weighed) -> bool:
    """Return whether the likeliest mode's own signature makes a fact a reason."""
    if revision.mode is None:
        return True
    if not one.is_seen:
        return not _is_seen_otherwise(revision, one.fact)
    signature = revision.mode.signature
    its = signature.needs | signature.may_show if one.weight > 0 else signature.rules_out
    return one.fact in its


def _fact_sentence(revision: Revision, one: Weighed, speaker: Speaker) -> str:
    """Return the sentence of a fact, or of its absence."""
    if not one.is_seen:
        missed = fact_text(Fact(one.fact))
        return speaker.say(Text(key="unlock.not_observed", values={"fact": missed}))
    seen = next((fact for fact in revision.facts if fact.fact == one.fact), None)
    return one.fact if seen is None else sentence_of(seen, speaker)


def _is_seen_otherwise(revision: Revision, fact: str) -> bool:
    """Return whether what a fact says was seen in another way, or cannot be.

    An unlock came as far as another fact of the likeliest mode says.
    """
    other = _SAYS_IT_TOO.get(fact)
    if any(one.fact == other for one in revision.facts):
        return True
    if revision.mode is None or fact not in _HOW_FAR:
        return False
    signature = revision.mode.signature
    its = (signature.needs | signature.may_show) & _HOW_FAR
    return any(one.fact in its for one in revision.facts)


def sentence_of(fact: FactSeen, speaker: Speaker) -> str:
    """Return the sentence of a fact; in English where an older monitor wrote it, with UTC times."""
    return fact.sentence if fact.text is None else speaker.say(fact.text)


def _is_in_another(sentence: str, listed: Sequence[str]) -> bool:
    """Return whether another sentence says the same and more: two facts may be of one thing."""
    return any(other != sentence and other.startswith(sentence) for other in listed)


def changes_of_mind(revisions: Sequence[Revision]) -> Iterator[Text]:
    """Yield what was believed when, where the likeliest mode has changed."""
    told = [
        one
        for before, one in zip((None, *revisions), revisions, strict=False)
        if before is None or before.first.mode != one.first.mode
    ]
    if len(told) < 2:  # noqa: PLR2004 - one belief is no change
        return
    for before, one in zip((None, *told), told, strict=False):
        yield Text(
            key="likely.first" if before is None else "likely.later",
            values={
                "long": one.after_s - (0.0 if before is None else before.after_s),
                "mode": title_text(one.first.mode),
                "likely": how_likely(one.first.probability),
            },
        )
