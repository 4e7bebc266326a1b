"""The type of an argument that names a scenario: a file, or one that ships."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from fleet_sim.scenario.shipped import scenario_names, shipped_place
from fleet_wire.error_text import suggestion


class ScenarioPath(click.Path):
    """A path. A name that does not exist here is that of a shipped scenario."""

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path of what is there, or of what ships; refuse a mistyped bare name."""
        if os.path.lexists(value):
            return super().convert(value, param, ctx)
        text = os.fspath(value)
        place = shipped_place(text)
        if place is None and Path(text).name == text and not Path(text).suffix:
            hint = suggestion(text, scenario_names()) or "; `fleet-sim scenarios` lists them"
            self.fail(f"{text!r} is no file here, and no scenario that ships{hint}", param, ctx)
        return super().convert(place or value, param, ctx)
