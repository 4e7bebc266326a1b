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
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import FACTS, HEARTBEATS, PLATFORM_LOG, Fact, Told
from fleet_wire.modes.mode import INSTEAD_OF, INSTEAD_OF_REASONS, Signature

_ALL: Final = frozenset(Told)
_TWO_TOPICS: Final = _ALL - {
    Told.RECEIPTS, Told.REASONS, Told.STATE, Told.KIND, Told.EVENTS, *HEARTBEATS,
}  # fmt: skip
WIRES: Final[Mapping[str, frozenset[Told]]] = MappingProxyType(
    {
        "nothing is lost": _ALL,
        "no heartbeats": _ALL - {*HEARTBEATS},
        "no log of the platform": _ALL - {*PLATFORM_LOG},
        "no log of the broker": _ALL - {Told.BROKER_LOG},
        "two topics, both logs": _TWO_TOPICS,
        "two topics, the broker's log": _TWO_TOPICS - {*PLATFORM_LOG},
        "two topics alone": frozenset({Told.ATTEMPT, Told.NEIGHBOURS}),
    }
)
"""Descriptions of the sources that monitors lack, by the sources that they have."""
_WORDS: Final = {
    Told.ATTEMPT: "the unlock itself",
    Told.RECEIPTS: "receipts of boxes",
    Told.REASONS: "reasons of boxes",
    Told.PRESENCE: "presence",
    Told.TELEMETRY: "heartbeats",
    Told.TELEMETRY_SINCE: "heartbeats after the command",
    Told.EVENTS: "events of boxes",
    Told.STATE: "the car's state",
    Told.NEIGHBOURS: "enough other unlocks",
    Told.KIND: "the car's operator and region",
    Told.PLATFORM: "the platform's log",
    Told.COMMAND_END: "the platform's word on how the command ended",
    Told.BROKER_LOG: "the broker's log",
}


_PART_OF: Final = {Told.TELEMETRY_SINCE: Told.TELEMETRY, Told.COMMAND_END: Told.PLATFORM}
"""What is named with another source, and not beside it."""


class AlikeClass(NamedTuple):
    """Modes that nothing which is there tells apart. One of them named is all of them named."""

    slugs: frozenset[str]
    why: str
    """The missing evidence that would distinguish the modes."""


@cache
def alike_on(told: frozenset[Told]) -> tuple[AlikeClass, ...]:
    """Return every class of two modes or more that look the same with these sources."""
    there = _there(told)
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
    found = [AlikeClass(slugs, _why(sorted(slugs))) for slugs in seen if len(slugs) > 1]
    if unseen:
        like_them = {slug for slugs in classes.values() if slugs & unseen for slug in slugs}
        sources = {FACTS[fact].told for slug in unseen for fact in MODES[slug].signature.needs}
        why = f"Only {_listed(sources)} would show that anything was wrong."
        found.append(AlikeClass(frozenset({*like_them, NOTHING_WRONG}), why))
    return tuple(found)


@cache
def unseen_on(told: frozenset[Told]) -> frozenset[str]:
    """Return the modes that cannot be seen with these sources where the unlock went well."""
    there = _there(told)
    return frozenset(slug for slug, mode in MODES.items() if _is_unseen(mode.signature, there))


def _there(told: frozenset[Told]) -> frozenset[Fact]:
    """Return the facts that these sources can show."""
    return frozenset(fact for fact, info in FACTS.items() if info.told in told)


def class_of(slug: str, told: frozenset[Told]) -> AlikeClass:
    """Return the modes that count as one with this one: itself, and those that look the same."""
    return next(
        (one for one in alike_on(told) if slug in one.slugs), AlikeClass(frozenset({slug}), "")
    )


def number_of_classes(told: frozenset[Told]) -> int:
    """Return how many modes, or classes of them, can be told apart."""
    return len(MODES) - sum(len(one.slugs & MODES.keys()) - 1 for one in alike_on(told))


def _parting(one: Signature, other: Signature, there: frozenset[Fact]) -> Iterator[Fact]:
    """Yield the facts that part two modes."""
    one_may = one.needs | one.speaks_for
    other_may = other.needs | other.speaks_for
    parting = (
        (one_may & other.rules_out)
        | (other_may & one.rules_out)
        | (one.needs - other_may)
        | (other.needs - one_may)
    )
    yield from parting & there


def _is_unseen(signature: Signature, there: frozenset[Fact]) -> bool:
    """Return whether a mode shows nothing but an unlock that went well."""
    goes_well = Fact.WENT_WELL in signature.needs | signature.speaks_for
    stand_in = {
        fact
        for fact, instead in (INSTEAD_OF | INSTEAD_OF_REASONS).items()
        if not instead.isdisjoint(signature.needs)
    }
    needs = signature.needs | stand_in
    return goes_well and bool(signature.needs) and needs.isdisjoint(there)


def _listed(sources: Collection[Told]) -> str:
    words = [
        _WORDS[source]
        for source in Told
        if source in sources and _PART_OF.get(source) not in sources
    ]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _why(slugs: list[str]) -> str:
    """Return a sentence: which sources would part these modes, were they there."""
    first, *rest = (MODES[slug].signature for slug in slugs)
    sources = {
        FACTS[fact].told for other in rest for fact in _parting(first, other, frozenset(FACTS))
    }
    if not sources:
        return "No single fact parts them, only how often each fact is seen."
    return f"Only {_listed(sources)} would tell them apart."
