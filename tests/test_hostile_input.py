"""Whatever a user writes, into files, variables or flags: plain lines, and never a traceback."""

from __future__ import annotations

import copy
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import fleet_sim.__main__
import platform_probe.__main__
from fleet_sim.scenario.form import Scenario
from fleet_wire.command_line import MAX_LINE_LETTERS, MAX_LINES
from fleet_wire.config.file import load_document
from platform_probe.settings.monitor import ENV_PREFIX, ProbeSettings
from tests.helpers.places import ROOT

FLEET_SIM = fleet_sim.__main__.main
PROBE = platform_probe.__main__.main
MOST_UNLOCKS = 50
LINES_OF_HELP = 60
LONGEST_RUN_S = 600
"""A scenario within these is run: it takes a part of a second in virtual time."""

SCENARIO: dict[str, Any] = load_document(ROOT / "tests" / "everything.yaml").values
SETTINGS: dict[str, Any] = {
    **ProbeSettings().model_dump(mode="json", exclude={"fleet_secret"}),
    "broker": "mqtt://user:pass@127.0.0.1:1883",
    "load": {"stages": SCENARIO["load"]["stages"], "vehicles": ["car-1"], "deadline_s": 20},
    "floor": {"vehicle_id": "null-box-0", "rate_per_s": 1},
}

HOSTILE_TEXTS = st.one_of(
    st.sampled_from([
        "", " ", "nan", "-inf", "1e308", "-1", "0", "true", "null", "é", "seed", "a=", "=b",
        "a\0b", "\ud800", "\x1b[2J", "a\nb", "y" * 100_000, "9" * 5_000, "fleet.count",
        "{}", "[", "*x", "&x", "!x", "<<", "../..", "/", "::1", "x:", "1/999999999999", "0/0",
        "mqtt://:0", "mqtt://h:0", f"mqtt://{'h' * 70}", "mqtt://u%00@h", "mqtt://[::1",
        f"{'h' * 70}:1", "[::1]:70000",
    ]),
    st.text(max_size=20),
)  # fmt: skip
HOSTILE_NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1e308, -1e308, 1e300, 1e-300, 5e-324, 2**63, 10**400, 1e9, 70_000]),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
HOSTILE = st.one_of(
    HOSTILE_TEXTS,
    HOSTILE_NUMBERS,
    st.booleans(),
    st.none(),
    st.recursive(
        HOSTILE_TEXTS | HOSTILE_NUMBERS,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(HOSTILE_TEXTS, inner, max_size=3)
        ),
        max_leaves=6,
    ),
)
in_a_directory = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where something stands in plain values."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        yield (*at, key)
        if isinstance(each, dict | list):
            yield from places(each, (*at, key))


