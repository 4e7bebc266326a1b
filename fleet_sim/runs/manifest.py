"""Loading what `fleet-sim run` is given: a scenario, or the manifest of an earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from fleet_sim.broker.model.broker import HOP_S
from fleet_sim.scenario.loading import Scenario, load_scenario
from fleet_wire.errors import ConfigError

HOPS_OF_AN_UNLOCK = 4
"""Command to the broker, to the box; result to the broker, to the probe."""


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """What is to be run; everything but the scenario is an earlier run's, where there was one."""

    scenario: Scenario
    seed: int | None = None
    hop_s: float = HOP_S
    load_began_s: float | None = None
    """Simulated second at which its load began: radios, heartbeats and naps go by it."""


def load_run(path: Path, overrides: Sequence[str]) -> LoadedRun:
    """Return what the file `path` asks for: a scenario in YAML, or a run's manifest in JSON.

    Raises `ConfigError` that names file and key.
    """
    if path.suffix != ".json":
        return LoadedRun(load_scenario(path, list(overrides)))
    if overrides:
        raise ConfigError(["--set: a manifest is run as it was; use its scenario file instead"])
    manifest = _read(path)
    written_by = manifest.get("versions", {}).get("unlockpath")
    if written_by != version("unlockpath"):
        here = version("unlockpath")
        what = f"versions.unlockpath: written by {written_by}, this is {here}"
        raise ConfigError([f"{path}: {what}; the same run needs the same version"])
    try:
        scenario = Scenario.model_validate(manifest["scenario"])
        began_s = manifest.get("load_began_s")
        return LoadedRun(
            scenario,
            int(manifest["seed"]),
            _hop_of(manifest),
            None if began_s is None else float(began_s),
        )
    except KeyError as error:
        raise ConfigError([f"{path}: {error.args[0]}: missing; not a run's manifest?"]) from None
    except (ValidationError, TypeError, ValueError) as error:
        raise ConfigError([f"{path}: scenario: {error}"]) from None


def _hop_of(manifest: dict[str, Any]) -> float:
    """Return the delay of a packet one way: the run's own, or what its null box took."""
    if "hop_s" in manifest:
        return float(manifest["hop_s"])
    floor_s = manifest.get("floor_p50_s")
    return HOP_S if floor_s is None else float(floor_s) / HOPS_OF_AN_UNLOCK


def _read(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: not a run's manifest: {error}"]) from None
