"""Faults of bookings: late copies, cars booked twice, boxes that are taken for another car's."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, LogNormal, Uniform
from fleet_sim.cars.failpoints import OBJECTION
from fleet_sim.faults.drawing import Drawing
from fleet_sim.faults.registry import (
    FaultProcess,
    Injection,
    PlatformFault,
    Strikes,
    TargetedPlatform,
    register,
)
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.failpoints import ADDRESS, SYNC, TAKEN
from fleet_sim.platform.operations import Request
from fleet_wire.contract.messages import Command, Reason
from fleet_wire.quantities import Share
from fleet_wire.randomness import RandomStream


@register
class BookingWindowRace(PlatformFault):
    """A booking, or its extension, has not come to where commands are allowed.

    That is the platform, or a box that checks bookings itself and was out of coverage when they
    were sent to it.
    """

    name: ClassVar[str] = "booking_window_race"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"lag": {"base_s": (0, 5), "spread_s": (15, 50)}},
        variants=({}, {"checked_by": "box"}),
    )

    lag: Delay = Field(
        LogNormal(median_s=30.0, sigma=0.8),
        description="how old the copy is at each look, clocks included [E]; a box has a booking so"
        " long after it was first asked for it",
    )
    checked_by: Literal["platform", "box"] = Field(
        "platform", description="whose copy of the bookings is late"
    )

    @property
    def acts_on(self) -> Strikes:
        """Return where it acts: boxes have their own copies."""
        return Strikes.CAR if self.checked_by == "box" else self.strikes

    def process(self, injection: Injection) -> FaultProcess:
        """Make the booking check read a stale copy while the window is open."""
        if self.checked_by == "platform":
            yield from super().process(injection)
            return
        for box in injection.boxes:
            stream = injection.stream_of(box.vehicle_id)
            injection.env.process(self._strike_box(box, injection, stream))
        yield injection.whole_window()

    def _strike_box(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Make a box refuse bookings that have not reached it yet."""
        known_at_s: dict[str, float] = {}

        def check(reason: Reason | None, command: Command) -> Reason | None:
            if reason is not None or command.booking_id is None:
                return reason
            now_s = injection.env.now
            if command.booking_id not in known_at_s:
                known_at_s[command.booking_id] = now_s + self.lag.sample_s(stream)
            return Reason.NO_RESERVATION if now_s < known_at_s[command.booking_id] else None

        with box.set_action(OBJECTION, check, by=injection):
            yield injection.whole_window()

    def strike(
        self, platform: TargetedPlatform, injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Look at a late copy while the window is open."""

        def lag(_usual_s: float, _request: Request) -> float:
            return self.lag.sample_s(stream)

        with platform.set_action(SYNC, lag):
            yield injection.whole_window()


@register
class DoubleBookingRace(PlatformFault):
    """Two customers book one car, as it is looked at first and booked after."""

    name: ClassVar[str] = "double_booking_race"
    drawing: ClassVar[Drawing] = Drawing(customers={"same_car": 0.6})

    gap: Delay = Field(
        Uniform(base_s=0.05, spread_s=0.45),
        description="from the look to the booking: 50 to 500 ms; shows where two customers want one"
        " car within it (customers.same_car)",
    )

    def strike(
        self, platform: TargetedPlatform, injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Overlook bookings that are so young while the window is open."""

        def overlook(ago_s: float | None, _request: Request) -> float | None:
            gap_s = self.gap.sample_s(stream)
            return None if ago_s is not None and ago_s < gap_s else ago_s

        with platform.set_action(TAKEN, overlook):
            yield injection.whole_window()


@register
class WrongVinMapping(PlatformFault):
    """Boxes have changed cars, and the platform does not know it."""

    name: ClassVar[str] = "wrong_vin_mapping"
    drawing: ClassVar[Drawing] = Drawing(ranges={"share": (0.9, 1.0)}, strikes_alike=("some",))

    share: Share = Field(
        0.002,
        description="share of the cars that are in such a pair, at least one pair: 1 pair in 1,000"
        " cars [E]",
    )

    def strike(
        self, platform: TargetedPlatform, injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Send the commands for some cars to each other's boxes while the window is open."""
        boxes = _pairs(sorted(injection.vehicle_ids), self.share, stream)

        def mistake(box_id: str, command: PlatformCommand) -> str:
            return boxes.get(command.vehicle_id, box_id)

        with platform.set_action(ADDRESS, mistake):
            yield injection.whole_window()


def _pairs(vehicle_ids: list[str], share: float, stream: RandomStream) -> dict[str, str]:
    """Return for each car of some pairs the other one."""
    drawn = [vehicle_ids.pop(stream.index(len(vehicle_ids))) for _ in range(len(vehicle_ids))]
    pairs = min(max(round(len(drawn) * share / 2), 1), len(drawn) // 2)
    pairs_of = list(zip(drawn[:pairs], drawn[pairs : 2 * pairs], strict=True))
    return dict(pairs_of) | {other: one for one, other in pairs_of}
