"""Brokers of a list that none of their boxes is connected to."""

from __future__ import annotations

from fleet_sim.runs.live.brokers_away import AWAY_AFTER_S, BrokersAway, merge_states
from fleet_wire.links.brokers import Brokers

BROKERS = Brokers.parse("mqtt://a,mqtt://b")


def test_one_that_stays_away_is_said_once_and_that_it_is_back() -> None:
    """With its address and the reason."""
    said: list[str] = []
    away = BrokersAway(BROKERS, said.append)
    for now_s in (0.0, AWAY_AFTER_S, AWAY_AFTER_S + 1.0):
        away.update({0: "", 1: "nobody listens"}, now_s)
    assert said == ["broker mqtt://b:1883: none of its boxes is connected: nobody listens"]
    for now_s in (5.0, 6.0):
        away.update({0: "", 1: ""}, now_s)
    assert said[1:] == ["broker mqtt://b:1883: boxes connect to it now"]


def test_one_that_is_back_soon_is_not_worth_a_word() -> None:
    """Neither that it was away nor that it is back."""
    said: list[str] = []
    away = BrokersAway(BROKERS, said.append)
    away.update({1: "it starts"}, 0.0)
    away.update({1: ""}, AWAY_AFTER_S - 1.0)
    away.update({1: "it starts again"}, AWAY_AFTER_S + 1.0)
    assert said == []


def test_a_broker_is_there_when_a_box_of_any_process_is_connected() -> None:
    """Whichever process has tried first; one that nobody has tried is not mentioned."""
    assert merge_states([{0: "refused"}, {0: "", 2: ""}, {0: "refused", 2: "refused"}]) == {
        0: "",
        2: "",
    }
    assert merge_states([{}, {1: "refused"}, {1: "nobody listens"}])[1]
