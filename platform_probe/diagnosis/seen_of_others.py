"""How others fared at the time, and what those have in common that did not. No I/O."""

from __future__ import annotations

from typing import Final

from fleet_wire.modes.facts import Fact
from platform_probe.diagnosis.case import AWAY_S, FEWEST, Case
from platform_probe.diagnosis.neighbours import ALL

WAVE_SHARE: Final = 0.04
WAVE_CARS: Final = 5
_DIMENSIONS: Final = {
    "operator": Fact.OPERATOR_FAILS,
    "region": Fact.REGION_FAILS,
    "firmware": Fact.FIRMWARE_FAILS,
    "hardware": Fact.HARDWARE_FAILS,
    "app_version": Fact.APP_VERSION_FAILS,
}
_AWAY: Final = {
    "technology": Fact.TECHNOLOGY_AWAY,
    "operator": Fact.OPERATOR_AWAY,
    "region": Fact.REGION_AWAY,
    "firmware": Fact.FIRMWARE_AWAY,
    "hardware": Fact.HARDWARE_AWAY,
}


def _is_early(case: Case) -> bool:
    """Return whether how others are now says how they were when the unlock failed."""
    return case.now_s - case.began_s < AWAY_S


def _of_lost_cars(case: Case) -> None:
    """Note what cars that are lost have in common."""
    seen, everybody = case.seen, case.lost[ALL].inside
    if everybody.total < FEWEST:
        return
    has_cohort = False
    for place, (inside, outside) in case.lost.items():
        fact = _AWAY.get(place[0])
        if fact is None or inside.failed < WAVE_CARS or outside.total < FEWEST:
            continue
        if inside.rate >= 0.2 and inside.rate >= 3 * (outside.failed + 0.5) / (outside.total + 1):  # noqa: PLR2004 - [E]
            has_cohort = True
            seen[fact] = (
                f"{place[0]} {place[1]}: {inside.failed} of {inside.total} cars are lost,"
                f" elsewhere {outside.failed} of {outside.total}"
            )
    if everybody.rate > 1 / 3:
        seen[Fact.MANY_AWAY] = f"{everybody.failed} of {everybody.total} cars are lost"
    elif everybody.rate < 0.08 and not has_cohort and _is_early(case):  # noqa: PLR2004 - [E]
        seen[Fact.FEW_AWAY] = f"only {everybody.failed} of {everybody.total} cars are lost"


def note_others(case: Case) -> None:
    """Note how other cars fared."""
    seen, compared = case.seen, case.compared
    everybody = compared[ALL].inside
    if everybody.total < FEWEST:
        return
    has_cohort = False
    _of_lost_cars(case)
    for place, (inside, outside) in compared.items():
        fact = _DIMENSIONS.get(place[0])
        if fact is None or inside.failed < 3 or outside.total < 3:  # noqa: PLR2004 - two are chance
            continue
        if inside.rate >= 0.25 and inside.rate >= 3 * (outside.failed + 0.5) / (outside.total + 1):  # noqa: PLR2004 - [E]
            has_cohort = True
            seen[fact] = (
                f"{place[0]} {place[1]}: {inside.failed} of {inside.total} others failed,"
                f" elsewhere {outside.failed} of {outside.total}"
            )
    if everybody.rate > 0.5:  # noqa: PLR2004 - more than half
        seen[Fact.MANY_FAIL] = f"{everybody.failed} of {everybody.total} others failed"
    elif everybody.rate < 0.1 and not has_cohort and _is_early(case):  # noqa: PLR2004 - [E]
        seen[Fact.ALONE] = (
            f"{everybody.total - everybody.failed} of {everybody.total} others fared well"
        )
    few = max(WAVE_CARS, WAVE_SHARE * case.cars_known)
    if case.wills_around >= few:
        seen[Fact.WILLS_IN_A_WAVE] = f"{case.wills_around} boxes were lost within two minutes"
    if case.returns_around >= few:
        seen[Fact.MANY_CAME_BACK] = f"{case.returns_around} boxes connected within two minutes"
