"""YAML files that a user writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet_wire.config import file as config_file
from fleet_wire.config.file import Document, load_document
from fleet_wire.errors import ConfigError
from tests.helpers.config_player import FOLDER

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file that is not there yet."""
    return tmp_path / "file.yaml"


@pytest.fixture
def document() -> Document:
    """Return a document with lists and mappings."""
    return load_document(FOLDER / "demo.yaml")


def problems_of(path: Path, text: str | bytes) -> str:
    """Return what loading `text` complains about."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        load_document(path)
    assert all(str(path) in problem for problem in caught.value.problems)
    return str(caught.value)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), PLAIN, max_size=4))
@example({"letter": "\U00010000"})
def test_json_is_yaml(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]) -> None:
    """Any JSON object is read as itself: a manifest can be given as a scenario.

    `json` escapes what is not ASCII, and letters beyond U+FFFF as two halves.
    """
    path = tmp_path_factory.getbasetemp() / "values.json"
    for text in (msgspec.json.encode(values), json.dumps(values).encode()):
        path.write_bytes(text)
        assert load_document(path).values == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2\nb: 3\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", ":2: not valid YAML"),
        ("a: " + "9" * 5000 + "\n", ":1: cannot read '9999"),
        (b"a: 1\nb: \xff\n", ":2: not UTF-8 text"),
        (b"a: 1\x00\n", "not valid YAML"),
        ("a: " + "[" * 1_000, ": nested too deeply"),
        ("a: " + "x" * config_file.MAX_FILE_BYTES, ": longer than 1048576 bytes"),
    ],
)
def test_bad_files(path: Path, text: str | bytes, expected: str) -> None:
    """What is not plain YAML with a mapping at the top is an error that says where."""
    assert expected in problems_of(path, text)


def test_an_alias_bomb_is_refused(path: Path) -> None:
    """Few lines that mean a billion values stop early."""
    nine = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9)]
    text = "\n".join(["l0: &l0 [x, x, x, x, x, x, x, x, x]", *nine])
    assert "more than 100 aliases" in problems_of(path, text)
    four = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 4)}]" for n in range(1, 15)]
    text = "\n".join(["l0: &l0 [x, x, x, x]", *four])
    assert "more than 100 aliases" in problems_of(path, text)


def test_many_values_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a bound on values, aliases expanded."""
    monkeypatch.setattr(config_file, "MAX_VALUES", 50)
    text = "a: &a [1, 2, 3, 4]\nb: &b [*a, *a, *a]\nc: [*b, *b]\n"
    assert ":1: more than 50 values once aliases are expanded" in problems_of(path, text)
