"""The town in which detection is measured, and the measuring."""

from __future__ import annotations

from itertools import islice

import pytest

from bench.detection.__main__ import main
from bench.detection.baselines import BURNS
from bench.detection.cost import measure_cost
from bench.detection.quiet import trouble
from bench.detection.town import Town
from tests.helpers.shipped import PROMETHEUS

pytestmark = pytest.mark.long


def test_a_seed_is_a_town() -> None:
    """The same unlocks each time, in the order of their ends, few of which fail."""
    first = [*islice(Town(5).unlocks(1.0), 2_000)]
    assert first == [*islice(Town(5).unlocks(1.0), 2_000)]
    assert first != [*islice(Town(6).unlocks(1.0), 2_000)]
    ends = [one.started_at + one.total_s for one in first]
    assert ends == sorted(ends)
    assert 0.01 < sum(one.cause is not None for one in first) / len(first) < 0.1


def test_an_outage_is_noticed_once_and_soon() -> None:
    """Ten unlocks and one incident, after a day and a half of quiet."""
    found = trouble(3, 0.99, {}, a_minute=1.0)
    assert found.is_found
    assert found.unlocks <= 10
    assert found.incidents == 1
    assert found.title.startswith("Boxes offline since ")


def test_burn_rates_are_those_that_are_shipped() -> None:
    """By their factors, windows and least counts."""
    rules = (PROMETHEUS / "rules" / "alerts.yml").read_text(encoding="utf-8")
    names = {60: "1h", 5: "5m", 360: "6h", 30: "30m", 1440: "1d", 120: "2h", 4320: "3d"}
    for burn in BURNS:
        long, short = names[burn.long_min], names[burn.short_min]
        assert f"slo_burn_rate:{long} > {burn.factor:g}" in rules
        assert f"slo_burn_rate:{short} > {burn.factor:g}" in rules
        assert f"slo_failures:increase{long} >= {burn.least}" in rules
        assert f"slo_failures:history3d >= {burn.history_h:g}" in rules


def test_the_cost_is_measured() -> None:
    """At 500 cohorts."""
    microseconds, cohorts = measure_cost(200)
    assert microseconds > 0.0
    assert cohorts > 450


def test_healthy_days_alone_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without troubles nothing can be averaged: what is known is printed."""
    words = "bench.detection --days 0.03 --towns 1 --seeds 0 --seed 3 --jobs 1"
    monkeypatch.setattr("sys.argv", words.split())
    main()
    assert capsys.readouterr().out.splitlines()[-1] == "0.03 healthy days: 0 alerts, 0 in 30 days"
