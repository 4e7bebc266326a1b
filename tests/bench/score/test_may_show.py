"""What each mode may show, from the incidents that were drawn of it."""

from __future__ import annotations

import msgspec

from bench.score.cases import LabelledCase, TimedDiagnosis
from bench.score.may_show import facts_shown
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import EvidenceSource

TOLD = tuple(sorted(EvidenceSource))
GARAGE = "no_coverage_garage"
NAT = "half_open_tcp_nat"


def case(label: str, *facts: str, incident: str = "1") -> LabelledCase:
    """Return an unlock of which these facts were seen."""
    last = TimedDiagnosis(after_s=30.0, cause=None, modes=(), facts=facts, told=TOLD)
    return LabelledCase(
        incident=f"{label}/{incident}", seed=1, loss="nothing", labels=(label,), attempt_id="a",
        outcome="unknown", cause="box_silent", furthest="sent", deviates="", first=None, last=last,
    )  # fmt: skip


def test_a_mode_may_show_what_its_incidents_have_shown_at_any_moment() -> None:
    """Each mode is listed, also if no incident of it was drawn."""
    early = TimedDiagnosis(after_s=5.0, cause=None, modes=(), facts=("still_away",), told=TOLD)
    seen = msgspec.structs.replace(case(GARAGE, "will_after"), first=early)
    found = facts_shown([seen])
    assert found.pop(GARAGE) == ["still_away", "will_after"]
    assert found == {slug: [] for slug in MODES if slug != GARAGE}


def test_what_other_modes_show_more_often_is_not_listed() -> None:
    """A mode shows it less than they do, so it does not speak for the mode."""
    often = [case(GARAGE, "fails_again") for _ in range(4)]
    seldom = [case(NAT, "was_online"), case(NAT, "fails_again")]
    found = facts_shown([*often, *seldom])
    assert found[GARAGE] == ["fails_again"]
    assert found[NAT] == ["was_online"]


def test_an_incident_of_many_unlocks_counts_as_much_as_one_of_few() -> None:
    """One in a hundred unlocks of one incident is too few, and half of two incidents is not."""
    many = [case(GARAGE, "will_after") for _ in range(99)]
    odd = case(GARAGE, "will_after", "door_ajar")
    assert facts_shown([*many, odd])[GARAGE] == ["will_after"]
    alone = case(GARAGE, "will_after", "door_ajar", incident="2")
    assert facts_shown([*many, alone])[GARAGE] == ["door_ajar", "will_after"]


def test_whom_failures_strike_is_not_learned() -> None:
    """Whoever draws an incident chooses the operator; two faults at a time show nothing either."""
    both = msgspec.structs.replace(case(GARAGE, "will_after"), labels=(GARAGE, NAT))
    found = facts_shown([case(GARAGE, "operator_fails", "operator_away", "alone"), both])
    assert found[GARAGE] == ["alone"]
