"""Loading what `fleet-sim run` is given: a scenario, or the manifest of an earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from fleet_sim.broker.model.broker import HOP_S
from fleet_sim.broker.process import BrokerKind
from fleet_sim.faults import Need
from fleet_sim.runs.course import Course
from fleet_sim.runs.source_digest import versions
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import Lacks, load_scenario, need_problems
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
    course: Course | None = None
    """What happens besides the scenario, where the run is a future of an incident."""


def lacks_of(
    *,
    mode: str = "live",
    broker_url: str | None = None,
    broker_kind: BrokerKind = "auto",
    no_platform: str | None = None,
) -> Lacks:
    """Return what faults cannot have in a run that is started so, and what to do about it.

    `no_platform` says why the platform is not emulated, where it is not.
    """
    if no_platform is not None:
        others = lacks_of(mode=mode, broker_url=broker_url, broker_kind=broker_kind)
        return {Need.PLATFORM: no_platform, **others}
    if mode == "virtual":
        return {}
    if broker_url is not None:
        why = "the broker of --broker is not ours; leave it out, or use --mode virtual"
        return {Need.OWN_BROKER: why}
    if broker_kind == "iotcore":
        return {Need.OWN_BROKER: "iotcore has no such settings; use mosquitto, or --mode virtual"}
    return {}


def load_run(path: Path, overrides: Sequence[str], *, lacks: Lacks) -> LoadedRun:
    """Return what the file `path` asks for: a scenario in YAML, or a run's manifest in JSON.

    `lacks` says what faults cannot have in the run to come.
    Raises `ConfigError` that names file and key.
    """
    if path.suffix != ".json":
        return LoadedRun(load_scenario(path, list(overrides), lacks=lacks))
    if overrides:
        raise ConfigError(["--set: a manifest is run as it was; use its scenario file instead"])
    manifest = _read(path)
    if missing := [key for key in ("code", "scenario", "seed") if key not in manifest]:
        raise ConfigError([f"{path}: {missing[0]}: missing; not a run's manifest?"])
    if problems := _differences(manifest["code"]):
        raise ConfigError([f"{path}: {problem}" for problem in problems])
    try:
        scenario = Scenario.model_validate(manifest["scenario"])
        problems = [
            f"{path}: scenario.{'.'.join(map(str, loc))}: {message}"
            for loc, message in need_problems(scenario, lacks)
        ]
        if problems:
            raise ConfigError(problems)
        began_s, future = manifest.get("load_began_s"), manifest.get("future")
        return LoadedRun(
            scenario,
            int(manifest["seed"]),
            _hop_of(manifest),
            None if began_s is None else float(began_s),
            None if future is None else Course.model_validate(future),
        )
    except (ValidationError, TypeError, ValueError) as error:
        raise ConfigError([f"{path}: scenario: {error}"]) from None


def check_digest_can_be_met(manifest: Path, *, mode: str) -> None:
    """Raise `ConfigError` where a run in `mode` cannot be expected to give the run of a manifest.

    Only a virtual run gives the same bytes again.
    """
    if mode != "virtual":
        raise ConfigError(["--check-digest: a live run has no digest to meet; add --mode virtual"])
    of_run = _read(manifest)
    if of_run.get("mode") == "live":
        why = "of a live run, which has no digest to meet: no two are the same to the byte"
        cure = "compare them: fleet-sim compare RUN_A RUN_B"
        raise ConfigError([f"--check-digest {manifest}: {why}; {cure}"])
    if not isinstance(of_run.get("digest"), str):
        raise ConfigError([f"--check-digest {manifest}: of a run that has not ended: no digest"])


def _differences(code: Any) -> list[str]:
    """Return in what the code that wrote a manifest differs from the code here."""
    written_by = code if isinstance(code, dict) else {}
    return [
        f"code.{package}: written by {written_by.get(package)}, this is {here}; the same run needs"
        " the same code; for a run like it take its scenario, with its seed"
        for package, here in versions().items()
        if written_by.get(package) != here
    ]


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
