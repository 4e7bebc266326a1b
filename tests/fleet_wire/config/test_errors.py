"""What pydantic says about a document, told to the person who wrote it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fleet_wire.arrivals import LoadStage
from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import apply_overrides, load_document
from fleet_wire.errors import ConfigError


class Level(StrEnum):
    """An enumeration."""

    LOW = "low"
    HIGH = "high"


class Part(BaseModel):
    """The base of the parts."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Fixed(Part):
    """One member of an undiscriminated union."""

    base_s: float = Field(ge=0)
    spread_s: float = 0.0


class Drawn(Part):
    """The other one."""

    median_s: float = Field(gt=0)
    sigma: float


def _number(value: Any) -> Any:
    return {"base_s": value} if isinstance(value, int | float) else value


Delay = Annotated[
    Fixed | Drawn, BeforeValidator(_number, json_schema_input_type=float | Fixed | Drawn)
]


class Model(Part):
    """Has one of everything that makes pydantic's places differ from the document's."""

    count: int = Field(1, ge=1, le=9)
    name: str = Field("x", min_length=1, max_length=5)
    on: bool = True
    level: Level = Level.LOW
    mode: Literal["live", "virtual"] = "live"
    delay: Delay = Fixed(base_s=1)
    limit: float | None = None
    names: str | list[str] = "x"
    stages: list[LoadStage] = []
    by_name: dict[str, Fixed] = {}
    inner: Fixed | None = None
    parts: tuple[Fixed, ...] = Field((Fixed(base_s=1),), min_length=1)
    pair: tuple[Fixed, ...] = Field((Fixed(base_s=1), Fixed(base_s=2)), min_length=2)
    ratio: float = Field(1.0, ge=0, le=9)


def complaints(path: Path, text: str, *overrides: str) -> list[str]:
    """Return what is wrong with `text`, without the name of the file."""
    path = path / "f.yaml"
    path.write_text(text)
    document = apply_overrides(load_document(path), overrides)
    with pytest.raises(ConfigError) as caught:
        validated_model(document, Model)
    return [problem.removeprefix(str(path)) for problem in caught.value.problems]


DELAY = "a number or a mapping with base_s, spread_s or a mapping with median_s, sigma"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cuont: 3", ":1: cuont: unknown key; did you mean 'count'?"),
        ("count: x", ":1: count: expected a whole number, not 'x'"),
        ("count: 1.5", ":1: count: expected a whole number, not 1.5"),
        ("count: [1]", ":1: count: expected a whole number, not a list"),
        ("count:", ":1: count: expected a whole number, not nothing"),
        ("count: 10", ":1: count: should be less than or equal to 9, not 10"),
        ("name: 3", ":1: name: expected text, not 3"),
        ("name: ''", ":1: name: should have at least 1 character, not ''"),
        ("on: maybe", ":1: on: expected true or false, not 'maybe'"),
        ("level: hihg", ":1: level: unknown value 'hihg'; did you mean 'high'?"),
        ("level: x", ":1: level: unknown value 'x'; expected one of: low, high"),
        ("mode: virtul", ":1: mode: unknown value 'virtul'; did you mean 'virtual'?"),
        ("limit: x", ":1: limit: expected a number, not 'x'"),
        ("names: 4", ":1: names: expected text or a list, not 4"),
        ("names: [a, 4]", ":1: names.1: expected text, not 4"),
        ("delay: -3", ":1: delay: should be greater than or equal to 0, not -3"),
        ("delay: soon", f":1: delay: expected {DELAY}, not 'soon'"),
        ("delay: []", f":1: delay: expected {DELAY}, not a list"),
        ("delay:\n  base_s: -1", ":2: delay.base_s: should be greater than or equal to 0, not -1"),
        ("delay:\n  median_s: 1", ":1: delay.sigma: missing, expected a number"),
        ("stages: [{kind: poison}]", ":1: stages.0.kind: unknown kind 'poison'; did you mean"),
        ("stages: [{kind: [1]}]", ":1: stages.0.kind: unknown kind"),
        ("stages:\n- {}", ":2: stages.0: 'kind' is missing; expected one of: burst, constant"),
        ("stages: [3]", ":1: stages.0: expected a mapping, not 3"),
        ("stages: {}", ":1: stages: expected a list, not a mapping"),
        (
            "stages:\n- kind: constant\n  duration_s: 1\n  rate_per_s: -1",
            ":4: stages.0.rate_per_s: should be greater than or equal to 0, not -1",
        ),
        (
            "stages:\n- kind: burst\n  duration_s: 1\n  count: 1\n  over: 3",
            ":5: stages.0.over: unknown key; did you mean 'over_s'?",
        ),
        ("by_name:\n  a.b: {base_s: x}", ":2: by_name.a.b.base_s: expected a number, not 'x'"),
        ("by_name:\n  a: {bas: 1, base_s: 1}", ":2: by_name.a.bas: unknown key; did you mean"),
        ("inner: {}", ":1: inner.base_s: missing, expected a number"),
        ("inner: 3", ":1: inner: expected a mapping with base_s, spread_s, not 3"),
        ("name: " + "y" * 500, ":1: name: should have at most 5 characters, not 'yyyyyy"),
        (f"? {'y' * 9999}\n: 3", f":1: {'y' * 40}...{'y' * 20}: unknown key"),
        ("parts: [{base_s: x}]", ":1: parts.0.base_s: expected a number, not 'x'"),
        ("parts: []", ":1: parts: expected at least 1 of them, not 0"),
        ("pair: [{base_s: 1}]", ":1: pair: expected at least 2 of them, not 1"),
        ("count: true", ":1: count: expected a whole number, not true"),
        ("ratio: false", ":1: ratio: expected a number, not false"),
        ("limit: true", ":1: limit: expected a number, not true"),
        ("names: true", ":1: names: expected text or a list, not true"),
        ('name: "a\\0b"', ":1: name: holds a NUL character"),
        ('name: "\\ud800"', ":1: name: is not UTF-8 text"),
        ("ratio: 1e308", ":1: ratio: should be less than or equal to 9, not 1e+308"),
        (f"ratio: 1{'0' * 4000}", ":1: ratio: expected a number, not 1000000"),
        (f"count: 1{'0' * 4000}", ":1: count: "),
    ],
)
def test_one_problem(tmp_path: Path, text: str, expected: str) -> None:
    """One slip is one line: place, key, what was expected, and what is near."""
    found = complaints(tmp_path, text)
    assert len(found) == 1, found
    assert found[0].startswith(expected)
    assert len(found[0]) < 200


