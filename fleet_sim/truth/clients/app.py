"""The app of the simulated customers, on a phone of its own for each car."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Generator
from typing import Any

import simpy

from fleet_sim.api.client import HttpPlatform
from fleet_sim.cars.world import World
from fleet_sim.customers.customer import app_message
from fleet_sim.customers.parameters import PhoneParameters
from fleet_sim.customers.phone import Phone
from fleet_sim.customers.records import AppScreen
from fleet_sim.platform.operations import Answer, Operation
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.truth.client import Ask
from fleet_sim.truth.clients.presses import serve, show
from fleet_sim.truth.grading import Screen
from fleet_wire.contract import problems
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.links.link import Link


class App:
    """The app, and the time that it lives in. Make it where the event loop runs."""

    def __init__(self, api_url: str) -> None:
        self._driver = LiveDriver(asyncio.get_running_loop())
        self._platform = HttpPlatform(api_url, present=self._driver.present)
        self._world = World(
            env=self._driver,
            seed=0,
            fleet_secret=DEMO_SECRET,
            epoch_unix_s=time.time() - self._driver.now_s(),
            link_factory=_no_link,
        )
        self._phones: dict[str, Phone] = {}

    async def handle(self, ask: Ask) -> None:
        """Do what the user presses; the app shows nothing new to one who only looks."""
        if ask.do == "look":
            return
        show(Screen.WORKING, request=ask.request)
        with self._driver.present():
            self._driver.process(self._press(ask))

    async def close(self) -> None:
        """Stop time, and hang up on the platform."""
        self._driver.stop()
        await self._platform.close()

    def _press(self, ask: Ask) -> Generator[simpy.Event, Any, None]:
        phone = self._phone(ask)
        is_unlock = ask.do == "unlock"
        answer = yield from phone.command(
            Operation.UNLOCK if is_unlock else Operation.LOCK,
            phone.new_trace(),
            vehicle_id=ask.vehicle_id,
            booking_id=ask.booking_id,
        )
        show(screen_of(answer, is_unlock=is_unlock), request=ask.request)

    def _phone(self, ask: Ask) -> Phone:
        phone = self._phones.get(ask.vehicle_id)
        if phone is None:
            phone = self._phones[ask.vehicle_id] = Phone(
                self._world,
                PhoneParameters(loss=0.0),  # the failure modes alone decide what goes wrong
                self._platform,
                token=ask.token or "",
                stream=self._world.stream(ask.vehicle_id),
            )
        return phone


def screen_of(answer: Answer | None, *, is_unlock: bool) -> Screen:
    """Return what the app's sentence about an answer means to its user."""
    done = AppScreen.OPEN if is_unlock else AppScreen.LOCKED
    message = app_message(answer, done)
    if message == done:
        return Screen.OPEN if is_unlock else Screen.LOCKED
    if message == AppScreen.NO_ANSWER:
        return Screen.UNAVAILABLE
    silent = problems.VEHICLE_SILENT
    slug = None if answer is None or answer.problem is None else answer.problem.slug
    return Screen.UNKNOWN if silent.slug == slug or message == silent.sentence else Screen.FAILED


def _no_link(*_arguments: Any, **_more: Any) -> Link:
    raise AssertionError("an app has no link to a broker")


async def _main() -> None:
    app = App(os.environ["UNLOCKPATH_API"])
    try:
        await serve("api", app.handle)
    finally:
        await app.close()


if __name__ == "__main__":
    asyncio.run(_main())
