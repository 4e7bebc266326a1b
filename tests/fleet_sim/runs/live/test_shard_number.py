"""Which shard a process is told to be, or its pod is."""

from __future__ import annotations

import pytest

from fleet_sim.runs.live.shard_number import parse_shard
from fleet_wire.errors import ConfigError


def test_it_is_what_it_is_told() -> None:
    """From 1 to N."""
    assert [parse_shard(text) for text in ("1/1", "2/4", "4/4")] == [(1, 1), (2, 4), (4, 4)]


@pytest.mark.parametrize("host", ["boxes-3", "big-boxes-0-3", "boxes-3.boxes.unlockpath.svc"])
def test_a_pod_counts_from_0_and_shards_from_1(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a StatefulSet or an indexed Job; also where the host has its whole name."""
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert parse_shard("pod/4") == (4, 4)


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("boxes-4", "pod boxes-4 is number 5: there are more pods than sha"),
        ("boxes-7d9f-xk2vq", "called 'boxes-7d9f-xk2vq', and no pod of a StatefulSet"),
    ],
)
def test_a_pod_too_many_is_refused(
    host: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has scaled the set, and not said so; a pod of a Deployment has no number."""
    monkeypatch.setattr("socket.gethostname", lambda: host)
    with pytest.raises(ConfigError, match=problem):
        parse_shard("pod/4")
