"""The options that say who we, and who our boxes, are to a broker."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet_sim.__main__ import main
from fleet_wire.links.brokers import Brokers
from tests.helpers.commands import write_scenario


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--broker-password-file", "none"], "--broker-password-file: none: No such file"),
        (["--box-password-file", "none"], "--box-password-file: needs --box-user"),
        (["--box-user", "x", "--box-password-file", "none"], "--box-password-file: none: No such"),
        (["--box-credentials", "none.csv"], "--box-credentials none.csv: No such file"),
        (["--box-cert-file", "{vehicle_id}.pem"], "--box-cert-file: needs a broker with TLS"),
    ],
)
@pytest.mark.parametrize("command", ["boxes", "run"])
def test_what_cannot_be_used_is_said_before_anything_starts(
    command: str,
    arguments: list[str],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one line, with exit code 2."""
    scenario = str(write_scenario(tmp_path))
    broker = ["--broker", "mqtt://127.0.0.1:1"]
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [command, scenario, *broker, *arguments])
    assert result.exit_code == 2
    assert problem in result.output
    assert "Traceback" not in result.output


def test_a_run_on_a_broker_of_its_own_has_no_passwords(tmp_path: Path) -> None:
    """It would let in everybody."""
    arguments = ["run", str(write_scenario(tmp_path)), "--box-user", "x"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "need --broker" in result.output


def test_the_password_of_the_file_takes_the_place_of_the_urls() -> None:
    """And without a file the URL's stays."""
    brokers = Brokers.parse("mqtt://user:old@host")
    assert brokers.with_password("new").first.password == "new"  # noqa: S105
    assert brokers.with_password(None).first.password == "old"  # noqa: S105
