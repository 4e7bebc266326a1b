"""Defects of the model: counted, and logged once for each kind."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
import simpy

from fleet_sim.cars.defects import MAX_KINDS, MAX_LETTERS, Defects, ModelDefectError
from fleet_sim.cars.world import ModelEnvironment


def raised(error: Exception) -> Exception:
    """Return an exception as it comes out of a call."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def note_failure(defects: Defects, number: int) -> None:
    """Note what fails at a place of its own."""
    scope: dict[str, Callable[[], None]] = {}
    source = "\n" * number + "def fail(): raise ValueError('here')"
    exec(source, {"__name__": "model"}, scope)  # noqa: S102 - for a line number of its own
    try:
        scope["fail"]()
    except ValueError as error:
        defects.note(error)


def test_a_kind_is_logged_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """A defect in every car is one entry in the log; another place or type is another kind."""
    defects = Defects()
    for _ in range(100):
        note_failure(defects, 1)
        note_failure(defects, 2)
    assert defects.count == 200
    assert caplog.messages == [
        "the model failed: ValueError: here (model:2)",
        "the model failed: ValueError: here (model:3)",
    ]
    assert caplog.text.count("Traceback") == 2
    for error in (ValueError("here"), TypeError("here"), ValueError("here")):
        defects.note(raised(error))
    assert len(caplog.records) == 4


def test_a_process_that_failed_is_named_by_its_own_error() -> None:
    """SimPy raises a copy, which knows neither the place nor the whole error."""
    env = ModelEnvironment()

    def failing() -> Generator[simpy.Event, Any, None]:
        yield env.timeout(1.0)
        raise ValueError("lost")

    defects = Defects()
    env.process(failing())
    with pytest.raises(ValueError, match="lost") as caught:
        env.run()
    defects.note(caught.value)
    assert defects.first is not None
    assert defects.first.startswith(f"ValueError: lost ({__name__}:")


def test_the_log_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """However many kinds there are, and however much they say."""
    defects = Defects()
    for number in range(MAX_KINDS + 5):
        note_failure(defects, number)
    assert defects.count == MAX_KINDS + 5
    assert len(caplog.records) == MAX_KINDS
    talkative = Defects()
    talkative.note(raised(ValueError("x" * 10_000)))
    assert talkative.first is not None
    assert len(talkative.first) < 2 * MAX_LETTERS


@pytest.mark.parametrize(("count", "number"), [(1, "a defect"), (2, "2 defects")])
def test_a_run_with_defects_says_how_many(count: int, number: str) -> None:
    """With the first of them, and where to look."""
    said = str(ModelDefectError(count, "KeyError"))
    assert said == f"{number} of the model; the log has the traceback. The first: KeyError"
