"""Keeps private brokers running, as an operator's supervisor would, and says when one breaks."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, Final

from fleet_sim.broker.process import BrokerProcess
from fleet_sim.results import readable
from fleet_wire.error_text import first_few
from fleet_wire.errors import BrokerUnreachableError
from fleet_wire.links.brokers import broker_of

CHECK_S = 0.5
LIVED_S: Final = 10.0
"""Seconds after which a broker counts as well started [E]."""
PAUSES_S: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Pauses before the starts in a row of a broker that ends soon; after the last it is given up."""
MOST_TOLD: Final = 20
"""Most failures of brokers in the summary."""
MOST_NAMED: Final = 3
"""Most cars of a broker that a message names."""


class Supervision:
    """The private brokers of a run; `note` takes what happens to them, with their cars."""

    def __init__(
        self,
        brokers: Sequence[BrokerProcess],
        vehicle_ids: Sequence[str],
        note: Callable[[str], None],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep = sleep
        self._monotonic_s = monotonic_s
        self._brokers = brokers
        self._vehicle_ids = vehicle_ids
        self._note = note
        self.told: list[str] = []
        """The first failures of the brokers with their times, for the summary."""

    def work(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Return what watches each of them, until it is cancelled."""
        return (self._keep_running(place) for place in range(len(self._brokers)))

    async def _keep_running(self, place: int) -> None:
        """Start a broker again whenever it has ended, and say when it is stopped.

        One that ends soon after each start is started ever later, and then no more.
        The event loop steps the fleet meanwhile: a thread waits for a broker that is slow to start.
        """
        broker, was_stopped = self._brokers[place], False
        pauses_s, started_s = iter(PAUSES_S), self._monotonic_s()
        while True:
            await self._sleep(CHECK_S)
            code, is_stopped = broker.poll(), broker.is_stopped
            if is_stopped is not was_stopped:
                was_stopped = is_stopped
                how = f"is stopped (kill -CONT {broker.pid} lets it go on)"
                await self._report(place, how if is_stopped else "goes on")
            if code is None:
                continue
            if self._monotonic_s() - started_s >= LIVED_S:
                pauses_s = iter(PAUSES_S)
            pause_s = next(pauses_s, None)
            if pause_s is None:
                why = f"after {len(PAUSES_S)} starts in a row it is given up: {broker.log_file}"
                await self._report(place, f"{_how(code)}; {why} may say why")
                return
            await self._sleep(pause_s)
            broker.restart()
            started_s = self._monotonic_s()
            await self._report(place, f"{_how(code)}; it is started again")
            try:
                await asyncio.to_thread(broker.wait_until_accepting)
            except BrokerUnreachableError as error:
                self._note(str(error))

    async def _report(self, place: int, what: str) -> None:
        moment = readable.moment(time.time())
        # The broker's name needs a pass over all cars: two seconds for a million.
        text = f"{await asyncio.to_thread(self._name, place)} {what}"
        self._note(text)
        if len(self.told) < MOST_TOLD:
            self.told.append(f"{moment}: {text}")

    def _name(self, place: int) -> str:
        """Return which broker it is, where, and of which cars."""
        total = len(self._brokers)
        cars = [one for one in self._vehicle_ids if broker_of(one, total) == place]
        named = first_few(cars, len(cars), MOST_NAMED)
        which = "the broker" if total == 1 else f"broker {place + 1} of {total}"
        where = self._brokers[place].address
        return f"{which} ({where}, {readable.boxes(len(cars))}: {named})"


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by signal {-code} ({signal.Signals(-code).name})"
