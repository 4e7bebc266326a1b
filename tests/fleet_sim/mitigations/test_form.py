"""The form of mitigations: those that ship, those of a user, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.mitigations.form import SHIPPED, load_mitigations
from fleet_wire.errors import ConfigError

OURS = "title: Call everybody\nassumes: Everybody has a phone.\nplatform: {command_ttl_s: 60}\n"


def test_all_that_ship_are_right() -> None:
    """Each file is a mitigation with its name."""
    assert sorted(load_mitigations()) == sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def test_a_users_file_is_added_and_replaces_one_of_the_same_name(tmp_path: Path) -> None:
    """A folder's files count; so does a single file."""
    (tmp_path / "call.yaml").write_text(OURS)
    (tmp_path / "halt_release.yaml").write_text(OURS)

    found = load_mitigations([tmp_path], only=["call", "halt_release"])

    assert {each.title for each in found.values()} == {"Call everybody"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: x\nassumes: y\nends: {modes: [bad_firmware]}\n", "bad_firmware_cohort"),
        ("title: x\nassumes: y\nplatform: {release: '2'}\n", "does not change while"),
        ("title: x\nassumes: y\navoids: colour\n", "avoids"),
        ("title: x\n", "assumes"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    """The error names the file and what is wrong."""
    file = tmp_path / "ours.yaml"
    file.write_text(text)

    with pytest.raises(ConfigError) as refused:
        load_mitigations([file])

    assert str(file) in str(refused.value)
    assert told in str(refused.value)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    """A typo does not play nothing."""
    with pytest.raises(ConfigError, match="halt_release"):
        load_mitigations(only=["halt_releases"])
