"""Faults of how a box is built into its car: contacts, wires, and what is connected to it."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, Uniform, takes_time
from fleet_sim.cars.failpoints import UPLINK, OutgoingMessage
from fleet_sim.faults.drawing import Drawing
from fleet_sim.faults.registry import CarFault, FaultProcess, Injection, register
from fleet_wire.contract.messages import CarEvent, EventName
from fleet_wire.quantities import Share
from fleet_wire.randomness import RandomStream


@register
class EventStormSelfDdos(CarFault):
    """A key that sits badly in its holder makes an event each time it moves.

    The modem sends what it can; the rest waits in its queue, and so do the answers to commands. It
    uses up the data of the SIM too: see `sim_suspended_datacap`, on the same cars.
    """

    name: ClassVar[str] = "event_storm_self_ddos"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"rate_per_s": (15, 30)}, may_strike_alike=("group", "hardware", "firmware", "some")
    )

    rate_per_s: float = Field(20.0, gt=0, le=1_000, description="events a second [E]")
    sends_per_s: float = Field(
        10.0, gt=0, le=1_000, description="messages a second that the modem gets rid of [E]"
    )
    queue: int = Field(
        300, ge=0, le=100_000, description="messages that wait for it; what is more is lost [E]"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Put events into the modem's queue, if there is room, until the key sits well again."""
        every_s, takes_s = 1.0 / self.rate_per_s, 1.0 / self.sends_per_s
        yield injection.wait(min(stream.uniform() * every_s, injection.duration_s))
        idle_s = began_s = injection.env.now
        ends_s = began_s + injection.duration_s

        def waits_s() -> float:
            return max(idle_s - injection.env.now, 0.0)

        def wait_in_queue(late_s: float | None, _sent: OutgoingMessage) -> float | None:
            nonlocal idle_s
            if late_s is None:
                return None
            late_s += waits_s()
            idle_s = injection.env.now + late_s + takes_s
            return late_s

        with box.set_action(UPLINK, wait_in_queue, by=injection):
            while injection.env.now < ends_s:
                has_room = waits_s() <= self.queue * takes_s
                if has_room:
                    box.publish_event(CarEvent(EventName.KEY_FOB))
                yield injection.wait(every_s if has_room else takes_s)


@register
class LooseWiring(CarFault):
    """A plug of the antenna or of the supply has come loose.

    While the contact is bad the signal is weak, at times too weak; and sometimes it was the
    supply: then the box reboots.
    """

    name: ClassVar[str] = "loose_wiring"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={
            "good": {"base_s": (3, 10), "spread_s": (7, 60)},
            "bad": {"base_s": (5, 20), "spread_s": (20, 60)},
        },
        may_strike_alike=("some",),
    )

    good: Delay = Field(
        Uniform(base_s=5.0, spread_s=115.0),
        description="how long the contact is good, 5 s to 2 min [E]",
    )
    bad: Delay = Field(
        Uniform(base_s=2.0, spread_s=58.0), description="how long it is bad, 2 to 60 s [E]"
    )
    weakest_db: float = Field(
        45.0, ge=20, le=100, description="a bad contact of the antenna costs 20 dB to this [E]"
    )
    supply: Share = Field(
        0.3, description="share of bad contacts that are the supply's: a reboot [E]"
    )

    @model_validator(mode="after")
    def _takes_time(self) -> Self:
        if not (takes_time(self.good) or takes_time(self.bad)):
            raise ValueError("good and bad are both 0 s: expected one that takes time")
        return self

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Alternate between bad and good contact until the window closes."""
        ends_s = injection.env.now + injection.duration_s
        while (left_s := ends_s - injection.env.now) > 0:
            loss_db, is_supply = (
                stream.between(20.0, self.weakest_db),
                stream.uniform() < self.supply,
            )
            bad_s, good_s = self.bad.sample_s(stream), self.good.sample_s(stream)
            if is_supply:
                box.power.reboot(by=injection)
            with box.modem.bearer.attenuated(loss_db, by=injection):
                yield injection.wait(min(bad_s, left_s))
            yield injection.wait(max(min(good_s, ends_s - injection.env.now), 0.0))
