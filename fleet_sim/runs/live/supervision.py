"""Keeps the private broker running, as an operator's supervisor would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.errors import BrokerUnreachableError

CHECK_S = 0.5


async def keep_running(broker: BrokerProcess, note: Callable[[str], None]) -> None:
    """Start `broker` again whenever it has ended, until cancelled; `note` takes what happened.

    The event loop steps the fleet meanwhile: a thread waits for a broker that is slow to start.
    """
    while True:
        await asyncio.sleep(CHECK_S)
        code = broker.poll()
        if code is None:
            continue
        note(f"the broker ended with exit code {code}; starting it again")
        broker.restart()
        try:
            await asyncio.to_thread(broker.wait_until_accepting)
        except BrokerUnreachableError as error:
            note(str(error))
