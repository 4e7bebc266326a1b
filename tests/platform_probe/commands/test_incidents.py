"""`platform-probe incidents`: what a store or the records of a run say, and who acts."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from fleet_wire.contract.incident import Incident
from fleet_wire.errors import ConfigError
from platform_probe.__main__ import main
from platform_probe.commands.incidents import ack
from platform_probe.commands.person import person_name
from platform_probe.outputs.sinks import ATTEMPTS_FILE, INCIDENTS_FILE
from tests.helpers.made_incidents import acknowledged, closed, made_incident, worse

FIRST = made_incident()
LAST = worse(acknowledged(FIRST))
OVER = closed(made_incident("inc-2", at=FIRST.at + 60, related=("inc-1",), customers=0))


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Return a directory with the records of two incidents, all revisions of one."""
    (tmp_path / ATTEMPTS_FILE).write_bytes(b"")
    lines = [msgspec.json.encode(each) for each in (FIRST, OVER, LAST)]
    (tmp_path / INCIDENTS_FILE).write_bytes(b"\n".join(lines) + b"\n")
    return tmp_path


def told(*words: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["incidents", *map(str, words)])


def test_settings_without_a_store_lead_to_the_records(records: Path, tmp_path: Path) -> None:
    """To those of the monitor; where it has written none, the settings are named."""
    config = tmp_path / "probe.yaml"
    config.write_text(f"broker: mqtt://broker:1883\nout_dir: {records}\n", encoding="utf-8")
    assert "inc-1" in told("list", "--config", config).output
    config.write_text("broker: mqtt://broker:1883\nout_dir: nowhere\n", encoding="utf-8")
    nowhere = told("list", "--config", config)
    assert nowhere.exit_code == 2
    assert f"{config}: no store is set (store.directory)" in nowhere.output


def test_json_is_the_incident_itself(records: Path) -> None:
    """Nothing is lost on its way through the tables."""
    found = msgspec.convert(
        json.loads(told("list", "--run", records, "--json").output), list[Incident]
    )
    assert found == [OVER, LAST]
    one = json.loads(told("show", "inc-2", "--run", records, "--json").output)
    assert msgspec.convert(one, Incident) == OVER


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


def test_incidents_of_a_replay_are_read(tmp_path: Path) -> None:
    """A replay writes what was judged, and no unlocks."""
    (tmp_path / INCIDENTS_FILE).write_bytes(msgspec.json.encode(FIRST) + b"\n")
    assert "inc-1" in told("list", "--run", tmp_path).output
