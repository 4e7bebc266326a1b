"""Tests of `fleet_sim.faults.phone`."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.customers.records import AppScreen, CustomerStep
from fleet_sim.faults import Fault, Hit, Injection
from fleet_sim.faults.phone import BleTokenExpiredOffline, PhoneSide, WrongCarApproached
from fleet_wire.contract.messages import CarEvent, EventName
from tests.helpers.city import STEADY_PHONE, City

Step = CustomerStep
QUICK_PHONE = STEADY_PHONE.model_copy(update={"timeout_s": 4.0})
GIVES_UP = {"calls_support": 1.0, "max_presses": 2, "phone": QUICK_PHONE}


class Struck:
    """One customer with one car, and a fault of customers."""

    def __init__(self, fault: Fault, **customers: Any) -> None:
        self.city = City([0.0], cars=1, **{**GIVES_UP, **customers})
        self.hits: list[Hit] = []
        bench = self.city.bench
        injection = Injection(
            world=bench.world,
            boxes=[bench.box()],
            vehicle_ids=frozenset({"car-0"}),
            duration_s=200.0,
            stream_of=bench.world.stream,
            record=self.hits.append,
            customers=self.city.population.failpoints,
        )
        bench.env.process(fault.process(injection))
        self.city.let_pass(150)

    @property
    def requests(self) -> list[str]:
        """Which operations reached the platform."""
        return [each.operation for each in self.city.bench.log if each.event == "requested"]

    def shown(self) -> set[str | None]:
        """Return what the app showed."""
        return {each.shown for each in self.city.of(0, Step.SHOWN)}


def test_who_stands_beside_another_car_is_told_open_and_finds_it_shut() -> None:
    """The booked car opens round the corner."""
    struck = Struck(WrongCarApproached(share=1.0), tries_door=1.0)
    assert struck.shown() == {AppScreen.OPEN}
    ends = {each.outcome for each in struck.city.bench.log if each.operation == "unlock"}
    assert ends == {None, "executed"}
    assert struck.city.steps().count(Step.OPENED) == 0
    assert struck.city.steps().count(Step.CALLED_SUPPORT) == 1
    (hit,) = struck.hits
    assert (hit.what, hit.vehicle_id, hit.customer_id) == ("approach", "car-0", "customer-00000")
    (arrived,), (gave_up,) = struck.city.of(0, Step.ARRIVED), struck.city.of(0, Step.GAVE_UP)
    assert arrived.at_s + 1.0 == pytest.approx(hit.at_s)
    assert gave_up.at_s < (hit.until_s or 0)


def test_nothing_leaves_a_phone_without_network() -> None:
    """The app says so, and the call to support is all that is heard of it."""
    struck = Struck(PhoneSide())
    assert struck.shown() == {AppScreen.NO_ANSWER}
    assert set(struck.requests) == {"book", "end"}
    assert struck.city.steps().count(Step.CALLED_SUPPORT) == 1
    assert [(hit.what, hit.customer_id) for hit in struck.hits] == [("request", "customer-00000")]


def test_a_defect_of_the_app_is_one_of_a_release() -> None:
    """The platform knows of no such booking; other releases are well."""
    spoilt = Struck(PhoneSide(what="app_bug", app_version="1.0.0"))
    assert {each.problem for each in spoilt.city.of(0, Step.SHOWN)} == {"booking-unknown"}
    well = Struck(PhoneSide(what="app_bug", app_version="2.0.0"))
    assert well.shown() == {AppScreen.OPEN}
    assert not well.hits


def test_a_share_of_customers_is_struck_whole_or_not_at_all() -> None:
    """Each by a number of their own."""
    assert not Struck(PhoneSide(share=0.0001)).hits


def test_an_old_key_does_not_open_and_the_box_tells_of_it() -> None:
    """Nothing of the customer reaches the platform."""
    phone = QUICK_PHONE.model_copy(update={"offline_key_s": 2280.0})
    struck = Struck(BleTokenExpiredOffline(), phone=phone)
    assert struck.shown() == {AppScreen.KEY_EXPIRED}
    assert struck.city.bench.box().vehicle.is_locked
    assert set(struck.requests) == {"book", "end"}
    assert {hit.customer_id for hit in struck.hits} == {"customer-00000"}


def test_a_good_key_opens_without_platform_and_network() -> None:
    """Where the phone has one."""
    phone = QUICK_PHONE.model_copy(update={"offline_key_s": 2280.0})
    struck = Struck(PhoneSide(), phone=phone)
    assert struck.shown() == {AppScreen.OPEN}
    assert struck.city.steps().count(Step.OPENED) == 1
    without = Struck(BleTokenExpiredOffline())
    assert without.shown() == {AppScreen.NO_ANSWER}


def test_a_box_tells_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that it took, and of those that it did not; without power of none."""
    city = City([])
    box = city.bench.box()
    told: list[CarEvent] = []
    monkeypatch.setattr(type(box), "publish_event", lambda _box, event: told.append(event))
    assert not box.unlock_by_key(is_good=False)
    assert box.unlock_by_key(is_good=True)
    assert [each.event for each in told] == [EventName.BLE_KEY_EXPIRED, EventName.BLE_UNLOCK]
