"""How well cohorts are found: `python -m bench.cohorts [--outside FILE] [--json FILE] ...`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.cohorts.outside import read_outside
from bench.cohorts.score import (
    TUNED_ON_SEED,
    CohortScore,
    OutsideScore,
    Tried,
    score_outside,
    score_own,
)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into the JSON file."""

    cohorts: CohortScore
    outside: dict[str, OutsideScore]
    """By part: the first half of the labels, on which the search was tuned, and the other."""


def main() -> None:
    """Score, print, and write what was asked for."""
    arguments = _arguments()
    score, tried = score_own(arguments.seed, arguments.incidents)
    print(_own_in_words(score, tried))
    outside: dict[str, OutsideScore] = {}
    if arguments.outside is not None:
        incidents = read_outside(arguments.outside)
        half = len(incidents) // 2
        outside["tuned"] = score_outside(incidents[:half])
        outside["held_out"] = score_outside(incidents[half:])
        print("\n".join(_outside_in_words(part, one) for part, one in outside.items()))
    if arguments.json is not None:
        written = msgspec.json.encode(Written(cohorts=score, outside=outside))
        arguments.json.write_bytes(msgspec.json.format(written) + b"\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.cohorts", description=__doc__)
    parser.add_argument("--seed", type=int, default=2, help="of our incidents; 1 was tuned on")
    parser.add_argument("--incidents", type=int, default=600, help="how many of our own")
    parser.add_argument("--outside", type=Path, help="incidents of others; see outside.py")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser.parse_args()


def _own_in_words(score: CohortScore, tried: Sequence[Tried]) -> str:
    tuned = " (the search was tuned on this seed)" if score.seed == TUNED_ON_SEED else ""
    lines = [
        f"{score.incidents} incidents of our own, seed {score.seed}{tuned}",
        f"  right cohort first      {score.top1:.3f}",
        f"  among the first three   {score.top3:.3f}",
        f'  F1 of "no cohort"       {score.none_f1:.3f}',
        f"  both of two cohorts     {score.both:.3f}",
        f"  begin within interval   {score.begin_held:.3f}",
        f"  calibration error       {score.calibration_error:.3f}",
        f"  ms a case, mean and p95 {score.ms:.0f} {score.ms_p95:.0f}",
    ]
    by_kind: dict[str, list[Tried]] = {}
    for one in tried:
        kind = f"{one.kind}, {one.traits} traits" if one.kind == "cohort" else one.kind
        by_kind.setdefault(kind, []).append(one)
    for kind, some in sorted(by_kind.items()):
        right = sum(one.is_first for one in some)
        lines.append(f"    {kind:<20} {right} of {len(some)} right")
    return "\n".join(lines)


def _outside_in_words(part: str, score: OutsideScore) -> str:
    return (
        f"{score.incidents} incidents of others, {part.replace('_', ' ')}: first {score.top1:.3f},"
        f" among three {score.top3:.3f}, {score.ms:.0f} ms a case"
    )


if __name__ == "__main__":
    main()
