"""How well problems are found: `python -m bench.detection [--days N] [--seeds N] [--json FILE]`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Final

import msgspec

from bench.detection.baselines import BASELINES, delays_of
from bench.detection.cost import measure_cost
from bench.detection.quiet import MONTH_DAYS, Found, Quiet, quiet_days, trouble

SHARES: Final = (0.99, 0.5, 0.2, 0.1)
COHORTS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"operator": "operator-b", "region": "north"},
    {"firmware": "2.5.0"},
)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What stands under `detection` in the JSON file."""

    false_alerts_per_30_days: float
    delay_over_bound: float
    """The mean over changes to 10, 20 and 50 % of unlocks to the alert over the bound. What was not
    found counts as if found at its last unlock, unless it has fewer than the bound: a small cohort
    at night has too few for any test."""
    outage_unlocks: float
    """Unlocks to the alert where 99 % are hit, on average."""
    found: float
    cohort: float
    incidents_per_trouble: float
    cost_us: float
    cost_cohorts: int
    by_share: dict[str, float]
    baselines: dict[str, dict[str, float]]
    quiet: list[Quiet]
    troubles: list[Found]


def main() -> None:
    """Measure, print, and write what was asked for."""
    arguments = _arguments()
    quiet = []
    for seed in range(arguments.seed, arguments.seed + arguments.towns):
        quiet.append(quiet_days(seed, arguments.days / arguments.towns, a_minute=arguments.rate))
        print(quiet[-1], flush=True)
    troubles = []
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        for cohort in COHORTS:
            for share in SHARES:
                troubles.append(trouble(seed, share, cohort, a_minute=arguments.rate))
                print(_in_words(troubles[-1]), flush=True)
    cost_us, cohorts = measure_cost()
    written = written_of(quiet, troubles, cost_us, cohorts)
    print(
        msgspec.json.format(
            msgspec.json.encode(msgspec.structs.replace(written, quiet=[], troubles=[]))
        ).decode()
    )
    if arguments.json is not None:
        encoded = msgspec.json.encode({"detection": written})
        arguments.json.write_bytes(msgspec.json.format(encoded) + b"\n")


def written_of(
    quiet: Sequence[Quiet], troubles: Sequence[Found], cost_us: float, cohorts: int
) -> Written:
    """Return the figures."""
    days = sum(one.days for one in quiet)
    found = [one for one in troubles if one.is_found]
    by_share = {}
    for share in SHARES:
        counted = [one for one in troubles if one.is_found or one.unlocks > one.bound]
        ratios = [one.unlocks / one.bound for one in counted if one.share == share]
        by_share[f"{share:g}"] = round(mean(ratios), 3) if ratios else math.inf
    outages = [one.unlocks for one in found if one.share == SHARES[0]]
    return Written(
        false_alerts_per_30_days=round(sum(one.alerts for one in quiet) * MONTH_DAYS / days, 3),
        delay_over_bound=round(mean(by_share[f"{share:g}"] for share in SHARES[1:]), 3),
        outage_unlocks=round(mean(outages), 2) if outages else math.inf,
        found=round(mean(one.is_found for one in troubles), 3),
        cohort=round(mean(one.cohort_is_right for one in found), 3) if found else 0.0,
        incidents_per_trouble=round(mean(one.incidents for one in found), 3) if found else 0.0,
        cost_us=round(cost_us, 2),
        cost_cohorts=cohorts,
        by_share=by_share,
        baselines={name: delays_of(name) for name in BASELINES},
        quiet=[*quiet],
        troubles=[*troubles],
    )


def _in_words(one: Found) -> str:
    return (
        f"{one.share:4.0%} of {one.cohort or 'all'}: {one.unlocks} unlocks (bound {one.bound}),"
        f" {one.seconds:.0f} s, {one.incidents} incidents: {one.title}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("--days", type=float, default=30.0, help="healthy days, in all")
    parser.add_argument("--towns", type=int, default=2, help="that they are of, each from cold")
    parser.add_argument("--seeds", type=int, default=3, help="troubles of each kind")
    parser.add_argument("--seed", type=int, default=100, help="of the first town")
    parser.add_argument("--rate", type=float, default=10.0, help="unlocks a minute")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
