"""How others fared at the time, and what those have in common that did not. No I/O."""

from __future__ import annotations

import math
from typing import Final

from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import COHORT
from platform_probe.judge.diagnosis.case import FEWEST, Case
from platform_probe.judge.diagnosis.census import RADIO
from platform_probe.judge.diagnosis.neighbours import ALL, BOTH, Place, Share

CLEARLY: Final = 3.0
"""The standard deviations by which chance does not explain a difference, of a dozen cohorts."""
WAVE_SHARE: Final = 0.04
WAVE_CARS: Final = 5
MEANWHILE_S: Final = 40.0
"""The time after a command in which a network seldom returns for others and not for this car [E].
"""
COMES_BACK_S: Final = 90.0
"""The time after the first cars within which all are back when a network returns [E]."""
SWITCHED_OFF_S: Final = 120.0
"""The time after one car within which all are lost when a network is switched off [E]."""
FEW_HEARD: Final = 3
"""The fewest cars that allow a conclusion: one may be counted for another's place, or have been
lucky [E].
"""
NEARLY_ALL: Final = 0.85
"""The share of cars that counts as all: some in an outage are silent between heartbeats, or still
in time [E].
"""
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


def _of_lost_cars(case: Case) -> None:
    """Note what cars that are lost have in common."""
    seen, everybody = case.seen, case.lost[ALL].inside
    if everybody.total < FEWEST:
        return
    for place, (inside, outside) in case.lost.items():
        fact = _AWAY.get(place[0])
        if fact is None or inside.failed < WAVE_CARS or outside.total < FEWEST:
            continue
        if inside.rate >= 0.2 and inside.rate >= 3 * (outside.failed + 0.5) / (outside.total + 1):  # noqa: PLR2004 - [E]
            seen[fact] = (
                f"at {case.clock}, {inside.failed} of {inside.total} cars of {place[0]} {place[1]}"
                f" had lost their connection, elsewhere {outside.failed} of {outside.total}"
            )
    _of_operator(case)
    _of_technology(case)
    if everybody.rate > 1 / 3:
        seen[Fact.MANY_AWAY] = (
            f"at {case.clock}, {everybody.failed} of {everybody.total} cars had lost their"
            " connection"
        )
    elif everybody.rate < 0.08 and COHORT.isdisjoint(seen):  # noqa: PLR2004 - [E]
        few = f"only {everybody.failed}" if everybody.failed else "none"
        seen[Fact.FEW_AWAY] = (
            f"at {case.clock}, {few} of {everybody.total} cars had lost their connection"
        )


def _of_technology(case: Case) -> None:
    """Note whether all modems of a technology are lost there, and those of others are not.

    If several technologies fail, each is compared with all others together.
    """
    by_kind = {place[0]: pair.inside for place, pair in case.lost.items()}
    alike, here = by_kind.get(RADIO), by_kind.get(BOTH)
    if alike is None or here is None or alike.failed < FEW_HEARD or alike.rate <= NEARLY_ALL:
        return
    others = here.without(alike)
    if others.total >= FEWEST and alike.rate >= 3 * others.rate:
        case.seen[Fact.TECHNOLOGY_AWAY] = (
            f"at {case.clock}, {alike.failed} of {alike.total} cars of this technology, operator"
            f" and region had lost their connection, of other technologies {others.failed} of"
            f" {others.total}"
        )


def _of_operator(case: Case) -> None:
    """Note whether all that an operator has in the region are lost, or others' too."""
    seen, places = case.seen, dict(case.car.shared_traits)
    region = case.lost.get(("region", places.get("region", "")))
    both = next((pair for place, pair in case.lost.items() if place[0] == BOTH), None)
    if region is None or both is None or both.inside.total < FEWEST:
        return
    here, there = both.inside, region.inside
    of_others = there.without(here)
    if here.rate > NEARLY_ALL:
        seen[Fact.ALL_OF_OPERATOR_AWAY] = (
            f"at {case.clock}, {here.failed} of {here.total} cars of this operator and region had"
            " lost their connection"
        )
    if of_others.failed >= 3:  # noqa: PLR2004 - two are chance
        seen[Fact.OTHER_OPERATOR_AWAY] = (
            f"at {case.clock}, {of_others.failed} of {of_others.total} cars of other operators in"
            " this region had lost their connection"
        )


