"""Parameters of customers and their phones, each number with its source.

A scenario may override any.

[E] marks an estimate that no public number stands behind.
"""

from __future__ import annotations

from pydantic import Field

from fleet_sim.cars.distributions import Delay, LogNormal, Offset, Quantiles, Uniform, UniformOffset
from fleet_wire.quantities import FrozenModel, PositiveSeconds, Seconds, Share


class AppVersion(FrozenModel):
    """A release of the app, and how many have it."""

    version: str = Field(min_length=1, max_length=128, description="as the app calls itself")
    share: float = Field(gt=0, le=1_000_000, description="how many have it, compared with others")


class PhoneParameters(FrozenModel):
    """A customer's phone, and the app on it."""

    app_versions: tuple[AppVersion, ...] = Field(
        (AppVersion(version="1.0.0", share=1.0),),
        min_length=1,
        description="releases of the app, and their shares",
    )
    network: Delay = Field(
        Quantiles(quantiles=((0, 0.02), (0.5, 0.034), (0.9, 0.06), (0.99, 0.2), (1, 1.2))),
        description="one way, half of the round trips of LTE and 5G on the move ('cellular on"
        " wheels', IMC 2023: p50 60-77, p90 84-148, p99 260-560 ms, longest 2.4 s)",
    )
    loss: Share = Field(
        0.007,
        description="share of requests and of answers that are lost (same: 0.16, 0.7 and 2.2 % with"
        " three operators)",
    )
    timeout_s: PositiveSeconds = Field(30.0, description="so long the app waits for an answer [E]")
    retries: int = Field(
        1, ge=0, le=100, description="then it asks again, with the same idempotency key [E]"
    )
    wait_s: Seconds = Field(
        20.0, description="the app asks the platform to wait so long for the car's answer; 0: it"
        " polls from the start [E]"
    )  # fmt: skip
    poll_s: PositiveSeconds = Field(
        2.0, description="then it asks for the status so often (BMW's app: 3.5 s) [E]"
    )
    sends_position: bool = Field(
        default=False, description="the app says where it is, and how far from the car"
    )
    offline_key_s: PositiveSeconds | None = Field(
        None,
        description="a key for use over Bluetooth where there is no network comes with the booking,"
        " and is good for so long (WaiveCar: 38 min, 2280 s); null: there is none",
    )
    clock_error: Offset = Field(
        UniformOffset(base_s=-1.0, spread_s=2.0), description="phone's clock ahead by [E]"
    )


class CustomerParameters(FrozenModel):
    """A customer's behaviour, step by step."""

    phone: PhoneParameters = PhoneParameters()

    booking: Delay = Field(
        Uniform(base_s=7200.0),
        description="a car is booked for so long, and longer where the drive takes longer [E]",
    )
    cars_tried: int = Field(
        3, ge=1, le=100, description="whose booking fails tries so many cars, then leaves [E]"
    )
    same_car: Share = Field(
        0.0,
        description="share of customers who choose the car that another one has chosen within the"
        " last second: both saw it free [E]",
    )
    walk: Delay = Field(
        LogNormal(median_s=240.0, sigma=0.5),
        description="to the car: 340 m at 1.4 m/s, a comfortable walk; car2go kept a car for 30"
        " min [E]",
    )
    presses_again: Delay = Field(
        LogNormal(median_s=12.0, sigma=0.5),
        description="the car still shut after so long, the button is pressed again: 10 s are the"
        " limit of attention (Nielsen, Response Times, 1993) [E]",
    )
    reads: Delay = Field(
        LogNormal(median_s=3.0, sigma=0.4),
        description="to read what the app says, before the next press [E]",
    )
    tries_door: Share = Field(
        0.5,
        description="share of those who pull the handle all the same when the app has not said that"
        " the car is open, each time before they press again [E]",
    )
    patience: Delay = Field(
        LogNormal(median_s=90.0, sigma=0.5),
        description="from the first press until the customer gives up [E]",
    )
    max_presses: int = Field(
        6, ge=1, le=1_000, description="then the customer gives up, whatever the patience [E]"
    )
    calls_support: Share = Field(
        0.5,
        description="share of those who give up that call, standing beside the car, as operators"
        " ask (Communauto FAQ: please call us); the others leave [E]",
    )
    dials: Delay = Field(
        LogNormal(median_s=20.0, sigma=0.5),
        description="from giving up until support is called: the number has to be found [E]",
    )
    opens_door: Delay = Field(
        LogNormal(median_s=4.0, sigma=0.6),
        description="from what the phone shows to a hand on the handle [E]",
    )
    drive: Delay = Field(
        LogNormal(median_s=1800.0, sigma=0.6),
        description="about 30 min (free-floating rentals in 12 cities: TRIMIS, European"
        " Commission)",
    )
    locks: Delay = Field(
        LogNormal(median_s=10.0, sigma=0.5), description="from getting out to pressing lock [E]"
    )
    ends: Delay = Field(
        LogNormal(median_s=5.0, sigma=0.5),
        description="from the lock, or from giving up and a call, to the booking's end [E]",
    )
