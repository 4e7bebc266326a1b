"""How likely each mode is, from the facts that were seen. No I/O.

It is a linear model over yes and no. Each observed fact adds its weight for a mode to the mode's
score. A fact that a mode needs lowers the score if it was not observed although its source was
there. Which weights there are, and their signs, the signatures in `fleet_wire.modes` fix; how heavy
they are was learned (`weights.json`). So what each fact did to a probability can be told.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN, RankedMode, Weighed
from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import MODES, SIGNATURES
from fleet_wire.modes.facts import FACTS, LASTING_MARKS, MARKS, EvidenceSource, Fact, shown_by
from fleet_wire.modes.lookalikes import class_of, unseen_on
from fleet_wire.modes.mode import (
    AGAINST,
    ANSWERS,
    FOR,
    LEAST_AGAINST,
    LEAST_UNEXPLAINED,
    MISSED,
    MOST_UNEXPLAINED,
    NEEDED,
    UNEXPLAINED,
)

FORM: Final = 1
"""The version of the file's form."""
SHOWN: Final = 5
"""Modes in a diagnosis."""
LEAST: Final = 0.001
"""Modes that are less likely are left out."""
SECOND_FAULT: Final = 3
"""In this place stands what explains best what the first mode leaves unexplained, if anything."""
LEAST_THIRD: Final = 0.02
"""Unless the mode there is so likely."""
SURE: Final = 0.8
"""The probability from which an unlock shares the diagnosis of others of its car: one must be so
sure to tell its customer.
"""
MOST_BEFORE_RETURN: Final = 0.75
"""The most that a mode of a silent box has before the box is back, where others look the same:
less than `SURE`.
"""
MOST_IN_DOUBT: Final = 0.75
"""The weight of other unlocks' evidence where an unlock's own facts speak against it [E]."""
LEAST_BESIDE: Final = 1.5
"""The weight that evidence of a second fault must exceed [E]."""
UNPROVEN: Final = 5.0
"""The loss of a mode by each of its needs that no source can show [E]."""
MOST_WEIGHED: Final = 8
"""Facts that are listed of a mode."""
MOST_KEPT: Final = 4_000
"""Cases whose scores are remembered, 2 kB each."""


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers of the model, as they stand in `weights.json`."""

    version: int
    made_by: str
    """The command that writes them."""
    temperature: float
    """Divides scores, so that probabilities are as often right as they say."""
    bias: dict[str, float]
    """The bias of each mode, and of `unknown` and `nothing_wrong`."""
    seen: dict[str, dict[str, float]]
    """The weight of each observed fact, by mode."""
    unseen: dict[str, dict[str, float]]
    """The loss by each needed fact that was not observed, by mode."""


class Shares(NamedTuple):
    """How likely each mode is by some scores."""

    beside_likeliest: tuple[float, ...]
    """How likely each is beside the likeliest, which has 1."""
    total: float
    likeliest: str
    of_mode: bool
    """Whether the likeliest is a mode, and neither `unknown` nor `nothing_wrong`."""

    @property
    def are_sure(self) -> bool:
        """Whether a mode is so likely that other unlocks of the car share it."""
        return self.of_mode and self.total < 1.0 / SURE


class Ranking:
    """The model, ready to rank."""

    def __init__(self, weights: Weights) -> None:
        """Raise `ConfigError` for weights of another version, or of facts that there are not."""
        if weights.version != FORM:
            raise ConfigError([f"weights of version {weights.version}, expected {FORM}"])
        self._weights = weights = _with_marks(within_signatures(weights))
        self.names = (*MODES, UNKNOWN, NOTHING_WRONG)
        """The modes, in the order of scores."""
        self._bias = [weights.bias.get(name, 0.0) for name in self.names]
        self._seen = self._columns(weights.seen)
        self._unlisted = self._columns(_unlisted(weights.seen))
        """The weight of each fact for modes whose signatures do not list it."""
        self._unseen = self._columns(weights.unseen)
        self._seen_instead = {
            fact: [seen - unseen for seen, unseen in zip(column, self._unseen[fact], strict=True)]
            for fact, column in self._seen.items()
        }
        """The weight of a fact that would have counted as not observed: its source was there."""
        self._before: dict[frozenset[EvidenceSource], list[float]] = {}
        """Scores where nothing was seen, by which sources were there."""
        self._scores = lru_cache(MOST_KEPT)(self._added_up)
        self._shares = lru_cache(MOST_KEPT)(self._shared_out)
        self._ranked = lru_cache(MOST_KEPT)(self._placed)
        self._weighed = lru_cache(MOST_KEPT)(self._heaviest)
        # Many unlocks of an outage have the same facts, and each is ranked with others of its car.

    def scores(
        self,
        seen: Collection[Fact],
        told: frozenset[EvidenceSource],
        impossible: frozenset[str] = frozenset(),
        *,
        excluded: frozenset[str] = frozenset(),
    ) -> tuple[float, ...]:
        """Return the score of each mode, and of `unknown` and `nothing_wrong`.

        A mode that the facts contradict has none: what it needs and what rules it out are physics.
        If they contradict all, `unknown` alone is left. A mode of which nobody can see what it
        needs gains nothing by facts outside of its signature: each weighs little, and many together
        would outweigh the need. If an `impossible` mode explains the facts best no known mode does,
        so `unknown` has its score; the `excluded` ones have none, like those that the facts
        contradict.
        """
        return self._scores(tuple(seen), told, impossible, excluded)

    def _without(self, impossible: frozenset[str], scores: Sequence[float]) -> tuple[float, ...]:
        """Return scores in which `unknown` stands for what is impossible."""
        each = [*zip(self.names, scores, strict=True)]
        unknown = max(score for name, score in each if name == UNKNOWN or name in impossible)
        return tuple(
            unknown if name == UNKNOWN else -math.inf if name in impossible else score
            for name, score in each
        )

    def _added_up(
        self,
        seen: tuple[Fact, ...],
        told: frozenset[EvidenceSource],
        impossible: frozenset[str],
        excluded: frozenset[str],
    ) -> tuple[float, ...]:
        before = self._before.get(told)
        if before is None:
            before = self._before[told] = self._nothing_seen(told)
        columns = (
            (self._seen_instead if FACTS[fact].told in told else self._seen)[fact] for fact in seen
        )
        shown = shown_by(told)
        scores = [sum(each) for each in zip(before, *columns, strict=True)]
        unlisted = zip(*(self._unlisted[fact] for fact in seen), strict=True)
        for place, (name, more) in enumerate(zip(self.names, map(sum, unlisted), strict=False)):
            if more > 0.0 and name in SIGNATURES and not SIGNATURES[name].needs.issubset(seen):
                scores[place] -= more
        found = tuple(
            -math.inf
            if name in excluded or contradicted(name, seen, shown)
            else score - _unproven(name, shown)
            for name, score in zip(self.names, scores, strict=True)
        )
        return self._without(impossible, found) if impossible else found

    def rank(
        self,
        seen: Collection[Fact],
        told: frozenset[EvidenceSource],
        alike: Iterable[tuple[float, ...]] = (),
        *,
        impossible: frozenset[str] = frozenset(),
        excluded: frozenset[str] = frozenset(),
    ) -> tuple[RankedMode, ...]:
        """Return the likeliest modes, with what speaks for and against each; none of `impossible`.

        `alike` has the scores of other unlocks that failed of the same. The surest of all counts
        for each, if it is sure and its mode is not impossible or excluded here. Added up they would
        count twice what all have seen, and the mean would hide what one alone has. An unlock that
        is sure of a mode of its own stays so, and one whose facts speak against that mode keeps a
        doubt. One that went well had waited for those: that the car answered it rules out nothing.
        """
        own = shares = self._shares(self.scores(seen, told, impossible, excluded=excluded))
        against = frozenset(seen) - ANSWERS if Fact.WENT_WELL in seen else seen
        for each in () if shares.are_sure else map(self._shares, alike):
            is_possible = each.likeliest not in excluded and not contradicted(
                each.likeliest, against, frozenset()
            )
            if each.are_sure and is_possible and (each.total < shares.total or not shares.of_mode):
                shares = each
        found = shares.beside_likeliest
        if shares is not own and not SIGNATURES[shares.likeliest].rules_out.isdisjoint(against):
            found = _in_doubt(shares, own)
        return self._ranked(found, tuple(seen), told, impossible | excluded)

    def is_sure(
        self,
        seen: Collection[Fact],
        told: frozenset[EvidenceSource],
        impossible: frozenset[str] = frozenset(),
        *,
        excluded: frozenset[str] = frozenset(),
    ) -> bool:
        """Return whether the facts of an unlock alone are sure of a mode."""
        return self._shares(self.scores(seen, told, impossible, excluded=excluded)).are_sure

    def _placed(
        self,
        beside_likeliest: tuple[float, ...],
        seen: tuple[Fact, ...],
        told: frozenset[EvidenceSource],
        impossible: frozenset[str],
    ) -> tuple[RankedMode, ...]:
        """Return the likeliest modes by how likely each is beside the likeliest."""
        shares = [*beside_likeliest]
        self._settle(shares, seen, told)
        total = sum(shares)
        order = sorted(range(len(shares)), key=shares.__getitem__, reverse=True)[:SHOWN]
        beside = self._second_explanation(self.names[order[0]], seen, impossible)
        is_third_likely = shares[order[SECOND_FAULT - 1]] / total >= LEAST_THIRD
        if beside is not None and beside not in order[:SECOND_FAULT] and not is_third_likely:
            others = [place for place in order[SECOND_FAULT - 1 :] if place != beside]
            order = [*order[: SECOND_FAULT - 1], beside, *others][:SHOWN]
        return tuple(
            RankedMode(
                mode=self.names[place],
                probability=round(shares[place] / total, 4),
                weighed=self._weighed(self.names[place], seen, told),
            )
            for place in order
            if place in (order[0], beside) or shares[place] / total >= LEAST
        )

    def probabilities(
        self,
        scores: Sequence[float],
        seen: Collection[Fact],
        told: frozenset[EvidenceSource],
        temperature: float,
    ) -> list[float]:
        """Return how likely each of `names` is by its scores, at a temperature of the caller."""
        shares = self._shares_at(scores, temperature)
        self._settle(shares, seen, told)
        total = sum(shares)
        return [share / total for share in shares]

    def _shares_at(self, scores: Sequence[float], temperature: float) -> list[float]:
        """Return how likely each mode is beside the likeliest, which has 1."""
        highest = max(scores)
        return [math.exp((score - highest) / temperature) for score in scores]

    def _shared_out(self, scores: tuple[float, ...]) -> Shares:
        shares = self._shares_at(scores, self._weights.temperature)
        likeliest = self.names[shares.index(1.0)]
        return Shares(tuple(shares), sum(shares), likeliest, likeliest in MODES)

    def _settle(
        self, shares: list[float], seen: Collection[Fact], told: frozenset[EvidenceSource]
    ) -> None:
        """Change shares as far as modes cannot be told apart."""
        if Fact.WENT_WELL in seen:
            self._fold(shares, told)
        if EvidenceSource.RETURN not in told:
            self._doubt(shares, told)

    def _fold(self, shares: list[float], told: frozenset[EvidenceSource]) -> None:
        """Count modes that cannot be seen of an unlock that went well as nothing wrong."""
        nothing = self.names.index(NOTHING_WRONG)
        for slug in sorted(unseen_on(told)):
            place = self.names.index(slug)
            shares[nothing] += shares[place]
            shares[place] = 0.0

    def _doubt(self, shares: list[float], told: frozenset[EvidenceSource]) -> None:
        """Leave no mode of a silent box sure that others look like: its return will part them."""
        first = max(range(len(shares)), key=shares.__getitem__)
        alike = class_of(self.names[first], told).slugs
        others = [
            place
            for place, name in enumerate(self.names)
            if name in alike and place != first and shares[place] > 0.0
        ]
        excess = shares[first] - MOST_BEFORE_RETURN * sum(shares)
        if others and excess > 0.0:
            shares[first] -= excess
            for place in others:
                shares[place] += excess / len(others)

    def _second_explanation(
        self, first: str, seen: Collection[Fact], impossible: frozenset[str]
    ) -> int | None:
        """Return the mode that explains best what the first one leaves unexplained, or None.

        Two faults at a time are rare, so probabilities do not show the second one. It must have
        something that it needs among the facts that do not speak for the first.
        """
        if first not in MODES:
            return None
        rest = [fact for fact in seen if fact not in _LISTED[first]]
        best, highest = None, LEAST_BESIDE
        for place, slug in enumerate(MODES):
            signature = MODES[slug].signature
            if slug in impossible or slug == first or signature.needs.isdisjoint(rest):
                continue
            weights = self._weights.seen[slug]
            score = sum(weights.get(fact, 0.0) for fact in rest)
            if score > highest:
                best, highest = place, score
        return best

    def _columns(self, by_mode: Mapping[str, Mapping[str, float]]) -> dict[Fact, list[float]]:
        """Return for each fact by how much it moves each mode."""
        columns = {fact: [0.0] * len(self.names) for fact in FACTS}
        for place, name in enumerate(self.names):
            for fact, weight in by_mode.get(name, {}).items():
                if fact not in columns:
                    raise ConfigError([f"weights: no such fact: {fact}"])
                columns[Fact(fact)][place] = weight
        return columns

    def _nothing_seen(self, told: frozenset[EvidenceSource]) -> list[float]:
        columns = (column for fact, column in self._unseen.items() if FACTS[fact].told in told)
        return [sum(each) for each in zip(self._bias, *columns, strict=True)]

    def _heaviest(
        self, name: str, seen: tuple[Fact, ...], told: frozenset[EvidenceSource]
    ) -> tuple[Weighed, ...]:
        """Return the facts that moved a mode most, the heaviest first."""
        of_seen = self._weights.seen.get(name, {})
        weighed = [
            Weighed(fact.value, round(weight, 2)) for fact in seen if (weight := of_seen.get(fact))
        ]
        for fact, weight in self._weights.unseen.get(name, {}).items():
            if weight and fact not in seen and FACTS[Fact(fact)].told in told:
                weighed.append(Weighed(fact, round(weight, 2), is_seen=False))
        weighed.sort(key=lambda one: (-abs(one.weight), one.fact))
        return tuple(weighed[:MOST_WEIGHED])


def _in_doubt(others: Shares, own: Shares) -> tuple[float, ...]:
    """Return how likely each mode is by other unlocks, which the unlock's own facts contradict."""
    of_others, of_own = MOST_IN_DOUBT / others.total, (1.0 - MOST_IN_DOUBT) / own.total
    both = zip(others.beside_likeliest, own.beside_likeliest, strict=True)
    return tuple(of_others * other + of_own * its for other, its in both)


