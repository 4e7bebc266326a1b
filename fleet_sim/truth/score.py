"""The result of a run: each graded unlock, and the scores of modes and clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from fleet_sim.results.uncertainty import Estimate, share, z_of
from fleet_sim.truth.grading import DoorMovement, Grade, Press, ScreenChange
from fleet_sim.truth.modes import CONTROL
from fleet_wire.errors import ConfigError

RESULT: Final = "truth.json"
UNLOCKS: Final = "truth.jsonl"
CONFIDENCE: Final = 0.95
"""The confidence of each interval by itself."""


class GradedUnlock(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `truth.jsonl`: an unlock, its grade, and what led to it. Times are of one clock."""

    client: str
    mode: str
    vehicle_id: str
    grade: Grade
    why: str
    press: Press
    screens: tuple[ScreenChange, ...] = ()
    """The screens of the client up to the customer's return."""
    door: tuple[DoorMovement, ...] = ()
    """The movements of the door in the same time."""


Counts = dict[Grade, int]


class ClientResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The result of one client."""

    through: str | None = None
    """The address that it uses: `api` or `mqtt`."""
    error: str | None = None
    """Why it could not be graded to the end."""
    lines: int = 0
    bad_lines: int = 0
    first_bad_line: str | None = None
    modes: dict[str, Counts] = {}
    """How many unlocks of each mode got each grade."""

    @property
    def total(self) -> Counts:
        """Return the grades of all failure modes together, without the control group."""
        total: Counter[Grade] = Counter()
        for mode, counts in self.modes.items():
            if mode != CONTROL:
                total.update(counts)
        return dict(total)


class TruthResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`truth.json`."""

    seed: int
    profile: str
    started_at: str
    duration_s: float
    is_interrupted: bool = False
    model_defects: int = 0
    first_model_defect: str | None = None
    safety: dict[str, int] = {}
    """Findings of the watch over every movement of a lock, by kind."""
    clients: dict[str, ClientResult] = {}


def count(unlocks: Iterable[GradedUnlock]) -> dict[str, dict[str, Counts]]:
    """Return the grades of each client and mode."""
    found: dict[str, dict[str, Counts]] = {}
    for one in unlocks:
        counts = found.setdefault(one.client, {}).setdefault(one.mode, {})
        counts[one.grade] = counts.get(one.grade, 0) + 1
    return found


def number_of(counts: Counts, grades: Iterable[Grade] = tuple(Grade)) -> int:
    """Return how many unlocks got one of these grades."""
    return sum(counts.get(each, 0) for each in grades)


def true_share(counts: Counts) -> Estimate | None:
    """Return the share of unlocks that were graded `true`, with its Wilson interval."""
    total = number_of(counts)
    return share(counts.get(Grade.TRUE, 0), total, z_of(CONFIDENCE)) if total else None


def read_result(path: Path) -> TruthResult:
    """Return the result in a directory, or in the file itself. Raises `ConfigError`."""
    file = path / RESULT if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=TruthResult)
    except OSError as error:
        raise ConfigError([f"{file}: {error.strerror}"]) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError([f"{file}: not the result of fleet-sim truth: {error}"]) from None


def read_unlocks(directory: Path) -> list[GradedUnlock]:
    """Return the graded unlocks of a run, in the order of the file; one without any has none."""
    path = directory / UNLOCKS
    lines = path.read_bytes() if path.exists() else b""
    return msgspec.json.Decoder(GradedUnlock).decode_lines(lines)


def is_result(path: Path) -> bool:
    """Return whether there is a result of `fleet-sim truth`."""
    return path.name == RESULT or (path / RESULT).is_file()


def pooled(modes: Mapping[str, Counts]) -> Iterator[tuple[str, Counts]]:
    """Yield the modes by their share of true grades, the worst first; the control group last."""

    def sort_key(item: tuple[str, Counts]) -> tuple[bool, float, str]:
        estimate = true_share(item[1])
        return item[0] == CONTROL, 1.0 if estimate is None else estimate.value, item[0]

    yield from sorted(modes.items(), key=sort_key)
