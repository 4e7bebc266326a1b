"""What the rounds came to, beside what it should be."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.results import Goal, goals_table
from bench.web.measure import WebMeasurement


class WebResults(msgspec.Struct, frozen=True):
    """Everything that a run measured, as it goes into web.json."""

    machine: dict[str, str]
    rounds: list[WebMeasurement]


def render_web(rounds: Sequence[WebMeasurement]) -> str:
    """Return medians and goals as text."""
    return goals_table(web_goals(rounds), of="the platform's API, null boxes")


def web_goals(rounds: Sequence[WebMeasurement]) -> list[Goal]:
    """Return what is told of the rounds."""
    rate, half = f"at {rounds[0].rate_per_s:,.0f}/s", f"at {rounds[0].rate_per_s / 2:,.0f}/s"
    return [
        Goal(f"{rate}: refused", [one.refused for one in rounds], 0, form=".0f"),
        Goal(f"{rate}: not executed", [one.lost for one in rounds], 0, form=".0f"),
        Goal(f"{rate}: p99, ms", [one.p99_ms for one in rounds], None),
        Goal(f"{half}: p50, ms", [one.half_p50_ms for one in rounds], None),
        Goal(f"{half}: p99, ms", [one.half_p99_ms for one in rounds], 10),
        Goal(f"{half}: p99 of the bare handler, ms", [r.bare_half_p99_ms for r in rounds], None),
        Goal("CPU a request, µs", [one.api_cpu_us for one in rounds], None, form=".0f"),
        Goal("CPU, bare handler, µs", [one.bare_cpu_us for one in rounds], None, form=".0f"),
        Goal("CPU, API / bare", [one.api_cpu_us / one.bare_cpu_us for one in rounds], 2.5),
    ]
