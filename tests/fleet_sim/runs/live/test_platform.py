"""The client ids of platforms; `health.txt` and `tests/live/test_platform` have the rest."""

from __future__ import annotations

from fleet_sim.runs.live.platform import usual_client_id


def test_members_of_a_group_have_ids_of_their_own() -> None:
    """One alone is found by its name."""
    assert usual_client_id(None) == "platform"
    assert usual_client_id("members").startswith("platform-")
