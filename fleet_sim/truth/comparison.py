"""Two results side by side: whether a release of a client tells the truth less often than another.

The verdict uses two shares of each client, in all failure modes together. They are the unlocks
with a true grade, and the unlocks about which something untrue was shown. Unlocks count as
independent of each other. The modes are shown beside it and not judged: few unlocks stand behind
each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fleet_sim.results.comparison import (
    CONFIDENCE,
    Difference,
    Judgement,
    Tolerance,
    judgement_as_json,
)
from fleet_sim.results.uncertainty import share, z_of
from fleet_sim.truth.grading import LIES, Grade
from fleet_sim.truth.score import ClientResult, Counts, TruthResult, number_of, read_result
from fleet_wire.errors import ConfigError

TRUE, UNTRUE = "told the truth", "told something untrue"


@dataclass(frozen=True, slots=True)
class TruthComparison(Judgement):
    """Two results of `fleet-sim truth` compared."""

    a: Path
    b: Path
    results: tuple[TruthResult, TruthResult]


def compare_truth(a: Path, b: Path, *, tolerance: Tolerance) -> TruthComparison:
    """Return what differs from A to B, which are directories of results. Raises `ConfigError`."""
    results = read_result(a), read_result(b)
    pairs = [*_pairs(*results)]
    if not pairs:
        names = " and ".join(", ".join(each.clients) or "none" for each in results)
        raise ConfigError([f"{a}, {b}: no client of both was graded: {names}"])
    confidence = 1 - (1 - CONFIDENCE) / (2 * len(pairs))
    z = z_of(confidence)
    differences = [
        each for name, *both in pairs for each in _judged(name, *both, z=z, tolerance=tolerance)
    ]
    for name, *both in pairs:
        differences += _modes(f"  {name} " if len(pairs) > 1 else "  ", *both, z=z)
    return TruthComparison(differences, confidence, a, b, results)


def _pairs(a: TruthResult, b: TruthResult) -> Iterator[tuple[str, ClientResult, ClientResult]]:
    """Yield the clients of both results; a single one of each may have another name."""
    names = [(name, name) for name in a.clients if name in b.clients]
    if not names and len(a.clients) == len(b.clients) == 1:
        names = [(*a.clients, *b.clients)]  # type: ignore[list-item] # one of each
    for of_a, of_b in names:
        one, other = a.clients[of_a], b.clients[of_b]
        if number_of(one.total) and number_of(other.total):
            yield of_b, one, other


def _judged(
    name: str, a: ClientResult, b: ClientResult, *, z: float, tolerance: Tolerance
) -> Iterator[Difference]:
    of_both = partial(_difference, a=a.total, b=b.total, z=z)
    yield of_both(
        f"truth.{name} {TRUE}", (Grade.TRUE,), more_is_better=True, tolerated=tolerance.share
    )
    yield of_both(f"truth.{name} {UNTRUE}", LIES, tolerated=tolerance.share)


def _modes(before: str, a: ClientResult, b: ClientResult, *, z: float) -> Iterator[Difference]:
    """Yield the modes in which the share of true grades differs."""
    for mode, of_a in a.modes.items():
        of_b = b.modes.get(mode, {})
        if number_of(of_a) and number_of(of_b):
            found = _difference(
                f"truth.{before}{mode}",
                (Grade.TRUE,),
                a=of_a,
                b=of_b,
                z=z,
                is_judged=False,
                more_is_better=True,
            )
            if found.a.value != found.b.value:
                yield found


def _difference(
    key: str, grades: tuple[Grade, ...], *, a: Counts, b: Counts, z: float, **more: Any
) -> Difference:
    of_a, of_b = (share(number_of(it, grades), number_of(it), z) for it in (a, b))
    return Difference(key=key, a=of_a, b=of_b, **more)


def as_json(comparison: TruthComparison) -> dict[str, Any]:
    """Return the comparison as plain JSON values."""
    return {
        "a": str(comparison.a),
        "b": str(comparison.b),
        **judgement_as_json(comparison),
    }