def note_heard_there(case: Case) -> None:
    """Note whether others of the car's operator and region were heard of while it was silent.

    Later they may have returned from the same fault, and new connections show that.
    """
    if case.heard_since is None:
        return
    if case.car.first_heard_after(case.at_box_s) is not None:
        return
    here, in_region, everywhere = case.heard_since
    others, elsewhere = in_region.without(here), everywhere.without(in_region)
    said = (
        f"by {case.clock}, {here.heard} of {here.total} cars of this operator and region had been"
        " heard of since"
    )
    if here.kept >= FEW_HEARD:
        case.seen[Fact.OTHERS_THERE_HEARD] = said
    elif not in_region.heard and others.total * elsewhere.rate >= FEW_HEARD:
        case.seen[Fact.NO_OPERATOR_HEARD] = (
            f"{said}, nor any of {others.total} of others there; elsewhere {elsewhere.heard} of"
            f" {elsewhere.total}"
        )
    elif not here.heard and here.total * everywhere.without(here).rate >= FEW_HEARD:
        case.seen[Fact.NONE_THERE_HEARD] = (
            f"{said}, of all others {everywhere.heard} of {everywhere.total - here.total}"
        )


def note_back_after_others(case: Case) -> None:
    """Note that others of the operator and region connected long before this car: it could have."""
    if Fact.NOT_DELIVERED not in case.seen or Fact.REPORTED_AFTER in case.seen:
        return  # who has kept its connection need not come back
    since_s = case.published_s
    until_s = (case.now_s if case.back_s is None else case.back_s) - COMES_BACK_S
    others = case.connected_between(since_s, until_s)
    if others >= FEW_HEARD:
        case.seen[Fact.BACK_AFTER_OTHERS] = (
            f"{others} cars of this operator and region connected between {case.at(since_s)} and"
            f" {case.at(until_s)}, and this one did not"
        )


def note_heard_alike(case: Case) -> None:
    """Note that most cars with modems like this one's were heard of: their network is there.

    If the network fails cell by cell, a later look refutes an earlier one.
    """
    alike = case.heard_alike
    if alike is not None and alike.heard >= FEW_HEARD and alike.rate > 0.5:  # noqa: PLR2004 - most
        case.seen[Fact.TECHNOLOGY_WELL] = (
            f"by {case.clock}, {alike.heard} of {alike.total} cars of this technology, operator and"
            " region had been heard of since"
        )


def note_others(case: Case) -> None:
    """Note how other cars fared."""
    seen, everybody = case.seen, case.compared[ALL].inside
    if everybody.total < FEWEST:
        return
    _of_lost_cars(case)
    has_cohort = _of_failures(case)
    rest = f"of {everybody.total} other unlocks within ten minutes {_had_failed(case)}"
    said = f"by {case.clock}, {everybody.failed} {rest}"
    if everybody.rate > 0.5:  # noqa: PLR2004 - more than half
        seen[Fact.MANY_FAIL] = said
    elif everybody.rate >= 0.1:  # noqa: PLR2004 - [E]
        seen[Fact.SOME_FAIL] = said
    elif not has_cohort and COHORT.isdisjoint(seen):
        few = f"only {everybody.failed}" if everybody.failed else "none"
        seen[Fact.ALONE] = f"by {case.clock}, {few} {rest}"
    _of_waves(case)


def _of_failures(case: Case) -> bool:
    """Note what those have in common that fail alike; return whether there is anything."""
    has_cohort = _of_operator_there(case)
    for place, (inside, outside) in case.compared.items():
        fact = _DIMENSIONS.get(place[0])
        if fact is not None and _fails_alone(inside, outside):
            has_cohort = True
            case.seen[fact] = _count_sentence(case, place, inside, outside)
    return has_cohort


def _of_operator_there(case: Case) -> bool:
    """Note whether an operator fails in the car's region, however it fares elsewhere."""
    pairs = {place[0]: (place, pair) for place, pair in case.compared.items()}
    if not {BOTH, "region"} <= pairs.keys():
        return False
    place, (here, elsewhere) = pairs[BOTH]
    others_there = pairs["region"][1].inside.without(here)
    if not _fails_alone(here, elsewhere) or not _fails_alone(here, others_there):
        return False
    case.seen[Fact.OPERATOR_FAILS] = _count_sentence(case, place, here, elsewhere)
    return True


