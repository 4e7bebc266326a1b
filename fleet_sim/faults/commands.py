"""Faults of the command service: its beliefs about cars, retries, retained commands and waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ClassVar

from pydantic import Field

from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.failpoints import DEDUPLICATION, Failpoint
from fleet_sim.cars.failpoints import OBJECTION as BOX_OBJECTION
from fleet_sim.faults.drawing import Drawing
from fleet_sim.faults.registry import (
    FaultProcess,
    Injection,
    PlatformFault,
    TargetedPlatform,
    register,
)
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.failpoints import GRACE, HEARING, RETAIN, RETRY, SAME, WAKE
from fleet_wire.contract.messages import Command, Reason
from fleet_wire.quantities import PositiveSeconds, Share
from fleet_wire.randomness import RandomStream


@register
class StaleOnlineCache(PlatformFault):
    """The platform believes an answer of some minutes ago, and wakes no car."""

    name: ClassVar[str] = "stale_online_cache"
    drawing: ClassVar[Drawing] = Drawing(needs_sleepers=True, customers={"patience": 40})

    poll_s: PositiveSeconds = Field(
        600.0, description="how often the platform asks how a car is; each has its own time"
    )

    def strike(
        self,
        platform: TargetedPlatform,
        injection: Injection,
        stream: RandomStream,  # noqa: ARG002 - each car draws its own
    ) -> FaultProcess:
        """Treat each car as online until the first poll after the window has opened."""
        began_s = injection.env.now
        polled_s = {
            vehicle_id: began_s + injection.stream_of(vehicle_id).uniform() * self.poll_s
            for vehicle_id in sorted(injection.vehicle_ids)
        }

        def believe(is_asleep: bool, command: PlatformCommand) -> bool:  # noqa: FBT001 - the failpoint's form
            if not is_asleep or injection.env.now >= polled_s[command.vehicle_id]:
                return is_asleep
            _hold_up(injection, WAKE, command, for_s=_life_s(command))
            return False

        with platform.set_action(WAKE, believe):
            yield injection.whole_window()


@register
class RetainedCommand(PlatformFault):
    """Commands are retained, and firmware executes them whenever it subscribes."""

    name: ClassVar[str] = "retained_command"
    drawing: ClassVar[Drawing] = Drawing(
        variants=({"executes_again": True}, {"executes_again": False}),
        strikes_alike=("some",),
        brought_out_by=("reconnect_storm", {"waves": 2, "retry_s": 2.0, "jitter_s": 5.0}),
    )

    executes_again: bool = Field(
        default=True,
        description="the box looks at neither id nor counter nor age of a command; one that does"
        " answers what it has answered before, or refuses",
    )

    def strike(
        self,
        platform: TargetedPlatform,
        injection: Injection,
        stream: RandomStream,  # noqa: ARG002 - nothing is drawn
    ) -> FaultProcess:
        """Retain what is sent while the window is open; boxes get it with every SUBSCRIBE."""

        def keep(_is_kept: bool, _command: PlatformCommand) -> bool:  # noqa: FBT001 - the failpoint's form
            return True

        def forget(_is_known: bool, _command: Command) -> bool:  # noqa: FBT001 - the failpoint's form
            return False

        def overlook(reason: Reason | None, _command: Command) -> Reason | None:
            return None if reason in (Reason.EXPIRED, Reason.REPLAYED) else reason

        with ExitStack() as stack:
            stack.enter_context(platform.set_action(RETAIN, keep))
            for box in injection.boxes if self.executes_again else ():
                stack.enter_context(box.set_action(DEDUPLICATION, forget, by=injection))
                stack.enter_context(box.set_action(BOX_OBJECTION, overlook, by=injection))
            yield injection.whole_window()


def _life_s(command: PlatformCommand) -> float:
    return command.expires_at - command.issued_at


def _hold_up(
    injection: Injection,
    failpoint: Failpoint[Any, PlatformCommand],
    command: PlatformCommand,
    for_s: float,
) -> None:
    """Note that later commands for the same car wait behind this one."""
    now_s = injection.env.now
    injection.hit(command.vehicle_id, failpoint.name, during_s=(now_s, now_s + for_s))


class _Deaf:
    """The commands whose answers the platform misses. Each is drawn once.

    `waits_s` says how long the platform waits for one: so long all waits that comes for its car.
    """

    def __init__(
        self,
        share: float,
        injection: Injection,
        stream: RandomStream,
        waits_s: Callable[[PlatformCommand], float],
    ) -> None:
        self._share = share
        self._injection = injection
        self._stream = stream
        self._waits_s = waits_s
        self._is_lost: dict[str, bool] = {}
        self._waited_for: set[str] = set()

    def hears_nothing_of(self, command: PlatformCommand) -> bool:
        """Return whether the car's answer to a command is lost."""
        is_lost = self._is_lost.get(command.wire_id)
        if is_lost is None:
            is_lost = self._is_lost[command.wire_id] = self._stream.uniform() < self._share
        return is_lost

    def hear(self, is_heard: bool, command: PlatformCommand) -> bool:  # noqa: FBT001 - the failpoint's form
        """Act at `HEARING`: the platform misses the answer."""
        is_lost = self.hears_nothing_of(command)
        if is_lost and command.wire_id not in self._waited_for:
            self._waited_for.add(command.wire_id)
            _hold_up(self._injection, HEARING, command, for_s=self._waits_s(command))
        return is_heard and not is_lost


