"""The profiles that come with us, on messages as the public documentation of each shows them."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Reason,
    Result,
    VehicleState,
)
from fleet_wire.contract.partial import (
    UNNAMED,
    ActionResult,
    PartialState,
    PartialTelemetry,
    ProvisionalResult,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.profiles.loading import NAMES, load_profile
from fleet_wire.profiles.profile import Correlation, contents_of
from tests.helpers.messages import message_of
from tests.helpers.profile_files import heard, read

VIN = "LSJWSRN12ABCD0001"
SAIC = f"saic/you@example.org/vehicles/{VIN}"
EXECUTION = "07e4b780-7eca-4ffd-b772-b76358da5542"
AWS = f"$aws/commands/things/myRegisteredThing/executions/{EXECUTION}"
THING = "5006c3fc-de96-4def-8427-7eee36c6f2bd"
OVMS = "ovms/demo/car-00001"


# SAIC / MG: README "Commands over MQTT", src/handlers/command.py


def test_saic_commands_are_true_and_false() -> None:
    """README, /doors/locked/set: true locks, false unlocks; the handler wants no other text."""
    profile = load_profile("saic")
    topic = f"{SAIC}/doors/locked/set"
    unlock = heard(profile, topic, b"false")
    assert isinstance(unlock, Command)
    assert unlock.command_id == UNNAMED
    assert unlock.action is Action.UNLOCK
    lock = heard(profile, topic, b"true")
    assert isinstance(lock, Command)
    assert lock.action is Action.LOCK
    assert heard(profile, topic, b"perhaps") is None


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"Success", Result(UNNAMED, Phase.EXECUTED)),
        (
            b"Failed: The remote control instruction failed",
            Result(
                UNNAMED,
                Phase.REFUSED,
                Reason.FAILED,
                detail="The remote control instruction failed",
            ),
        ),
        (b"Failed unexpectedly", Result(UNNAMED, Phase.REFUSED, Reason.FAILED)),
    ],
)
def test_saic_answers_are_texts_without_an_id(payload: bytes, expected: Result) -> None:
    """`Success`, `Failed: <message>`, `Failed unexpectedly`, on `.../result`."""
    profile = load_profile("saic")
    assert profile.traits.correlation is Correlation.ONLY_OPEN
    assert read(profile, f"{SAIC}/doors/locked/result", payload) == (VIN, expected)


def test_saic_answers_that_waited_at_the_broker_are_old() -> None:
    """The gateway retains all that it says: an answer that was retained is no answer of now."""
    profile = load_profile("saic")
    assert heard(profile, f"{SAIC}/doors/locked/result", b"Success", retain=True) is None


def test_saic_states_come_one_by_one() -> None:
    """The gateway publishes True and False as Python writes them, and the 12 V battery's volts."""
    profile = load_profile("saic")
    assert heard(profile, f"{SAIC}/doors/locked", b"True") == PartialState(is_locked=True)
    volts = heard(profile, f"{SAIC}/drivetrain/auxiliaryBatteryVoltage", b"12.4")
    assert volts == PartialState(voltage_v=12.4)


# AWS IoT: developer guide, iot-remote-command-execution-start-monitor and command-events


def test_aws_ids_stand_in_the_topic() -> None:
    """`$aws/commands/things/<thing>/executions/<execution>/request/json`."""
    profile = load_profile("aws-iot")
    vehicle_id, command = read(profile, f"{AWS}/request/json", b'{"command":"unlock"}')
    assert vehicle_id == "myRegisteredThing"
    assert isinstance(command, Command)
    assert (command.command_id, command.action) == (EXECUTION, Action.UNLOCK)
    assert profile.car_filters(TopicKind.COMMAND, "My_Car") == (
        "$aws/commands/things/My_Car/executions/+/request/json",
    )


def test_aws_in_progress_is_received() -> None:
    """The guide's example of UpdateCommandExecution."""
    payload = b"""{
      "status": "IN_PROGRESS",
      "statusReason": {"reasonCode": "200", "reasonDescription": "Execution_in_progress"},
      "result": {"car_battery": {"s": "car battery at 50 percent"}}
    }"""
    answer = heard(load_profile("aws-iot"), f"{AWS}/response/json", payload)
    assert answer == Result(EXECUTION, Phase.RECEIVED, detail="200")


def test_aws_succeeded_is_executed() -> None:
    """The guide's reason code of a success is kept, and is no reason for a refusal."""
    payload = b'{"status":"SUCCEEDED","statusReason":{"reasonCode":"DEVICE_SUCCESSFULLY_EXECUTED"}}'
    answer = heard(load_profile("aws-iot"), f"{AWS}/response/json", payload)
    expected = Result(EXECUTION, Phase.EXECUTED, detail="DEVICE_SUCCESSFULLY_EXECUTED")
    assert answer == expected


