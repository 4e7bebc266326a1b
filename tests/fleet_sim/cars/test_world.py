"""Calls to come: SimPy makes them, and so does who steps an environment by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import simpy

from fleet_sim.cars.defects import Defects
from fleet_sim.cars.world import call_later
from fleet_sim.runs.virtual.time import VirtualEnvironment, VirtualTimers


def by_simpy() -> tuple[simpy.Environment, Callable[[], None]]:
    """Return an environment, and what lets three seconds pass in it."""
    env = simpy.Environment()
    return env, lambda: env.run(until=3)


def by_ourselves() -> tuple[simpy.Environment, Callable[[], None]]:
    """Return one that steps by itself, and what lets three seconds pass in it."""
    env = VirtualEnvironment()
    return env, lambda: env.run_to(3.0, Defects())


@pytest.mark.parametrize("stepped", [by_simpy, by_ourselves])
def test_calls_are_made_when_they_fall_due_in_the_order_in_which_they_were_asked_for(
    stepped: Callable[[], tuple[simpy.Environment, Callable[[], None]]],
) -> None:
    """One that was cancelled is not made, and one that makes another is no event of its own."""
    env, pass_three_s = stepped()
    made: list[tuple[float, str]] = []

    def note(name: str) -> None:
        made.append((env.now, name))

    call_later(env, 2.0, note, ("second",))
    call_later(env, 1.0, note, ("first",))
    call_later(env, 1.5, note, ("cancelled",)).cancel()
    call_later(env, 2.0, call_later, (env, 0.0, note, ("at once",)))
    env.timeout(2.0, value="an event").callbacks.append(lambda event: note(event.value))
    call_later(env, 4.0, note, ("too late",))
    pass_three_s()
    assert made == [(1.0, "first"), (2.0, "second"), (2.0, "an event"), (2.0, "at once")]


def test_timers_of_virtual_time_stand_in_line_with_all_else() -> None:
    """Without a delay a call comes at the same instant, after what is due before it."""
    env = VirtualEnvironment()
    timers, made = VirtualTimers(env), list[str]()
    env.timeout(0).callbacks.append(lambda _: made.append("event"))
    timers.call_later(-1.0, made.append, "late")
    timers.call_soon(made.append, "soon")
    timers.call_later(1.0, made.append, "cancelled").cancel()
    env.run_to(2.0, Defects())
    assert made == ["event", "late", "soon"]
