"""Score `platform-probe what-if`: `python -m bench.what_if DIR [--incidents N]`.

Each incident is drawn, and observed by the monitor until the decision. What the monitor recorded is
all that the what-if knows. The truth is the drawn scenario itself, run on with each mitigation.

DIR keeps each incident's files, so a stopped score goes on where it was. Delete `predicted.json`
files to predict again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from io import StringIO
from itertools import count, islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import msgspec

from bench.results import aligned
from bench.score.drawing import scenario_of
from bench.score.incidents import Incident, scored_faults
from fleet_sim.faults import FAULTS
from fleet_sim.futures.calibration import fitted_worlds
from fleet_sim.futures.future import HORIZON_S, RENTALS_S
from fleet_sim.futures.playing import (
    FutureTask,
    Results,
    World,
    changes_something,
    play_all,
    play_task,
    play_world,
    read_worlds,
)
from fleet_sim.futures.ranking import (
    NOTHING,
    Interval,
    RankedMitigation,
    differences,
    of_the_mean,
    rank_mitigations,
)
from fleet_sim.mitigations.form import Mitigation, load_mitigations
from fleet_sim.results.summary import JsonLines
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.limits import cores
from fleet_sim.runs.progress import LineProgress
from fleet_sim.runs.virtual.run import VirtualOptions, VirtualRun
from fleet_sim.scenario.loading import load_scenario
from fleet_sim.sweeps.pool import pool_of
from fleet_wire.config.file import yaml_text
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.incident import Incident as Found
from fleet_wire.errors import ConfigError, UnlockpathError
from fleet_wire.randomness import RandomStream
from platform_probe.store.reading import Source
from platform_probe.tell.export.worlds import worlds_of

FIRST_SEED: Final = 9_000
QUIET_S: Final = 2_100.0
"""Seconds of load before the fault begins: as many cars are away then as usually."""
DECISION_S: Final = 3_600.0
"""Seconds of load until on-call decides: the fault has lasted for 25 minutes."""
DEMAND: Final = (0.5, 1.0)
"""Customers, as a share of those that all cars can serve."""
CARS: Final = 200
"""Cars of a fleet, about."""
HEARTBEAT_S: Final = 120.0
MOST_DRAWN: Final = 4
"""Incidents that are drawn at most, for each that is scored: some are not noticed."""
MOST_SEEDS: Final = 1_000_000_000
WITHIN: Final = 0.2
"""Largest error of a predicted loss that counts as right, as a share of the true one."""
OF_NOTHING: Final = 3
"""True futures without a mitigation for each one with: chance must not decide whether a prediction
is within `WITHIN` of their mean."""
PRESENT: Final = "present.json"
TRUTH: Final = "truth.json"
PREDICTED: Final = "predicted.json"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one incident."""

    incident: str
    worlds: dict[str, float]
    """Weight by mode, as the diagnosis had it."""
    named: str
    best: tuple[str, ...]
    """Mitigations, or doing nothing, that lose no more than the truly best one beyond chance."""
    lost: float
    """Rentals that are truly lost if nothing is done."""
    one_within: float
    """Share of the true futures without a mitigation that are as near to the mean of the others as
    a prediction must be: chance sets the rest apart."""
    predicted: float
    lost_best: float
    """Rentals that are truly lost with the named mitigation."""
    one_best_within: float
    """The same share of the true futures with the named mitigation."""
    predicted_best: float
    regret: float
    """Rentals that the named mitigation loses more than the best one."""
    saved_less: int
    """True futures whose saving is below its interval."""
    saved_more: int
    """True futures whose saving is above its interval."""
    intervals: int
    """Intervals of savings; a point that holds its true saving says nothing, and is no interval."""

    @property
    def covered(self) -> int:
        """Return how many intervals hold the saving of a true future."""
        return self.intervals - self.saved_less - self.saved_more


