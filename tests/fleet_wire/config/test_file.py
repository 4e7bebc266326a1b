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
from fleet_wire.config.file import Document, apply_overrides, load_document
from fleet_wire.errors import ConfigError

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
TEXT = """\
name: demo
load:
  rate: 0x10
  stages:
    - kind: poisson
      rate: 1.5
    - {kind: burst, count: 3}
fleet:
  groups:
    - name: city
      count: 10
    - name: sea.side
      count: 20
empty:
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file that is not there yet."""
    return tmp_path / "file.yaml"


@pytest.fixture
def document(path: Path) -> Document:
    """Return the document in `TEXT`."""
    path.write_text(TEXT)
    return load_document(path)


def problems_of(path: Path, text: str | bytes) -> str:
    """Return what loading `text` complains about."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        load_document(path)
    assert all(str(path) in problem for problem in caught.value.problems)
    return str(caught.value)


def override(document: Document, *overrides: str, **options: Any) -> Document:
    """Apply overrides, as `--set` gives them."""
    return apply_overrides(document, overrides, **options)


def test_plain_values(document: Document) -> None:
    """Values are plain, whatever their form in the file."""
    assert document.values["load"] == {
        "rate": 16,
        "stages": [{"kind": "poisson", "rate": 1.5}, {"kind": "burst", "count": 3}],
    }
    assert document.values["empty"] is None
    assert type(document.values["load"]) is dict
    assert type(document.values["load"]["stages"]) is list
    assert type(document.values["name"]) is str


def test_what_looks_like_something_else_stays_text(path: Path) -> None:
    """Dates, and words that YAML 1.1 took for booleans, are text."""
    path.write_text("a: 2024-01-01\nb: yes\nc: off\nd: 12:30:00\ne: '1'\nf: true\n")
    values = {"a": "2024-01-01", "b": "yes", "c": "off", "d": "12:30:00", "e": "1", "f": True}
    assert load_document(path).values == values


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


def test_lines(document: Document) -> None:
    """Each place knows its line; what is not there has the line of what encloses it."""
    assert document.line_of(()) == 1
    assert document.line_of(("load", "rate")) == 3
    assert document.line_of(("load", "stages", 0)) == 5
    assert document.line_of(("load", "stages", 0, "rate")) == 6
    assert document.line_of(("load", "stages", 1, "count")) == 7
    assert document.line_of(("load", "stages", 1, "missing")) == 7
    assert document.line_of(("load", "stages", 9)) == 4


def test_problem_names_file_line_and_key(document: Document) -> None:
    """A problem can be clicked on."""
    problem = document.problem(("load", "stages", 0, "rate"), "too high")
    assert problem == f"{document.path}:6: load.stages.0.rate: too high"
    assert document.problem((), "too little") == f"{document.path}:1: too little"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ":3: a: duplicate key, first on line 1"),
        ("a:\n  b: 1\n  c: {d: 1, d: 2}\n", ":3: a.c.d: duplicate key, first on line 3"),
        ("a:\n\tb: 1\n", ":2: not valid YAML: a tab: indent with spaces"),
        ("a: [1, 2\nb: 3\n", "not valid YAML"),
        ("a: 'x\n", "not valid YAML"),
        ("a: b: c\n", ":1: a: not valid YAML without quotes; quote the value"),
        ("a: *nothing\n", ":1: a: not valid YAML without quotes; quote the value"),
        ("a:\n  - unit: %\n    b: 1\n", ":2: unit: not valid YAML without quotes; quote the value"),
        ('a: {job="x"} / 2\n', ":1: a: not valid YAML without quotes; quote the value"),
        ("a: 'it's'\nb: 1\n", ":1: a: not valid YAML without quotes; quote the value"),
        ("a: 1\nb: 'x\nc: 1\n", ":2: not valid YAML: close the quote or bracket that opens here"),
        ("a: 1\n---\nb: 2\n", ":2: not valid YAML"),
        ("- a\n", ":1: expected keys and values, found a list"),
        ("42\n", ":1: expected keys and values, found a int"),
        ("", ":1: expected keys and values, found nothing"),
        ("# only a comment\n", "found nothing"),
        ("a: !!python/object:os.system x\n", ":1: a: tag"),
        ("a: !include other.yaml\n", ":1: a: tag"),
        ("a: !!binary aGFsbG8=\n", ":1: a: tag"),
        ("a: !!set {x}\n", ":1: a: tag"),
        ("a: .inf\n", ":1: '.inf' is not a finite number"),
        ("a: 1\nb: .nan\n", ":2: '.nan' is not a finite number"),
        ("a: 1e999\n", ":1: '1e999' is not a finite number"),
        ("a: !!int x\n", ":1: cannot read 'x'"),
        ("a: " + "9" * 5000 + "\n", ":1: cannot read '9999"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n", ":3: merge keys (<<) are not supported"),
        ("? [a, b]\n: 1\n", ":1: a key must be plain text"),
        ("a: &a [*a]\n", ":1: alias 'a' stands inside what it refers to"),
        (b"a: 1\nb: \xff\n", ":2: not UTF-8 text"),
        (b"a: 1\x00\n", "not valid YAML"),
        ("a: " + "[" * 1_000, ": nested too deeply"),
        ("a: " + "x" * config_file.MAX_FILE_BYTES, ": longer than 1048576 bytes"),
    ],
)
def test_bad_files(path: Path, text: str | bytes, expected: str) -> None:
    """What is not plain YAML with a mapping at the top is an error that says where."""
    assert expected in problems_of(path, text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is missing, or no file, is an error that names it."""
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load_document(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_document(tmp_path)


def test_aliases_are_copies(path: Path) -> None:
    """An alias stands for the same values; changing one place leaves the other."""
    path.write_text("a: &x {k: [1]}\nb: *x\n")
    document = load_document(path)
    assert document.values["a"] == document.values["b"] == {"k": [1]}
    assert override(document, "b.k.0=2").values == {"a": {"k": [1]}, "b": {"k": [2]}}


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


def test_override_by_number_name_and_star(document: Document) -> None:
    """List items go by number, by name, or all at once."""
    changed = override(
        document,
        "load.stages.1.count=7",
        "fleet.groups.city.count=11",
        "fleet.groups.*.region=north",
    )
    assert changed.values["load"]["stages"][1]["count"] == 7
    assert changed.values["fleet"]["groups"] == [
        {"name": "city", "count": 11, "region": "north"},
        {"name": "sea.side", "count": 20, "region": "north"},
    ]
    assert document.values["fleet"]["groups"][0] == {"name": "city", "count": 10}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("2.5", 2.5),
        ("true", True),
        ("", None),
        ("null", None),
        ("'3'", "3"),
        ("a=b", "a=b"),
        ("[1, {x: y}]", [1, {"x": "y"}]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
    ],
)
def test_override_values_are_yaml(document: Document, text: str, value: Any) -> None:
    """What stands after the first = is read as in the file."""
    assert override(document, f"name={text}").values["name"] == value


