"""The API beside a bare handler of its web stack: `python -m bench.web [--rounds N] [--quick]`."""

from __future__ import annotations

import argparse

import uvloop

from bench.web.measure import WebPlan, measure_web
from bench.web.results import render_web

QUICK = WebPlan(boxes=100, seconds=2.0)


def main() -> None:
    """Run the rounds and print them."""
    parser = argparse.ArgumentParser(prog="python -m bench.web", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one short round with fewer boxes")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else WebPlan()
    rounds = 1 if arguments.quick else arguments.rounds
    print(render_web([uvloop.run(measure_web(plan)) for _ in range(rounds)]))


if __name__ == "__main__":
    main()