def _fails_alone(inside: Share, outside: Share) -> bool:
    """Return whether far more fail inside than outside; two are chance [E].

    Some may fail outside for a reason of their own: then chance alone must be very unlikely.
    """
    if inside.failed < 3 or outside.total < 3 or inside.rate < 0.25:  # noqa: PLR2004 - two are chance
        return False
    elsewhere = (outside.failed + 0.5) / (outside.total + 1)
    all_rate = (inside.failed + outside.failed) / (inside.total + outside.total)
    spread = math.sqrt(all_rate * (1 - all_rate) * (1 / inside.total + 1 / outside.total))
    is_clear = inside.rate - elsewhere >= CLEARLY * spread
    return inside.rate >= 3 * elsewhere or (inside.rate >= 2 * elsewhere and is_clear)


def _count_sentence(case: Case, place: Place, inside: Share, outside: Share) -> str:
    return (
        f"by {case.clock}, {inside.failed} of {inside.total} other unlocks of"
        f" {place[0].replace('_', ' ')} {place[1]} within ten minutes {_had_failed(case)},"
        f" elsewhere {outside.failed} of {outside.total}"
    )


def _had_failed(case: Case) -> str:
    """Return what is counted of others: of an unlock that went well, all that failed."""
    return "had failed" if case.record.cause is None else "had failed alike"


def note_app(case: Case) -> None:
    """Note a booking that is not found though others with the same app have theirs found."""
    record = case.record
    app = record.platform.app_version if record.platform else None
    pair = case.compared.get(("app_version", app)) if app is not None else None
    if pair is None or Fact.SAID_BOOKING not in case.seen:
        return
    others = pair.inside
    if others.total >= FEWEST and others.rate < 0.1:  # noqa: PLR2004 - [E]
        case.seen[Fact.APP_VERSION_FARES_WELL] = (
            f"by {case.clock}, {others.failed} of {others.total} other unlocks with app {app}"
            f" within ten minutes {_had_failed(case)}"
        )


def _of_pings(case: Case) -> None:
    """Note whether those that fell silent with this one stayed away longer than dead connections.

    A later look refutes an earlier one: longer absences end later.
    """
    if case.others_back is None or Fact.REPORTED_AFTER in case.seen:
        return
    by_ping, overdue = case.others_back
    both = by_ping + overdue
    if overdue >= max(FEW_HEARD, both / 2):
        case.seen[Fact.OTHERS_OVERDUE] = (
            f"of {both} cars that fell silent with this one {overdue} stayed away for longer than"
            " a box takes to notice a dead connection"
        )
    elif by_ping >= FEW_HEARD and overdue <= both / 10:
        case.seen[Fact.OTHERS_BY_PING] = (
            f"of {both} cars that fell silent with this one {by_ping} were back as soon as a box"
            " notices a dead connection"
        )


def _of_waves(case: Case) -> None:
    """Note how many boxes were lost, or came back, with this one."""
    seen, few = case.seen, max(WAVE_CARS, WAVE_SHARE * case.cars_known)
    if case.wills_around >= few:
        seen[Fact.WILLS_IN_A_WAVE] = (
            f"{case.wills_around} boxes lost their connection within two minutes"
        )
    is_back = Fact.BACK_SOON in seen or Fact.BACK_IN_MINUTES in seen
    is_lost = Fact.WILL_BEFORE in seen or Fact.WILL_AFTER in seen
    lost = case.lost_alike_around
    back = min(case.back_of_those_lost, lost)
    is_left = is_lost and not is_back and Fact.ALL_OF_OPERATOR_AWAY not in seen
    if is_left and back >= max(few, lost / 2):
        seen[Fact.LEFT_BEHIND] = (
            f"by {case.clock}, of {lost} boxes that lost their connection within two minutes"
            f" {back} or more were back, and this one was not"
        )
    if case.returns_around >= few:
        seen[Fact.MANY_CAME_BACK] = f"{case.returns_around} boxes connected within two minutes"
    if case.wills_at_once >= few and case.wills_at_once > case.wills_around / 2:
        seen[Fact.WILLS_AT_ONCE] = (
            f"{case.wills_at_once} boxes lost their connection within seconds"
        )
    _of_pings(case)
    if case.returns_at_once >= few and case.returns_at_once > case.returns_around / 2:
        seen[Fact.BACK_WITH_OTHERS] = f"{case.returns_at_once} boxes connected within seconds"
