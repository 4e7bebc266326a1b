"""docs/cost.md and docs/lower-cost.md add up: amounts, prices and what settings save."""

from __future__ import annotations

import re

import pytest

from tests.helpers.pages import page

LOWER = page("lower-cost.md")
TEXT = page("cost.md") + LOWER
DAYS = 30


def number(text: str) -> float:
    """Return the first number of a text."""
    found = re.search(r"\d[\d,]*(?:\.\d+)?", text)
    assert found, text
    return float(found[0].replace(",", ""))


def row(begin: str) -> list[str]:
    """Return the cells of the one row that begins so, without that."""
    (line,) = (line for line in TEXT.splitlines() if line.startswith(f"| {begin}"))
    return [cell.strip() for cell in line.strip().strip("|").split("|")][1:]


def price(begin: str) -> float:
    """Return a price for a month."""
    text = row(begin)[0]
    monthly = re.search(r"([\d.]+) a month", text)
    return float(monthly[1]) if monthly else number(text)


CARS = (10_000, 1_000_000)


@pytest.mark.parametrize("column", [0, 1])
def test_amounts_follow_from_the_fleet(column: int) -> None:
    """Cars, unlocks and heartbeats, and the bytes that they make."""
    cars, unlocks = CARS[column], number(row("unlocks a month")[column])
    assert unlocks == cars * number(row("unlocks a car and day")[column]) * DAYS
    heartbeats = number(row("heartbeats")[column])
    assert heartbeats == cars * 24 * 60 * DAYS
    of_store = unlocks * number(row("an unlock in the store")[0])
    of_store += heartbeats * number(row("a heartbeat in the store")[0])
    assert number(row("older files")[2 * column]) == pytest.approx(of_store / 1e9, rel=0.02)
    for signal, begin in (("traces", "an unlock's trace"), ("logs", "its line")):
        told_gb = number(row(f"{signal} over OTLP")[2 * column])
        assert told_gb == pytest.approx(unlocks * number(row(begin)[0]) / 1e6, rel=0.01)


@pytest.mark.parametrize("column", [0, 1])
def test_costs_are_amounts_at_list_prices(column: int) -> None:
    """Each row, and both sums."""
    sums = {"**in your own cluster**": 0.0, "**with a vendor, beside it**": 0.0}
    own, vendor = sums
    for name, of, each in (
        ("processor", own, price("a vCPU")),
        ("memory", own, price("a GiB of memory")),
        ("disk", own, price("a GiB of disk")),
        ("older files of the store", own, price("a GB in a bucket")),
        ("traces over OTLP", vendor, price("a GB of traces")),
        ("logs over OTLP", vendor, price("a GB of traces")),
    ):
        amount, costs = row(name)[2 * column : 2 * column + 2]
        assert float(costs) == pytest.approx(number(amount) * each, abs=0.011), name
        sums[of] += float(costs)
    for name, whole in sums.items():
        assert number(row(name)[2 * column + 1]) == pytest.approx(whole, abs=0.011), name
    series, costs = row("metrics of a vendor")[2 * column : 2 * column + 2]
    assert float(costs) == number(series) / 1_000 * price("a thousand series") * 4


def test_what_settings_save_is_what_they_take() -> None:
    """Shares of the traffic over OTLP, and the sums in the last line."""
    trace, line = number(row("an unlock's trace")[0]), number(row("its line")[0])
    assert number(row("`otlp.traces")[0]) == round(100 * trace / (trace + line))
    assert number(row("`otlp.logs")[0]) == round(100 * line / (trace + line))
    own = number(row("**in your own cluster**")[3])
    metrics = number(row("metrics of a vendor")[3])
    vendor = number(row("**with a vendor, beside it**")[3])
    (less, more) = re.findall(r"that is ([\d,]+) dollars a month in place of ([\d,]+)", TEXT)[0]
    assert (number(less), number(more)) == (round(own + metrics), round(own + metrics + vendor))
    every = re.search(r"([\d,]+) cars, each opened every ([\d,]+) s, are ([\d,]+) a month", TEXT)
    assert every
    cars, seconds, unlocks = map(number, every.groups())
    assert unlocks == pytest.approx(cars / seconds * 86_400 * DAYS, rel=0.01)


def test_settings_exist() -> None:
    """Each setting that saves something is one that docs/probe.md has."""
    settings = page("probe.md")
    for line in LOWER.splitlines():
        for part, key in re.findall(r"`(otlp\.\w+|store|load): \{(\w+):", line):
            assert f"## Below `{part}`" in settings, part
            assert f"| `{key}` |" in settings.partition(f"## Below `{part}`")[2].partition("## ")[0]
