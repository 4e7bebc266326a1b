"""The whole path of one unlock in one trace: monitor, broker, box and back, and the log beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.contract.attempt import Attempt, Stage
from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.contract.trace_context import span_id_of, trace_context_of
from fleet_wire.links.link import Message
from tests.helpers.hand_made_boxes import AnyClient, links_to
from tests.helpers.otlp_receiver import attributes, otlp_receiver
from tests.helpers.running_fleet import running_boxes
from tests.helpers.running_probe import running_probe
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker

CAR = "car-00003"
LOAD: dict[str, Any] = {
    "stages": [{"kind": "constant", "rate_per_s": 2, "duration_s": 2}],
    "vehicles": [CAR],
    "relock": False,
}


async def unlock(
    directory: Path, mosquitto: BrokerProcess, backend_url: str
) -> tuple[list[Message], Attempt]:
    """Unlock one car; return what was said to it and by it, and a record of measured times."""
    async with links_to(mosquitto.address) as links:
        kinds = (TopicKind.COMMAND, TopicKind.RESULT, TopicKind.PRESENCE)
        wire = AnyClient(links, "wire", *(topic_of(kind, CAR) for kind in kinds))
        await eventually(lambda: any(b'"online"' in one.payload for one in wire.messages))
        settings = {"load": LOAD, "otlp": {"endpoint": backend_url}, "exit_when_done": True}
        async with running_probe(directory, mosquitto.address, **settings) as probe:
            assert await probe.exit_code() == 0
            attempt = next(one for one in probe.attempts() if one.has_times)
    command = (attempt.command_id or "").encode()
    return [one for one in wire.messages if one.correlation_data == command], attempt


async def test_one_trace_has_the_whole_path_and_its_log(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """What the command says on the wire, what the box says, what the backend gets: one trace."""
    with otlp_receiver() as backend:
        async with running_boxes(tmp_path, mosquitto):
            messages, attempt = await unlock(tmp_path, mosquitto, backend.url)
    contexts = {
        kind: [
            trace_context_of(one.user_properties)
            for one in messages
            if one.topic == topic_of(kind, CAR)
        ]
        for kind in (TopicKind.COMMAND, TopicKind.RESULT)
    }
    (sent,) = contexts[TopicKind.COMMAND]
    received, executed = contexts[TopicKind.RESULT]
    assert sent is not None
    assert executed is not None
    assert received == executed
    assert sent.trace_id == executed.trace_id == attempt.trace_id
    root, *hops = backend.trace(attempt.trace_id)
    ids = {attributes(hop)["unlockpath.stage"]: hop.span_id.hex() for hop in hops}
    assert list(ids) == list(attempt.hops_s)
    assert {Stage.PUBLISHED, Stage.BOX_EXECUTED, Stage.STATE_CHANGED} <= ids.keys()
    assert sent.span_id == ids[Stage.PUBLISHED]
    assert executed.span_id == span_id_of(CAR, sent.span_id)
    assert {hop.parent_span_id for hop in hops} == {root.span_id}
    (record,) = [one for one in backend.logs if one.trace_id == root.trace_id]
    assert (record.event_name, record.span_id) == ("unlock", root.span_id)
    assert attributes(record)["unlockpath.command_id"] == attempt.command_id
