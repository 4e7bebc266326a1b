"""A made-up fleet whose unlocks fail of modes at frequencies of its own, each with its label."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_wire.contract.diagnosis import FactSeen, RankedMode
from fleet_wire.contract.label import Label
from fleet_wire.modes.catalogue import MODES, SIGNATURES
from fleet_wire.modes.facts import MARKS, EvidenceSource, Fact
from platform_probe.judge.diagnosis.calibration import LabelledUnlock
from platform_probe.judge.diagnosis.path import never_ends_so
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.stores import BEGIN_S, put_lines, put_unlocks, unlock

TOLD: Final = frozenset(EvidenceSource)
SHOWN: Final = 0.25
"""How often a fact that may go with a mode is seen of it here: facts are less telling than where
the weights were learned."""
STRAY: Final = 0.05
"""How often a fact is seen that has nothing to do with the failure."""
STRAY_MARK: Final = 0.002
"""The same of a mark, which hardly goes with a mode that does not list it."""


def labelled_unlocks(seed: int, number: int) -> list[LabelledUnlock]:
    """Return unlocks with labels: a few modes are common here, and most are rare."""
    fleet = random.Random("frequencies")  # noqa: S311 - the same fleet for each seed
    frequencies = {slug: fleet.paretovariate(0.6) for slug in MODES}
    draw = random.Random(seed)  # noqa: S311 - a made-up fleet
    slugs = draw.choices([*frequencies], [*frequencies.values()], k=number)
    return [_unlock(draw, f"{seed}-{place}", slug) for place, slug in enumerate(slugs)]


def _unlock(draw: random.Random, attempt_id: str, slug: str) -> LabelledUnlock:
    signature = SIGNATURES[slug]
    needed = {*signature.needs, *(draw.choice(sorted(one)) for one in signature.needs_one_of)}
    seen = [fact for fact in Fact if fact in needed or _is_seen(draw, fact, slug)]
    return LabelledUnlock(
        attempt_id=attempt_id,
        label=slug,
        started_at=draw.uniform(0.0, 30 * 86_400.0),
        seen=tuple(seen),
        told=TOLD,
        impossible=frozenset(),
        excluded=never_ends_so(MODES[slug].cause),
    )


def _is_seen(draw: random.Random, fact: Fact, slug: str) -> bool:
    signature = SIGNATURES[slug]
    chance = draw.random()
    stray = STRAY_MARK if fact in MARKS else STRAY
    return fact not in signature.rules_out and chance < (
        SHOWN if fact in signature.may_show else stray
    )


def make_labelled_store(directory: Path, number: int, *, is_one_incident: bool = False) -> Path:
    """Make a store with labelled unlocks of the fleet, and return its directory."""
    made = labelled_unlocks(1, number)
    if is_one_incident:
        made = [replace(made[0], attempt_id=one.attempt_id) for one in made]
    unlocks, diagnoses, labels = [], [], []
    for place, one in enumerate(made):
        its: dict[str, Any] = {"attempt_id": one.attempt_id}
        began_s, cause = BEGIN_S + round(one.started_at), MODES[one.label].cause
        facts = tuple(FactSeen(fact, "it was seen") for fact in one.seen)
        told = tuple(sorted(one.told))
        believed = {**its, "vehicle_id": "car-1", "at": began_s + 20.0, "cause": cause}
        unlocks.append(unlock(place, car="car-1", started_at=began_s, cause=cause, **its))
        diagnoses.append(
            diagnosis_of(RankedMode("unknown", 0.5), facts=facts, told=told, **believed)
        )
        labels.append(
            Label(
                vehicle_id="car-1", started_at=began_s, mode=one.label, by="jo", at=began_s + 60.0,
                **its,
            )
        )  # fmt: skip
    put_unlocks(directory, unlocks)
    put_lines(directory, "diagnoses", map(msgspec.json.encode, diagnoses))
    put_lines(directory, "labels", map(msgspec.json.encode, labels))
    return directory
