"""How well problems are found: `python -m bench.detection [--days N] [--seeds N] [--json FILE]`."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean
from typing import Final

import msgspec

from bench.detection.baselines import SCORES, delays_of
from bench.detection.baselines import SHARES as PLAIN
from bench.detection.cost import measure_cost
from bench.detection.quiet import KINDS, MONTH_DAYS, Found, Kind, Quiet, bound, quiet_days, trouble

HELD_OUT_SEEDS: Final = 5_000
"""Nobody has tuned with towns of this seed or a higher one."""
OURS: Final = "unlockpath"
SHARES: Final = (0.99, 0.5, 0.2, 0.1)
COHORTS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"operator": "operator-b", "region": "north"},
    {"firmware": "2.5.0"},
)


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What another test made of the same towns."""

    false_alerts_per_30_days: float
    found: float
    by_share: dict[str, float]
    """Unlocks over the bound."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What stands under `detection` in the JSON file."""

    healthy_days: float
    alerts: int
    """Of these days."""
    false_alerts_per_30_days: float
    delay_over_bound: float
    """The mean over changes to 10, 20 and 50 % of unlocks to the alert over the bound."""
    outage_unlocks: float
    """Unlocks to the alert where 99 % are hit, on average."""
    found: float
    cohort: float
    incidents_per_trouble: float
    cost_us: float
    cost_cohorts: int
    by_share: dict[str, float]
    in_towns: dict[str, Beside]
    """What other tests made of the same towns."""
    on_plain_streams: dict[str, dict[str, float]]
    """Unlocks that tests take where what is usual is known, by the share that are hit."""
    quiet: list[Quiet]
    troubles: list[Found]


def main() -> None:
    """Measure, print, and write what was asked for."""
    arguments = _arguments()
    is_held_out = arguments.seed >= HELD_OUT_SEEDS
    print(
        f"towns of seeds from {arguments.seed} on, {'held out' if is_held_out else 'to tune with'}:"
        f" tuned with seeds below {HELD_OUT_SEEDS}",
        flush=True,
    )
    with ProcessPoolExecutor(arguments.jobs) as pool:
        quiet, troubles = [], []
        for one in pool.map(_quiet, _quiet_towns(arguments)):
            quiet.append(one)
            print(
                f"{one.days:g} healthy days of a {one.kind}, seed {one.seed}:"
                f" {one.unlocks} unlocks, {one.alerts} alerts {[*one.titles]}; {one.baselines}",
                flush=True,
            )
        for found in pool.map(_trouble, _troubles(arguments)):
            troubles.append(found)
            print(_in_words(found), flush=True)
    if not troubles:
        print(healthy_days_in_words(quiet))
        return
    cost_us, cohorts = measure_cost()
    written = written_of(quiet, troubles, cost_us, cohorts)
    for line in table_of(written):
        print(line)
    if arguments.json is not None:
        encoded = msgspec.json.encode({"detection": written})
        arguments.json.write_bytes(msgspec.json.format(encoded) + b"\n")


def healthy_days_in_words(quiet: Sequence[Quiet]) -> str:
    """Return how many alerts healthy days brought."""
    days, alerts = sum(one.days for one in quiet), sum(one.alerts for one in quiet)
    return f"{days:g} healthy days: {alerts} alerts, {alerts * MONTH_DAYS / days:g} in 30 days"


def _quiet_towns(arguments: argparse.Namespace) -> list[tuple[Kind, int, float]]:
    """Return healthy towns of each kind, the costly ones first, each from cold."""
    return [
        (kind, arguments.seed + number, arguments.days / arguments.towns / len(KINDS))
        for number in range(arguments.towns)
        for kind in reversed(KINDS)
    ]


def _quiet(town: tuple[Kind, int, float]) -> Quiet:
    kind, seed, days = town
    return quiet_days(kind, seed, days)


def _troubles(arguments: argparse.Namespace) -> list[tuple[int, float, dict[str, str], float]]:
    return [
        (seed, share, cohort, arguments.rate)
        for seed in range(arguments.seed, arguments.seed + arguments.seeds)
        for cohort in COHORTS
        for share in SHARES
    ]


def _trouble(one: tuple[int, float, dict[str, str], float]) -> Found:
    seed, share, cohort, a_minute = one
    return trouble(seed, share, cohort, a_minute=a_minute)


