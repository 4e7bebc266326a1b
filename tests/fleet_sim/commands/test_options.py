"""Options that several commands share: where secrets come from."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fleet_sim.commands.options import secret_options, warn_of_demo_secret
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.links.brokers import Brokers


@click.command()
@secret_options
def show(*, fleet_secret: str) -> None:
    """Print the secret, as no real command does."""
    click.echo(fleet_secret)


def test_secret_comes_from_a_file_the_environment_or_the_command_line(tmp_path: Path) -> None:
    """The file wins; without any it is the demo's."""
    (tmp_path / "secret").write_text("filed\n")
    file = ["--fleet-secret-file", str(tmp_path / "secret")]
    environment = {"FLEET_SIM_FLEET_SECRET": "set"}
    runner = CliRunner()
    assert runner.invoke(show, []).output == f"{DEMO_SECRET}\n"
    assert runner.invoke(show, [], env=environment).output == "set\n"
    assert runner.invoke(show, ["--fleet-secret", "given"], env=environment).output == "given\n"
    assert runner.invoke(show, file, env=environment).output == "filed\n"


@pytest.mark.parametrize(
    ("broker", "secret", "is_said"),
    [
        ("mqtt://user:hunter2@broker", DEMO_SECRET, True),
        ("mqtt://broker", "own", False),
        ("mqtt://127.0.0.1", DEMO_SECRET, False),
    ],
)
def test_demo_secret_on_a_foreign_broker_is_said(
    broker: str, secret: str, *, is_said: bool
) -> None:
    """Not silently; and without the broker's password."""
    said: list[str] = []
    warn_of_demo_secret(secret, Brokers.parse(broker), said.append)
    assert bool(said) is is_said
    assert "hunter2" not in "".join(said)
