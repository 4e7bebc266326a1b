"""The process: how long it waits for what is in flight, and how much it keeps."""

from __future__ import annotations

import pytest

from fleet_wire.contract.attempt import Stage
from fleet_wire.profiles.loading import load_profile
from platform_probe.outputs.otlp.spans import hops_at
from platform_probe.service.monitor_parts import broker_of_spans
from platform_probe.service.running import DRAIN_MARGIN_S, drain_s
from platform_probe.settings.load import LoadSettings
from platform_probe.settings.monitor import ProbeSettings


@pytest.mark.parametrize(
    ("load", "patience_s"),
    [
        ({"deadline_s": 20}, 20),
        ({"deadline_s": 7, "every_s": 60, "vehicles": ["a"]}, 14),
        ({"deadline_s": 7, "every_s": 60, "vehicles": ["a"], "relock": False}, 7),
    ],
)
def test_drain_lasts_as_long_as_the_slowest_unlock(
    load: dict[str, object], patience_s: float
) -> None:
    """Until the deadline of one that has just begun; where cars are locked again, one lock more."""
    assert drain_s(LoadSettings.model_validate(load)) == patience_s + DRAIN_MARGIN_S


@pytest.mark.parametrize(
    ("profile", "command", "result", "state"),
    [
        (
            "native",
            "publish cars/{vehicle_id}/command",
            "receive cars/{vehicle_id}/result",
            "receive cars/{vehicle_id}/state",
        ),
        (
            "ovms",
            "publish ovms/demo/{vehicle_id}/client/+/command/+",
            "receive ovms/demo/{vehicle_id}/client/+/response/+",
            "receive ovms/demo/{vehicle_id}/metric/v/e/locked",
        ),
        (
            "aws-iot",
            "publish $aws/commands/things/{vehicle_id}/executions/+/request/json",
            "receive $aws/commands/things/{vehicle_id}/executions/+/response/json",
            "receive",
        ),
    ],
)
def test_spans_name_the_topics_of_the_profile_in_force(
    profile: str, command: str, result: str, state: str
) -> None:
    """Those of the fleet, whoever's they are; a message that it does not have names none."""
    broker = broker_of_spans(ProbeSettings(profile=profile), load_profile(profile))
    hops = hops_at(broker)
    assert hops[Stage.BROKER_ACCEPTED].name == command
    assert hops[Stage.RESULT_RECEIVED].name == result
    assert hops[Stage.STATE_CHANGED].name == state
