"""The numbers of a box, each with its source. A scenario's fleet group may override any of them.

[E] marks an estimate that no public number stands behind.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from fleet_sim.cars.battery import BatteryParameters
from fleet_sim.cars.distributions import (
    Delay,
    LogNormal,
    Offset,
    Quantiles,
    Uniform,
    UniformOffset,
)
from fleet_sim.cars.radio_parameters import RadioParameters
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.quantities import FrozenModel, PositiveSeconds, Seconds, Share, Volts

SHORTEST_HEARTBEAT_S = 0.01
"""A box that sends more often does nothing else."""


SLOW_WAKE = Quantiles(quantiles=((0.0, 20.0), (0.95, 180.0), (1.0, 240.0)))
"""Seconds until a slow car answers that was asleep: up to 4 min (myskoda#308). Clients wait 180 s
for the answer (ha_toyota PR 344). The shortest is an estimate [E]."""


class Refusal(FrozenModel):
    """The behaviour of a box after a CONNACK with one of these reason codes."""

    codes: tuple[Annotated[int, Field(ge=128, le=255)], ...] = Field(
        min_length=1,
        description="MQTT 5 reason codes: 134 bad user name or password, 135 not authorized, 136"
        " server unavailable (specification, section 3.2.2.2)",
    )
    retry_s: PositiveSeconds | None = Field(
        description="it tries again after so long; null: only when it boots again"
    )


class BoxParameters(FrozenModel):
    """How a telematics box and its car behave."""

    radio: RadioParameters = RadioParameters()
    reconnect: ReconnectPolicy = ReconnectPolicy()

    processing: Delay = Field(
        Uniform(base_s=0.05, spread_s=0.15), description="command parsing on the box, 50-200 ms [E]"
    )
    can_wake: Delay = Field(
        Uniform(base_s=0.75, spread_s=0.25),
        description="CAN bus asleep: 3 wake frames x 100 ms + 200 ms + 2 sends x 100 ms + 50 ms,"
        " at least 0.75 s (OVMS vehicle_renaultzoe_ph2)",
    )
    can_awake: Delay = Field(
        Uniform(base_s=0.1), description="CAN bus awake: 0.1 s (OVMS vwegolf, renaultzoe_ph2)"
    )
    can_stays_awake_s: Seconds = Field(30.0, description="bus falls asleep after this [E]")
    actuation: Delay = Field(
        Uniform(base_s=0.4, spread_s=0.1),
        description="all doors within 0.5 s (Kia ETACS manual); relay pulse 0.5 s (OVMS Smart ED)",
    )
    inhibit_count: int | None = Field(
        8,
        ge=1,
        le=1_000,
        description="lock movements within any inhibit_window_s (Fiat/Alfa E3040); null: no limit",
    )
    inhibit_window_s: PositiveSeconds = Field(20.0, description="window of inhibit_count (same)")
    inhibit_s: Seconds = Field(30.0, description="commands ignored for so long after (same)")
    actuator_min_v: Volts = Field(9.0, description="no lock command below (Fiat/Alfa E3040)")
    relock_after_s: Seconds | None = Field(
        30.0, description="car locks itself if no door was opened (Blue Link; kia_uvo#436)"
    )
    door_opens: Delay | None = Field(
        LogNormal(median_s=6.0, sigma=0.8),
        description="somebody opens the driver's door so long after an unlock, if relock_after_s is"
        " longer and the command's life not over: 2 in 100 are too slow; null: nobody does [E]",
    )

    boot: Delay = Field(
        LogNormal(median_s=20.0, sigma=0.6),
        description="power-on to network, lognormal median 20 s (docs.particle.io range) [E]",
    )
    modem_resume: Delay = Field(
        Uniform(base_s=6.0, spread_s=4.0),
        description="warm modem resume 6-10 s (particle-iot/device-os#2772); 20 to 240 s in a car"
        " with slow_wake",
    )
    slow_wake: bool = Field(
        default=False,
        strict=True,
        description="the car's control units wake before its box does: sets the default of"
        " modem_resume to 95 % within 180 s (ha_toyota PR 344), 240 s at most (myskoda#308)",
    )
    network_stable: Delay = Field(
        Uniform(base_s=10.0, spread_s=5.0),
        description="after coverage returns, wait 10 s + U(0, 5) before connecting (OVMS v3)",
    )
    sms_wake: Delay = Field(
        LogNormal(median_s=5.0, sigma=0.8), description="SMS delivery, lognormal median 5 s [E]"
    )
    sms_loss: Share = Field(
        0.051, description="share of SMS never delivered (Meng et al., INFOCOM 2007)"
    )
    sms_first_failure: Share = Field(
        0.0,
        description="share of the SMS that arrive which fail at first and are sent again; 0.38"
        " between phones, most of which are off or out of coverage (ETSI EMTEL, 2006)",
    )
    sms_retry: Delay = Field(
        Uniform(base_s=60.0, spread_s=60.0),
        description="the SMS centre sends again after 1 to 2 min (Infobip, RingRing)",
    )
    asleep_share: Share = Field(
        0.0,
        description="share of the group's boxes asleep (online deep sleep) at start",
    )
    cold_start_share: Share = Field(
        0.0, description="share of the group's boxes without power until the start"
    )
    reboot: Delay = Field(
        Uniform(base_s=22.0, spread_s=12.0),
        description="a crashed box connects again after so long: 15 s to boot, and 10 s to 15 s in"
        " which the network is stable (OVMS v3: ovms_boot.cpp, ovms_server_v3.cpp)",
    )
    connect_round_trips: int = Field(
        5, ge=0, le=100, description="DNS, TCP, TLS 1.3, CONNECT, SUBSCRIBE: one each [E from RTT]"
    )
    network_loss_s: Seconds = Field(
        30.0, description="connection given up after so long unregistered (OVMS: 3 x 10 s)"
    )
    awake_after_wake_s: PositiveSeconds = Field(
        300.0, description="awake for so long after a wake (AutoPi cloud-config-power)"
    )

    refusals: tuple[Refusal, ...] = Field(
        (),
        description="what the firmware does when the broker refuses it; else it follows `reconnect`"
        " (OVMS: never again after bad credentials, 30 s after server unavailable)",
    )
    keepalive_s: int = Field(
        240,
        ge=5,
        le=65535,
        description="MQTT keepalive: below radio.nat_timeout_s, or the NAT forgets a quiet box [E];"
        " OVMS 1740",
    )
    session_expiry_s: int = Field(
        86_400, ge=0, le=2**32 - 1, description="broker keeps the session; OVMS: persistent session"
    )
    heartbeat_s: Seconds = Field(300.0, description="telemetry interval, 0 for none")
    clock_error: Offset = Field(
        UniformOffset(base_s=-2.0, spread_s=4.0),
        description="box clock ahead by, below 0 behind: a crystal of 20 ppm, as is common"
        " (Nisshinbo), is wrong by 1.7 s after a day; +-2 s",
    )
    keeps_time: bool = Field(
        default=True,
        description="a backup battery keeps the clock without power; else it begins in 1970",
    )
    clock_sync: Delay = Field(
        LogNormal(median_s=30.0, sigma=1.0),
        description="after a boot, until NITZ, NTP or GNSS sets a clock that begins in 1970: 30 s"
        " to hours (Tasmota#9757) [E]",
    )
    needs_time_for_tls: bool = Field(
        default=False,
        description="certificates are not yet valid in 1970: the box cannot connect (azure-iot-sdk"
        "-c#84, ArduinoIoTCloud#160)",
    )
    max_command_ttl_s: PositiveSeconds = Field(
        3600.0, description="commands that live longer are refused (Tesla: 30 s w/o counter)"
    )
    signal_dbm: float = Field(
        -85.0, ge=-140, le=-44, description="LTE RSRP where the car stands: a fair signal [E]"
    )
    signal_swing_db: float = Field(
        6.0, ge=0, le=40, description="how far it is off that, by place and time, either way [E]"
    )
    voltage_v: Volts = Field(12.6, description="12 V battery at rest (OVMS reference voltage)")
    battery: BatteryParameters | None = Field(
        None,
        description="counts the battery's charge: its voltage falls with it, and a flat one takes"
        " the box's power; null: the voltage at rest stays",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        """Add the default of a slow car where it is not given."""
        is_slow = isinstance(values, dict) and values.get("slow_wake") is True
        return {"modem_resume": SLOW_WAKE, **values} if is_slow else values

    @field_validator("heartbeat_s")
    @classmethod
    def _is_no_flood(cls, heartbeat_s: float) -> float:
        if 0 < heartbeat_s < SHORTEST_HEARTBEAT_S:
            raise ValueError(f"should be 0, or at least {SHORTEST_HEARTBEAT_S:g} s")
        return heartbeat_s


NULL_BOX = BoxParameters(
    radio=RadioParameters(
        connected_rtt=Uniform(base_s=0.0),
        cdrx_rtt=Uniform(base_s=0.0),
        idle_rtt=Uniform(base_s=0.0),
        nat_timeout_s=None,
    ),
    processing=Uniform(base_s=0.0),
    can_wake=Uniform(base_s=0.0),
    can_awake=Uniform(base_s=0.0),
    actuation=Uniform(base_s=0.0),
    boot=Uniform(base_s=0.0),
    modem_resume=Uniform(base_s=0.0),
    network_stable=Uniform(base_s=0.0),
    connect_round_trips=0,
    inhibit_count=None,
    relock_after_s=None,
    door_opens=None,
    heartbeat_s=0.0,
    clock_error=UniformOffset(base_s=0.0),
)
"""A box that takes no time: what is left is what the stack itself takes."""
