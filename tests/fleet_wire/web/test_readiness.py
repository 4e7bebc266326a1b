"""What `/readyz` answers."""

from __future__ import annotations

import msgspec

from fleet_wire.web.readiness import readiness


def test_one_broker_of_several_is_enough_and_the_others_are_named() -> None:
    """Out of service it would lose the cars of those that are there, too."""
    assert (readiness(None, "").status, readiness(None, "").body) == (200, b"ready\n")
    answer = readiness(None, "mqtt://b:1883 (unreachable)")
    assert answer.status == 200
    assert answer.body.startswith(b"ready, but without mqtt://b:1883 (unreachable)")


def test_without_any_it_is_not_ready() -> None:
    """And says why."""
    answer = readiness("no broker", "")
    assert answer.status == 503
    assert msgspec.json.decode(answer.body)["detail"] == "no broker"
