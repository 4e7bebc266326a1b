"""Problems of absurd values, told to the person who wrote them: short, and in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import load_document
from fleet_wire.errors import ConfigError
from tests.helpers.config_player import Model


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: " + "y" * 500, ":1: name: should have at most 5 characters, not 'yyyyyy"),
        (f"? {'y' * 9999}\n: 3", f":1: {'y' * 40}...{'y' * 20}: unknown key"),
        ('name: "a\\0b"', ":1: name: holds a NUL character"),
        ('name: "\\ud800"', ":1: name: is not UTF-8 text"),
        (f"ratio: 1{'0' * 4000}", ":1: ratio: expected a number, not 1000000"),
        (f"count: 1{'0' * 4000}", ":1: count: "),
    ],
)
def test_an_absurd_value_is_one_short_line(tmp_path: Path, text: str, expected: str) -> None:
    """It is cut, and nothing that a terminal obeys is shown."""
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        validated_model(load_document(path), Model)
    (problem,) = caught.value.problems
    said = problem.removeprefix(str(path))
    assert said.startswith(expected)
    assert len(said) < 200
