"""Which cars are unlocked when, and how long answers are waited for: a part of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from fleet_wire.arrivals import Burst, Constant, LoadStage, Poisson, Ramp
from fleet_wire.config.errors import KeysClashError
from fleet_wire.contract.topics import NULL_BOXES, checked_vehicle_id
from fleet_wire.errors import ConfigError, LocalProtocolError
from fleet_wire.quantities import LONGEST_S, PositiveSeconds, Seconds
from platform_probe.settings.car_files import read_cars
from platform_probe.settings.section import Section

FEWEST_ARRIVALS: Final = 0.01
"""The fewest arrivals of a repeated stage at random times: a hundred empty repetitions take a
millisecond.
"""


def _checked_id(vehicle_id: str) -> str:
    try:
        return checked_vehicle_id(vehicle_id)
    except LocalProtocolError as error:
        raise ValueError(str(error)) from None


VehicleId = Annotated[str, AfterValidator(_checked_id)]
"""The id of a car."""


class LoadSettings(Section):
    """Synthetic unlocks, and how long to wait for answers (also to commands of others)."""

    stages: list[LoadStage] = Field(
        [], description="when unlocks start, one stage after the other; none: only watch"
    )
    repeat: bool = Field(default=False, description="begin again after the last stage, for ever")
    every_s: float | None = Field(
        None, gt=0, le=31_536_000,
        description="in place of stages, for ever: unlock each car once in so many seconds, in turn"
        " and evenly spread",
    )  # fmt: skip
    vehicles: list[VehicleId] = Field([], description="ids of the cars to unlock, and of no others")
    vehicles_file: Path | None = Field(
        None, description="file with the ids of the cars to unlock, one a line"
    )
    booked_file: Path | None = Field(
        None, description="file with the ids of cars that are not to be touched now, one a line,"
        " such as those with a booking: read again when it changes, and while it cannot be read no"
        " car is touched",
    )  # fmt: skip
    door_file: Path | None = Field(
        None, description="in place of commands over MQTT: the file that says how a phone asks the"
        " platform's API to open a car",
    )  # fmt: skip
    deadline_s: float = Field(
        20.0, gt=0, le=LONGEST_S,
        description="timeout of an unlock, a customer's too: without an answer it ends here",
    )  # fmt: skip
    command_ttl_s: float | None = Field(
        None, gt=0, le=86_400,
        description="life of a command: a box refuses it later; null: as long as deadline_s",
    )  # fmt: skip
    double_taps: float = Field(
        0.0, ge=0, le=1,
        description="share of the stages' unlocks that are a second tap on the car of the one"
        " before",
    )  # fmt: skip
    state_grace_s: PositiveSeconds = Field(
        5.0,
        description="wait for the car to report an open lock, after it says executed; also past the"
        " deadline",
    )
    late_window_s: Seconds = Field(
        600.0, description="late answers are recognised for so long after the end"
    )
    max_in_flight: int = Field(
        20_000,
        ge=1,
        le=1_000_000,
        description="unlocks under way above which a start is dropped, and counted",
    )
    start_delay_s: Seconds = Field(0.5, description="from being ready to second 0 of the load")
    wake: bool = Field(default=True, description="send a wake request to a box that is asleep")
    command_ah: float = Field(
        0.001, ge=0, le=100,
        description="battery charge that a car uses for one unlock or lock, for the metric of it:"
        " its motors, and the radio until that is idle again [E]",
    )  # fmt: skip
    wake_ah: float = Field(
        0.41, ge=0, le=100,
        description="battery charge that a car uses when it is woken, for the metric of it: 7 A for"
        " 3 to 4 min where all control units wake (hyundai_kia_connect_api#970)",
    )  # fmt: skip
    relock: bool = Field(
        default=True, description="lock each car again after its synthetic unlock, unless a"
        " customer's unlock of it is seen meanwhile or it is booked; without an answer the lock is"
        " sent again twice",
    )  # fmt: skip

    @model_validator(mode="after")
    def _has_cars(self) -> Self:
        if self.vehicles and self.vehicles_file:
            problem = "vehicles and vehicles_file exclude each other"
            raise KeysClashError(problem, "vehicles", "vehicles_file")
        if self.stages and self.every_s:
            raise KeysClashError("stages and every_s exclude each other", "stages", "every_s")
        if self.unlocks and not self.vehicles and not self.vehicles_file:
            raise ValueError("stages or every_s need vehicles or vehicles_file: the cars to unlock")
        if self.every_s and self.every_s < self.deadline_s:
            problem = (
                f"every_s of {self.every_s:g} is less than deadline_s, {self.deadline_s:g}: one"
                " unlock ends before the next begins; take longer, or a shorter deadline_s"
            )
            raise KeysClashError(problem, "every_s", "deadline_s")
        if self.unlocks and self.relock and self.late_window_s < self.deadline_s:
            raise ValueError("relock needs a late_window_s of deadline_s or more, to know answers")
        if self.repeat and not any(map(_has_arrivals, self.stages)):
            raise KeysClashError(
                "repeat needs a stage in which an unlock begins", "stages", "repeat"
            )
        return self

    @property
    def unlocks(self) -> bool:
        """Whether there are synthetic unlocks at all."""
        return bool(self.stages) or self.every_s is not None

    @property
    def command_life_s(self) -> float:
        """How long a command lives: as long as its customer waits, unless it is set."""
        return self.deadline_s if self.command_ttl_s is None else self.command_ttl_s

    def vehicle_ids(self) -> list[str]:
        """Return the cars to unlock. Raises `ConfigError` with file and line."""
        if self.vehicles_file is None:
            return self.vehicles
        cars = read_cars(self.vehicles_file)
        if not cars:
            raise ConfigError([f"{self.vehicles_file}: no vehicle ids, expected one a line"])
        return cars


class FloorSettings(Section):
    """Unlocks of a null box, a box that takes no time: what the stack itself takes."""

    vehicle_id: VehicleId = Field("null-box-0", description="id of the null box")
    rate_per_s: float = Field(1.0, gt=0, le=100, description="unlocks of the null box a second")

    @field_validator("vehicle_id")
    @classmethod
    def _is_id(cls, vehicle_id: str) -> str:
        if not vehicle_id.startswith(NULL_BOXES):
            raise ValueError(f"ids of null boxes begin with '{NULL_BOXES}', got '{vehicle_id}'")
        return vehicle_id


def _has_arrivals(stage: LoadStage) -> bool:
    """Return whether a stage that is repeated for ever brings something in a few repetitions."""
    if isinstance(stage, Poisson):
        return stage.rate_per_s * stage.duration_s >= FEWEST_ARRIVALS
    if isinstance(stage, Constant):
        return round(stage.rate_per_s * stage.duration_s) >= 1
    if isinstance(stage, Ramp):
        return (stage.from_rate_per_s + stage.to_rate_per_s) * stage.duration_s / 2 >= 1
    return isinstance(stage, Burst) or min(stage.at_s) < stage.duration_s
