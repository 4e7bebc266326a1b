"""The numbers of the emulated platform, each with its source. A scenario may override any of them.

[E] marks an estimate that no public number stands behind.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleet_sim.cars.distributions import NO_DELAY, Delay, LogNormal, Offset, Uniform, UniformOffset
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.quantities import LONGEST_S, FrozenModel, PositiveSeconds, Seconds

Label = Annotated[str, Field(min_length=1, max_length=128)]


class RateLimit(FrozenModel):
    """A limit of requests: an even rate in the long run, and `burst` of them at once."""

    per_minute: float = Field(gt=0, le=1_000_000, description="in the long run")
    burst: int = Field(ge=1, le=1_000_000, description="at once, after a pause")


class PlatformParameters(FrozenModel):
    """How gateway, bookings and command service behave."""

    release: Label = Field("1.0.0", description="version of the API, in its log")
    processing: Delay = Field(
        Uniform(base_s=0.002, spread_s=0.004),
        description="what the gateway takes for each request, 2 to 6 ms [E]",
    )
    lookup: Delay = Field(
        LogNormal(median_s=0.004, sigma=0.5),
        description="until the database has answered, lognormal median 4 ms [E]",
    )
    customer_rate: RateLimit | None = Field(
        RateLimit(per_minute=60, burst=20), description="requests of one customer [E]; null: any"
    )
    vehicle_rate: RateLimit | None = Field(
        RateLimit(per_minute=12, burst=6),
        description="commands to one car, whose battery they drain (Smartcar RATE_LIMIT:VEHICLE)"
        " [E]; null: any",
    )
    max_booking_s: PositiveSeconds = Field(
        30 * 86_400.0, description="bookings last no longer than a month [E]"
    )
    command_ttl_s: float = Field(
        30.0,
        gt=0,
        le=86_400,
        description="life of a command, unless its booking ends before; Tesla: 5 s, without a"
        " counter at most 30 s (vehicle-command, session.go)",
    )
    max_wait_s: Seconds = Field(
        300.0, description="a request waits no longer for a result (Azure direct methods: 300 s)"
    )
    answer_grace_s: Seconds = Field(
        5.0,
        description="so long after a command's life its answer is waited for: a lock that begins"
        " to move at its end says so within 3.2 s (OVMS, slowest CAN wake) and its way back [E]",
    )
    retry_after_s: PositiveSeconds | None = Field(
        8.0,
        description="without a word from the car a command is published again, with the same id and"
        " counter, after so long (Tesla proxy: 10 s); null: never",
    )
    max_publishes: int = Field(
        3, ge=1, le=100, description="of one command, the first one too (Tesla proxy: 2)"
    )
    wake_again_after_s: PositiveSeconds = Field(
        10.0,
        description="a sleeping car that does not come is sent another SMS after so long: 5.1 % are"
        " lost (Meng et al. 2007) [E]",
    )
    max_open_commands: int = Field(
        20_000, ge=1, le=10_000_000, description="above so many commands under way it is overloaded"
    )
    remember_s: PositiveSeconds = Field(
        86_400.0,
        le=LONGEST_S,
        description="for so long the status of a command can be asked for, and an idempotency key"
        " and a booking that has ended are known (Stripe's API: 24 h)",
    )
    shared_group: (
        Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9_.-]+$")] | None
    ) = Field(
        None,
        description="take the cars' results as a member of this $share group; null: take all",
    )
    learns_from_state: bool = Field(
        default=True,
        description="a state that names a command tells how it ended, as its answer does; false:"
        " answers alone do",
    )
    max_distance_m: Annotated[float, Field(gt=0, le=1e8)] | None = Field(
        None,
        description="whose phone is farther from where the car is known to be may not open it (JuJu"
        " trailers: 25 m), where the app says how far it is; null: anybody may",
    )
    operators: tuple[Label, ...] = Field(
        ("support",), description="accounts of support, which open any car, without a booking"
    )
    refuses_offline: bool = Field(
        default=False,
        description="a car whose presence says offline is not asked: the customer is told so at"
        " once",
    )
    clock_error: Offset = Field(
        UniformOffset(base_s=-0.01, spread_s=0.02),
        description="its clock ahead by, below 0 behind: 10 ms of NTP [E]",
    )
    reconnect: ReconnectPolicy = ReconnectPolicy(base_s=0.5, cap_s=5.0)


NULL_PLATFORM = PlatformParameters(
    processing=NO_DELAY,
    lookup=NO_DELAY,
    customer_rate=None,
    vehicle_rate=None,
    clock_error=UniformOffset(base_s=0.0),
)
"""A platform that takes no time: what is left is what the stack itself takes."""
