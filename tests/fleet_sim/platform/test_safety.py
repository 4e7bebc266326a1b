"""Tests of `fleet_sim.platform.safety`."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.cars.movements import Movement, of_another_car
from fleet_sim.platform import safety
from fleet_sim.platform.safety import Finding, FindingKind, Safety
from fleet_wire.contract.messages import Action, Command
from tests.helpers.platform_bench import CAR, PlatformBench, sent_command

Kind = FindingKind
LIFE_S = 30.0


class Watch:
    """A watch over movements, of which a test says when they come."""

    def __init__(self, **options: Any) -> None:
        self.world = PlatformBench().world
        self.epoch = self.world.epoch_unix_s
        self.findings: list[Finding] = []
        self.known = sent_command(issued_at=self.epoch, ttl_s=LIFE_S)
        self.booking = self.known.booking
        options = {"command_of": {"c1": self.known}.get, "others_may": False, **options}
        self.safety = Safety(self.world, self.findings.append, **options)

    def move(
        self, at_s: float, command_id: str | None = "c1", *, vehicle_id: str = CAR, **more: Any
    ) -> list[Finding]:
        """Let a lock move; return all findings so far."""
        command = None
        if command_id is not None:
            expires_at_ms = int((self.epoch + LIFE_S) * 1000)
            command = Command(command_id, Action.UNLOCK, 0, expires_at_ms, 1, "")
        movement = {"is_driver_door_locked": False, **more}
        self.safety.handle_movement(Movement(vehicle_id, at_s, command, **movement))
        return self.findings


def kinds(findings: list[Finding]) -> list[FindingKind]:
    """Return what was found."""
    return [each.kind for each in findings]


def test_what_is_allowed_is_no_finding() -> None:
    """A command in its life, and a car that locks itself."""
    watch = Watch()
    assert not watch.move(2.0)
    assert not watch.move(35.0, None)
    assert watch.safety.movements == 2


def test_after_its_life() -> None:
    """A sound box's clock and lock have ten seconds; the finding says how late it was."""
    assert not Watch().move(39.0)
    (finding,) = Watch().move(45.0)
    assert (finding.kind, finding.by_s, finding.vehicle_id) == (Kind.AFTER_LIFE, 15.0, CAR)


def test_after_the_booking_ended() -> None:
    """One that its customer has ended is over at once; one that runs out has the slack."""
    watch = Watch()
    watch.booking.ends_at = watch.epoch + 10
    assert not watch.move(12.0)
    watch = Watch()
    watch.booking.ends_at, watch.booking.was_ended = watch.epoch + 10, True
    (finding,) = watch.move(12.0)
    assert (finding.kind, finding.by_s) == (Kind.AFTER_BOOKING, 2.0)


def test_one_command_twice() -> None:
    """Each time after the first."""
    watch = Watch()
    for at_s in (2.0, 3.0, 4.0):
        watch.move(at_s)
    assert kinds(watch.findings) == [Kind.EXECUTED_TWICE] * 2


def test_without_a_right_to_it() -> None:
    """A command that nobody has sent, of another car, or by a box that sits in another one."""
    assert kinds(Watch().move(2.0, "forged")) == [Kind.WITHOUT_RIGHT]
    assert not Watch(others_may=True).move(2.0, "of the monitor")
    assert kinds(Watch().move(2.0, vehicle_id="car-1")) == [Kind.WITHOUT_RIGHT]
    (finding,) = Watch().move(2.0, is_of_another_car=True)
    assert (finding.kind, finding.is_of_another_car) == (Kind.WITHOUT_RIGHT, True)


def test_twice_for_one_press() -> None:
    """A second command that was sent in the place of the first counts with it."""
    watch = Watch()
    again = sent_command("c2", issued_at=watch.epoch, ttl_s=LIFE_S)
    again.repeats = watch.known
    watch.safety.command_of = {"c1": watch.known, "c2": again}.get
    assert not watch.move(2.0, "c2")
    watch.safety.told_open("anna", CAR, "c1")
    assert kinds(watch.move(3.0)) == [Kind.EXECUTED_TWICE]


def test_a_second_booking_gives_no_right() -> None:
    """It should never have been made; and nothing is said of the first."""
    watch = Watch()
    watch.booking.is_second = True
    assert kinds(watch.move(2.0)) == [Kind.WITHOUT_RIGHT]


def test_told_locked_of_a_car_that_has_not_locked() -> None:
    """Its locks have bounced back, or never moved."""
    watch = Watch()
    watch.move(2.0)
    for command_id in ("c1", "of another", None):
        watch.safety.told_locked("anna", CAR, command_id)
    assert kinds(watch.findings) == [Kind.TOLD_LOCKED] * 3
    watch = Watch()
    watch.move(2.0, is_driver_door_locked=True)
    watch.safety.told_locked("anna", CAR, "c1")
    assert not watch.findings


def test_told_open_where_another_car_has_opened() -> None:
    """The command was for one car, and went to the box of another."""
    watch = Watch()
    watch.move(2.0, vehicle_id="car-1")
    watch.safety.told_open("anna", CAR, "c1")
    assert kinds(watch.findings) == [Kind.WITHOUT_RIGHT, Kind.TOLD_OPEN]


def test_told_open_of_a_car_that_has_not_opened() -> None:
    """Not moved, stuck, or another car that did."""
    watch = Watch()
    watch.safety.told_open("anna", CAR, "c1")
    watch.move(2.0, is_driver_door_locked=True)
    watch.safety.told_open("anna", CAR, "c1")
    watch.move(2.0, is_of_another_car=True)
    watch.safety.told_open("anna", CAR, "c1")
    watch.safety.told_open("anna", CAR, None)
    told = [each for each in watch.findings if each.kind is Kind.TOLD_OPEN]
    assert [each.customer_id for each in told] == ["anna"] * 4
    watch = Watch()
    watch.move(2.0)
    watch.safety.told_open("anna", CAR, "c1")
    assert not watch.findings


def test_times_count_from_the_load() -> None:
    """As those of every other file of a run."""
    watch = Watch()
    watch.safety.load_starts_s = 40.0
    assert watch.move(45.0)[0].at_s == 5.0


def test_no_more_commands_are_remembered_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first."""
    monkeypatch.setattr(safety, "MAX_REMEMBERED", 2)
    watch = Watch(others_may=True)
    for command_id in ("a", "b", "c", "a"):
        watch.move(2.0, command_id)
    assert not watch.findings


def test_boxes_tell_of_every_movement() -> None:
    """Commands, and cars that lock themselves; a clone's are another car's."""
    seen: list[Movement] = []
    assert of_another_car(None) is None
    passed_on = of_another_car(seen.append)
    assert passed_on is not None
    passed_on(Movement(CAR, 1.0, None, is_driver_door_locked=True))
    assert seen == [Movement(CAR, 1.0, None, is_driver_door_locked=True, is_of_another_car=True)]
