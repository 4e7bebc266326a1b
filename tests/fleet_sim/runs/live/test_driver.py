"""The asyncio driver: due events run, what comes from outside does at the present, in order."""

from __future__ import annotations

import asyncio

import pytest

from fleet_sim.runs.live.driver import LiveDriver
from tests.helpers.waiting import eventually


class Notes:
    """Notes the simulated time of each call."""

    def __init__(self, driver: LiveDriver) -> None:
        self.driver = driver
        self.calls: list[tuple[str, float]] = []

    @property
    def names(self) -> list[str]:
        """What was called."""
        return [name for name, _ in self.calls]

    def note(self, name: str) -> None:
        """Note a call."""
        self.calls.append((name, self.driver.now))

    def later(self, delay_s: float, name: str) -> None:
        """Note `name` after simulated time."""
        self.driver.timeout(delay_s).callbacks.append(lambda _: self.note(name))


@pytest.fixture
async def driver() -> LiveDriver:
    """Return a driver on the test's event loop."""
    return LiveDriver(asyncio.get_running_loop())


@pytest.fixture
def notes(driver: LiveDriver) -> Notes:
    """Return notes on its time."""
    return Notes(driver)


def test_advance_steps_what_is_due_and_no_more(driver: LiveDriver, notes: Notes) -> None:
    """Events run in order at their own times, and `now` ends where it was asked to."""
    for at_s in (30.0, 10.0, 20.0):
        notes.later(at_s, "event")
    driver.advance_to(25.0)
    assert notes.calls == [("event", 10.0), ("event", 20.0)]
    assert driver.now == 25.0
    driver.advance_to(20.0)
    assert driver.now == 25.0


async def test_what_fails_inside_is_a_defect_too(driver: LiveDriver, notes: Notes) -> None:
    """It goes on to whoever called: a link closes for it. What was scheduled falls due."""

    def fail(error: BaseException) -> None:
        notes.later(0.01, "after the defect")
        raise error

    with pytest.raises(ValueError, match="defect"), driver.present():
        fail(ValueError("defect"))
    with pytest.raises(KeyboardInterrupt), driver.present():
        fail(KeyboardInterrupt())
    assert driver.defects.count == 1
    await eventually(lambda: notes.names == ["after the defect"] * 2)
    driver.stop()


async def test_what_was_due_comes_before_what_comes_in(driver: LiveDriver, notes: Notes) -> None:
    """Also where the event loop was late: each has its own time, and the call has the present."""
    with driver.present():
        notes.later(0.01, "due")
        due_s = driver.now + 0.01
    driver.advance_to(0.0)
    while driver.now_s() < due_s:
        pass  # the event loop cannot wake the driver
    with driver.present():
        notes.note("call")
    assert notes.names == ["due", "call"]
    assert notes.calls[0][1] == pytest.approx(due_s)
    assert notes.calls[1][1] >= due_s
    driver.stop()


async def test_a_stopped_driver_steps_nothing(driver: LiveDriver, notes: Notes) -> None:
    """After `stop` no event runs, even when a late callback comes in; it finds time at rest."""
    with driver.present():
        notes.later(0.01, "never")
        driver.stop()
    stopped_s = driver.now_s()
    await asyncio.sleep(0.05)
    with driver.present():
        notes.note("late")
    assert notes.calls == [("late", stopped_s)]
