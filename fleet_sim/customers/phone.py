"""A customer's phone: its requests, lost packets, waiting times and conclusions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import simpy

from fleet_sim.cars.world import World
from fleet_sim.customers.parameters import AppVersion, PhoneParameters
from fleet_sim.platform.operations import Answer, Operation, PendingRequest, Platform, Request
from fleet_wire.contract.trace_context import NO_TRACE, TraceContext
from fleet_wire.randomness import RandomStream

_TRACE_DRAWS = 4
"""Draws of which a trace is made."""

Waiting = Generator[simpy.Event, Any, Answer | None]
"""A part of a process that ends with an answer, or None where there was none."""


class Phone:
    """The app of one customer on a phone."""

    def __init__(
        self,
        world: World,
        parameters: PhoneParameters,
        platform: Platform,
        *,
        token: str,
        stream: RandomStream,
    ) -> None:
        self._world = world
        self._parameters = parameters
        self._platform = platform
        self._token = token
        self._stream = stream
        self._clock_error_s = parameters.clock_error.sample_s(stream)
        self.app_version = _drawn(parameters.app_versions, stream)

    def unix_s(self) -> float:
        """Return what the phone's clock shows."""
        return self._world.unix_s_at(self._world.env.now) + self._clock_error_s

    def new_trace(self) -> TraceContext:
        """Return a new trace, with the span of what the customer wants.

        Its id is the request's key, so it is another one each time, also where nobody reads it.
        """
        if not self._world.has_traces:
            return TraceContext(f"{self._stream.skip(_TRACE_DRAWS):032x}", NO_TRACE.span_id)
        draws = (self._stream.uniform() for _ in range(_TRACE_DRAWS))
        digits = "".join(f"{int(draw * 2**48):012x}" for draw in draws)
        return TraceContext(digits[:32], digits[32:48])

    def ask(
        self,
        operation: Operation,
        trace: TraceContext | None = None,
        *,
        alter: Callable[[Request], Request | None] = lambda request: request,
        **what: Any,
    ) -> Waiting:
        """Ask the platform, and again where there is no answer, with the same idempotency key.

        `alter` returns the request that leaves the phone, each time; None: nothing.
        """
        trace = trace or self.new_trace()
        request = Request(
            operation=operation,
            token=self._token,
            idempotency_key=f"{trace.trace_id}",
            traceparent=trace.traceparent,
            app_version=self.app_version,
            **what,
        )
        for _ in range(1 + self._parameters.retries):
            answer: Answer | None = yield from self._send(alter(request))
            if answer is not None:
                return answer
        return None

    def command(self, operation: Operation, trace: TraceContext, **what: Any) -> Waiting:
        """Unlock or lock, and wait for the car's answer, if need be by polling.

        `alter` works as for `ask`.
        """
        answer = yield from self.ask(operation, trace, wait_s=self._parameters.wait_s, **what)
        while answer is not None and answer.is_ok and answer.body.get("is_final") is False:
            command_id = answer.body.get("command_id")
            yield self._world.env.timeout(self._parameters.poll_s)
            status = yield from self.ask(Operation.COMMAND_STATUS, command_id=command_id)
            answer = status if status is not None else answer
        return answer

    def _send(self, request: Request | None) -> Waiting:
        """Send a request once; it or its answer may be lost, and the app's wait is limited.

        None is one that never leaves the phone.
        """
        env = self._world.env
        ended = env.event()
        asked: list[PendingRequest] = []
        given_up = env.call_later(self._parameters.timeout_s, _end_wait, ended, None)
        self._travel(self._arrive, request, ended, asked)
        try:
            answer: Answer | None = yield ended
        except simpy.Interrupt:  # the customer has left the app
            _hang_up(asked)
            raise
        finally:
            given_up.cancel()
        if answer is None:
            _hang_up(asked)
        return answer

    def _arrive(
        self, request: Request | None, ended: simpy.Event, asked: list[PendingRequest]
    ) -> None:
        """Hand a request to the platform, unless the app waits no more."""
        if request is not None and not ended.triggered:
            come_back = partial(self._travel, _end_wait, ended)
            asked.append(self._platform.ask(request, come_back))

    def _travel(self, arrive: Callable[..., None], *what: Any) -> None:
        """Carry one packet over the phone's network, which may lose it."""
        delay_s = self._parameters.network.sample_s(self._stream)
        if self._stream.uniform() >= self._parameters.loss:
            self._world.later(delay_s, arrive, *what)


def _hang_up(asked: Sequence[PendingRequest]) -> None:
    for each in asked:
        each.hang_up()


def _end_wait(ended: simpy.Event, answer: Answer | None) -> None:
    if not ended.triggered:
        ended.succeed(answer)


def _drawn(versions: tuple[AppVersion, ...], stream: RandomStream) -> str:
    """Return one of the versions, each as often as its share says."""
    left = stream.uniform() * sum(each.share for each in versions)
    for each in versions:
        left -= each.share
        if left < 0:
            return each.version
    return versions[-1].version