def test_aws_failed_says_why() -> None:
    """The guide's example from the MQTT test client: a car whose battery is too low."""
    payload = b"""{
      "deviceId": "My_Car", "executionId": "07e4b780-7eca-4ffd-b772-b76358da5542",
      "status": "FAILED",
      "statusReason": {
        "reasonCode": "CAR_LOW_ON_BATTERY",
        "reasonDescription": "Car battery is lower than 5 percent"
      }
    }"""
    answer = heard(load_profile("aws-iot"), f"{AWS}/response/json", payload)
    expected = Result(EXECUTION, Phase.REFUSED, Reason.LOW_VOLTAGE, detail="CAR_LOW_ON_BATTERY")
    assert answer == expected


@pytest.mark.parametrize("status", ["REJECTED", "FAILED", "TIMED_OUT"])
def test_aws_what_the_device_says_is_final(status: str) -> None:
    """A device that reports TIMED_OUT has made the execution terminal, without a reason too."""
    answer = heard(
        load_profile("aws-iot"), f"{AWS}/response/json", b'{"status":"%b"}' % status.encode()
    )
    assert answer == Result(EXECUTION, Phase.REFUSED)


def test_aws_timed_out_of_the_cloud_is_not_final() -> None:
    """The cloud's TIMED_OUT may be overridden by the device; its other events repeat the device."""
    profile = load_profile("aws-iot")
    event = {
        "executionId": "2bd65c51-4cfd-49e4-9310-d5cbfdbc8554",
        "status": "TIMED_OUT",
        "statusReason": {"reasonCode": "$NO_RESPONSE_FROM_DEVICE", "reasonDescription": ""},
        "eventType": "COMMAND_EXECUTION",
        "commandArn": "arn:aws:iot:us-east-1:123456789012:command/unlock",
        "targetArn": f"arn:aws:iot:us-east-1:123456789012:thing/{THING}",
        "timestamp": 1717708862107,
    }
    topic = "$aws/events/commandExecution/unlock"
    said = read(profile, f"{topic}/TIMED_OUT", msgspec.json.encode(event))
    command_id = "2bd65c51-4cfd-49e4-9310-d5cbfdbc8554"
    assert said == (
        THING,
        ProvisionalResult(command_id, "TIMED_OUT"),
    )
    event["status"] = "FAILED"
    assert heard(profile, f"{topic}/FAILED", msgspec.json.encode(event)) is None


def test_aws_lifecycle_events_are_presence() -> None:
    """Developer guide, life-cycle-events."""
    profile = load_profile("aws-iot")
    connected = heard(
        profile,
        "$aws/events/presence/connected/My_Car",
        b'{"clientId":"My_Car","eventType":"connected","sessionIdentifier":"00000000-0000"}',
    )
    assert connected == Presence(PresenceStatus.ONLINE, "00000000-0000")
    lost = heard(
        profile,
        "$aws/events/presence/disconnected/My_Car",
        b'{"clientId":"My_Car","eventType":"disconnected","sessionIdentifier":"0",'
        b'"disconnectReason":"MQTT_KEEP_ALIVE_TIMEOUT","clientInitiatedDisconnect":false}',
    )
    assert lost == Presence(PresenceStatus.OFFLINE, "0", PresenceReason.LAST_WILL)


# OVMS v3: ovms_server_v3.cpp, vehicle_shell.cpp


def test_ovms_commands_are_lines_for_the_shell() -> None:
    """`client/<clientid>/command/<cmdid>` with `unlock 1234`; other lines are no concern."""
    profile = load_profile("ovms")
    topic = f"{OVMS}/client/phone-1/command/17"
    command = heard(profile, topic, b"unlock 1234")
    assert isinstance(command, Command)
    assert (command.command_id, command.action) == ("car-00001/phone-1/17", Action.UNLOCK)
    lock = heard(profile, topic, b"lock 1234")
    assert isinstance(lock, Command)
    assert lock.action is Action.LOCK
    assert heard(profile, topic, b"stat") is None


