"""`fleet-sim asyncapi`: the document of a profile, as a user gets it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from click.testing import CliRunner

from bench.score.incidents import TWO_TOPICS
from fleet_sim.__main__ import main


def test_it_prints_the_document_of_the_contract_or_of_a_profile(tmp_path: Path) -> None:
    """Native by default; a name or a file by flag or variable."""
    file = tmp_path / "fleet.yaml"
    file.write_text(TWO_TOPICS, "utf-8")
    runner = CliRunner()
    native = msgspec.json.decode(runner.invoke(main, ["asyncapi"]).output)
    own = msgspec.json.decode(runner.invoke(main, ["asyncapi", "--profile", str(file)]).output)
    environment = {"FLEET_SIM_PROFILE": str(file)}
    same = msgspec.json.decode(runner.invoke(main, ["asyncapi"], env=environment).output)
    assert native["asyncapi"] == "3.0.0"
    assert native["channels"]["command"]["address"] == "cars/{vehicle_id}/command"
    assert own["channels"]["command"]["address"] == "v1/{vehicle_id}/cmd"
    assert same == own
