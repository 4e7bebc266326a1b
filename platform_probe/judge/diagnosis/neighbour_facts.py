"""How other cars fared at the time, and what the failing ones have in common. No I/O."""

from __future__ import annotations

import math
from typing import Final

from fleet_wire.contract.text import Text, Value
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import COHORT
from platform_probe.judge.diagnosis.case import FEWEST, WAVE_CARS, Case, evidence
from platform_probe.judge.diagnosis.census import RADIO
from platform_probe.judge.diagnosis.neighbours import ALL, BOTH, Back, Comparison, Place, Share
from platform_probe.texts.catalogue import trait_text

CLEARLY: Final = 3.0
"""The standard deviations by which chance does not explain a difference, of a dozen cohorts."""
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
    """Note the traits that lost cars have in common."""
    lost = case.count_cars().compare(case.car.shared_traits)
    seen, everybody = case.seen, lost[ALL].inside
    if everybody.total < FEWEST:
        return
    for place, (inside, outside) in lost.items():
        fact = _AWAY.get(place[0])
        if fact is None or inside.failed < WAVE_CARS or outside.total < FEWEST:
            continue
        if inside.rate >= 0.2 and inside.rate >= 3 * (outside.failed + 0.5) / (outside.total + 1):  # noqa: PLR2004 - [E]
            case.seen[fact] = _counts(case, "cohort_away", inside, outside, cohort=_named(place))
    _of_operator(case, lost)
    _of_technology(case, lost)
    if everybody.rate > 1 / 3:
        seen[Fact.MANY_AWAY] = _counts(case, "many_away", everybody)
    elif everybody.rate < 0.08 and COHORT.isdisjoint(seen):  # noqa: PLR2004 - [E]
        few = "few_away" if everybody.failed else "none_away"
        seen[Fact.FEW_AWAY] = _counts(case, few, everybody)


def _of_technology(case: Case, lost: dict[Place, Comparison]) -> None:
    """Note whether all modems of a technology are lost there, and those of others are not.

    If several technologies fail, each is compared with all others together.
    """
    by_kind = {place[0]: pair.inside for place, pair in lost.items()}
    alike, here = by_kind.get(RADIO), by_kind.get(BOTH)
    if alike is None or here is None or alike.failed < FEW_HEARD or alike.rate <= NEARLY_ALL:
        return
    others = here.without(alike)
    if others.total >= FEWEST and alike.rate >= 3 * others.rate:
        case.seen[Fact.TECHNOLOGY_AWAY] = _counts(case, "technology_away", alike, others)


def _of_operator(case: Case, lost: dict[Place, Comparison]) -> None:
    """Note whether all that an operator has in the region are lost, or others' too."""
    seen, places = case.seen, dict(case.car.shared_traits)
    region = lost.get(("region", places.get("region", "")))
    both = next((pair for place, pair in lost.items() if place[0] == BOTH), None)
    if region is None or both is None or both.inside.total < FEWEST:
        return
    here, there = both.inside, region.inside
    of_others = there.without(here)
    if here.rate > NEARLY_ALL:
        seen[Fact.ALL_OF_OPERATOR_AWAY] = _counts(case, "all_of_operator_away", here)
    if of_others.failed >= 3:  # noqa: PLR2004 - two are chance
        seen[Fact.OTHER_OPERATOR_AWAY] = _counts(case, "other_operator_away", of_others)


def knows_who_was_heard(case: Case) -> bool:
    """Return whether the command is recent, and the car's operator and region are known."""
    known = dict(case.car.shared_traits).keys()
    return case.now_s - case.at_box_s <= MEANWHILE_S and {"operator", "region"} <= known


