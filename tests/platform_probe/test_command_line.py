"""The command line: what it teaches, and what it says about mistakes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from platform_probe.__main__ import main


def invoke(*arguments: str, **environment: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, arguments, env=environment)


def test_help_teaches_by_example() -> None:
    """The help shows commands to type, the three ways to set a key, and the exit codes."""
    assert "PLATFORM_PROBE_LISTEN=0.0.0.0:9464" in invoke("--help").output
    help_text = invoke("run", "--help").output
    command = "platform-probe run --broker mqtt://broker:1883 --vehicles cars.txt --every 3600"
    assert command in help_text
    assert "Exit codes: 0" in help_text


def test_config_hides_secrets() -> None:
    """Whoever helps may see the rest. Its schema can be given to an editor."""
    secret = "hunter2"  # noqa: S105 - made up here
    words = ("config", "--broker", f"mqtt://u:{secret}@b")
    printed = invoke(*words, PLATFORM_PROBE_FLEET_SECRET=secret).stdout
    assert msgspec.json.decode(printed)["broker"] == "mqtt://u@b:1883"
    assert secret not in printed
    schema = msgspec.json.decode(invoke("schema").stdout)
    assert schema["properties"]["broker"]["type"] == "string"


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
