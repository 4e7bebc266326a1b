"""Which cohort the failures share, in a small fleet where that is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import pytest
from msgspec.structs import replace

from platform_probe.judge.diagnosis.cohorts.counts import Count, Values
from platform_probe.judge.diagnosis.cohorts.find import Absence, Finding, Trait, find_cohorts

TRAITS = ("region", "operator", "firmware")
KINDS: tuple[Values, ...] = tuple(product(("city", "coast"), ("north", "south"), ("1.0", "2.0")))
BEGAN_AT = 1_767_225_600.0 + 8 * 3600 + 12 * 60
"""08:12 UTC."""
EVERY_S = 15.0
CARS = 160


def unlocks(
    fails: Callable[[Values, int], bool], *, before: int = 800, since: int = 160
) -> list[Count]:
    """Return one unlock every 15 s, of one car and kind after the other, around 08:12.

    From then on `fails` says of values and number what fails; before, each fiftieth does.
    """
    return [
        Count(
            at=BEGAN_AT + number * EVERY_S,
            values=KINDS[number % len(KINDS)],
            vehicle_id=f"car-{number % CARS}",
            failures=int(fails(KINDS[number % len(KINDS)], number) if number >= 0 else is_fiftieth),
        )
        for number in range(-before, since)
        for is_fiftieth in [number % 50 == 0]
    ]


CITY, NORTH, NEW = Trait("region", "city"), Trait("operator", "north"), Trait("firmware", "2.0")


def found_in(counts: Sequence[Count], since: float = BEGAN_AT) -> Finding:
    """Search with the traits of the small fleet."""
    return find_cohorts(counts, trait_names=TRAITS, since=since)


@pytest.mark.parametrize("traits", [(CITY,), (CITY, NORTH), (CITY, NORTH, NEW)])
def test_the_right_level_is_found(traits: tuple[Trait, ...]) -> None:
    """A parent whose children all fail is named itself; a child among healthy ones is."""
    wanted = {trait.value for trait in traits}
    finding = found_in(unlocks(lambda values, _: wanted <= set(values)))
    (cohort,) = finding.found
    assert cohort.traits == traits
    assert cohort.probability > 0.9
    assert cohort.share == 1.0
    assert cohort.attempts == cohort.failures
    assert cohort.attempts + cohort.attempts_elsewhere == finding.attempts


def test_a_parent_is_named_though_one_child_fails_most() -> None:
    """All of the city fails one time in two, and always where the operator is north."""
    counts = unlocks(
        lambda values, number: "city" in values and ("north" in values or number % 3 == 0)
    )
    assert found_in(counts).found[0].traits == (CITY,)


def test_the_second_of_two_cohorts_is_found_in_what_the_first_leaves() -> None:
    """The figures of the second do not count the first."""
    counts = unlocks(
        lambda values, _: {"north", "1.0"} <= set(values) or values == ("coast", "south", "2.0")
    )
    finding = found_in(counts)
    names = {cohort.traits for cohort in finding.found}
    assert names == {
        (NORTH, Trait("firmware", "1.0")),
        (Trait("region", "coast"), Trait("operator", "south"), NEW),
    }
    assert finding.found[1].failures_elsewhere == 0


@pytest.mark.parametrize("minutes", [-10, 10])
def test_since_may_be_a_wrong_guess(minutes: int) -> None:
    """The search is repeated from where the cohort began to fail."""
    counts = unlocks(lambda values, _: "north" in values)
    finding = found_in(counts, BEGAN_AT + minutes * 60)
    begin = finding.found[0].begin
    assert begin is not None
    assert finding.since == begin.at == BEGAN_AT
    assert begin.earliest < begin.at
    exact = find_cohorts(counts, trait_names=TRAITS, since=BEGAN_AT + minutes * 60, is_exact=True)
    assert exact.since == BEGAN_AT + minutes * 60


HEALTHY = unlocks(lambda *_: False)
NO_COHORT: dict[str, tuple[list[Count], Absence]] = {
    "each second attempt fails, of all kinds alike": (
        unlocks(lambda _, number: number % 16 < 8), Absence.EVERYWHERE,
    ),
    "the city failed as often before": (
        [
            replace(one, failures=int("city" in one.values and place % 16 < 8))
            for place, one in enumerate(HEALTHY)
        ],
        Absence.AS_BEFORE,
    ),
    "twelve customers press in vain, at one car": (
        [*HEALTHY, *(replace(one, vehicle_id="car-sick", failures=1) for one in HEALTHY[-160::14])],
        Absence.FEW_CARS,
    ),
    "four failures, though all are of one region": (
        unlocks(lambda _, number: number in (0, 8, 16, 24)), Absence.TOO_FEW,
    ),
    "no attempt at all": ([], Absence.TOO_FEW),
}  # fmt: skip


@pytest.mark.parametrize("why", NO_COHORT)
def test_no_cohort_is_found_without_need(why: str) -> None:
    """And it is said why there is none."""
    counts, absence = NO_COHORT[why]
    finding = found_in(counts)
    assert (finding.found, finding.absence) == ((), absence)
    assert finding.cars == (("car-sick",) if absence is Absence.FEW_CARS else ())
    assert absence is not Absence.EVERYWHERE or finding.none_probability > 0.9
    assert counts or (finding.ranked, finding.none_probability) == ((), 1.0)


def test_what_is_not_known_names_no_cohort() -> None:
    """Cars that do not say their region fail: that is no region."""
    counts = [
        replace(one, values=(None, *one.values[1:])) if "city" in one.values else one
        for one in unlocks(lambda values, _: "city" in values)
    ]
    finding = found_in(counts)
    assert all(trait.name != "region" for one in finding.found for trait in one.traits)


def test_where_nothing_tells_attempts_apart_there_is_no_cohort() -> None:
    """A fleet of one place, operator, firmware and hardware, of which many fail."""
    counts = [replace(one, values=()) for one in unlocks(lambda values, _: "city" in values)]
    finding = find_cohorts(counts, trait_names=(), since=BEGAN_AT)
    assert finding.found == finding.ranked == ()
    assert finding.absence is Absence.AS_BEFORE or finding.absence is Absence.EVERYWHERE


def test_what_began_before_the_window_is_no_usual_failure() -> None:
    """All of the window is as its first half before it; before that half nothing failed."""
    counts = unlocks(lambda values, _: "north" in values)
    last_at = max(one.at for one in counts)
    finding = found_in(counts, (BEGAN_AT + last_at) / 2)
    assert finding.found[0].traits == (NORTH,)
    assert finding.since == BEGAN_AT
