"""What a platform says of another with its client id; the rest is in `tests/live/test_platform`."""

from __future__ import annotations

from fleet_sim.runs.live.platform import (
    REPORT_S,
    BrokersOfPlatform,
    TakeOvers,
    usual_client_id,
)
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import SESSION_TAKEN_OVER, Disconnected, EndReason

TAKEN_OVER = Disconnected(EndReason.BROKER_CLOSED, SESSION_TAKEN_OVER, "session taken over")


def test_who_is_thrown_out_says_by_what_and_what_to_do() -> None:
    """Once in a while: two throw each other out every second or so."""
    said: list[str] = []
    now_s = [0.0]
    take_overs = TakeOvers("platform", said.append, lambda: now_s[0])
    take_overs.handle_end(Disconnected(EndReason.BROKER_CLOSED, detail="Connection reset by peer"))
    assert said == []
    for second in (0.0, 1.0, REPORT_S - 0.1, REPORT_S):
        now_s[0] = second
        take_overs.handle_end(TAKEN_OVER)
    assert len(said) == 2
    assert "another client has connected with our client id 'platform'" in said[0]
    assert said[0].endswith("give one another id, as --client-id platform-2")


def test_a_broker_that_is_away_is_said_once_and_when_it_is_back() -> None:
    """One of several, and all of them; while none has been there yet, another says why."""
    said: list[str] = []
    brokers = Brokers.parse("mqtt://one,mqtt://two")
    of_platform = BrokersOfPlatform(brokers, said.append)
    refused = Disconnected(EndReason.UNREACHABLE, detail="Connection refused")
    of_platform.on_none_left(refused)
    assert said == []
    of_platform.changed(brokers.addresses[0], None)
    for _ in range(3):
        of_platform.changed(brokers.addresses[1], refused)
    of_platform.there()
    assert len(said) == 1
    assert said[0].startswith("broker mqtt://two:1883 is away, its cars are not reached: unreach")
    of_platform.on_none_left(refused)
    of_platform.on_none_left(refused)
    of_platform.changed(brokers.addresses[1], None)
    of_platform.there()
    assert len(said) == 4
    assert said[1].startswith("no connection with 2 brokers, mqtt://one:1883 to mqtt://two:1883, ")
    assert said[2] == "broker mqtt://two:1883 is there again"
    assert said[3].endswith("again")


def test_members_of_a_group_have_ids_of_their_own() -> None:
    """One alone is found by its name."""
    assert usual_client_id(None) == "platform"
    assert usual_client_id("members").startswith("platform-")