def note_heard_there(case: Case) -> None:
    """Note whether others of the car's operator and region were heard of while it was silent.

    Later they may have returned from the same fault, and new connections show that.
    """
    if not knows_who_was_heard(case):
        return
    if case.car.first_heard_after(case.at_box_s) is not None:
        return
    census, places = case.count_cars(), case.car.shared_traits
    here, in_region, everywhere = census.counts_since(places, case.at_box_s)
    others, elsewhere = in_region.without(here), everywhere.without(in_region)
    said = {"at": case.now_unix_s, "total": here.total}
    if here.kept >= FEW_HEARD:
        case.note(Fact.OTHERS_THERE_HEARD, **said, heard=here.heard)
    elif not in_region.heard and others.total * elsewhere.rate >= FEW_HEARD:
        there = {"count": others.total, "others": elsewhere.heard, "all": elsewhere.total}
        case.note(Fact.NO_OPERATOR_HEARD, **said, **there)
    elif not here.heard and here.total * everywhere.without(here).rate >= FEW_HEARD:
        all_others = {"others": everywhere.heard, "all": everywhere.total - here.total}
        case.note(Fact.NONE_THERE_HEARD, **said, **all_others)


def note_back_after_others(case: Case) -> None:
    """Note that others of the operator and region connected long before this car: it could have."""
    if Fact.NOT_DELIVERED not in case.seen or Fact.REPORTED_AFTER in case.seen:
        return  # who has kept its connection need not come back
    since_s = case.published_s
    until_s = (case.now_s if case.back_s is None else case.back_s) - COMES_BACK_S
    others = case.count_cars().connected_between(case.car.shared_traits, since_s, until_s)
    if others >= FEW_HEARD:
        times = {"since": case.unix_s(since_s), "until": case.unix_s(until_s)}
        case.note(Fact.BACK_AFTER_OTHERS, count=others, **times)


def note_heard_alike(case: Case) -> None:
    """Note that most cars with modems like this one's were heard of: their network is there.

    If the network fails cell by cell, a later look refutes an earlier one.
    """
    switched_off_s = min(case.now_s - SWITCHED_OFF_S, case.began_s + SWITCHED_OFF_S)
    since_s = max(case.at_box_s, switched_off_s)
    alike = case.count_cars().count_of_modem(case.car.shared_traits, since_s)
    if alike is not None and alike.heard >= FEW_HEARD and alike.rate > 0.5:  # noqa: PLR2004 - most
        counts = {"heard": alike.heard, "total": alike.total}
        case.note(Fact.TECHNOLOGY_WELL, at=case.now_unix_s, **counts)


def note_others(case: Case) -> None:
    """Note how other cars fared."""
    seen, everybody = case.seen, case.compared[ALL].inside
    if everybody.total < FEWEST:
        return
    _of_lost_cars(case)
    has_cohort = _of_failures(case)
    alike = _alike(case)
    if everybody.rate > 0.5:  # noqa: PLR2004 - more than half
        seen[Fact.MANY_FAIL] = _counts(case, f"others_failed{alike}", everybody)
    elif everybody.rate >= 0.1:  # noqa: PLR2004 - [E]
        seen[Fact.SOME_FAIL] = _counts(case, f"others_failed{alike}", everybody)
    elif not has_cohort and COHORT.isdisjoint(seen):
        few = "few_failed" if everybody.failed else "none_failed"
        seen[Fact.ALONE] = _counts(case, f"{few}{alike}", everybody)
    _of_waves(case)


def _of_failures(case: Case) -> bool:
    """Note the traits that similar failures share; return whether there are any."""
    has_cohort = _of_operator_there(case)
    for place, (inside, outside) in case.compared.items():
        fact = _DIMENSIONS.get(place[0])
        if fact is not None and _fails_alone(inside, outside):
            has_cohort = True
            case.seen[fact] = _failures(case, place, inside, outside)
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
    case.seen[Fact.OPERATOR_FAILS] = _failures(case, place, here, elsewhere)
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


def _failures(case: Case, place: Place, inside: Share, outside: Share) -> Text:
    """Return how many other unlocks of a place had failed, and elsewhere."""
    key = f"cohort_failed{_alike(case)}"
    return _counts(case, key, inside, outside, cohort=_named(place))


