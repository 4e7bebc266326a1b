"""Weights learned from cases with labels."""

from __future__ import annotations

import msgspec

from bench.score.learning import KEPT, Row, _without, learn, rows_of
from fleet_wire.modes.facts import EvidenceSource
from fleet_wire.modes.mode import LIGHT
from tests.helpers.scored import CAN, case_of

TOLD = ("attempt", "presence")


def test_what_tells_two_modes_apart_becomes_heavy() -> None:
    """And signs stay those of the signatures."""
    rows = [
        Row(("refused_can_bus", "was_online"), TOLD, "can_bus_asleep_no_ack", 1.0),
        Row(("refused_busy", "was_online"), TOLD, "box_busy_duplicate", 1.0),
        Row(("not_delivered", "was_online", "back_without_will"), TOLD, "half_open_tcp_nat", 1.0),
        Row(("not_delivered", "was_online", "will_after"), TOLD, "no_coverage_garage", 1.0),
        Row(("not_delivered", "will_before", "will_after"), TOLD, "no_coverage_garage", 1.0),
    ]
    weights = learn(rows, steps=40)
    assert weights["seen"]["half_open_tcp_nat"]["back_without_will"] > 1.0
    assert weights["seen"]["no_coverage_garage"]["booted_after"] < 0
    assert all(weight <= 0 for each in weights["unseen"].values() for weight in each.values())


def test_what_no_signature_lists_may_tip_the_scales_only() -> None:
    """A habit of the incidents that were learned from decides nothing."""
    rows = [
        Row(("refused_can_bus", "door_opened"), TOLD, "can_bus_asleep_no_ack", 1.0),
        Row(("refused_busy",), TOLD, "box_busy_duplicate", 1.0),
    ]
    weights = learn(rows, steps=40)
    assert 0 < weights["seen"]["can_bus_asleep_no_ack"]["door_opened"] <= LIGHT


def test_that_nobody_fails_alike_yet_speaks_against_no_mode() -> None:
    """The first unlock of an outage is alone, though all that were learned from were among many."""
    told = (*TOLD, "kind", "neighbours")
    rows = [
        Row(("not_delivered", "operator_fails"), told, "regional_carrier_outage", 1.0),
        Row(("not_delivered", "few_away"), told, "no_coverage_garage", 1.0),
    ]
    weights = learn(rows, steps=40)
    assert weights["seen"]["regional_carrier_outage"]["operator_fails"] > 1.0
    assert "operator_fails" not in weights["unseen"].get("regional_carrier_outage", {})


def test_of_a_lost_source_nothing_is_seen() -> None:
    """And on a wire without receipts all commands that nobody confirms look alike."""
    row = Row(("back_soon", "not_delivered"), ("presence", "receipts"), CAN, 1.0)
    assert _without(row, ()) == row
    poor = _without(row, (EvidenceSource.RECEIPTS, EvidenceSource.PRESENCE))
    assert (poor.seen, poor.told) == (("not_answered",), ())


def test_the_same_cases_give_the_same_weights() -> None:
    """To the last digit, so that they can be renewed and compared."""
    rows = [
        Row(("refused_can_bus",), TOLD, "can_bus_asleep_no_ack", 1.0),
        Row(("refused_busy",), TOLD, "box_busy_duplicate", 1.0),
    ]
    assert learn(rows, steps=5) == learn(rows, steps=5)


def test_whole_seeds_are_kept_for_the_temperature() -> None:
    """No incident is on both sides."""
    cases = [
        msgspec.structs.replace(case_of(CAN, (CAN, 0.9), incident=f"{seed}"), seed=seed)
        for seed in range(KEPT)
    ]
    assert [row.is_kept for row in rows_of(cases, ())] == [False, True]
    assert [round(row.weight * KEPT) for row in rows_of(cases, ())] == [KEPT - 1, 1]
