"""The plan of a sweep: every combination of the values that `--set` gives, times the seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import product
from pathlib import Path

import msgspec

from fleet_sim.runs.source_digest import versions
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import NAMES

MAX_RUNS = 100_000
MAX_SETTINGS = 2_000
"""Combinations of values: each is checked as a scenario of its own before anything runs."""
MAX_SEED = 2**63 - 1

_CLOSING = {"[": "]", "{": "}"}
_EXAMPLE = "for example fleet.count=500,5000"

Values = dict[str, str]
"""A value, as it was written, for each key that is swept."""


@dataclass(frozen=True, slots=True)
class SweptKey:
    """One `--set KEY=V1,V2`: a key of the scenario, and the values it takes in turn."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """Every run of a sweep, in one order that nothing but the command decides."""

    scenario_file: Path
    scenario_text: str
    swept: tuple[SweptKey, ...]
    seeds: range
    profile_text: str | None = None
    """The text of the scenario's profile file, if it has one: remote workers do not have the
    file."""

    @property
    def name(self) -> str:
        """The sweep's name: its scenario's file."""
        return self.scenario_file.stem

    @property
    def fingerprint(self) -> str:
        """A digest of what decides the result of a run; the seeds are not in it.

        So a sweep may be started again with more seeds, and keeps those it has.
        """
        swept = [(swept.key, swept.values) for swept in self.swept]
        parts = [self.scenario_text, swept, sorted(versions().items())]
        if self.profile_text is not None:
            parts.append(self.profile_text)
        return blake2b(msgspec.json.encode(parts), digest_size=8).hexdigest()

    def settings(self) -> Iterator[Values]:
        """Yield every combination of values; the last key changes first."""
        keys = [swept.key for swept in self.swept]
        for values in product(*(swept.values for swept in self.swept)):
            yield dict(zip(keys, values, strict=True))

    def runs(self) -> Iterator[tuple[int, Values, int]]:
        """Yield the number of the setting, the setting and the seed of every run, in order."""
        for number, setting in enumerate(self.settings()):
            for seed in self.seeds:
                yield number, setting, seed

    def __len__(self) -> int:
        settings = 1
        for swept in self.swept:
            settings *= len(swept.values)
        return settings * len(self.seeds)


def overrides_of(setting: Values) -> list[str]:
    """Return a setting as the `--set` of a single run."""
    return [f"{key}={value}" for key, value in setting.items()]


def label_of(setting: Values) -> str:
    """Return a setting in words, for a plot or a table."""
    return ", ".join(overrides_of(setting)) or "as written"


def plan_sweep(
    scenario_file: Path, sets: Sequence[str], *, seeds: int, first_seed: int = 1
) -> SweepPlan:
    """Return what is to be run, once every combination of values makes a scenario.

    Raises `ConfigError` with a line for everything that is wrong.
    """
    if scenario_file.suffix == ".json":
        raise ConfigError(
            [f"{scenario_file}: a manifest is one run; a sweep needs a scenario file"]
        )
    if seeds < 1:
        raise ConfigError([f"--seeds {seeds}: expected at least 1"])
    if seeds > MAX_RUNS:
        raise ConfigError([f"--seeds {seeds}: at most {MAX_RUNS} runs in one sweep"])
    if not 0 <= first_seed <= MAX_SEED - seeds:
        raise ConfigError([f"--first-seed {first_seed}: expected 0 to {MAX_SEED - seeds}"])
    # The file's own errors come before those of the values.
    profile = load_scenario(scenario_file).fleet.profile
    plan = SweepPlan(
        scenario_file=scenario_file,
        scenario_text=scenario_file.read_text(encoding="utf-8-sig"),
        swept=_swept_keys(sets),
        seeds=range(first_seed, first_seed + seeds),
        profile_text=None if profile in NAMES else Path(profile).read_text(encoding="utf-8-sig"),
    )
    settings = len(plan) // seeds
    if settings > MAX_SETTINGS:
        raise ConfigError([f"--set: {settings} combinations of values, at most {MAX_SETTINGS}"])
    if len(plan) > MAX_RUNS:
        raise ConfigError([f"--seeds {seeds}: {len(plan)} runs, at most {MAX_RUNS} in one sweep"])
    _check_settings(plan)
    return plan


def _check_settings(plan: SweepPlan) -> None:
    problems: dict[str, Values] = {}
    for setting in plan.settings():
        try:
            load_scenario(plan.scenario_file, overrides_of(setting))
        except ConfigError as error:
            for problem in error.problems:
                problems.setdefault(problem, setting)
    if problems:
        raise ConfigError([_with_setting(*pair) for pair in problems.items()])


def _with_setting(problem: str, setting: Values) -> str:
    """Return a problem with the values that bring it, where it does not name them itself."""
    return problem if problem.startswith("--set ") else f"{problem} (with {label_of(setting)})"


def _swept_keys(sets: Sequence[str]) -> tuple[SweptKey, ...]:
    swept: dict[str, SweptKey] = {}
    problems: list[str] = []
    for text in sets:
        try:
            one = _swept_key(text)
        except ConfigError as error:
            problems += error.problems
            continue
        if one.key in swept:
            problems.append(f"--set {text}: {one.key} is swept already; give it one --set")
        swept[one.key] = one
    if problems:
        raise ConfigError(problems)
    return tuple(swept.values())


def _swept_key(text: str) -> SweptKey:
    key, equals, values_text = text.partition("=")
    key = key.strip()
    if not equals or not key or not values_text.strip():
        raise ConfigError([f"--set {text}: expected KEY=V1,V2, {_EXAMPLE}"])
    if key == "seed":
        raise ConfigError([f"--set {text}: seeds come from --seeds and --first-seed"])
    values = _split(values_text, text)
    if not all(values):
        raise ConfigError([f"--set {text}: an empty value; expected KEY=V1,V2, {_EXAMPLE}"])
    if repeated := [value for value in dict.fromkeys(values) if values.count(value) > 1]:
        raise ConfigError([f"--set {text}: {repeated[0]} comes twice"])
    return SweptKey(key, tuple(values))


def _split(values_text: str, text: str) -> list[str]:
    """Return the values between the commas that stand in no bracket, brace or quote."""
    values, begin = [], 0
    expected: list[str] = []  # closers of the open brackets, braces and quotes
    for at, char in enumerate(values_text):
        is_quoted = expected[-1:] in (['"'], ["'"])
        if expected and char == expected[-1]:
            expected.pop()
        elif is_quoted:
            continue
        elif char in _CLOSING:
            expected.append(_CLOSING[char])
        elif char in "\"'" and (expected or not values_text[begin:at].strip()):
            expected.append(char)
        elif char == "," and not expected:
            values.append(values_text[begin:at].strip())
            begin = at + 1
    if expected:
        raise ConfigError([f"--set {text}: {expected[-1]!r} is missing"])
    return [*values, values_text[begin:].strip()]
