"""Which modes look the same where a monitor lacks some source. Derived from signatures alone.

A fact separates two modes if one may show it and the other cannot. It also does if one must show it
and the other need not. Modes look the same if no visible fact separates them. Each fact that
separates one of them from a third mode must separate the other too. Some modes of a successful
unlock cannot be seen: every fact that they need comes from a missing source. They look like no
failure. That says nothing of how often they are mistaken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from fleet_wire.contract.diagnosis import NOTHING_WRONG
from fleet_wire.contract.text import Text
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import (
    AFTER_RETURN,
    FACTS,
    HEARTBEATS,
    PLATFORM_LOG,
    EvidenceSource,
    Fact,
    shown_by,
)
from fleet_wire.modes.mode import INSTEAD_OF, INSTEAD_OF_REASONS, Signature

_ALL: Final = frozenset(EvidenceSource)
_TWO_TOPICS: Final = _ALL - {
    EvidenceSource.RECEIPTS,
    EvidenceSource.EXPIRY,
    EvidenceSource.REASONS,
    EvidenceSource.WORDS,
    EvidenceSource.STATE,
    EvidenceSource.DOORS,
    EvidenceSource.PARTS,
    EvidenceSource.VOLTAGE,
    EvidenceSource.KIND,
    EvidenceSource.TECHNOLOGY,
    EvidenceSource.EVENTS,
    *HEARTBEATS,
}
WIRES: Final[Mapping[str, frozenset[EvidenceSource]]] = MappingProxyType(
    {
        "nothing is lost": _ALL,
        "nothing is lost, and the box is not back yet": _ALL - {EvidenceSource.RETURN},
        "no heartbeats": _ALL - {*HEARTBEATS},
        "no log of the platform": _ALL - {*PLATFORM_LOG},
        "no log of the broker": _ALL - {EvidenceSource.BROKER_LOG},
        "two topics, both logs": _TWO_TOPICS,
        "two topics, the broker's log": _TWO_TOPICS - {*PLATFORM_LOG},
        "two topics alone": frozenset({EvidenceSource.ATTEMPT, EvidenceSource.NEIGHBOURS}),
    }
)
"""Descriptions of the sources that monitors lack, by the sources that they have."""
_PART_OF: Final = {
    EvidenceSource.WORDS: EvidenceSource.REASONS,
    EvidenceSource.TELEMETRY_SINCE: EvidenceSource.TELEMETRY,
    EvidenceSource.POSITION: EvidenceSource.TELEMETRY,
    EvidenceSource.SIGNAL: EvidenceSource.TELEMETRY,
    EvidenceSource.DATA_USED: EvidenceSource.TELEMETRY,
    EvidenceSource.UPTIME: EvidenceSource.TELEMETRY,
    EvidenceSource.DOORS: EvidenceSource.STATE,
    EvidenceSource.PARTS: EvidenceSource.STATE,
    EvidenceSource.TECHNOLOGY: EvidenceSource.KIND,
    EvidenceSource.COMMAND_END: EvidenceSource.PLATFORM,
}
"""What is named with another source, and not beside it."""


class AlikeClass(NamedTuple):
    """Modes that nothing which is there tells apart. One of them named is all of them named."""

    slugs: frozenset[str]
    why: Text | None
    """The missing evidence that would distinguish the modes; None: it is one mode alone."""


@cache
def alike_on(told: frozenset[EvidenceSource]) -> tuple[AlikeClass, ...]:
    """Return every class of two modes or more that look the same with these sources."""
    there = shown_by(told)
    close = {
        slug: frozenset(
            other
            for other, its in MODES.items()
            if not any(True for _ in _parting(mode.signature, its.signature, there))
        )
        for slug, mode in MODES.items()
    }
    unseen = unseen_on(told)
    classes: defaultdict[frozenset[str], set[str]] = defaultdict(set)
    for slug, others in close.items():
        classes[others].add(slug)
    seen = [frozenset(slugs) for slugs in classes.values() if unseen.isdisjoint(slugs)]
    found = [
        AlikeClass(slugs, _missing_evidence(sorted(slugs), told))
        for slugs in seen
        if len(slugs) > 1
    ]
    if unseen:
        like_them = {slug for slugs in classes.values() if slugs & unseen for slug in slugs}
        sources = {FACTS[fact].told for slug in unseen for fact in MODES[slug].signature.needs}
        why = Text(key="alike.unseen", values={"sources": _list_sources(sources)})
        found.append(AlikeClass(frozenset({*like_them, NOTHING_WRONG}), why))
    return tuple(found)


@cache
def unseen_on(told: frozenset[EvidenceSource]) -> frozenset[str]:
    """Return the modes that cannot be seen with these sources where the unlock went well."""
    there = shown_by(told)
    return frozenset(slug for slug, mode in MODES.items() if _is_unseen(mode.signature, there))


def class_of(slug: str, told: frozenset[EvidenceSource]) -> AlikeClass:
    """Return the modes that count as one with this one: itself, and those that look the same."""
    return next(
        (one for one in alike_on(told) if slug in one.slugs), AlikeClass(frozenset({slug}), None)
    )


def number_of_classes(told: frozenset[EvidenceSource]) -> int:
    """Return how many modes, or classes of them, can be told apart."""
    return len(MODES) - sum(len(one.slugs & MODES.keys()) - 1 for one in alike_on(told))


def _parting(one: Signature, other: Signature, there: frozenset[Fact]) -> Iterator[Fact]:
    """Yield the facts that part two modes."""
    one_may = one.needs | one.may_show
    other_may = other.needs | other.may_show
    parting = (
        (one_may & other.rules_out)
        | (other_may & one.rules_out)
        | (one.needs - other_may)
        | (other.needs - one_may)
    )
    yield from parting & there
    for signature, may in ((one, other_may), (other, one_may)):
        for group in signature.needs_one_of:
            if group.isdisjoint(may):
                yield from sorted(group & there)


def _is_unseen(signature: Signature, there: frozenset[Fact]) -> bool:
    """Return whether a mode shows nothing but an unlock that went well."""
    goes_well = Fact.WENT_WELL in signature.needs | signature.may_show
    stand_in = {
        fact
        for fact, instead in (INSTEAD_OF | INSTEAD_OF_REASONS).items()
        if not instead.isdisjoint(signature.needs)
    }
    needs = signature.needs | stand_in
    return goes_well and bool(signature.needs) and needs.isdisjoint(there)


def _list_sources(sources: Collection[EvidenceSource]) -> Text:
    *first, last = (
        Text(key=f"source_of.{source.value}")
        for source in EvidenceSource
        if source in sources and _PART_OF.get(source) not in sources
    )
    return Text(key="alike.or", values={"first": tuple(first), "last": last}) if first else last


def _missing_evidence(slugs: list[str], told: frozenset[EvidenceSource]) -> Text:
    """Return a sentence: which sources would part these modes, were they there."""
    first, *rest = (MODES[slug].signature for slug in slugs)
    parting = {fact for other in rest for fact in _parting(first, other, frozenset(FACTS))}
    if not parting:
        return Text(key="alike.none")
    sources = {FACTS[fact].told for fact in parting}
    if parting & AFTER_RETURN:
        sources.add(EvidenceSource.RETURN)
    sources = sources - told or sources
    return Text(key="alike.apart", values={"sources": _list_sources(sources)})
