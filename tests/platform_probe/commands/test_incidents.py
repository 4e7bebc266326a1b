"""`platform-probe incidents`: who acts; `incidents.txt` has what a store or records say."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet_wire.errors import ConfigError
from platform_probe.commands.incidents import ack
from platform_probe.commands.person import person_name


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_an_account_without_a_name_is_told_what_to_do(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a pod, whose user id no file knows; Python has raised both."""

    def nobody() -> str:
        raise error("getpwuid(): uid not found: 1000680000")

    monkeypatch.setattr("getpass.getuser", nobody)
    token = tmp_path / "token"
    token.write_text("made up")
    result = CliRunner().invoke(ack, ["i-1", "--reason", "mine", "--token-file", f"{token}"])
    assert isinstance(result.exception, ConfigError)
    assert "Say who you are by --by NAME" in str(result.exception)


def test_the_name_of_a_person_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account names them, also behind sudo; `root` is nobody, and with a terminal is asked."""
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert person_name() == "ada"
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    monkeypatch.setenv("SUDO_USER", "jo")
    assert person_name() == "jo"
    monkeypatch.delenv("SUDO_USER")
    with pytest.raises(ConfigError, match=r"share the account root\. Say who you are by --by NAME"):
        person_name()
    monkeypatch.setattr("sys.stdin", io.StringIO("cleo\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert person_name() == "cleo"
