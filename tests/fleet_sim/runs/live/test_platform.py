"""What a platform says of another with its client id; the rest is in `tests/live/test_platform`."""

from __future__ import annotations

from fleet_sim.runs.live.platform import REPORT_S, TakeOvers, usual_client_id
from fleet_wire.links.link import SESSION_TAKEN_OVER, Disconnected, Ended

TAKEN_OVER = Disconnected(Ended.BROKER_CLOSED, SESSION_TAKEN_OVER, "session taken over")


def test_who_is_thrown_out_says_by_what_and_what_to_do() -> None:
    """Once in a while: two throw each other out every second or so."""
    said: list[str] = []
    now_s = [0.0]
    take_overs = TakeOvers("platform", said.append, lambda: now_s[0])
    take_overs.take(Disconnected(Ended.BROKER_CLOSED, detail="Connection reset by peer"))
    assert said == []
    for second in (0.0, 1.0, REPORT_S - 0.1, REPORT_S):
        now_s[0] = second
        take_overs.take(TAKEN_OVER)
    assert len(said) == 2
    assert "another client has connected with our client id 'platform'" in said[0]
    assert said[0].endswith("give one another id, as --client-id platform-2")


def test_members_of_a_group_have_ids_of_their_own() -> None:
    """One alone is found by its name."""
    assert usual_client_id(None) == "platform"
    assert usual_client_id("members").startswith("platform-")
