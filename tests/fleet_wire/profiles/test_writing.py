"""What simulated boxes and the platform send in a fleet's own words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench.score.incidents import TWO_TOPICS
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Reason,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.loading import load_profile
from fleet_wire.profiles.profile import Profile
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.profile_files import heard, profile_of

CAR = "car-1"
COMMAND = Command("c1", Action.UNLOCK, 1_767_225_600_000, 1_767_225_620_000, 7, "ab")


def sent(profile: Profile, kind: TopicKind, message: Any) -> list[tuple[str, Any]]:
    """Return topics and JSON payloads of a message."""
    packets = profile.write(kind, CAR, message, COMMAND)
    return [(topic, msgspec.json.decode(payload)) for topic, payload, _, _ in packets]


def test_a_refusal_has_a_word_where_all_others_mean_one() -> None:
    """`otherwise: refused` is read of any word, so the box sends its reason."""
    profile = profile_of(TWO_TOPICS)
    refused = Result("c1", Phase.REFUSED, Reason.BUSY)
    ((topic, payload),) = sent(profile, TopicKind.RESULT, refused)
    assert (topic, payload) == (f"v1/{CAR}/ack", {"id": "c1", "status": "busy"})
    read = heard(profile, topic, msgspec.json.encode(payload))
    assert read == refused


def test_what_a_fleet_cannot_say_is_not_sent() -> None:
    """No receipt, no state, no action that has no word."""
    profile = profile_of(TWO_TOPICS)
    assert sent(profile, TopicKind.RESULT, Result("c1", Phase.RECEIVED)) == []
    state = VehicleState(False, False, 12.5, "1", "t", "o", "r")  # noqa: FBT003
    assert sent(profile, TopicKind.STATE, state) == []
    enable = msgspec.structs.replace(COMMAND, action=Action.ENABLE_DRIVING)
    assert profile.write(TopicKind.COMMAND, CAR, enable) == ()


def test_templates_are_filled() -> None:
    """`send` holds constants and fields; a field without a value is left out with its key."""
    profile = profile_of(OWN_WIRES["one-for-all"])
    (command,) = sent(profile, TopicKind.COMMAND, COMMAND)
    assert command == ("fleet/commands", {"car": {"vin": CAR, "do": 1}, "version": 2})
    text = TWO_TOPICS + (
        "  send: { order: { id: '{command_id}' }, why: { code: '{reason}' }, doors: [1, '{phase}'],"
        " note: 'car {vehicle_id}' }\n"
    )
    (answer,) = sent(profile_of(text), TopicKind.RESULT, Result("c1", Phase.EXECUTED))
    assert answer[1] == {"order": {"id": "c1"}, "doors": [1, "OK"], "note": f"car {CAR}"}


def test_levels_of_the_topic_are_filled() -> None:
    """A field may be a level: here action and phase are, and ids are numbers."""
    profile = profile_of(OWN_WIRES["signed"])
    command_id = profile.command_id(CAR, "00000000000ff0000000", client_id="probe")
    assert command_id == "255"
    command = msgspec.structs.replace(COMMAND, command_id=command_id)
    ((topic, payload),) = sent(profile, TopicKind.COMMAND, command)
    assert topic == f"cars/{CAR}/in/open"
    assert payload == {
        "n": 255,
        "at": "2026-01-01T00:00:00.000+00:00",
        "until": 1_767_225_620,
        "counter": 7,
        "mac": "ab",
    }
    executed = Result(command_id, Phase.EXECUTED, since_received_s=1.5)
    (answer,) = sent(profile, TopicKind.RESULT, executed)
    assert answer == (f"cars/{CAR}/out/done", {"n": 255, "ms": pytest.approx(1500.0)})


def test_lists_are_lists_again() -> None:
    """What is read from /doors/0 is written there."""
    fields = "{ is_locked: /doors/0/locked, is_open: /doors/1/open, firmware: /12 }"
    text = f"{TWO_TOPICS}state:\n  topic: v1/{{vehicle_id}}/state\n  fields: {fields}\n"
    state = VehicleState(True, False, 12.5, "1", "t", "o", "r")  # noqa: FBT003
    ((_, payload),) = sent(profile_of(text), TopicKind.STATE, state)
    assert payload == {"doors": [{"locked": True}, {"open": False}], "12": "1"}


def test_a_reading_that_is_not_known_is_not_sent() -> None:
    """A metric of its own topic is left out, as by OVMS: an empty text would be malformed."""
    profile = load_profile("ovms")
    unknown = Telemetry(signal_dbm=-80.0, voltage_v=12.5, position_age_s=1.0)
    known = msgspec.structs.replace(unknown, uptime_s=9.0)

    def topics(telemetry: Telemetry) -> list[str]:
        packets = profile.write(TopicKind.TELEMETRY, CAR, telemetry)
        return [topic.rpartition("metric/")[2] for topic, *_ in packets]

    assert topics(unknown) == ["m/net/sq", "v/b/12v/voltage"]
    assert topics(known) == ["m/net/sq", "v/b/12v/voltage", "m/monotonic"]


def test_a_fixed_word_is_sent_without_its_text() -> None:
    """The text of an answer only says more: where the topic says that it is done, it is empty."""
    text = (
        "command: { topic: 'v1/{vehicle_id}/cmd', fields: { command_id: /id, action: /op } }\n"
        "result: { topic: 'v1/{vehicle_id}/{command_id}/done', payload: text,"
        " fields: { phase: { value: executed }, detail: text } }\n"
    )
    executed = Result("c1", Phase.EXECUTED)
    (packet,) = profile_of(text).write(TopicKind.RESULT, CAR, executed)
    assert packet[:2] == (f"v1/{CAR}/c1/done", b"")


WITHIN_A_CAR = """
ids: car
command:
  topic: in/{vehicle_id}
  fields:
    command_id: { at: /id, number: true }
    action: { at: /do, values: { open: unlock, shut: lock } }
result:
  topic: out/{vehicle_id}
  when: { /kind: answer }
  fields: { command_id: { at: /id, number: true }, phase: { at: /is, values: { ok: executed } } }
state:
  topic: out/{vehicle_id}
  when: { /kind: state }
  fields: { is_locked: /locked, last_command_id: { at: /last, number: true } }
"""


def test_an_id_within_a_car_goes_out_without_the_car() -> None:
    """As a number too; what is read has the car before it again."""
    profile = profile_of(WITHIN_A_CAR)
    command_id = profile.command_id(CAR, "00000000000000ff" * 2, client_id="probe")
    number = int(command_id.removeprefix(f"{CAR}/"))
    command = msgspec.structs.replace(COMMAND, command_id=command_id)
    ((_, payload),) = sent(profile, TopicKind.COMMAND, command)
    assert payload == {"id": number, "do": "open"}
    state = VehicleState(False, False, 12.5, "1", "t", "o", "r", last_command_id=command_id)  # noqa: FBT003
    ((topic, payload),) = sent(profile, TopicKind.STATE, state)
    assert payload["last"] == number
    read = heard(profile, topic, msgspec.json.encode(payload))
    assert read is not None
    assert getattr(read, "last_command_id", None) == command_id