def _unproven(name: str, shown: Collection[Fact]) -> float:
    """Return the penalty of a mode that needs facts which no source here can show."""
    signature = SIGNATURES.get(name)
    return 0.0 if signature is None else UNPROVEN * signature.unknowable(shown)


def contradicted(name: str, seen: Collection[Fact], shown: Collection[Fact]) -> bool:
    """Return whether a mode is contradicted by seen facts, or by unseen ones of `shown`."""
    signature = SIGNATURES.get(name)
    return signature is not None and bool(signature.contradicted_by(seen, shown))


def unexplained_marks(name: str) -> frozenset[Fact]:
    """Return the marks that a mode neither lists nor rules out."""
    return MARKS - _facts_of_list(name) if name in MODES else frozenset()


def weights_of_marks(seen: Mapping[str, Mapping[str, float]]) -> dict[Fact, float]:
    """Return what each mark weighs against modes that do not explain it.

    The more it speaks for one that does, the more: `seen` has the weights of facts by mode. A
    lasting mark may have been there long before, so it weighs the least.
    """
    found = dict.fromkeys(LASTING_MARKS, LEAST_UNEXPLAINED)
    for fact in MARKS - LASTING_MARKS:
        listing = (name for name in MODES if fact in _LISTED[name])
        most = max(seen.get(name, {}).get(fact.value, 0.0) for name in listing)
        found[fact] = max(min(UNEXPLAINED * most, LEAST_UNEXPLAINED), MOST_UNEXPLAINED)
    return found