def test_override_adds_what_is_missing(document: Document) -> None:
    """Keys are made on the way, also where the file has nothing after a key."""
    changed = override(document, "load.radio.rtt=3", "empty.deep.er=1", "seed=7")
    assert changed.values["load"]["radio"] == {"rtt": 3}
    assert changed.values["empty"] == {"deep": {"er": 1}}
    assert changed.values["seed"] == 7


def test_the_last_override_wins(document: Document) -> None:
    """The same key twice: the later one, in the value and in what a problem names."""
    changed = override(document, "seed=1", "seed=2")
    assert changed.values["seed"] == 2
    assert changed.problem(("seed",), "no") == "--set seed=2: seed: no"


def test_problems_of_overridden_values_name_the_override(document: Document) -> None:
    """Below an overridden place, and where an override made a key, there is no line."""
    changed = override(document, "load.stages.0={kind: x}", "new.deep=1", "new.other=2")
    assert changed.line_of(("load", "stages", 0, "kind")) is None
    assert changed.line_of(("load", "stages", 1, "kind")) == 7
    problem = changed.problem(("load", "stages", 0, "kind"), "bad")
    assert problem == "--set load.stages.0={kind: x}: load.stages.0.kind: bad"
    assert changed.problem(("new",), "bad") == "--set new.deep=1: new: bad"
    assert changed.problem(("new", "other"), "bad") == "--set new.other=2: new.other: bad"