@st.composite
def mutated(draw: st.DrawFn, right: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that were right, with something hostile at a few places."""
    values: dict[str, Any] = copy.deepcopy(dict(right))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([*places(values)]))
        place: Any = values
        for part in way:
            place = place[part]
        if isinstance(place, dict) and draw(st.integers(0, 9)) == 0:
            place[draw(HOSTILE_TEXTS)] = place.pop(last)
        else:
            place[last] = draw(HOSTILE)
    return values


def run(program: click.Group, *arguments: str, **environment: str) -> Result:
    """Run a command in this process; fails unless it ends in good order, with plain lines."""
    result = CliRunner().invoke(program, arguments, env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1, 2), result.output
    assert "a defect" not in result.stderr, result.stderr
    assert "Traceback" not in result.output
    lines = result.stderr.splitlines()
    assert len(lines) <= (LINES_OF_HELP if result.stderr.startswith("Usage: ") else MAX_LINES + 1)
    assert all(len(line) <= MAX_LINE_LETTERS + 10 for line in lines)
    assert result.exit_code != 2 or lines
    return result


def write(path: Path, values: Any) -> str:
    """Write values as JSON, which YAML reads; return the name of the file."""
    path.write_text(json.dumps(values), encoding="utf-8")
    return str(path)


@in_a_directory
@given(values=mutated(SCENARIO))
def test_any_scenario(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    values: dict[str, Any],
) -> None:
    """It is refused in plain lines; or it is right, and then it runs, where that takes no time."""
    monkeypatch.setattr("fleet_sim.results.report.write_report", lambda *_: None)
    path = write(tmp_path / "scenario.yaml", values)
    if run(FLEET_SIM, "check", path).exit_code == 0 and is_short(Scenario.model_validate(values)):
        out = str(tmp_path / "run" / str(len([*tmp_path.iterdir()])))
        run(FLEET_SIM, "run", path, "--mode", "virtual", "--out", out)
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def is_short(scenario: Scenario) -> bool:
    """Return whether a run takes no time worth mentioning."""
    return (
        scenario.fleet.count <= MOST_UNLOCKS
        and scenario.run_duration_s < LONGEST_RUN_S
        and all(getattr(stage, "count", 0) <= MOST_UNLOCKS for stage in scenario.load.stages)
    )


@in_a_directory
@given(
    content=st.binary(max_size=200) | HOSTILE_TEXTS.map(lambda text: text.encode(errors="replace"))
)
def test_any_file(tmp_path: Path, content: bytes) -> None:
    """As scenario, as manifest, as settings, as list of cars and as secret."""
    path = tmp_path / "file"
    path.write_bytes(content)
    assert run(FLEET_SIM, "check", str(path)).exit_code == 2
    run(FLEET_SIM, "run", str(path), "--mode", "virtual", "--out", str(tmp_path / "run"))
    run(PROBE, "config", "--config", str(path))
    for flag in ("--vehicles", "--fleet-secret-file", "--broker-password-file"):
        run(PROBE, "config", flag, str(path))


@in_a_directory
@given(values=mutated(SETTINGS))
def test_any_settings(tmp_path: Path, values: dict[str, Any]) -> None:
    """What the probe's file says."""
    run(PROBE, "config", "--config", write(tmp_path / "probe.yaml", values))


VARIABLES = [
    *(f"{ENV_PREFIX}{key}".upper() for key in ProbeSettings.model_fields),
    *(f"{ENV_PREFIX}{key}" for key in ("LOAD__STAGES", "LOAD__DEADLINE_S", "LOAD__VEHICLES")),
    *(f"{ENV_PREFIX}{key}" for key in ("TLS__CA_FILE", "FLOOR__RATE_PER_S", "ROTATION__KEEP", "X")),
]
IN_ENVIRONMENT = HOSTILE_TEXTS.filter(lambda text: "\0" not in text).map(
    lambda text: os.fsdecode(text.encode(errors="ignore")) + os.fsdecode(b"\xff") * (text == "é")
)


@in_a_directory
@given(environment=st.dictionaries(st.sampled_from(VARIABLES), IN_ENVIRONMENT, max_size=3))
def test_any_environment(environment: dict[str, str]) -> None:
    """What the variables of the probe say."""
    run(PROBE, "config", **environment)


def options_of(program: click.Group, command: str) -> list[str]:
    """Return the options of a command that take a value."""
    with click.Context(program) as context:
        _, found, _ = program.resolve_command(context, [command])
    assert found is not None
    return [
        option.opts[0]
        for option in found.params
        if isinstance(option, click.Option) and not option.is_flag
    ]


FLAGS = [
    (program, command, option)
    for program, commands in (
        (FLEET_SIM, ("boxes", "check", "compare", "faults", "inject", "run", "sweep", "test")),
        (PROBE, ("config",)),
    )
    for command in commands
    for option in options_of(program, command)
]


SOCKET = next(flag for flag in FLAGS if flag[1:] == ("inject", "--control"))


@in_a_directory
@example(flags=[(SOCKET, "y" * 100_000)])
@given(flags=st.lists(st.tuples(st.sampled_from(FLAGS), HOSTILE_TEXTS), min_size=1, max_size=3))
def test_any_flags(flags: Sequence[tuple[tuple[click.Group, str, str], str]]) -> None:
    """What the options of each command say; nothing starts, for want of a scenario."""
    (program, command, _), _ = flags[0]
    words = [
        word
        for (its_program, its_command, option), text in flags
        if (its_program, its_command) == (program, command)
        for word in (option, text)
    ]
    scenario = [] if command in ("faults", "config") else ["no-such-scenario.yaml"]
    needed = {
        "boxes": ["--broker", "mqtt://127.0.0.1:1"],
        "compare": ["no-such-run"],
        "inject": ["--control", "no-such-socket", "--for", "1s"],
        "sweep": ["--seeds", "2"],
    }
    result = run(program, command, *scenario, *needed.get(command, []), *words)
    assert result.exit_code == 2 or not scenario


@in_a_directory
@given(text=HOSTILE_TEXTS, value=HOSTILE_TEXTS)
def test_any_override(tmp_path: Path, text: str, value: str) -> None:
    """What --set says, alone and with a value, of keys that are there and of others."""
    path = write(tmp_path / "scenario.yaml", SCENARIO)
    for override in (
        text,
        f"{text}={value}",
        f"seed={value}",
        f"fleet.groups.{text}.count={value}",
    ):
        run(FLEET_SIM, "check", path, "--set", override)


@given(words=st.lists(HOSTILE_TEXTS, max_size=4))
def test_any_words(words: list[str]) -> None:
    """What stands where commands, faults and files belong."""
    for program in (FLEET_SIM, PROBE):
        run(program, *words)
    run(FLEET_SIM, "faults", *words)