def drawn_scenario(fault: str, seed: int) -> dict[str, Any]:
    """Return an incident's scenario: it begins after `QUIET_S`, and does not end by itself."""
    scenario = scenario_of(Incident((fault,), seed, is_of_many=True))
    stream = RandomStream.named(seed, f"what-if/{fault}")
    groups = scenario["fleet"]["groups"]
    before = sum(group["count"] for group in groups)
    for group in groups:
        group["box"]["heartbeat_s"] = HEARTBEAT_S
        group["count"] = max(2, round(group["count"] * CARS / before))
    cars = sum(group["count"] for group in groups)
    rate = cars / RENTALS_S * stream.between(*DEMAND)
    stage = {"kind": "poisson", "rate_per_s": round(rate, 5), "duration_s": DECISION_S}
    habits = FAULTS[fault].drawing.customers or {}
    first_s = min(entry["window"]["start_s"] for entry in scenario["faults"])
    counts = {group["name"]: group["count"] for group in groups}
    faults = [
        {
            **entry,
            "target": _target_in(counts, entry["target"]),
            "window": {"start_s": QUIET_S + entry["window"]["start_s"] - first_s},
        }
        for entry in scenario["faults"]
    ]
    return scenario | {"customers": {**habits, "stages": [stage]}, "faults": faults}


def run_seed(fault: str, seed: int) -> int:
    """Return the seed of an incident's run: with one for all, all would have the same arrivals."""
    return RandomStream.named(seed, f"what-if/run/{fault}").index(MOST_SEEDS)