def test_a_whole_override_replaces_those_inside(document: Document) -> None:
    """After a mapping was set as a whole, an earlier override inside it is no longer named."""
    changed = override(document, "load.stages.0.rate=9", "load.stages=[{rate: 1}]")
    problem = changed.problem(("load", "stages", 0, "rate"), "bad")
    assert problem == "--set load.stages=[{rate: 1}]: load.stages.0.rate: bad"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed", "expected KEY=VALUE, for example seed=3"),
        ("=3", "expected KEY=VALUE"),
        ("load..rate=3", "expected KEY=VALUE"),
        (".=3", "expected KEY=VALUE"),
        ("load.stages.9.rate=3", "no item '9' in a list of 2"),
        ("load.stages.9=3", "no item '9' in a list of 2"),
        ("load.stages.-1.rate=3", "no item '-1' in a list of 2"),
        ("fleet.groups.citty.count=3", "no item 'citty' in a list of 2; did you mean 'city'?"),
        ("name.first=3", "'first' would stand inside the plain value 'demo'"),
        ("load.rate.x.y=3", "'x' would stand inside the plain value 16"),
        ("seed=[1", "not valid YAML"),
        ("seed=a: b: c", "not valid YAML"),
        ("seed=.inf", "'.inf' is not a finite number"),
        ("seed={a: 1, a: 2}", "a: duplicate key"),
    ],
)
def test_bad_overrides(document: Document, text: str, expected: str) -> None:
    """A bad override is named as it was typed."""
    with pytest.raises(ConfigError) as caught:
        override(document, text)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"--set {text}: ")
    assert expected in caught.value.problems[0]


def test_an_index_of_thousands_of_digits_is_shortened(document: Document) -> None:
    """Python makes no number of so many, and nobody reads them."""
    with pytest.raises(ConfigError) as caught:
        override(document, f"load.stages.{'9' * 5_000}.rate=3")
    (problem,) = caught.value.problems
    assert "no item '999" in problem
    assert len(problem) < 200


def test_all_bad_overrides_are_named(document: Document) -> None:
    """One error lists them all."""
    with pytest.raises(ConfigError) as caught:
        override(document, "seed", "name.x=1", "seed=3")
    assert [problem.split(": ")[0] for problem in caught.value.problems] == [
        "--set seed",
        "--set name.x=1",
    ]


def test_shorthands(document: Document) -> None:
    """A short key stands for a full one, and is named as it was typed."""
    short = {"fleet.count": "fleet.groups.*.count"}
    changed = override(document, "fleet.count=5", shorthands=short)
    assert [group["count"] for group in changed.values["fleet"]["groups"]] == [5, 5]
    problem = changed.problem(("fleet", "groups", 1, "count"), "bad")
    assert problem == "--set fleet.count=5: fleet.groups.1.count: bad"


def test_dotted_keys(path: Path) -> None:
    """Below a key that holds dotted keys, only the known leaves end a path."""
    path.write_text("expect:\n  unlock.p95_s: {max: 8}\n")
    dotted = {"expect": frozenset({"min", "max"})}
    changed = override(
        load_document(path),
        "expect.unlock.p95_s.max=5",
        "expect.attempts.ok_share.min=1",
        "expect.stray.late={max: 0}",
        dotted_keys=dotted,
    )
    assert changed.values["expect"] == {
        "unlock.p95_s": {"max": 5},
        "attempts.ok_share": {"min": 1},
        "stray.late": {"max": 0},
    }
