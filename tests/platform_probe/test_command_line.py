"""The command line: what it teaches, and what it says about mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from platform_probe.__main__ import main


def invoke(*arguments: str, **environment: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, arguments, env=environment)


def printed(*arguments: str, **environment: str) -> dict[str, Any]:
    """Return the JSON that a command prints."""
    result = invoke(*arguments, **environment)
    assert result.exit_code == 0, result.output
    decoded: dict[str, Any] = msgspec.json.decode(result.stdout)
    return decoded


@pytest.fixture
def cars(tmp_path: Path) -> str:
    """Return the name of a file with two cars."""
    path = tmp_path / "cars.txt"
    path.write_text("car-1\ncar-2\n")
    return str(path)


def test_help_teaches_by_example() -> None:
    """The help shows commands to type, the three ways to set a key, and the exit codes."""
    assert "PLATFORM_PROBE_LISTEN=0.0.0.0:9464" in invoke("--help").output
    help_text = invoke("run", "--help").output
    command = "platform-probe run --broker mqtt://broker:1883 --vehicles cars.txt --every 3600"
    assert command in help_text
    assert "Exit codes: 0" in help_text


def test_config_shows_what_run_would_use(cars: str) -> None:
    """Flags win over the environment; secrets are hidden."""
    settings = printed(
        "config",
        *("--broker", "mqtt://u:hunter2@b", "--vehicles", cars, "--rate", "2", "--no-watch"),
        *("--deadline", "9", "--seed", "4"),
        PLATFORM_PROBE_SEED="3",
        PLATFORM_PROBE_WAIT_S="1",
        PLATFORM_PROBE_FLEET_SECRET="hunter2",  # noqa: S106 - made up here
    )
    assert settings["broker"] == "mqtt://u@b:1883"
    assert (settings["seed"], settings["wait_s"], settings["watch"]) == (4, 1.0, False)
    assert settings["load"]["deadline_s"] == 9
    assert settings["load"]["repeat"]
    (stage,) = settings["load"]["stages"]
    assert (stage["kind"], stage["rate_per_s"]) == ("poisson", 2)
    assert "hunter2" not in msgspec.json.encode(settings).decode()


def test_a_secret_that_is_no_text_is_refused_unseen() -> None:
    """Half of an encoding signs nothing, and a log cannot hold it."""
    result = invoke("config", PLATFORM_PROBE_FLEET_SECRET="hunter2\udcff")  # noqa: S106 - made up
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == ("platform-probe: PLATFORM_PROBE_FLEET_SECRET is not UTF-8 text\n")


def test_schema_is_json() -> None:
    """The schema can be given to an editor."""
    assert printed("schema")["properties"]["broker"]["type"] == "string"


@pytest.mark.usefixtures("root_logger")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--client-id", "\udcff"], "is not UTF-8 text"),
        (["--out", "a\0b"], "holds a NUL character"),
        (["--log-file", "/dev/null/x"], "cannot write the log /dev/null/x"),
        (["--out", "/dev/null/x"], "cannot write /dev/null/x"),
    ],
)
def test_mistakes_exit_with_2_and_a_plain_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str
) -> None:
    """No traceback, and the flag that is wrong."""
    monkeypatch.chdir(tmp_path)
    result = invoke("run", "--listen", "127.0.0.1:0", "--wait", "0", *arguments)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.output
