"""What weights are learned from."""

from __future__ import annotations

import msgspec
import pytest

from bench.score.rows import KEPT, MOST_CASES, Row, rows_of, without
from fleet_wire.modes.facts import EvidenceSource
from tests.helpers.scored import CAN, case_of

ROW = Row(("back_soon", "not_delivered"), ("presence", "receipts"), CAN, "box_silent", 1.0)


def test_of_a_lost_source_nothing_is_seen() -> None:
    """And on a wire without receipts all commands that nobody confirms look alike."""
    assert without(ROW, ()) == ROW
    poor = without(ROW, (EvidenceSource.RECEIPTS, EvidenceSource.PRESENCE))
    assert (poor.seen, poor.told) == (("not_answered",), ())


def test_whole_seeds_are_kept_for_the_temperature() -> None:
    """No incident is on both sides."""
    cases = [
        msgspec.structs.replace(case_of(CAN, (CAN, 0.9), incident=f"{seed}"), seed=seed)
        for seed in range(KEPT)
    ]
    assert [row.is_kept for row in rows_of(cases, ())] == [False, True]
    assert [round(row.weight * KEPT) for row in rows_of(cases, ())] == [KEPT - 1, 1]


def test_a_large_incident_counts_as_much_as_a_small_one() -> None:
    """Its unlocks are evidence of one thing that has happened; one alone is weak evidence."""
    many = [case_of(CAN, (CAN, 0.9), incident="many", cause="a")] * (2 * MOST_CASES)
    few = [case_of(CAN, (CAN, 0.9), incident="few", cause="b")] * 3
    one = [case_of(CAN, (CAN, 0.9), incident="one", cause="c")]
    weights = {row.cause: row.weight for row in rows_of([*many, *few, *one], ())}
    assert weights["a"] == pytest.approx(weights["b"])
    assert weights["c"] == pytest.approx(weights["b"] / 3)
