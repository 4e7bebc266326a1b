"""A scenario that names a profile: where it is found, and what becomes of its boxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.score.incidents import TWO_TOPICS
from fleet_sim.cars.parameters import BoxParameters
from fleet_sim.commands.options import with_profile
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import ConfigError

SCENARIO = """\
description: Two groups.
fleet:
  profile: PROFILE
  groups:
    - { name: plain, count: 1 }
    - { name: own, count: 1, box: { keepalive_s: 60 } }
load:
  stages: [{ kind: burst, count: 1, duration_s: 1 }]
"""


def written(directory: Path, profile: str, text: str = "") -> Path:
    """Return a scenario with a profile, which lies beside it where `text` is given."""
    if text:
        (directory / profile).write_text(text, encoding="utf-8")
    path = directory / "scenario.yaml"
    path.write_text(SCENARIO.replace("PROFILE", profile), encoding="utf-8")
    return path


def test_numbers_of_a_profile_are_defaults(tmp_path: Path) -> None:
    """OVMS's keepalive is its boxes', but a group's own number stays."""
    scenario = load_scenario(written(tmp_path, "ovms"))
    plain, own = (group.box for group in scenario.fleet.groups)
    assert (plain.keepalive_s, own.keepalive_s) == (1740, 60)
    assert plain.session_expiry_s == own.session_expiry_s == 0xFFFF_FFFF
    assert plain.processing == BoxParameters().processing


def test_a_file_lies_beside_the_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command is given; one of a flag is where the command is given."""
    path = written(tmp_path, "own.yaml", TWO_TOPICS)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_scenario(path).fleet.profile == str(tmp_path / "own.yaml")
    Path("mine.yaml").write_text(TWO_TOPICS, encoding="utf-8")
    flagged = load_scenario(path, with_profile((), "mine.yaml"))
    assert flagged.fleet.profile == str(tmp_path / "elsewhere" / "mine.yaml")
    assert load_scenario(path, with_profile((), "saic")).fleet.profile == "saic"
    assert with_profile(("a=1",), None) == ("a=1",)


def test_what_was_resolved_loads_again(tmp_path: Path) -> None:
    """A manifest names the file itself, and holds every number."""
    scenario = load_scenario(written(tmp_path, "own.yaml", TWO_TOPICS))
    assert type(scenario).model_validate(scenario.resolved()) == scenario


@pytest.mark.parametrize(
    ("profile", "text", "problem"),
    [
        ("ovm", "", "scenario.yaml:3: fleet.profile: profile 'ovm': neither a file nor"),
        ("ovm", "", "; did you mean 'ovms'?"),
        ("none.yaml", "", "scenario.yaml:3: fleet.profile: "),
        (
            "own.yaml",
            f"box: {{ keepalive: 3 }}\n{TWO_TOPICS}",
            "own.yaml:1: box.keepalive: unknown",
        ),
        ("own.yaml", TWO_TOPICS.replace("/id", "id"), "own.yaml:5: command.fields.command_id: "),
    ],
)
def test_a_profile_that_cannot_be_used_is_named(
    tmp_path: Path, profile: str, text: str, problem: str
) -> None:
    """In the scenario where it is the scenario's fault, else in the profile's own file."""
    with pytest.raises(ConfigError) as error:
        load_scenario(written(tmp_path, profile, text))
    assert any(problem in one for one in error.value.problems), error.value.problems
