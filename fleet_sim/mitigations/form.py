"""The form of a mitigation: a YAML file that says what on-call changes, when, and at what cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from fleet_sim.faults import FAULTS
from fleet_sim.platform.parameters import PlatformParameters
from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import load_document
from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.quantities import FrozenModel, Seconds

SHIPPED: Final = Path(str(files("fleet_sim.mitigations"))) / "shipped"
SUFFIX: Final = ".yaml"
LIVE_PARAMETERS: Final = (
    "command_ttl_s", "max_publishes", "refuses_offline", "retry_after_s", "wake_again_after_s",
)  # fmt: skip
"""Parameters of the platform that it reads anew for each command."""

Text = Annotated[str, Field(min_length=1, max_length=1_000)]


class FaultEnding(FrozenModel):
    """Failure modes that the mitigation ends, car after car."""

    modes: tuple[str, ...] = Field(min_length=1, description="the modes' names")
    over_s: Seconds = Field(0.0, description="from the first car that is well again to the last")
    reboots: bool = Field(default=False, description="each box reboots when its turn has come")

    @field_validator("modes")
    @classmethod
    def _check_modes(cls, modes: tuple[str, ...]) -> tuple[str, ...]:
        for mode in modes:
            if mode not in FAULTS:
                raise ValueError(f"unknown mode {mode!r}{suggestion(mode, list(FAULTS))}")
        return modes


class BoxSettings(FrozenModel):
    """Settings that a box gets while it is connected. It connects anew to apply them."""

    keepalive_s: int | None = Field(None, ge=5, le=65_535, description="MQTT keepalive")
    reconnect: ReconnectPolicy | None = Field(None, description="the rule for connecting again")


class Mitigation(FrozenModel):
    """One thing that on-call can do about an incident."""

    title: Text = Field(description="what is done, as a command: Roll back the firmware")
    assumes: Text = Field(description="what must be true for it to help, in a sentence")
    after_s: Seconds = Field(60.0, description="from the decision until it acts")
    ends: FaultEnding | None = Field(None, description="failure modes that it ends")
    platform: dict[str, Any] = Field({}, description="parameters of the platform from then on")
    boxes: BoxSettings | None = Field(None, description="settings that every box gets")
    connects_per_s: float | None = Field(
        None, gt=0, description="connections that the broker accepts in a second; it closes others"
    )
    avoids: Literal["cars", "operator", "firmware", "hardware", "region"] | None = Field(
        None,
        description="customers are offered no car that is struck, or that has this trait in common"
        " with one",
    )
    cost: float = Field(0.0, ge=0, description="of the act itself, in your currency")

    @field_validator("platform")
    @classmethod
    def _are_live(cls, platform: dict[str, Any]) -> dict[str, Any]:
        for name in platform:
            if name not in LIVE_PARAMETERS:
                raise ValueError(
                    f"{name!r} does not change while a platform runs; these do:"
                    f" {', '.join(LIVE_PARAMETERS)}"
                )
        checked = PlatformParameters.model_validate(platform)
        return {name: getattr(checked, name) for name in platform}


def load_mitigations(
    places: Sequence[Path] = (), *, only: Sequence[str] = ()
) -> dict[str, Mitigation]:
    """Return the mitigations that ship and those of `places`, files or folders, by name.

    A file's name is the mitigation's; a later file replaces an earlier one. `only` names those that
    are wanted. Raises `ConfigError` with file, line and key, and for a name that no file has.
    """
    found: dict[str, Mitigation] = {}
    for place in (SHIPPED, *places):
        for path in _files_of(place):
            found[path.stem] = validated_model(load_document(path), Mitigation)
    unknown = [name for name in only if name not in found]
    if unknown:
        raise ConfigError(
            [f"no mitigation is called {name!r}{suggestion(name, list(found))}" for name in unknown]
        )
    return {name: each for name, each in found.items() if not only or name in only}


def _files_of(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    yield from sorted(path for path in place.iterdir() if path.suffix == SUFFIX)