def written_of(
    quiet: Sequence[Quiet], troubles: Sequence[Found], cost_us: float, cohorts: int
) -> Written:
    """Return the figures."""
    days = sum(one.days for one in quiet)
    found = [one for one in troubles if one.is_found]
    by_share = {f"{share:g}": _over_bound(troubles, share, OURS) for share in SHARES}
    outages = [one.unlocks for one in found if one.share == SHARES[0]]
    return Written(
        healthy_days=round(days, 1),
        alerts=sum(one.alerts for one in quiet),
        false_alerts_per_30_days=round(sum(one.alerts for one in quiet) * MONTH_DAYS / days, 3),
        delay_over_bound=round(mean(by_share[f"{share:g}"] for share in SHARES[1:]), 3),
        outage_unlocks=round(mean(outages), 2) if outages else math.inf,
        found=round(mean(one.is_found for one in troubles), 3),
        cohort=round(mean(one.cohort_is_right for one in found), 3) if found else 0.0,
        incidents_per_trouble=round(mean(one.incidents for one in found), 3) if found else 0.0,
        cost_us=round(cost_us, 2),
        cost_cohorts=cohorts,
        by_share=by_share,
        in_towns={
            name: Beside(
                false_alerts_per_30_days=round(
                    sum(one.baselines[name] for one in quiet) * MONTH_DAYS / days, 1
                ),
                found=round(mean(one.baselines[name] is not None for one in troubles), 3),
                by_share={f"{share:g}": _over_bound(troubles, share, name) for share in SHARES},
            )
            for name in quiet[0].baselines
        },
        on_plain_streams={name: delays_of(name) for name in SCORES},
        quiet=[*quiet],
        troubles=[*troubles],
    )


def _over_bound(troubles: Sequence[Found], share: float, name: str) -> float:
    """Return the mean of unlocks over the bound; what was not found counts to its last unlock.

    A cohort that has fewer unlocks than the bound counts where it was found only: at night a small
    one has too few for any test.
    """
    ratios = []
    for one in troubles:
        unlocks = one.unlocks if name == OURS and one.is_found else one.baselines.get(name)
        if unlocks is None and one.tried <= one.bound:
            continue
        if one.share == share:
            ratios.append((one.tried if unlocks is None else unlocks) / one.bound)
    return round(mean(ratios), 3) if ratios else math.inf


def table_of(written: Written) -> Iterator[str]:
    """Yield ours beside the others, and the figures."""
    shares = [f"{share:g}" for share in SHARES]
    yield f"\nin towns: unlocks over the bound, for a share of {', '.join(shares)}"
    ours = Beside(
        false_alerts_per_30_days=written.false_alerts_per_30_days,
        found=written.found,
        by_share=written.by_share,
    )
    for name, one in {OURS: ours, **written.in_towns}.items():
        ratios = "".join(f"{one.by_share[share]:8.2f}" for share in shares)
        yield (
            f"{name:14}{ratios}   found {one.found:5.0%}"
            f"   false alerts in 30 days {one.false_alerts_per_30_days:g}"
        )
    yield "\non plain streams: unlocks, for a share of " + ", ".join(f"{one:g}" for one in PLAIN)
    for name, delays in written.on_plain_streams.items():
        yield f"{name:14}" + "".join(f"{delays[f'{share:g}']:8.0f}" for share in PLAIN)
    yield f"{'bound':14}" + "".join(f"{bound(share, 30.0):8.0f}" for share in PLAIN)
    yield ""
    shown = msgspec.structs.replace(
        written, quiet=[], troubles=[], in_towns={}, on_plain_streams={}
    )
    yield msgspec.json.format(msgspec.json.encode(shown)).decode()


def _in_words(one: Found) -> str:
    return (
        f"{one.share:4.0%} of {one.cohort or 'all'}: {one.unlocks} unlocks (bound {one.bound}),"
        f" {one.seconds:.0f} s, {one.incidents} incidents: {one.title}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("--days", type=float, default=66.0, help="healthy days, in all")
    parser.add_argument("--towns", type=int, default=2, help="of each kind, each from cold")
    parser.add_argument(
        "--seeds", type=int, default=3, help="troubles of each kind; 0: healthy days only"
    )
    parser.add_argument(
        "--seed", type=int, default=HELD_OUT_SEEDS, help="of the first town; lower: to tune with"
    )
    parser.add_argument("--rate", type=float, default=10.0, help="unlocks a minute, in trouble")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="towns at a time")
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    if arguments.json is not None and not arguments.seeds:
        parser.error("--json needs troubles: give --seeds 1 or more")
    return arguments


if __name__ == "__main__":
    main()