@pytest.mark.parametrize(
    ("payload", "phase"),
    [
        (b"Vehicle unlocked\n", Phase.EXECUTED),
        (b"Vehicle locked\n", Phase.EXECUTED),
        (b"Error: vehicle could not be unlocked", Phase.REFUSED),
        (b"Error: Vehicle unlock functionality not available", Phase.REFUSED),
        (b"Error: No vehicle module selected", Phase.REFUSED),
    ],
)
def test_ovms_answers_are_what_the_shell_prints(payload: bytes, phase: Phase) -> None:
    """`client/<clientid>/response/<cmdid>`, in plain text."""
    answer = heard(load_profile("ovms"), f"{OVMS}/client/phone-1/response/17", payload)
    assert isinstance(answer, Result)
    assert (answer.command_id, answer.phase) == ("car-00001/phone-1/17", phase)
    assert answer.reason is (Reason.FAILED if phase is Phase.REFUSED else None)


def test_ovms_metrics_are_state_presence_and_telemetry() -> None:
    """`metric/<dots to slashes>`; `s.v3.connected` is the presence, and the last will `no`."""
    profile = load_profile("ovms")
    assert heard(profile, f"{OVMS}/metric/v/e/locked", b"no") == PartialState(is_locked=False)
    gone = heard(profile, f"{OVMS}/metric/s/v3/connected", b"no", retain=True)
    assert gone == Presence(PresenceStatus.OFFLINE, "-", PresenceReason.LAST_WILL)
    signal = heard(profile, f"{OVMS}/metric/m/net/sq", b"-89")
    assert signal == PartialTelemetry(signal_dbm=-89.0)
    booted = heard(profile, f"{OVMS}/metric/m/monotonic", b"49607")
    assert booted == PartialTelemetry(uptime_s=49_607.0)


def test_ovms_says_nothing_with_a_metric_that_it_does_not_know_any_more() -> None:
    """`TransmitModifiedMetrics` sends what has become undefined too: as an empty text."""
    profile = load_profile("ovms")
    for state in ("v/e/locked", "v/d/fl", "m/version", "m/hardware", "m/net/provider"):
        assert heard(profile, f"{OVMS}/metric/{state}", b"", retain=True) == PartialState()
    for reading in ("m/net/sq", "v/b/12v/voltage", "m/monotonic"):
        assert heard(profile, f"{OVMS}/metric/{reading}", b"") == PartialTelemetry()
    with pytest.raises(RemoteProtocolError):
        heard(profile, f"{OVMS}/metric/s/v3/connected", b"", retain=True)


def test_ovms_boxes_are_those_of_the_firmware() -> None:
    """MQTT 3.1.1, 29 minutes of keepalive, a session without end; no signature, no life, no ids."""
    profile = load_profile("ovms")
    assert profile.box_numbers["keepalive_s"] == 1740
    assert profile.box_numbers["session_expiry_s"] == 0xFFFF_FFFF
    wire = profile.traits
    assert wire.mqtt == "3.1.1"
    assert [wire.is_signed, wire.expires, wire.deduplicates] == [False] * 3


def test_ovms_boxes_write_what_the_firmware_writes() -> None:
    """What a simulated box sends, an OVMS app reads."""
    profile = load_profile("ovms")
    command_id = profile.command_id("car-00001", "c0ffee", client_id="phone-1")
    lock = Command(command_id, Action.LOCK, 0, 0, 0, "")
    (sent,) = profile.write(TopicKind.COMMAND, "car-00001", lock)
    assert sent == (f"{OVMS}/client/phone-1/command/c0ffee", b"lock 1234", 1, False)
    executed = Result(command_id, Phase.EXECUTED)
    (answer,) = profile.write(TopicKind.RESULT, "car-00001", executed, lock)
    assert answer == (f"{OVMS}/client/phone-1/response/c0ffee", b"Vehicle locked", 1, False)
    will = Presence(PresenceStatus.OFFLINE, "s-1", PresenceReason.LAST_WILL)
    (left,) = profile.write(TopicKind.PRESENCE, "car-00001", will)
    assert left == (f"{OVMS}/metric/s/v3/connected", b"no", 0, True)


# All of them


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_again(name: str) -> None:
    """A box and a monitor with the same profile understand each other, as far as it goes."""
    profile = load_profile(name)
    command_id = profile.command_id("car-00001", "0123456789abcdef", client_id="probe")
    command = Command(command_id, Action.UNLOCK, 1_000, 21_000, 7, "f" * 64)
    packets = [*profile.write(TopicKind.COMMAND, "car-00001", command)]
    for phase in profile.traits.phases:
        result = Result(command_id, phase, Reason.BUSY if phase is Phase.REFUSED else None)
        packets += profile.write(TopicKind.RESULT, "car-00001", result, command)
    state = VehicleState(False, True, 12.5, "1.0", "tcu-1", "op", "region", command_id)  # noqa: FBT003
    packets += profile.write(TopicKind.STATE, "car-00001", state)
    for topic, payload, _, _ in packets:
        # A shadow's update comes back as the part of it that AWS has accepted: all of it.
        heard_on = f"{topic}/accepted" if topic.endswith("shadow/update") else topic
        vehicle_id, said = read(profile, heard_on, payload)
        assert vehicle_id == "car-00001"
        assert said is not None
        if isinstance(said, Command | Result):
            assert said.command_id in (command_id, UNNAMED)