def _target_in(counts: Mapping[str, int], target: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the target of a fault in a fleet whose groups have other counts than drawn."""
    if "ids" not in target:
        return target
    parts = (vehicle_id.rsplit("-", 1) for vehicle_id in target["ids"])
    ids = {f"{group}-{int(number) % counts[group]:05d}": None for group, number in parts}
    return {**target, "ids": [*ids]}


def observe(folder: Path, fault: str, seed: int) -> None:
    """Run the monitor. Raises `UnlockpathError` where it noticed no incident by the decision."""
    drawn = drawn_scenario(fault, seed)
    file = folder / "drawn.yaml"
    file.write_text(yaml_text(drawn), encoding="utf-8")
    if not (folder / "run" / "summary.json").exists():
        _run(file, folder / "run", run_seed(fault, seed))
    _incident_in(folder / "run")


def _run(file: Path, folder: Path, seed: int) -> None:
    run = RunDirectory.create(folder, scenario_name="drawn", seed=seed)
    options = VirtualOptions(seed=seed, with_report=False)
    scenario = load_scenario(file, [])
    VirtualRun(scenario, ScenarioSource(file), run, options, LineProgress(StringIO())).run()


def _incident_in(run: Path) -> tuple[Found, float]:
    """Return the incident that hits most customers as known at the decision, and that moment.

    Raises `ConfigError` where there is none.
    """
    probe = next(iter(JsonLines(run / "floor.jsonl", Attempt)))
    decision_at = probe.started_at - probe.scheduled_s + DECISION_S
    found = JsonLines(run / "incidents.jsonl", Found)
    last = {one.incident_id: one for one in found if one.at <= decision_at}
    if not last:
        raise ConfigError(["the monitor noticed no incident"])
    largest = max(last.values(), key=lambda one: (max(one.customers, one.cars), one.failed))
    return largest, decision_at


def true_futures(
    folder: Path, first: int, mitigations: Mapping[str, Mitigation], seeds: int
) -> dict[str, list[float]]:
    """Return the rentals that are truly lost with each mitigation, by seed from `first` on."""
    scenario = load_scenario(folder / "drawn.yaml", [])
    customers = scenario.customers
    assert customers is not None  # noqa: S101 - it was drawn with them
    stage = customers.known_stages[0].model_copy(update={"duration_s": DECISION_S + HORIZON_S})
    values = customers.model_copy(update={"stages": [stage]})
    scenario = scenario.model_copy(update={"customers": values})
    world = World(1.0, "", scenario, decision_s=DECISION_S)
    named = {name: each for name, each in mitigations.items() if changes_something(each, world)}
    found: dict[str, list[float]] = {NOTHING: [], **{name: [] for name in named}}
    for number in range(OF_NOTHING * seeds):
        options = [None, *named.values()] if number < seeds else [None]
        for name, counts in zip(found, play_world(world, options, first + number), strict=False):
            found[name].append(counts.lost)
    return found


def predicted_futures(
    folder: Path, mitigations: Mapping[str, Mitigation], seeds: int
) -> dict[str, Any]:
    """Return what the what-if says: the worlds, and the ranked mitigations."""

    def play(tasks: Sequence[FutureTask]) -> Results:
        return ((task, play_task(task)) for task in tasks)

    incident, decision_at = _incident_in(folder / "run")
    source = Source(folder / "run", as_of_s=decision_at)
    (folder / "worlds.yaml").write_text(yaml_text(worlds_of(source, incident)), encoding="utf-8")
    exported, _ = read_worlds(folder / "worlds.yaml")
    worlds = fitted_worlds(exported, seeds=seeds, play=play, on_played=lambda _: None)
    played = play_all(
        worlds, mitigations, seeds=range(1, seeds + 1), play=play, on_played=lambda _: None
    )
    ranked = rank_mitigations(
        played,
        [world.weight for world in worlds],
        costs={name: each.cost for name, each in mitigations.items()},
        sms_price=0.05,
    )
    return {
        "worlds": {world.mode: world.weight for world in worlds},
        "ranked": [msgspec.to_builtins(each) for each in ranked],
    }


class Scored(NamedTuple):
    """A drawn incident, and what became of it."""

    name: str
    not_noticed: str = ""
    """Why the monitor had no incident; empty: it had one."""
    not_answered: str = ""
    """Why the what-if had no answer; empty: it had one."""


def score_incident(named: tuple[str, int], *, kept: Path, seeds: int, true_seeds: int) -> Scored:
    """Do what is not done yet of one incident."""
    fault, seed = named
    name = f"{fault}-{seed}"
    folder = kept / name
    mitigations = load_mitigations()
    try:
        if not (folder / PRESENT).exists():
            folder.mkdir(parents=True, exist_ok=True)
            error = ""
            try:
                observe(folder, fault, seed)
            except ConfigError as problem:
                error = f"{problem}"
            (folder / PRESENT).write_bytes(msgspec.json.encode({"error": error}))
        error = msgspec.json.decode((folder / PRESENT).read_bytes())["error"]
        if error:
            return Scored(name, not_noticed=error)
        if not (folder / TRUTH).exists():
            first = run_seed(fault, seed) + 1
            truth = true_futures(folder, first, mitigations, true_seeds)
            (folder / TRUTH).write_bytes(msgspec.json.encode(truth))
        if not (folder / PREDICTED).exists():
            predicted = predicted_futures(folder, mitigations, seeds)
            (folder / PREDICTED).write_bytes(msgspec.json.encode(predicted))
    except UnlockpathError as problem:
        return Scored(name, not_answered=f"{problem}".splitlines()[0])
    return Scored(name)


def verdict_of(folder: Path) -> Verdict:
    """Return how well one incident was predicted, from its files."""
    truth: dict[str, list[float]] = msgspec.json.decode((folder / TRUTH).read_bytes())
    predicted = msgspec.json.decode((folder / PREDICTED).read_bytes())
    ranked = msgspec.convert(predicted["ranked"], list[RankedMitigation])
    by_name = {each.name: each for each in ranked}
    nothing = by_name[NOTHING]
    named = next((each.name for each in ranked if each.is_better), NOTHING)
    means = {name: sum(lost) / len(lost) for name, lost in truth.items()}
    alike = {name: lost[: min(map(len, truth.values()))] for name, lost in truth.items()}
    best = min(alike, key=lambda name: (sum(alike[name]), name != NOTHING))
    of_named = means.get(named, means[NOTHING])
    pairs = [*_savings(alike, by_name)]
    return Verdict(
        incident=folder.name,
        worlds=predicted["worlds"],
        named=named,
        best=tuple(name for name in alike if _is_no_worse(alike[name], alike[best])),
        lost=means[NOTHING],
        one_within=_share_near_others(truth[NOTHING]),
        predicted=nothing.lost.mean,
        lost_best=of_named,
        one_best_within=_share_near_others(truth.get(named, truth[NOTHING])),
        predicted_best=by_name[named].lost.mean,
        regret=of_named - means[best],
        saved_less=sum(true < saved.low for saved, true in pairs),
        saved_more=sum(true > saved.high for saved, true in pairs),
        intervals=len(pairs),
    )


def _savings(
    truth: Mapping[str, Sequence[float]], by_name: Mapping[str, RankedMitigation]
) -> Iterator[tuple[Interval, float]]:
    """Yield predicted bounds beside each true saving; a saving that is nothing for sure has none.

    `truth` has the rentals that each mitigation truly loses.
    """
    for name, lost in truth.items():
        if name == NOTHING or name not in by_name:
            continue
        saved = by_name[name].saved
        for before, after in zip(truth[NOTHING], lost, strict=True):
            if not saved.low == saved.high == before - after:
                yield saved, before - after


def _share_near_others(lost: Sequence[float]) -> float:
    """Return the share of futures that are near the mean of the others."""
    others = len(lost) - 1
    return _share(_is_near(one, (sum(lost) - one) / others) for one in lost)


def _is_no_worse(lost: Sequence[float], best: Sequence[float]) -> bool:
    """Return whether chance may be all that sets two mitigations of one world apart."""
    return of_the_mean(differences([lost], [best]), [1.0]).low <= 0.0


def figures_of(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Return the figures of a score."""
    helpless = [each for each in verdicts if NOTHING in each.best]
    intervals = max(sum(each.intervals for each in verdicts), 1)
    return {
        "incidents": len(verdicts),
        "best_first": _share(_is_right(each) for each in verdicts),
        "nothing_helps": len(helpless),
        "nothing_named": _share(each.named == NOTHING for each in helpless),
        "lost_within": _share(_is_near(each.predicted, each.lost) for each in verdicts),
        "lost_with_best_within": _share(
            _is_near(each.predicted_best, each.lost_best) for each in verdicts
        ),
        "one_true_future_within": sum(each.one_within for each in verdicts) / max(len(verdicts), 1),
        "one_true_future_with_best_within": sum(each.one_best_within for each in verdicts)
        / max(len(verdicts), 1),
        "coverage": sum(each.covered for each in verdicts) / intervals,
        "saved_less": sum(each.saved_less for each in verdicts) / intervals,
        "saved_more": sum(each.saved_more for each in verdicts) / intervals,
        "mean_regret": sum(each.regret for each in verdicts) / max(len(verdicts), 1),
    }


def _is_right(verdict: Verdict) -> bool:
    return verdict.named in verdict.best


def _is_near(predicted: float, true: float) -> bool:
    """Return whether a prediction is within `WITHIN`, or within half a rental where few are."""
    return abs(predicted - true) <= max(WITHIN * true, 0.5)


def _share(holds: Iterator[bool]) -> float:
    found = [*holds]
    return sum(found) / len(found) if found else 0.0


def incidents_in_turn(first_seed: int, step: int) -> Iterator[tuple[str, int]]:
    """Yield faults with their seeds without end: all faults once, then all with the next seed."""
    faults = scored_faults()
    for number in count():
        yield faults[number * step % len(faults)], first_seed + number // len(faults)


@click.command()
@click.argument("kept", type=click.Path(path_type=Path, file_okay=False))
@click.option("--incidents", default=60, show_default=True, help="noticed ones to score")
@click.option("--seeds", default=10, show_default=True, help="futures of each world")
@click.option("--true-seeds", default=4, show_default=True, help="futures of the true world")
@click.option("--first-seed", default=FIRST_SEED, show_default=True)
@click.option("--step", default=1, show_default=True, help="use every so many-th fault first")
@click.option("--jobs", default=cores())
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="the figures, as JSON")
def main(
    *,
    kept: Path,
    incidents: int,
    seeds: int,
    true_seeds: int,
    first_seed: int,
    step: int,
    jobs: int,
    out: Path | None,
) -> None:
    """Score incidents, print each with its verdict, and then the figures."""
    work = partial(score_incident, kept=kept, seeds=seeds, true_seeds=true_seeds)
    verdicts: list[Verdict] = []
    not_answered = 0
    turns = islice(incidents_in_turn(first_seed, step), MOST_DRAWN * incidents)
    with pool_of(jobs, __name__) as pool:
        for scored in pool.map(work, turns):
            if why := scored.not_noticed or scored.not_answered:
                not_answered += not scored.not_noticed
                click.echo(f"{scored.name}: {why}")
            else:
                verdicts.append(verdict_of(kept / scored.name))
                click.echo(_line(verdicts[-1]))
            if len(verdicts) + not_answered == incidents:
                pool.shutdown(cancel_futures=True)
                break
    figures = figures_of(verdicts) | {"not_answered": not_answered}
    click.echo(aligned([[name, f"{value:.3g}"] for name, value in figures.items()]))
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")


def _line(verdict: Verdict) -> str:
    worlds = ", ".join(f"{mode} {weight:.2f}" for mode, weight in verdict.worlds.items())
    return (
        f"{verdict.incident}: {'right' if _is_right(verdict) else 'WRONG'} {verdict.named}"
        f" of {', '.join(verdict.best[:3])}; lost {verdict.predicted:.1f} for {verdict.lost:.1f},"
        f" {verdict.predicted_best:.1f} for {verdict.lost_best:.1f};"
        f" covered {verdict.covered}/{verdict.intervals}; worlds {worlds}"
    )


if __name__ == "__main__":
    main()
