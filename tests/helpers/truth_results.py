"""Results of `fleet-sim truth` that were never run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from fleet_sim.truth.grading import Grade, Press
from fleet_sim.truth.score import RESULT, UNLOCKS, ClientResult, GradedUnlock, TruthResult

Modes = Mapping[str, Mapping[Grade, int]]


def result_of(clients: Mapping[str, Modes], *, error: str | None = None) -> TruthResult:
    """Return a result with these grades of each client and mode."""
    return TruthResult(
        seed=7,
        profile="native",
        started_at="2026-01-01T00:00:00+00:00",
        duration_s=95.0,
        clients={
            name: ClientResult(
                through="api",
                error=error,
                modes={mode: dict(counts) for mode, counts in modes.items()},
            )
            for name, modes in clients.items()
        },
    )


def unlocks_of(result: TruthResult) -> list[GradedUnlock]:
    """Return an unlock for each grade of a result."""
    press = Press(request="r", pressed_s=0, looked_s=10, ended_s=12, left_s=12)
    return [
        GradedUnlock(
            client=name,
            mode=mode,
            vehicle_id=f"{name}.{mode}.{number}",
            grade=grade,
            why=f"<b>{grade}</b>",
            press=press,
        )
        for name, client in result.clients.items()
        for mode, counts in client.modes.items()
        for grade, count in counts.items()
        for number in range(count)
    ]


def write_result(directory: Path, result: TruthResult) -> Path:
    """Write a result as a run leaves it; return its directory."""
    directory.mkdir()
    for name in result.clients:
        (directory / name).mkdir()
    (directory / RESULT).write_bytes(msgspec.json.encode(result))
    (directory / UNLOCKS).write_bytes(msgspec.json.Encoder().encode_lines(unlocks_of(result)))
    return directory
