"""Calls to come: SimPy makes them, and so does who steps an environment by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleet_sim.cars.defects import Defects
from fleet_sim.cars.world import ModelEnvironment
from fleet_sim.runs.virtual.time import VirtualEnvironment


def by_simpy() -> tuple[ModelEnvironment, Callable[[], None]]:
    """Return an environment, and what lets three seconds pass in it."""
    env = ModelEnvironment()
    return env, lambda: env.run(until=3)


def by_ourselves() -> tuple[ModelEnvironment, Callable[[], None]]:
    """Return one that steps by itself, and what lets three seconds pass in it."""
    env = VirtualEnvironment()
    return env, lambda: env.run_to(3.0, Defects())


@pytest.mark.parametrize("stepped", [by_simpy, by_ourselves])
def test_calls_are_made_when_they_fall_due_in_the_order_in_which_they_were_asked_for(
    stepped: Callable[[], tuple[ModelEnvironment, Callable[[], None]]],
) -> None:
    """One that was cancelled is not made, and one that makes another is no event of its own."""
    env, pass_three_s = stepped()
    made: list[tuple[float, str]] = []

    def note(name: str) -> None:
        made.append((env.now, name))

    env.call_later(2.0, note, "second")
    env.call_later(1.0, note, "first")
    env.call_later(1.5, note, "cancelled").cancel()
    env.call_later(2.0, env.call_later, 0.0, note, "at once")
    env.timeout(2.0, value="an event").callbacks.append(lambda event: note(event.value))
    env.call_later(4.0, note, "too late")
    pass_three_s()
    assert made == [(1.0, "first"), (2.0, "second"), (2.0, "an event"), (2.0, "at once")]
