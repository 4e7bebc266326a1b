"""Tests of `fleet_sim.customers.phone`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

from fleet_sim.cars.distributions import Uniform
from fleet_sim.customers.parameters import PhoneParameters
from fleet_sim.customers.phone import Phone
from fleet_sim.platform.operations import Answer, Operation, Request
from fleet_wire.randomness import RandomStream
from tests.helpers.platform_bench import PlatformBench

TOKEN = "t"  # noqa: S105 - of nobody
QUIET = PhoneParameters(network=Uniform(base_s=0.1), loss=0.0, timeout_s=5.0, retries=1)


class SlowPlatform:
    """Answers after so many seconds each; None: never."""

    def __init__(self, bench: PlatformBench, *delays_s: float | None) -> None:
        self._world = bench.world
        self._delays_s = list(delays_s)
        self.requests: list[Request] = []
        self.hung_up = 0

    def ask(self, request: Request, on_answer: Callable[[Answer], None]) -> SlowPlatform:
        """Take a request."""
        self.requests.append(request)
        delay_s = self._delays_s.pop(0)
        if delay_s is not None:
            answer = Answer(status=200, body={"number": len(self.requests)})
            self._world.later(delay_s, on_answer, answer)
        return self

    def hang_up(self) -> bool:
        """Count it."""
        self.hung_up += 1
        return True


def asked(platform: SlowPlatform, bench: PlatformBench, parameters: PhoneParameters) -> Any:
    """Let a phone ask once; return its answer and how long that took."""
    phone = Phone(
        bench.world, parameters, platform, token=TOKEN, stream=RandomStream.named(1, "phone")
    )
    found = []

    def ask() -> Generator[simpy.Event, Any, None]:
        began_s = bench.env.now
        answer = yield from phone.ask(Operation.BOOK, vehicle_id="car-0")
        found.append((answer and answer.body["number"], round(bench.env.now - began_s, 3)))

    bench.env.process(ask())
    bench.let_pass(60)
    return found[0]


def test_without_an_answer_it_hangs_up_and_asks_again_with_the_same_key() -> None:
    """In the same trace; the platform knows it for the same request."""
    bench = PlatformBench()
    platform = SlowPlatform(bench, None, 1.0)
    assert asked(platform, bench, QUIET) == (2, 6.2)
    first, second = platform.requests
    assert first == second
    assert first.idempotency_key
    assert platform.hung_up == 1


def test_an_answer_that_comes_too_late_is_none() -> None:
    """Nor does it confuse the second request."""
    bench = PlatformBench()
    assert asked(SlowPlatform(bench, 5.5, None), bench, QUIET) == (None, 10.0)