@register
class RetryDoubleExecution(PlatformFault):
    """An answer is lost, the platform asks anew, and the car executes both."""

    name: ClassVar[str] = "retry_double_execution"
    drawing: ClassVar[Drawing] = Drawing(ranges={"loss": (0.2, 0.5), "retry_after_s": (5, 8)})

    loss: Share = Field(0.05, description="share of commands whose answers are lost, 1 to 5 %")
    retry_after_s: PositiveSeconds = Field(
        10.0, description="then a new command is sent, once (Tesla proxy: 10 s, 2 attempts)"
    )

    def strike(
        self, platform: TargetedPlatform, injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Lose answers while the window is open, and send a new command for each lost one."""
        deaf = _Deaf(self.loss, injection, stream, _life_s)

        def ask_anew_once(usual_s: float | None, command: PlatformCommand) -> float | None:
            if not deaf.hears_nothing_of(command):
                return usual_s
            return self.retry_after_s if command.repeats is None else None

        def be_new(is_same: bool, command: PlatformCommand) -> bool:  # noqa: FBT001 - the failpoint's form
            return is_same and not deaf.hears_nothing_of(command)

        with (
            platform.set_action(HEARING, deaf.hear),
            platform.set_action(RETRY, ask_anew_once),
            platform.set_action(SAME, be_new),
        ):
            yield injection.whole_window()


@register
class StuckInProgress(PlatformFault):
    """A command whose answer was lost never ends, and all others wait for it."""

    name: ClassVar[str] = "stuck_in_progress"
    drawing: ClassVar[Drawing] = Drawing(ranges={"loss": (0.2, 0.5)}, customers={"tries_door": 0.2})

    loss: Share = Field(0.03, description="share of commands whose answers are lost (1 to 5 %)")
    stuck: Delay = Field(
        Uniform(base_s=39_600.0),
        description="how long such a command is waited for after its life, 11 h (fordpass-ha#477);"
        " no longer than the window",
    )

    def strike(
        self, platform: TargetedPlatform, injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Lose answers while the window is open, and wait for them in vain."""
        closes_s = injection.env.now + injection.duration_s

        def left_s(_command: PlatformCommand) -> float:
            return closes_s - injection.env.now

        deaf = _Deaf(self.loss, injection, stream, left_s)

        def wait_on(usual_s: float, command: PlatformCommand) -> float:
            if not deaf.hears_nothing_of(command):
                return usual_s
            return max(min(self.stuck.sample_s(stream), left_s(command)), usual_s)

        with platform.set_action(HEARING, deaf.hear), platform.set_action(GRACE, wait_on):
            yield injection.whole_window()
