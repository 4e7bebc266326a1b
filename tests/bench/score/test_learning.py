"""Weights learned from cases with labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bench.score.prior import read_prior
from bench.score.rows import Row
from fleet_wire.contract.diagnosis import UNKNOWN
from fleet_wire.modes.facts import EvidenceSource, Fact
from platform_probe.judge.diagnosis.ranking import Ranking, read_weights

TOLD = ("attempt", "presence", "reasons", "receipts")
NOTHING: dict[str, Any] = {"bias": {}, "seen": {}, "unseen": {}}
"""A prior that says nothing."""


def row(label: str, *seen: str, cause: str = "box_silent") -> Row:
    """Return a row of a mode, of which this was seen."""
    return Row(tuple(sorted(seen)), TOLD, label, cause, 1.0)


CAN = row("can_bus_asleep_no_ack", "refused_can_bus", "was_online", cause="vehicle_failed")
BUSY = row("box_busy_duplicate", "refused_busy", "was_online", cause="box_busy")
NAT = row("half_open_tcp_nat", "not_delivered", "was_online", "back_without_will")
GARAGE = row("no_coverage_garage", "not_delivered", "was_online", "will_after")
ALL = (CAN, BUSY, NAT, GARAGE)


def learn(rows: Sequence[Row], prior: dict[str, Any], *, steps: int) -> dict[str, Any]:
    """Learn weights from rows and a prior: scipy takes 50 MB, and no other tests need it."""
    from bench.score import learning  # noqa: PLC0415

    return learning.learn(rows, prior, steps=steps)


def test_what_tells_two_modes_apart_gets_a_weight() -> None:
    """And what is not seen never speaks for a mode."""
    weights = learn(ALL, NOTHING, steps=40)
    assert weights["seen"]["no_coverage_garage"]["will_after"] > 0
    assert weights["seen"]["half_open_tcp_nat"]["back_without_will"] > 0
    assert all(weight < 0 for each in weights["unseen"].values() for weight in each.values())


def test_what_no_signature_lists_is_not_learned() -> None:
    """A habit of the incidents that were learned from decides nothing."""
    garage = GARAGE._replace(seen=(*GARAGE.seen, "went_well_between"))
    weights = learn([garage, NAT], NOTHING, steps=40)
    assert "door_opened" not in weights["seen"].get("no_coverage_garage", {})
    prior = {**NOTHING, "seen": {"no_coverage_garage": {"door_opened": 0.5}}}
    odd = GARAGE._replace(seen=(*GARAGE.seen, "door_opened"))
    weights = learn([odd, NAT], prior, steps=40)
    assert weights["seen"]["no_coverage_garage"]["door_opened"] == 0.5


def test_unknown_wins_where_the_mode_is_not_among_those_that_are_left() -> None:
    """It is learned from cases whose own mode was left out."""
    told = frozenset(map(EvidenceSource, TOLD))
    weights = learn(ALL, read_prior(), steps=40)
    ranking = Ranking(read_weights(msgspec.json.encode(weights)))
    seen = {Fact(fact): "" for fact in BUSY.seen}
    assert ranking.rank(seen, told)[0].mode == "box_busy_duplicate"
    left = frozenset({"box_busy_duplicate", "update_or_daily_reboot"})
    assert ranking.rank(seen, told, excluded=left)[0].mode == UNKNOWN