def test_problems_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    """All problems, by line, whatever order the model has."""
    text = "stages:\n- kind: poisson\n  rate: 3\nbogus: 1\ncount: x\n"
    assert [problem.split(":")[1] for problem in complaints(tmp_path, text)] == [
        "2",
        "2",
        "3",
        "4",
        "5",
    ]


def test_a_missing_key_and_its_misspelling(tmp_path: Path) -> None:
    """Both are told: what is missing, and which key was meant by the unknown one."""
    found = complaints(tmp_path, "stages:\n- {kind: constant, duration_s: 1, rate: 3}\n")
    assert found == [
        ":2: stages.0.rate_per_s: missing, expected a number",
        ":2: stages.0.rate: unknown key; did you mean 'rate_per_s'?",
    ]


def test_a_key_of_another_member_is_not_suggested_for_itself(tmp_path: Path) -> None:
    """A key that some member of the union knows: what is wrong is what stands beside it."""
    found = complaints(tmp_path, "delay: {median_s: 1, spread_s: 2}\n")
    assert found[-1] == f":1: delay.median_s: does not fit to the keys beside it; expected {DELAY}"


def test_a_flag_is_no_number_in_a_union(tmp_path: Path) -> None:
    """Where the number is a short form of a mapping, too."""
    (found,) = complaints(tmp_path, "delay: true\n")
    assert found == f":1: delay: expected {DELAY}, not true"


def test_problems_of_overrides_name_them(tmp_path: Path) -> None:
    """A value that came by `--set` has no line."""
    found = complaints(tmp_path, "count: 3\n", "count=99", "lvel=low", "delay.base=1")
    assert "--set count=99: count: should be less than or equal to 9, not 99" in found
    assert "--set lvel=low: lvel: unknown key; did you mean 'level'?" in found
    assert "--set delay.base=1: delay.base: unknown key; did you mean 'base_s'?" in found


def test_the_model_may_begin_further_down(tmp_path: Path) -> None:
    """`at` puts the place of a part before its own keys."""
    path = tmp_path / "f.yaml"
    path.write_text("parts:\n- {base_s: 1}\n- base_s: 2\n  spred_s: 3\n")
    document = load_document(path)
    with pytest.raises(ConfigError) as caught:
        validated_model(document, Fixed, at=("parts", 1))
    assert caught.value.problems == [
        f"{path}:4: parts.1.spred_s: unknown key; did you mean 'spread_s'?"
    ]