def _counts(
    case: Case, key: str, inside: Share, outside: Share | None = None, **values: Value
) -> Text:
    """Return a sentence with the counts of failures so far."""
    counted: dict[str, Value] = {"failed": inside.failed, "total": inside.total}
    if outside is not None:
        counted |= {"others": outside.failed, "all": outside.total}
    return evidence(key, at=case.now_unix_s, **counted, **values)


def _named(place: Place) -> Text:
    return trait_text("shared", place[0].replace(" ", "_"), place[1])


def _alike(case: Case) -> str:
    """Return the failures of others to count: similar ones, or all after a success."""
    return "" if case.record.cause is None else "_alike"


def note_app(case: Case) -> None:
    """Note a booking that is not found though others with the same app have theirs found."""
    record = case.record
    app = record.platform.app_version if record.platform else None
    pair = case.compared.get(("app_version", app)) if app is not None else None
    if pair is None or Fact.SAID_BOOKING not in case.seen:
        return
    others = pair.inside
    if others.total >= FEWEST and others.rate < 0.1:  # noqa: PLR2004 - [E]
        key = f"app_failed{_alike(case)}"
        case.seen[Fact.APP_VERSION_FARES_WELL] = _counts(case, key, others, app=app or "")


def _of_pings(case: Case, back: Back | None) -> None:
    """Note whether those that fell silent with this one stayed away longer than dead connections.

    A later look refutes an earlier one: longer absences end later.
    """
    if back is None or Fact.REPORTED_AFTER in case.seen or Fact.WENT_WELL in case.seen:
        return
    by_ping, overdue = back
    both = by_ping + overdue
    if overdue >= max(FEW_HEARD, both / 2):
        case.note(Fact.OTHERS_OVERDUE, total=both, count=overdue)
    elif by_ping >= FEW_HEARD and overdue <= both / 10:
        case.note(Fact.OTHERS_BY_PING, total=both, count=by_ping)


def _of_waves(case: Case) -> None:
    """Note how many boxes disconnected or came back with this one."""
    seen = case.seen
    waves = case.count_waves(case.lost_s, case.returned_s)
    if case.are_many(waves.wills):
        case.note(Fact.WILLS_IN_A_WAVE, count=waves.wills)
    is_back = Fact.BACK_SOON in seen or Fact.BACK_IN_MINUTES in seen
    is_lost = Fact.WILL_BEFORE in seen or Fact.WILL_AFTER in seen
    lost = waves.lost_alike
    back = min(waves.back_of_those_lost, lost)
    is_left = is_lost and not is_back and Fact.ALL_OF_OPERATOR_AWAY not in seen
    if is_left and case.are_many(back) and back >= lost / 2:
        case.note(Fact.LEFT_BEHIND, at=case.now_unix_s, total=lost, count=back)
    if case.are_many(waves.returns):
        case.note(Fact.MANY_CAME_BACK, count=waves.returns)
        was_lost_with_many = case.lost_before_s is not None and Fact.WILLS_IN_A_WAVE in seen
        if was_lost_with_many and Fact.LEFT_BEHIND not in seen:
            seen.pop(Fact.FEW_AWAY, None)  # many were, and are back
    if case.are_many(waves.wills_at_once) and waves.wills_at_once > waves.wills / 2:
        case.note(Fact.WILLS_AT_ONCE, count=waves.wills_at_once)
    if case.are_many(waves.cut_at_once) and waves.cut_at_once > waves.wills / 2:
        case.note(Fact.CUT_AT_ONCE, count=waves.cut_at_once)
    _of_pings(case, waves.others_back)
    if case.are_many(waves.returns_at_once) and waves.returns_at_once > waves.returns / 2:
        case.note(Fact.BACK_WITH_OTHERS, count=waves.returns_at_once)
