"""Which attempts a hit touched, and how the ground truth says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fleet_sim.faults import Hit
from fleet_sim.runs.conclude import digest_of, faults_behind, first_difference, touched_by
from fleet_wire.contract.attempt import Attempt
from tests.helpers.records import attempt_of


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


def test_which_faults_were_at_work() -> None:
    """On the command, wherever; or on the car at that time."""
    hits = [
        hit(5.0, fault="by_command", command_id="c1"),
        hit(10.0, 20.0, fault="by_time", vehicle_id="car-0"),
        hit(15.0, fault="on_nothing", vehicle_id="car-0"),
    ]
    finding = {"vehicle_id": "car-0", "command_id": "c1", "at_s": 15.0}
    assert faults_behind(finding, hits) == ["by_command", "by_time"]
    assert faults_behind({**finding, "command_id": "c2"}, hits) == ["by_time"]
    assert faults_behind({**finding, "command_id": None, "at_s": 21.0}, hits) == []