@pytest.mark.parametrize("name", NAMES)
def test_topics_of_others_are_nobodys(name: str) -> None:
    """What is on no topic of the profile is refused, and counted by who asked."""
    with pytest.raises(RemoteProtocolError):
        load_profile(name).slots_of(message_of("somewhere/else/entirely", b""))


SHADOW = "$aws/things/myLightBulb/shadow/update"


def test_a_shadow_is_asked_and_heard_on_different_topics() -> None:
    """Boxes get the delta, watchers what was accepted, and nobody what was asked for."""
    profile = load_profile("aws-shadow")
    assert profile.car_filters(TopicKind.COMMAND, "myLightBulb") == (f"{SHADOW}/delta",)
    kinds = (TopicKind.COMMAND, TopicKind.RESULT, TopicKind.STATE)
    assert profile.filters(kinds) == ("$aws/things/+/shadow/update/accepted",)
    command = Command("t-1", Action.UNLOCK, 0, 1, 0, "")
    ((topic, payload, _, retain),) = profile.write(TopicKind.COMMAND, "myLightBulb", command)
    assert (topic, retain) == (SHADOW, False)
    assert payload == b'{"clientToken":"t-1","state":{"desired":{"doors":"unlocked"}}}'


def test_a_delta_is_a_command_for_a_box() -> None:
    """In the form of the guide; one that its own report has caused is none."""
    profile = load_profile("aws-shadow")
    delta = (
        b'{"state":{"doors":"unlocked"},"metadata":{"doors":{"timestamp":1469564492}},'
        b'"timestamp":1469564492,"version":22,"clientToken":"t-1"}'
    )
    command = profile.read_command("myLightBulb", message_of(f"{SHADOW}/delta", delta))
    assert command is not None
    assert (command.command_id, command.action) == ("t-1", Action.UNLOCK)
    again = delta.replace(b',"clientToken":"t-1"', b"")
    assert profile.read_command("myLightBulb", message_of(f"{SHADOW}/delta", again)) is None


def test_what_a_box_reports_is_an_answer_and_a_state() -> None:
    """One document is both; what else it reports is no answer."""
    profile = load_profile("aws-shadow")
    report = message_of(f"{SHADOW}/accepted", b'{"state":{"reported":{"doors":"unlocked"}}}')
    assert [said for _, said in contents_of(profile, report)] == [
        ActionResult(Result(UNNAMED, Phase.EXECUTED), Action.UNLOCK),
        PartialState(is_locked=False),
    ]
    volts = message_of(f"{SHADOW}/accepted", b'{"state":{"reported":{"voltage":12.1}}}')
    assert [said for _, said in contents_of(profile, volts)] == [PartialState(voltage_v=12.1)]


def test_a_box_that_refuses_gives_the_desired_state_up() -> None:
    """Else the difference would stay, and the box would be asked again."""
    profile = load_profile("aws-shadow")
    command = Command("t-1", Action.UNLOCK, 0, 1, 0, "")
    refused = Result("t-1", Phase.REFUSED, Reason.LOW_VOLTAGE)
    ((topic, payload, _, _),) = profile.write(TopicKind.RESULT, "myLightBulb", refused, command)
    assert (topic, msgspec.json.decode(payload)) == (
        SHADOW,
        {
            "state": {
                "desired": {"doors": None},
                "reported": {"refused": {"doors": "unlocked", "reason": "low_voltage"}},
            }
        },
    )
    accepted = message_of(f"{SHADOW}/accepted", payload)
    assert next(contents_of(profile, accepted))[1] == ActionResult(
        Result(UNNAMED, Phase.REFUSED, Reason.LOW_VOLTAGE), Action.UNLOCK
    )


def test_ovms_is_lost_whenever_it_is_away() -> None:
    """Its will alone says "no"; while it is there, nothing has a reason."""
    topic = "ovms/demo/VIN-1/metric/s/v3/connected"
    profile = load_profile("ovms")
    lost = Presence(PresenceStatus.OFFLINE, "-", PresenceReason.LAST_WILL)
    assert heard(profile, topic, b"no") == lost
    assert heard(profile, topic, b"yes") == Presence(PresenceStatus.ONLINE, "-")
