"""Profile files that cannot be used: refused at load, with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.score.incidents import TWO_TOPICS
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import load_profile
from tests.helpers.own_wires import OWN_WIRES

HEAD = """command:
  topic: v1/{vehicle_id}/cmd
  fields: { command_id: /id, action: { at: /op, values: { OPEN: unlock } } }
"""


def problems_of(tmp_path: Path, text: str) -> list[str]:
    """Return what is said about a file, without the directory that it lies in."""
    file = tmp_path / "my.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as error:
        load_profile(str(file))
    return [problem.replace(f"{tmp_path}/", "") for problem in error.value.problems]


@pytest.mark.parametrize("text", OWN_WIRES.values(), ids=OWN_WIRES)
def test_what_users_might_write_is_fine(tmp_path: Path, text: str) -> None:
    """The profiles of the other tests are without a problem."""
    file = tmp_path / "my.yaml"
    file.write_text(text, "utf-8")
    assert load_profile(str(file)).name == "my"


FIELDS = {
    "command_id: id, phase: /status": (
        "my.yaml:6: result.fields.command_id: 'id' is no JSON Pointer: it begins with /"
    ),
    "command_id: /a~2, phase: /status": (
        "my.yaml:6: result.fields.command_id: '/a~2' is no JSON Pointer: ~ is written ~0, / "
        "in a key ~1"
    ),
    "command_id: /id": (
        "my.yaml:6: result.fields: phase is missing: where it says one of received, "
        "executed, refused"
    ),
    "phase: /status": (
        "my.yaml:4: result: correlation: field needs command_id, in the topic or in fields; "
        "without one say correlation: only_open"
    ),
    "command_id: /id, fase: /status": (
        "my.yaml:6: result.fields.fase: no such field of a result; did you mean 'phase'?"
    ),
    "command_id: text, phase: /status": (
        "my.yaml:6: result.fields.command_id: at: text needs payload: text"
    ),
    "command_id: '{who}', phase: /status": (
        "my.yaml:6: result.fields.command_id: the topic has no level '{who}'; expected one "
        "of: {vehicle_id}"
    ),
    "command_id: /id, phase: { at: /s, values: { OK: excecuted } }": (
        "my.yaml:6: result.fields.phase.values.OK: 'excecuted' is no word of the contract; "
        "did you mean 'executed'?"
    ),
    "command_id: /id, phase: { at: /s, values: { OK: received } }": (
        "my.yaml:4: result: no topic of it can say executed"
    ),
    "command_id: /id, phase: { at: /s, value: executed }": (
        "my.yaml:6: result.fields.phase: expected one of: at, value"
    ),
    "command_id: /id, phase: /s, can_wake_s: { at: /w, values: { a: b } }": (
        "my.yaml:6: result.fields.can_wake_s: values, otherwise and say are for words, and "
        "this is a number"
    ),
}
"""Fields of an answer that cannot be, and what is said of them."""
TOPICS = {
    "v1/{vehicle_id}/cmd": (
        "my.yaml:5: result.topic: 'v1/{vehicle_id}/cmd' is a topic of command too, and a "
        "message could be both: say in `when` of each what tells them apart"
    ),
    "v1/ack": (
        "my.yaml:4: result: nothing says which car: {vehicle_id} in topic, or fields.vehicle_id"
    ),
    "v1/{vehicle_id}/{user}/ack": (
        "my.yaml:5: result.topic: nothing fills '{user}': name it in variables, or take a "
        "field from it"
    ),
    "v1/car-{vehicle_id}/ack": (
        "my.yaml:5: result.topic: level 'car-{vehicle_id}': a name in braces is a whole level"
    ),
    "v1/{vehicle_id}/#": ("my.yaml:5: result.topic: level '#': expected text, or a name in braces"),
    "v1/{vehicle_id}/+": (
        "my.yaml:5: result.topic: '+' is for topics with heard_only: what is sent needs a "
        "name there"
    ),
    "v1/{vehicle_id}/{vehicle_id}": "my.yaml:5: result.topic: '{vehicle_id}' stands there twice",
}
"""Topics of an answer that cannot be."""
RESULTS = {
    "topic: v1/{vehicle_id}/{command_id}\n  fields: { phase: /status }": (
        "my.yaml:5: result.topic: 'v1/{vehicle_id}/{command_id}' collides with "
        "'v1/{vehicle_id}/cmd' of command: one topic would be both"
    ),
    (
        "topic: v1/{vehicle_id}/ack\n  payload: text\n  fields: { command_id: /id, phase: { "
        "at: text } }"
    ): (
        "my.yaml:7: result.fields.command_id: '/id' points into JSON, but the payload is "
        "text: expected text or a level"
    ),
    (
        "topic: v1/{vehicle_id}/ack\n  fields: { command_id: /id, phase: /s }\n  send: { id: "
        "'{comand_id}' }"
    ): ("my.yaml:7: result.send: nothing fills '{comand_id}'; did you mean 'command_id'?"),
    "topic: v1/{vehicle_id}/ack\n  fields: { command_id: /id, phase: /s }\n  retian: true": (
        "my.yaml:7: result.retian: unknown key; did you mean 'retain'?"
    ),
    "[]": "my.yaml:4: result: expected at least 1 of them, not 0",
}
"""Other answers that cannot be."""


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        *(
            (f"topic: v1/{{vehicle_id}}/ack\n  fields: {{ {fields} }}", problem)
            for fields, problem in FIELDS.items()
        ),
        *(
            (f"topic: {topic}\n  fields: {{ command_id: /id, phase: /status }}", problem)
            for topic, problem in TOPICS.items()
        ),
        *RESULTS.items(),
    ],
)
def test_a_result_that_cannot_be(tmp_path: Path, result: str, problem: str) -> None:
    """Each thing that can be wrong with a message, at its place."""
    text = f"{HEAD}result: {result}\n" if result == "[]" else f"{HEAD}result:\n  {result}\n"
    assert problem in problems_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"signed: true\n{TWO_TOPICS}", "counter is missing: signed commands carry it"),
        (f"correlation: only_open\n{TWO_TOPICS}", "results carry a command_id: expected field"),
        (
            f"mqtt: 3.1.1\ncorrelation: correlation_data\n{TWO_TOPICS}",
            "MQTT 3.1.1 has no Correlation Data",
        ),
        (f"variables: {{ user: a/+ }}\n{TWO_TOPICS}", "expected text without + and #"),
        (f"mqtt: 4\n{TWO_TOPICS}", "mqtt: unknown value '4'; expected one of: 5, 3.1.1"),
        (
            TWO_TOPICS.replace("{ OPEN: unlock, CLOSE: lock }", "{ CLOSE: lock }"),
            "no topic of it can say unlock",
        ),
        (
            TWO_TOPICS.replace("command_id: /id", "command_id: /id\n    expires_at: /exp", 1),
            "expires_at is mapped, so commands have a life: say expires: true",
        ),
        (f"mqtt: 3.1.1\nexpires: true\n{TWO_TOPICS}", "MQTT 3.1.1 has no Message Expiry"),
        (
            TWO_TOPICS.replace("phase: { at: /status", "phase: { at: /id/status"),
            "result.fields.phase: '/id/status' leads through '/id', of command_id",
        ),
        (
            f"{TWO_TOPICS}\nstate:\n  topic: v1/{{vehicle_id}}/state\n",
            "expected at least one field of a state",
        ),
    ],
)
def test_a_file_that_contradicts_itself(tmp_path: Path, text: str, problem: str) -> None:
    """What does not go together is said at the key that says so."""
    assert any(problem in one for one in problems_of(tmp_path, text))


def test_of_a_list_the_entry_is_named(tmp_path: Path) -> None:
    """A second topic of a kind has a number in its key."""
    text = TWO_TOPICS.replace(
        "result:\n  topic", "result:\n  - topic: a/{vehicle_id}\n    fields: {}\n  - topic"
    )
    lines = text.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("  - topic: v1"))
    lines[start + 1 :] = [f"  {line}" for line in lines[start + 1 :]]
    found = problems_of(tmp_path, "\n".join(lines))
    assert found == [
        (
            "my.yaml:9: result.0.fields: phase is missing: where it says one of received, executed,"
            " refused"
        )
    ]


def test_what_is_no_profile_is_said_so(tmp_path: Path) -> None:
    """A name that nobody has, a file that is not there, and one that is no YAML."""
    with pytest.raises(ConfigError, match="did you mean 'ovms'"):
        load_profile("ovmss")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_profile(str(tmp_path / "none.yaml"))
    (tmp_path / "bad.yaml").write_text("a: [", "utf-8")
    with pytest.raises(ConfigError, match=r"bad.yaml:1: not valid YAML"):
        load_profile(str(tmp_path / "bad.yaml"))
    (tmp_path / "empty.yaml").write_text("{}", "utf-8")
    with pytest.raises(ConfigError, match="command: missing"):
        load_profile(str(tmp_path / "empty.yaml"))


def test_a_mistyped_key_is_not_a_list_too_short(tmp_path: Path) -> None:
    """With what it leaves missing, and not that its list is too short as well."""
    assert problems_of(tmp_path, f"{HEAD}result:\n  topik: v1/{{vehicle_id}}/ack\n") == [
        "my.yaml:4: result.topic: missing, expected text",
        "my.yaml:5: result.topik: unknown key; did you mean 'topic'?",
    ]
