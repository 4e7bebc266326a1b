"""What a what-if has found, made by hand."""

from __future__ import annotations

from platform_probe.tell.what_if import Bounds, MitigationResult, PlayedWorld, WhatIfResult


def made_what_if() -> WhatIfResult:
    """Return a result with one mitigation that helps."""
    bounds = Bounds(mean=3.25, low=1.0, high=5.5)

    def one(name: str, title: str, assumes: str = "") -> MitigationResult:
        return MitigationResult(
            name=name, title=title, assumes=assumes, lost=bounds, saved=bounds, waiting_s=61.0,
            sms=4.0, cost=0.2, is_better=name != "do_nothing",
        )  # fmt: skip

    return WhatIfResult(
        seeds=10,
        horizon_s=1_800.0,
        worlds=[PlayedWorld("no_coverage_garage", 0.8)],
        mitigations=[
            one("ours", "Call <them>", "Support knows <them>."),
            one("do_nothing", "Do nothing"),
        ],
    )
