"""The emulated platform behind its API, in a thread of its own, with cars in virtual time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.helpers.fake_platform import ServedApi, served_api
from tests.helpers.platform_bench import PlatformBench

TICK_S = 0.002


class AnyCar:
    """A fleet that has every car whose name can stand in a topic; most of them are never there."""

    def __contains__(self, vehicle_id: object) -> bool:
        return isinstance(vehicle_id, str) and vehicle_id.replace("-", "").isalnum()


class ServedBench:
    """A platform that serves. Virtual time passes in steps of 50 ms, many times a second."""

    def __init__(self, bench: PlatformBench, api: ServedApi) -> None:
        self.bench = bench
        self.url = api.url
        self.token = bench.platform.token_of("anna")
        self.booking_id = bench.book(for_s=86_400)
        """Of customer anna and the first car."""
        self.api = api


@contextmanager
def served_bench() -> Iterator[ServedBench]:
    """Serve a platform with two cars until the block ends. Raises what its thread raised."""
    ready = threading.Event()
    found: list[ServedBench] = []
    failures: list[BaseException] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        bench = PlatformBench()
        async with served_api(bench.platform) as api:
            bench.platform._vehicle_ids = AnyCar()
            found.append(ServedBench(bench, api))
            ready.set()
            while not stop.is_set():
                bench.let_pass(0.05)
                await asyncio.sleep(TICK_S)

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the test's thread
            failures.append(error)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        if found:
            yield found[0]
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join()
    if failures:
        raise failures[0]
