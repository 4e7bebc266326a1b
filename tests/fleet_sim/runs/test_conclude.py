"""Which attempts a hit touched, and how the ground truth says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fleet_sim.faults import Hit
from fleet_sim.runs.conclude import (
    complaints_by,
    digest_of,
    first_difference,
    name_touched_attempts,
    touched_by,
)
from fleet_sim.runs.directory import RunDirectory
from fleet_wire.contract.attempt import Attempt, PlatformSide
from tests.helpers.commands import lines
from tests.helpers.records import COMPLAINT, STRAY, attempt_of


def attempt(name: str, *, car: str = "car-1", at_s: float = 10.0, total_s: float = 2.0) -> Attempt:
    """Return an attempt with a command of its own: `a1` sent `c1`."""
    return replace(
        attempt_of(total_s=total_s),
        attempt_id=name,
        command_id=name.replace("a", "c"),
        vehicle_id=car,
        scheduled_s=at_s,
    )


def hit(at_s: float, until_s: float | None = None, **changes: Any) -> Hit:
    """Return a hit on a car, or with `command_id` on a command."""
    fields: dict[str, Any] = {"injection": 0, "fault": "f", "vehicle_id": "car-1", "what": "w"}
    return Hit(at_s=at_s, until_s=until_s, **fields | changes)


def test_a_hit_on_a_command_touches_the_attempt_that_sent_it() -> None:
    """Whenever that was: a command may wait for long. A hit on nothing touches nothing.

    A hit on a car touches what is under way, both ends included.
    """
    attempts = [attempt("a1"), attempt("a2", at_s=11.0)]
    hits = [hit(500.0, command_id="c2"), hit(11.0, command_id="c9"), hit(11.0)]
    assert touched_by(hits, attempts) == [["a2"], [], []]
    spans = [(0.0, 9.999), (0.0, 10.0), (12.0, 100.0), (12.001, 12.5)]
    touched = touched_by([hit(*span) for span in spans], attempts[:1])
    assert touched == [[], ["a1"], ["a1"], []]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(0, 5)), max_size=8),
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 20),
            st.none() | st.integers(0, 6),
            st.none() | st.integers(0, 8),
        ),
        max_size=8,
    ),
)
def test_many_hits_touch_what_each_touches_alone(
    unlocks: list[tuple[int, int, int]],
    blows: list[tuple[int, int, int | None, int | None]],
) -> None:
    """In the order of the attempts, each attempt once for a hit."""
    attempts = [
        attempt(f"a{number}", car=f"car-{car}", at_s=at_s, total_s=total_s)
        for number, (car, at_s, total_s) in enumerate(unlocks)
    ]
    hits = [
        hit(
            at_s,
            None if lasts_s is None else at_s + lasts_s,
            vehicle_id=f"car-{car}",
            command_id=None if command is None else f"c{command}",
        )
        for car, at_s, lasts_s, command in blows
    ]

    def is_touched(each: Attempt, by: Hit) -> bool:
        if by.until_s is None:
            return by.command_id == each.command_id
        starts_after = each.scheduled_s > by.until_s
        ends_before = each.scheduled_s + each.total_s < by.at_s
        return each.vehicle_id == by.vehicle_id and not starts_after and not ends_before

    expected = [[each.attempt_id for each in attempts if is_touched(each, by)] for by in hits]
    assert touched_by(hits, attempts) == expected


def write_lines(path: Path, *records: object) -> None:
    """Write a file of JSON lines."""
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))


INJECTIONS = [
    {"type": "injection", "injection": 0, "fault": "f", "vehicles": ["car-1"], "more": 1},
    {"type": "injection", "injection": 1, "fault": "g", "vehicles": ["car-2"]},
    {"type": "injection", "injection": 2, "fault": "h", "vehicles": ["car-1", "car-2"]},
]
HITS = [
    hit(11.0, 13.0, injection=2, fault="h"),
    hit(11.5, injection=0, command_id="c2"),
    hit(11.6, 11.6, injection=2, fault="h", vehicle_id="car-2"),
    hit(11.7, injection=2, fault="h", command_id="c1"),
]


def test_the_ground_truth_names_what_each_hit_and_each_injection_touched(tmp_path: Path) -> None:
    """Injections first, then the hits, each in the order in which they were written.

    An injection touches what its hits touch, each attempt once. Stray answers are no attempts.
    """
    truth = tmp_path / "ground_truth.jsonl"
    write_lines(truth, *INJECTIONS[:2], HITS[0], INJECTIONS[2], *HITS[1:])
    unlocks = attempt("a1"), attempt("a2", at_s=13.0), attempt("a3", car="car-2")
    write_lines(tmp_path / "attempts.jsonl", *unlocks)
    write_lines(tmp_path / "stray_answers.jsonl", replace(STRAY, command_id="c2"))
    name_touched_attempts(RunDirectory(tmp_path))
    of_injections = [["a2"], [], ["a1", "a2", "a3"]]
    of_hits = [["a1", "a2"], ["a2"], ["a3"], ["a1"]]
    expected = [
        *({**line, "attempts": ids} for line, ids in zip(INJECTIONS, of_injections, strict=True)),
        *(
            {**msgspec.to_builtins(each), "attempts": ids}
            for each, ids in zip(HITS, of_hits, strict=True)
        ),
    ]
    assert lines(truth) == expected
    assert [line["type"] for line in lines(truth)] == 3 * ["injection"] + 4 * ["hit"]
    assert list(lines(truth)[4]) == [
        "type", "injection", "fault", "vehicle_id", "what", "at_s", "until_s", "command_id",
        "customer_id", "attempts",
    ]  # fmt: skip
    before = truth.read_bytes()
    name_touched_attempts(RunDirectory(tmp_path))
    assert truth.read_bytes() == before


def test_a_run_without_attempts_touched_none(tmp_path: Path) -> None:
    """It was broken off before the first; a line that was cut short is left out."""
    truth = tmp_path / "ground_truth.jsonl"
    name_touched_attempts(RunDirectory(tmp_path))
    assert not truth.exists(), "a run without faults has none"
    write_lines(truth, INJECTIONS[0], HITS[1])
    truth.write_bytes(truth.read_bytes() + b'{"type":"hit","inj')
    name_touched_attempts(RunDirectory(tmp_path))
    assert [line["attempts"] for line in lines(truth)] == [[], []]


def run_of(directory: Path, *attempts: Attempt) -> Path:
    """Write a run of these attempts, and return its manifest."""
    directory.mkdir()
    write_lines(directory / "attempts.jsonl", *attempts)
    manifest = directory / "manifest.json"
    manifest.write_bytes(msgspec.json.encode({"digest": digest_of(directory)}))
    return manifest


def test_of_two_runs_the_first_difference_is_named(tmp_path: Path) -> None:
    """By the keys that differ, and not by two lines of 900 letters."""
    first, second = attempt("a1"), attempt("a2")
    expected = run_of(tmp_path / "there", first, second)
    slower = replace(second, total_s=2.5, evidence={"presence": "online" * 20})
    run_of(tmp_path / "here", first, slower)
    run_of(tmp_path / "shorter", first)
    run_of(tmp_path / "same", first, second)
    assert first_difference(tmp_path / "same", expected) is None
    digests, what = (first_difference(tmp_path / "here", expected) or "").split("\n")
    assert digests.endswith(f"expected {digest_of(tmp_path / 'there')} of {expected}")
    assert what.startswith("attempts.jsonl:2: total_s 2.5 here, 2.0 there; evidence {")
    assert len(what) < 160
    shorter = first_difference(tmp_path / "shorter", expected)
    assert shorter is not None
    assert shorter.endswith("attempts.jsonl:2: ends here earlier")
    (tmp_path / "there" / "attempts.jsonl").unlink()
    assert "\n" not in (first_difference(tmp_path / "here", expected) or "")


def test_a_hit_on_a_customer_touches_what_is_this_customers() -> None:
    """Not the unlock of another on the same car; where nobody knows whose one is, it is touched."""
    of_anna = replace(attempt("a1"), platform=PlatformSide(account_id="anna"))
    of_bert = replace(attempt("a2"), platform=PlatformSide(account_id="bert"))
    hits = [hit(0.0, 100.0, customer_id="anna")]
    assert touched_by(hits, [of_anna, of_bert, attempt("a3")]) == [["a1", "a3"]]


def test_complaints_are_touched_with_their_unlocks_and_with_their_customer() -> None:
    """A call before the hit is about something else."""
    about = [
        replace(COMPLAINT, complaint_id="t1", attempts=("a1",), scheduled_s=20.0),
        replace(COMPLAINT, complaint_id="t2", account_id="anna", scheduled_s=20.0),
        replace(COMPLAINT, complaint_id="t3", account_id="anna", scheduled_s=5.0),
        replace(COMPLAINT, complaint_id="t4", account_id="bert", scheduled_s=20.0),
    ]
    hits = [hit(10.0, 12.0), hit(10.0, 12.0, customer_id="anna"), hit(10.0, 12.0)]
    assert complaints_by(hits, [["a1"], [], ["a9"]], about) == [["t1"], ["t2"], []]
