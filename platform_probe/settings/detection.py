"""How problems are found and told: a part of the settings."""

from __future__ import annotations

from typing import Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from fleet_wire.errors import ConfigError
from platform_probe.judge.detection.traits import TRAITS
from platform_probe.judge.incidents.maintenance import MaintenanceWindow
from platform_probe.settings.section import Section
from platform_probe.texts.times import zone_named


class MaintenanceSettings(Section):
    """A time of expected faults: nobody is notified of its incidents."""

    name: str = Field(min_length=1, max_length=100, description="what is done, for who reads of it")
    since: AwareDatetime = Field(description="when it begins, as 2026-03-01T02:00:00+01:00")
    until: AwareDatetime = Field(description="when it ends")
    cohort: dict[str, str] = Field(
        {}, description="whom it concerns, as {region: north}; without it everybody"
    )

    @field_validator("cohort")
    @classmethod
    def _is_of_traits(cls, cohort: dict[str, str]) -> dict[str, str]:
        for name in cohort:
            if name not in TRAITS:
                raise ValueError(f"{name!r} is none of {', '.join(TRAITS)}")
        return cohort

    @model_validator(mode="after")
    def _ends_after_its_begin(self) -> Self:
        if self.until <= self.since:
            raise ValueError("ends before it begins")
        return self


class DetectionSettings(Section):
    """What is not as it was is found, and becomes incidents."""

    zone: str = Field("UTC", description="time zone of the times in titles, as Europe/Berlin")
    maintenance: list[MaintenanceSettings] = Field(
        [], description="times in which something is expected to be broken", max_length=1000
    )

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, zone: str) -> str:
        try:
            zone_named(zone)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return zone

    def windows(self) -> list[MaintenanceWindow]:
        """Return the maintenance windows."""
        return [
            MaintenanceWindow(
                name=one.name,
                since=one.since.timestamp(),
                until=one.until.timestamp(),
                cohort=one.cohort,
            )
            for one in self.maintenance
        ]
