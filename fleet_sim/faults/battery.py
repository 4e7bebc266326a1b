"""Faults of the 12 V battery, which also feeds the box."""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.faults.drawing import Drawing
from fleet_sim.faults.registry import CarFault, Claim, FaultProcess, Injection, register
from fleet_wire.contract.messages import CarEvent, EventName
from fleet_wire.quantities import Seconds, Volts
from fleet_wire.randomness import RandomStream

VOLTAGE_STEP_S = 5.0
"""How often a draining battery is looked at."""


class _RunsDown(CarFault):
    """A battery that runs down until the box switches itself off."""

    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.CUT_OUT})

    start_v: Volts = Field(12.6, description="voltage when the window opens (full at rest, OVMS)")
    drain_v_per_min: float = Field(0.02, ge=0.00001, le=100, description="how fast it falls [E]")
    cut_v: Volts = Field(12.2, description="below this the box prepares to switch off (AutoPi)")
    hold_s: Seconds = Field(240.0, description="it does so after this long below (AutoPi)")

    def drain(
        self, box: Box, injection: Injection, duration_s: float, cut_out: ExitStack
    ) -> FaultProcess:
        """Drain the battery for so long; then it is charged, but a box is off until `cut_out` ends.

        It switches itself off when the voltage was low for long enough.
        """
        is_on = True
        with box.vehicle.load(by=injection) as load:
            spent_v = box.spec.parameters.voltage_v - self.start_v
            box.vehicle.draw(load, spent_v)
            below_s = elapsed_s = 0.0
            while elapsed_s < duration_s:
                step_s = min(VOLTAGE_STEP_S, duration_s - elapsed_s)
                yield injection.wait(step_s)
                elapsed_s += step_s
                box.vehicle.draw(load, spent_v + self.drain_v_per_min * elapsed_s / 60.0)
                was_below = below_s > 0
                below_s = below_s + step_s if box.vehicle.voltage_v < self.cut_v else 0.0
                if below_s and not was_below:
                    box.publish_event(CarEvent(EventName.LOW_VOLTAGE))
                if is_on and below_s > self.hold_s:
                    is_on = False
                    cut_out.enter_context(box.power.without_power(by=injection))


@register
class UndervoltageCutout(_RunsDown):
    """The 12 V battery runs down until the box switches itself off."""

    name: ClassVar[str] = "undervoltage_cutout"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"drain_v_per_min": (0.1, 0.6), "hold_s": (5, 90)},
        may_strike_alike=("group", "region", "some"),
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:  # noqa: ARG002 - nothing is drawn
        """Drain the battery; when the window closes it is charged, and the box boots."""
        with ExitStack() as cut_out:
            yield from self.drain(box, injection, injection.duration_s, cut_out)


@register
class ModemSearchDrain(_RunsDown):
    """A modem without a cell searches at full power, and the battery pays for it.

    Incidents are drawn with a battery that runs down within the window: else it is a garage.

    A searching modem draws 100 to 300 mA more than one that sleeps [E]. A 60 Ah battery loses 0.02
    V an ampere-hour at rest [E], so 200 mA cost 0.00007 V a minute.
    """

    name: ClassVar[str] = "modem_search_drain"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={
            "episode": (200, 400),
            "start_v": (12.24, 12.3),
            "drain_v_per_min": (0.2, 0.6),
            "hold_s": (5, 40),
        },
        may_strike_alike=("group", "region", "some"),
    )

    episode: Delay = Field(
        Uniform(base_s=7_200.0, spread_s=252_000.0),
        description="how long there is no coverage, 2 to 72 h [E]; it ends with the window at most",
    )
    start_v: Volts = Field(12.4, description="voltage when the window opens: little driven [E]")
    drain_v_per_min: float = Field(
        0.00007, ge=0.00001, le=100, description="how fast it falls: 200 mA of 60 Ah [E]"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Search and drain; a box that has switched itself off boots when the window closes."""
        away_s = min(self.episode.sample_s(stream), injection.duration_s)
        with ExitStack() as cut_out:
            with box.modem.bearer.without_coverage(by=injection):
                yield from self.drain(box, injection, away_s, cut_out)
            yield injection.wait(injection.duration_s - away_s)