def _with_marks(weights: Weights) -> Weights:
    """Return weights with what marks do to the modes that do not explain them."""
    of_marks = weights_of_marks(weights.seen)
    seen = {name: {**its} for name, its in weights.seen.items()}
    for name in MODES:
        its = seen[name]
        for fact in sorted(unexplained_marks(name)):
            its[fact.value] = its.get(fact.value, 0.0) + of_marks[fact]
    return msgspec.structs.replace(weights, seen=seen)


def _unlisted(by_mode: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return the weights of facts that a mode's signature does not list."""
    return {
        name: {
            fact: weight for fact, weight in its.items() if Fact(fact) not in _facts_of_list(name)
        }
        for name, its in by_mode.items()
        if name in SIGNATURES
    }


def _facts_of_list(name: str) -> frozenset[Fact]:
    signature = SIGNATURES[name]
    return signature.needs | signature.may_show | signature.rules_out


_LISTED: Final = {
    slug: mode.signature.needs | mode.signature.may_show for slug, mode in MODES.items()
}
"""The facts that each mode explains."""


def within_signatures(weights: Weights) -> Weights:
    """Return weights as far as physics allows them, whatever was learned before it said so."""
    return msgspec.structs.replace(
        weights,
        seen={
            **weights.seen,
            **{name: _seen_within(name, weights.seen.get(name, {})) for name in SIGNATURES},
        },
        unseen={
            name: _unseen_within(name, its) if name in SIGNATURES else its
            for name, its in weights.unseen.items()
        },
    )


def _seen_within(name: str, learned: Mapping[str, float]) -> dict[str, float]:
    within = {**learned}
    for fact in sorted(SIGNATURES[name].rules_out):
        weight = learned.get(fact.value, 0.0)
        within[fact.value] = weight if weight <= LEAST_AGAINST else RULED_OUT
    return within


def _unseen_within(name: str, learned: Mapping[str, float]) -> dict[str, float]:
    needs = sorted(SIGNATURES[name].needs)
    return {**learned, **{fact.value: min(learned.get(fact, RULED_OUT), MISSED) for fact in needs}}


def read_weights(text: bytes) -> Weights:
    """Return the weights of a file's text. Raises `ConfigError`.

    A mode that was not learned yet has the weights of its signature.
    """
    try:
        learned = msgspec.json.decode(text, type=Weights)
    except msgspec.MsgspecError as error:
        raise ConfigError([f"weights: {error}"]) from None
    _check_modes(learned)
    by_signature = weights_by_signature()
    for slug in MODES.keys() - learned.bias.keys():
        learned.bias[slug] = by_signature.bias[slug]
        learned.seen[slug] = by_signature.seen[slug]
        learned.unseen[slug] = by_signature.unseen[slug]
    return learned


def _check_modes(weights: Weights) -> None:
    """Raise `ConfigError` for modes that are in no catalogue: their weights would do nothing."""
    names = (*MODES, UNKNOWN, NOTHING_WRONG)
    problems = [
        f"weights: {part}.{name}: no such failure mode{suggestion(name, names)}"
        for part, its in (
            ("bias", weights.bias),
            ("seen", weights.seen),
            ("unseen", weights.unseen),
        )
        for name in its
        if name not in names
    ]
    if problems:
        raise ConfigError(problems)


def weights_by_signature() -> Weights:
    """Return weights that nobody has learned: what the signatures alone say."""
    seen, unseen = {}, {}
    for slug, mode in MODES.items():
        signature = mode.signature
        seen[slug] = {
            **dict.fromkeys(sorted(signature.may_show), FOR),
            **dict.fromkeys(sorted(signature.needs), NEEDED),
            **dict.fromkeys(sorted(signature.rules_out), AGAINST),
        }
        unseen[slug] = dict.fromkeys(sorted(signature.needs), MISSED)
    bias = {slug: -FOR * len(mode.signature.needs) for slug, mode in MODES.items()}
    return Weights(
        version=FORM,
        made_by="signatures alone",
        temperature=1.0,
        bias={**bias, UNKNOWN: 0.0, NOTHING_WRONG: 0.0},
        seen={
            slug: {str(fact): weight for fact, weight in each.items()}
            for slug, each in seen.items()
        },
        unseen={
            slug: {str(fact): weight for fact, weight in each.items()}
            for slug, each in unseen.items()
        },
    )


RULED_OUT: Final = -8.0
"""The weight of a ruled-out fact, or of a missing needed one, that was not learned yet.

It exceeds everything that mostly goes with the mode [E].
"""
