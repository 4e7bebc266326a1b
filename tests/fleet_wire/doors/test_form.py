"""The file of a door over HTTP: what may stand in it, and what is said of what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.doors.form import filled, filled_body, load_door, text_at
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.pointers import tokens_of
from tests.helpers.config_player import FOLDER
from tests.helpers.places import ROOT

DOOR = (FOLDER / "door.yaml").read_text("utf-8")


def door_file(directory: Path, text: str = DOOR) -> Path:
    """Write a door, and what it names."""
    (directory / "token.txt").write_text("s3cret\n")
    (directory / "bookings.txt").write_text("# car booking\ncar-1 b-1\n\ncar-2 b-2\n")
    path = directory / "door.yaml"
    path.write_text(text)
    return path


def problems_of(path: Path) -> list[str]:
    """Return what is said of a file."""
    with pytest.raises(ConfigError) as raised:
        load_door(path)
    return [problem.replace(f"{path.parent}/", "") for problem in raised.value.problems]


def test_a_door_has_what_its_files_hold(tmp_path: Path) -> None:
    """Secret and bookings stand beside it."""
    door = load_door(door_file(tmp_path))
    assert door.secret == "s3cret"  # noqa: S105 - of nobody
    assert door.bookings == {"car-1": "b-1", "car-2": "b-2"}
    assert door.form.base_url == "https://api.example/v2"
    assert door.form.poll is not None
    assert door.form.poll.method == "GET"


def test_files_that_are_missing_or_wrong(tmp_path: Path) -> None:
    """The path is told, and of a list the line."""
    path = door_file(tmp_path)
    (tmp_path / "bookings.txt").write_text("car-1 b-1\ncar-2\n")
    assert problems_of(path) == ["bookings.txt:2: expected a car's id and its booking's"]
    (tmp_path / "token.txt").unlink()
    (said,) = problems_of(path)
    assert said == "door.yaml: secret_file: token.txt: No such file or directory"


@pytest.mark.parametrize("name", ["emulated-platform", "polled-platform"])
def test_the_examples_can_be_loaded(tmp_path: Path, name: str) -> None:
    """Both are there to be changed."""
    text = (ROOT / "deploy/doors" / f"{name}.yaml").read_text(encoding="utf-8")
    door = load_door(door_file(tmp_path, text))
    assert door.form.lock is not None
    assert (door.form.poll is not None) == (name == "polled-platform")


def test_texts_are_filled() -> None:
    """In a URL what is filled in stays one piece; in a body every text is filled, however deep."""
    values = {"vehicle_id": 'a/b "c"'}
    assert filled("/x/{vehicle_id}", values, as_url=True) == "/x/a%2Fb%20%22c%22"
    assert filled("{vehicle_id}!", values) == 'a/b "c"!'
    assert filled_body([{"k": "{vehicle_id}", "n": 1}], values) == b'[{"k":"a/b \\"c\\"","n":1}]'
    assert filled_body(None, values) is None


def test_texts_and_numbers_are_found_by_pointers() -> None:
    """Whatever else stands around them. A tilde stands for nothing by itself."""
    document = {"a": [{"b": "x"}], "c/d": 5, "t": True}
    found = [text_at(document, pointer) for pointer in ("/a/0/b", "/c~1d", "/t")]
    assert found == ["x", "5", "true"]
    for pointer in ("/a/1", "/a/b", "/a", "", None):
        assert text_at(document, pointer) is None
    for wrong in ("/a~b", "/a~~01"):
        with pytest.raises(ValueError, match="~ is written ~0"):
            tokens_of(wrong)
