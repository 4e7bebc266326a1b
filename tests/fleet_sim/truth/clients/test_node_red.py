"""The client that plays Node-RED: its flow."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_sim.truth.clients.node_red import write_flow


def test_the_flow_is_wired_and_leads_to_the_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every wire ends at a node, and every MQTT node has the broker."""
    monkeypatch.setenv("UNLOCKPATH_BROKER", "mqtt://127.0.0.1:18831")
    nodes = msgspec.json.decode(write_flow(tmp_path).read_bytes())
    ids = {node["id"] for node in nodes}
    wires = {end for node in nodes for wire in node.get("wires", ()) for end in wire}
    assert wires <= ids
    assert {node["broker"] for node in nodes if node["type"] in ("mqtt in", "mqtt out")} == {
        "broker"
    }
    (broker,) = (node for node in nodes if node["type"] == "mqtt-broker")
    assert (broker["broker"], broker["port"]) == ("127.0.0.1", "18831")
