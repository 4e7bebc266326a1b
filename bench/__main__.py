"""Measure everything and print it: `python -m bench [--boxes N] [--rounds N] [--quick] ...`.

First the stacks over a real broker, then watching (alone: `python -m bench.watching`), the
platform's API, what decoding and detection take, and virtual time; `--links`, `--web`,
`--decoding`, `--detection` and `--virtual` are these alone.
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

import msgspec
import uvloop

from bench.child_fleet import BUILT
from bench.decoding import QUICK as QUICK_DECODING
from bench.decoding import DecodingPlan, measure_decoding, render_decoding
from bench.detection.cost import MANY, measure_cost
from bench.machine import closed_connections_gone, machine_facts
from bench.measure import Measurement, Plan, measure
from bench.probe_run import ProbeMeasurement, measure_probe
from bench.results import Results, render
from bench.stacks import STACKS
from bench.virtual import QUICK, VirtualPlan, measure_virtual, render_virtual
from bench.watching import QUICK as WATCH_QUICK
from bench.watching import WatchPlan, measure_watching, render_watching
from bench.web.measure import QUICK_WEB, WebPlan, measure_web
from bench.web.results import WebResults, render_web

_QUICK = Plan(boxes=1_000, closed_loop_s=1.0, open_loop_s=2.0, probe_s=4.0)
_DESCRIPTORS_BESIDE_BOXES = 100


def main() -> None:
    """Run the rounds, interleaved, so that a disturbance hits all stacks alike."""
    arguments = _arguments()
    is_alone = (
        arguments.links,
        arguments.virtual,
        arguments.decoding,
        arguments.web,
        arguments.detection,
    )
    is_all = not any(is_alone)
    if is_all or arguments.links:
        _bench_stacks(arguments)
    if is_all:
        _bench_watching(arguments)
    if is_all or arguments.web:
        _bench_web(arguments)
    if is_all or arguments.decoding:
        plan = QUICK_DECODING if arguments.quick else DecodingPlan()
        print(f"{render_decoding(measure_decoding(plan))}\n")
    if is_all or arguments.detection:
        cost_us, cohorts = measure_cost(5_000 if arguments.quick else MANY)
        print(f"detection: {cost_us:.1f} us of CPU an unlock at {cohorts} cohorts (goal: 15)\n")
    if is_all or arguments.virtual:
        _bench_virtual(arguments)


def _bench_web(arguments: argparse.Namespace) -> None:
    plan = QUICK_WEB if arguments.quick else WebPlan()
    rounds = []
    for number in range(1, 1 + (1 if arguments.quick else arguments.rounds)):
        print(f"round {number}: the platform's API", flush=True)
        rounds.append(uvloop.run(measure_web(plan)))
    print(render_web(rounds))
    _keep("web.json", WebResults(machine_facts(), rounds))


def _bench_virtual(arguments: argparse.Namespace) -> None:
    plan = VirtualPlan(rounds=arguments.rounds if arguments.virtual else 1)
    results = measure_virtual(QUICK if arguments.quick else plan)
    _keep("virtual.json", results)
    print(render_virtual(results))


def _bench_watching(arguments: argparse.Namespace) -> None:
    plan = WATCH_QUICK if arguments.quick else WatchPlan(rounds=arguments.rounds)
    results = measure_watching(plan)
    _keep("watching.json", results)
    print(render_watching(results))


def _bench_stacks(arguments: argparse.Namespace) -> None:
    plan = _QUICK if arguments.quick else Plan()
    plan = Plan(
        boxes=arguments.boxes or plan.boxes,
        rate_per_s=arguments.rate,
        closed_loop_s=plan.closed_loop_s,
        open_loop_s=plan.open_loop_s,
        probe_s=plan.probe_s,
    )
    _need_descriptors(plan.boxes + _DESCRIPTORS_BESIDE_BOXES)
    results = uvloop.run(
        _rounds(
            arguments.stacks,
            plan,
            rounds=1 if arguments.quick else arguments.rounds,
            has_probe=not arguments.no_probe,
        )
    )
    print(render(results))
    _keep("results.json", results)


def _keep(name: str, results: msgspec.Struct) -> None:
    """Write what was measured, each round by itself, to a file."""
    file = BUILT / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    print(f"\nEach round by itself: {file.relative_to(Path.cwd())}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--boxes", type=int, help="default 10,000; 1,000 with --quick")
    parser.add_argument("--rate", type=float, default=2_000.0, help="commands/s of the open loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stacks", type=_stacks, default=list(STACKS), help=",".join(STACKS))
    parser.add_argument("--no-probe", action="store_true", help="leave the real probe out")
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument("--links", action="store_true", help="the stacks alone")
    alone.add_argument("--virtual", action="store_true", help="virtual time alone")
    alone.add_argument("--web", action="store_true", help="the platform's API alone")
    alone.add_argument("--decoding", action="store_true", help="decoding alone")
    alone.add_argument("--detection", action="store_true", help="detection alone")
    parser.add_argument("--quick", action="store_true", help="one short round with fewer boxes")
    return parser.parse_args()


def _stacks(text: str) -> list[str]:
    kinds = text.split(",")
    if unknown := [kind for kind in kinds if kind not in STACKS]:
        raise argparse.ArgumentTypeError(
            f"unknown {', '.join(unknown)}; there are {', '.join(STACKS)}"
        )
    return kinds


async def _rounds(kinds: list[str], plan: Plan, *, rounds: int, has_probe: bool) -> Results:
    stacks: dict[str, list[Measurement]] = {kind: [] for kind in kinds}
    probe: list[ProbeMeasurement] = []
    for number in range(1, rounds + 1):
        for kind in kinds:
            print(f"round {number} of {rounds}: {STACKS[kind]}", flush=True)
            stacks[kind].append(await measure(kind, plan))
        if has_probe:
            await closed_connections_gone()
            print(f"round {number} of {rounds}: the real probe, full boxes", flush=True)
            probe.append(await measure_probe(plan))
    return Results(machine_facts(), stacks, probe)


def _need_descriptors(needed: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(
            f"{needed} open files are needed, {hard} allowed\n  cure: ulimit -Hn {needed} (as root)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
