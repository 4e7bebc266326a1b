"""The plan of a run: which cars each failure mode strikes, and when.

A fault strikes the cars that it is aimed at, so most modes act side by side, each on its own cars.
Modes that need another platform come one after another, in phases of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_sim.faults import FAULTS, Need
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import Lacks, load_scenario
from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import MODES

CONTROL: Final = "control"
"""The cars that no fault strikes."""
EXCLUDED: Final[Mapping[str, str]] = {
    "phone_side": "it strikes the phones of simulated customers",
    "wrong_car_approached": "it strikes simulated customers",
    "ble_token_expired_offline": "it strikes the phones of simulated customers",
    "double_booking_race": "it needs two customers of one car",
    "ghost_gps": "it shows where an app sends its position",
    "impossible_travel": "it opens cars that nobody has asked to open",
    "insider_or_support_unlock": "it opens cars that nobody has asked to open",
}
"""Modes that no client can answer for, with the reason."""
COMMAND_TTL_S: Final = 60.0
"""Life of a command: longer than a customer waits, as on many platforms [E]."""
BEGINS_S: Final = 2.0
"""When the faults of a round begin; its first bookings are made by then."""
WINDOW_S: Final = 60.0
STARTS_S: Final = 5.0
"""When the window of a recipe opens that does not say so, seconds of its load."""
ROUND_S: Final = 96.0
"""Two visits, and the customer's return after the faults have ended."""
_BOX: Final[Mapping[str, Any]] = {
    "door_opens": None,  # the customers of the run open doors by hand
    "heartbeat_s": 10,
    "keepalive_s": 20,  # the broker gives a box up within half a window
    "network_stable": {"base_s": 2, "spread_s": 3},
}
_OWN_TIMING: Final = frozenset({"command_ttl_s"})
"""Keys of a recipe's platform that the run decides itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many cars, and how often the faults come."""

    cars: int = 2
    """For each mode and client."""
    control_cars: int = 6
    """For each client."""
    rounds: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Modes that act at the same time, under one platform."""

    name: str
    modes: tuple[str, ...]
    platform: Mapping[str, Any]


def is_for(mode: str, *, asks_platform: bool) -> bool:
    """Return whether a mode can strike a client, which asks the platform or the broker itself."""
    return mode == CONTROL or asks_platform or Need.PLATFORM not in FAULTS[mode].needs


def chosen_modes(names: Sequence[str], lacks: Lacks) -> tuple[str, ...]:
    """Return the modes of a run, with the control group: those named, or all that can be.

    Raises `ConfigError` for a name that cannot be, with the reason.
    """
    problems = [problem for name in names if (problem := _problem_of(name, lacks))]
    if problems:
        raise ConfigError(problems)
    possible = (mode for mode in MODES if mode in FAULTS and not _problem_of(mode, lacks))
    return (CONTROL, *(mode for mode in possible if not names or mode in names))


def _problem_of(name: str, lacks: Lacks) -> str | None:
    if name == CONTROL:
        return None
    if name not in FAULTS:
        return f"--mode {name!r}: no such failure mode{suggestion(name, [*FAULTS])}"
    if name in EXCLUDED:
        return f"--mode {name}: {EXCLUDED[name]}, so no client can be graded by it"
    faults = (name, *(str(beside["name"]) for beside in MODES[name].recipe.besides))
    reasons = (lacks[need] for fault in faults for need in FAULTS[fault].needs if need in lacks)
    reason = next(reasons, None)
    return None if reason is None else f"--mode {name}: {reason}"


def phases_of(modes: Sequence[str]) -> list[Phase]:
    """Return the phases in which modes act; the control group belongs to the first."""
    together: dict[str, list[str]] = {}
    platforms: dict[str, dict[str, Any]] = {}
    for mode in modes:
        recipe = {} if mode == CONTROL else MODES[mode].recipe.platform
        platform = {key: value for key, value in recipe.items() if key not in _OWN_TIMING}
        name = mode if platform else "side by side"
        platforms[name] = platform
        together.setdefault(name, []).append(mode)
    return [
        Phase(name=name, modes=tuple(some), platform=platforms[name])
        for name, some in together.items()
    ]


def group_of(client: str, mode: str) -> str:
    """Return the name of the cars of a client in a mode."""
    return f"{client}.{mode}"


def vehicle_ids(client: str, mode: str, size: Size) -> list[str]:
    """Return the cars of a client in a mode."""
    count = size.control_cars if mode == CONTROL else size.cars
    return [f"{group_of(client, mode)}.{number}" for number in range(count)]


def write_scenario(
    path: Path, phase: Phase, clients: Sequence[str], size: Size, *, profile: str, lacks: Lacks
) -> Scenario:
    """Write the scenario of a phase into a file, and return it as loaded from there."""
    groups = [
        _group(client, mode, count=len(vehicle_ids(client, mode, size)))
        for mode in phase.modes
        for client in clients
    ]
    scenario = {
        "description": f"clients are graded: {phase.name}",
        "fleet": {"profile": profile, "groups": groups},
        "platform": {"command_ttl_s": COMMAND_TTL_S, **phase.platform},
        "faults": [*_faults(phase.modes, clients, size.rounds)],
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(scenario)))  # JSON is YAML
    return load_scenario(path, lacks=lacks, needs_load=False)


def _group(client: str, mode: str, *, count: int) -> dict[str, Any]:
    name = group_of(client, mode)
    own = {} if mode == CONTROL else MODES[mode].recipe.box
    return {"name": name, "count": count, "id": f"{name}.{{}}", "box": {**_BOX, **own}}


def _faults(modes: Iterable[str], clients: Sequence[str], rounds: int) -> Iterator[dict[str, Any]]:
    for mode in modes:
        if mode == CONTROL:
            continue
        recipe = MODES[mode].recipe
        window = {"start_s": STARTS_S, **recipe.window}
        own = {"name": mode, "window": window, "parameters": recipe.parameters}
        for number in range(rounds):
            for fault in (own, *recipe.besides):
                yield {
                    "name": fault["name"],
                    "target": {"group": [group_of(client, mode) for client in clients]},
                    "window": _window(fault["window"], window, number * ROUND_S),
                    "parameters": fault.get("parameters", {}),
                }


def _window(
    window: Mapping[str, float], own: Mapping[str, float], round_s: float
) -> dict[str, float]:
    """Return when a fault acts in a round, which begins with the `own` window of the mode."""
    begins_s, ends_s = round_s + BEGINS_S, round_s + BEGINS_S + WINDOW_S
    later_s = max(window["start_s"] - own["start_s"], 0.0)
    if "end_s" in window:
        ends_s = min(begins_s + window["end_s"] - own["start_s"], ends_s)
    return {"start_s": begins_s + later_s, "end_s": ends_s}
