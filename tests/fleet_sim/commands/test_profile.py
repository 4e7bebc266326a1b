"""`fleet-sim profile`: what it says of a file, and of what was recorded."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from bench.score.incidents import TWO_TOPICS
from fleet_sim.__main__ import main
from fleet_wire.profiles.loading import SHIPPED, shipped_file
from tests.helpers.own_wires import OWN_WIRES


def invoke(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["profile", *arguments])


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ("{ keepalives_s: 10 }", "box.keepalives_s: unknown key; did you mean 'keepalive_s'?"),
        ("{ keepalive_s: -3 }", "box.keepalive_s: should be greater than or equal to 5, not -3"),
        ("{ radio: { technology: lte5 } }", "box.radio.technology: unknown value 'lte5'"),
    ],
)
@pytest.mark.parametrize("command", ["profile check", "asyncapi --profile"])
def test_numbers_of_boxes_are_checked(tmp_path: Path, command: str, box: str, problem: str) -> None:
    """A mistake among them has file, line and key like any other."""
    file = tmp_path / "fleet.yaml"
    file.write_text(f"mqtt: 5\nbox: {box}\n{TWO_TOPICS}", "utf-8")
    result = CliRunner().invoke(main, [*command.split(), str(file)])
    assert result.exit_code == 2
    assert f"{file}:2: {problem}" in result.output


def test_lines_to_fill_in_are_named(tmp_path: Path) -> None:
    """A draft is shown for what it is, what is still missing is named, and it is not accepted."""
    file = tmp_path / "draft.yaml"
    file.write_text(
        "command:\n  topic: v1/{vehicle_id}/FILL_IN/{command_id}\n  payload: text\n"
        "  fields: { action: { at: text, values: { OPEN: unlock } } }\n"
        "result:\n  topic: v1/{vehicle_id}/ack/{command_id}\n  payload: text\n"
        "  fields: { phase: { at: text, values: { FILL_IN: executed, seen: received } } }\n"
    )
    recorded = sample(tmp_path, '{"topic": "v1/car-7/ack/c1", "payload": "seen"}')
    result = invoke("check", str(file), "--sample", recorded)
    assert result.exit_code == 1
    assert "result of car-7: command_id c1, phase received" in result.output
    assert result.output.endswith(
        f"{file}:2: command.topic: to be filled in: the topic on which commands come\n"
        f"{file}:8: result.fields.phase.values.FILL_IN: to be filled in: what the fleet says for"
        " 'executed'\n"
    )
    loaded = CliRunner().invoke(main, ["asyncapi", "--profile", str(file)])
    assert loaded.exit_code == 2
    assert f"{file}:2: command.topic: to be filled in" in loaded.output


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """Give a profile's file."""
    file = tmp_path / "fleet.yaml"
    file.write_text(TWO_TOPICS, "utf-8")
    return str(file)


def sample(tmp_path: Path, *lines: str) -> str:
    """Return the name of a file with these lines."""
    file = tmp_path / "sample.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (None, 0, "fleet: MQTT 5, command, result"),
        (None, 0, "no box says whether it is connected"),
        (None, 0, 'v1/car-00001/cmd {"id":"0123456789abcdef0123456789abcdef","op":"OPEN"}'),
        ('{"topic": "v1/car-7/ack", "payload": "huh"}', 1, ""),
        ('{"topic": "else/where"}', 1, ""),
        ("{", 2, "sample.jsonl:1: expected"),
    ],
)
def test_it_says_what_a_fleet_can_say(
    profile: str, tmp_path: Path, line: str | None, code: int, said: str
) -> None:
    """What there is, what is concluded without the rest, and an unlock.

    Exit code 1: no message of the recording can be read, so one of both is of another fleet.
    """
    recorded = () if line is None else ("--sample", sample(tmp_path, line))
    result = invoke("check", profile, *recorded)
    assert result.exit_code == code, result.output
    assert said in result.output


def warnings_of(name: str) -> list[str]:
    """Return what the check warns of; warnings alone leave the exit code as it is."""
    result = invoke("check", name)
    assert result.exit_code == 0, result.output
    head = "warning: not mapped: "
    return [line.removeprefix(head) for line in result.output.splitlines() if head in line]


def test_it_warns_of_what_a_fleet_does_not_say() -> None:
    """And of what that costs: the refusals of OVMS have no reason."""
    warned = {line.partition(": ")[0]: line for line in warnings_of("ovms")}
    assert "presence.reason" not in warned  # its will says it
    assert "look the same" in warned["result.reason"]
    assert warned.keys() >= {"presence.session_id", "state.region", "state.last_command_id"}
    assert "state.voltage_v" not in warned  # its telemetry has it
    assert warnings_of("native") == []


def test_it_warns_of_nothing_that_is_mapped(tmp_path: Path) -> None:
    """Each field that it names can be mapped, and is not named then."""
    file = tmp_path / "whole.yaml"
    file.write_text(
        f"{TWO_TOPICS}\n"
        "presence:\n"
        "  - topic: v1/{vehicle_id}/link\n"
        "    when: { /up: false }\n"
        "    fields: { status: { value: offline }, reason: { value: last_will }, session_id: /s }\n"
        "state:\n  topic: v1/{vehicle_id}/state\n  fields: { is_locked: /l, firmware: /f,"
        " hardware: /h, operator: /o, region: /r, last_command_id: /by }\n"
        "telemetry:\n  topic: v1/{vehicle_id}/beat\n"
        "  fields: { voltage_v: /u, signal_dbm: /s, boots: /b }\n",
        "utf-8",
    )
    assert [line.partition(":")[0] for line in warnings_of(str(file))] == ["result.reason"]
    text = file.read_text("utf-8").replace("reason: { at: /status", "reason: { at: /err")
    file.write_text(text, "utf-8")
    assert warnings_of(str(file)) == []


def test_it_shows_what_it_makes_of_recorded_messages(profile: str, tmp_path: Path) -> None:
    """Each line in the contract's terms; messages of others do no harm."""
    file = sample(
        tmp_path,
        '{"topic": "v1/car-7/cmd", "payload": {"id": "c1", "op": "OPEN"}}',
        '{"topic": "v1/car-7/ack", "payload": "{\\"id\\": \\"c1\\", \\"status\\": \\"OK\\"}"}',
        '{"topic": "else/where"}',
    )
    result = invoke("check", profile, "--sample", file)
    assert result.exit_code == 0, result.output
    assert f"{file}:1: command of car-7: command_id c1, action unlock" in result.output
    assert f"{file}:3" not in result.output
    assert "else/where: not in profile fleet, 1 message\n" in result.output
    assert f"{file}:2: result of car-7: command_id c1, phase executed" in result.output
    assert "2 read, 0 of no concern, 1 on other topics, 0 that cannot be read" in result.output


def test_the_schema_allows_what_is_allowed() -> None:
    """Editors complete by it: the shipped profiles and those of users are valid, a typo is not."""
    schema = msgspec.json.decode(invoke("schema").output)
    yaml = YAML(typ="safe", pure=True)
    texts = [shipped_file(name).read_text("utf-8") for name in SHIPPED]
    for text in (*texts, *OWN_WIRES.values()):
        jsonschema.validate(yaml.load(text), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.load(TWO_TOPICS.replace("fields", "feilds")), schema)
