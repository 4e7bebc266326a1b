"""Futures: what a mitigation changes in the simulated world, and how mitigations are ranked."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_sim.cars.defects import ModelDefectError
from fleet_sim.customers.population import Population
from fleet_sim.futures import future
from fleet_sim.futures.fork import in_fork
from fleet_sim.futures.future import FutureCounts
from fleet_sim.futures.keeping import keep_futures
from fleet_sim.futures.playing import (
    World,
    changes_something,
    play_all,
    play_here,
    play_task,
    play_world,
    read_worlds,
)
from fleet_sim.futures.ranking import NOTHING, RankedMitigation, rank_mitigations, student_t
from fleet_sim.mitigations.form import Mitigation, load_mitigations
from fleet_sim.results.summary import read_json
from fleet_wire.config.file import yaml_text
from fleet_wire.errors import ConfigError
from tests.helpers.own_commands import run_here

MITIGATIONS = load_mitigations()


def scenario(fault: str, **parameters: Any) -> dict[str, Any]:
    """Return an incident: a fault on half of forty cars, and their customers."""
    entry = {"name": fault, "target": {"group": "struck"}, "window": {"start_s": 0}}
    return {
        "description": "an incident",
        "fleet": {
            "groups": [
                {"name": "struck", "count": 20, "operator": "a", "firmware": "2.0.0"},
                {"name": "well", "count": 20, "operator": "b", "firmware": "1.0.0"},
            ]
        },
        "customers": {"stages": [{"kind": "poisson", "rate_per_s": 0.05, "duration_s": 600}]},
        "faults": [{**entry, **({"parameters": parameters} if parameters else {})}],
    }


def world(folder: Path, fault: str, **parameters: Any) -> World:
    """Return the only world of such a scenario."""
    return world_of(folder, scenario(fault, **parameters))


def world_of(folder: Path, values: dict[str, Any]) -> World:
    """Return the only world of a scenario."""
    file = folder / "scenario.yaml"
    file.write_text(yaml_text(values))
    (found,), _ = read_worlds(file)
    return found


def played(of: World, mitigation: Mitigation | None, seeds: int) -> list[FutureCounts]:
    """Return the counts of some futures, by seed."""
    return [play_world(of, [mitigation], seed)[0] for seed in range(seeds)]


def lost(of: World, mitigation: Mitigation | None, seeds: int = 3) -> int:
    """Return the rentals lost over some seeds."""
    return sum(round(each.lost) for each in played(of, mitigation, seeds))


@pytest.mark.parametrize(("fault", "pasts"), [("bad_firmware_cohort", 1), ("tls_cert_expired", 2)])
def test_a_future_that_is_forked_at_the_decision_is_the_one_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, pasts: int
) -> None:
    """Mitigations that end the fault share the past, unless a car acts on when its window ends.

    Pairs of futures are compared, so the same seed gives the same but for the mitigation.
    """
    one = world(tmp_path, fault)
    options = [None, *(each for each in MITIGATIONS.values() if changes_something(each, one))]
    begun: list[object] = []
    begin = Population.start

    def note_begin(population: Population, at_s: float) -> None:
        begun.append(population)
        begin(population, at_s)

    monkeypatch.setattr(Population, "start", note_begin)
    together = play_world(one, options, 2)

    assert len(begun) == pasts
    assert together == play_world(one, options, 2, forks=False)
    assert len({each.lost for each in together}) > 1


@pytest.mark.parametrize("name", ["throttle_reconnects", "wake_again_sooner"])
@pytest.mark.parametrize("asleep_share", [0.0, 1.0])
def test_a_mitigation_is_played_where_it_has_an_occasion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, asleep_share: float
) -> None:
    """Cars that sleep are woken, and connect; where none does, the future is already known."""
    values = scenario("generic_500")
    for group in values["fleet"]["groups"]:
        group["box"] = {"asleep_share": asleep_share}
    one = world_of(tmp_path, values)
    lower = MITIGATIONS[name].model_copy(update={"connects_per_s": 0.01})
    acting = lower if name == "throttle_reconnects" else MITIGATIONS[name]
    options = [None, acting, MITIGATIONS["longer_commands"]]
    forked: list[Any] = []

    def note_fork(work: Any) -> Any:
        forked.append(work)
        return in_fork(work)

    monkeypatch.setattr(future, "in_fork", note_fork)
    together = play_world(one, options, 2)

    assert together == play_world(one, options, 2, forks=False)
    assert len(forked) == (2 if asleep_share else 1)
    assert (together[1] == together[0]) is not bool(asleep_share)


def test_mitigations_that_offer_the_same_cars_are_played_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no car would be left, all stay on offer: then nothing changes."""
    values = scenario("regional_carrier_outage")
    for group in values["fleet"]["groups"]:
        group["firmware"] = "1.0.0"
    one = world_of(tmp_path, values)
    names = ("take_cars_out", "offer_other_operator", "offer_other_firmware")
    options = [None, *map(MITIGATIONS.__getitem__, names)]
    played: list[Any] = []
    play_on = future._Future.counts_with

    def note_play(self: Any, course: Any) -> FutureCounts:
        played.append(course)
        return play_on(self, course)

    monkeypatch.setattr(future._Future, "counts_with", note_play)
    nothing, out, operator, firmware = together = play_world(one, options, 2)

    assert [course.mitigation for course in played] == [MITIGATIONS["take_cars_out"]]
    assert out == operator
    assert out.lost < nothing.lost
    assert firmware == nothing
    assert together == play_world(one, options, 2, forks=False)


def test_a_failure_in_a_fork_is_raised_as_it_was() -> None:
    """An error keeps its class and its words, though its constructor wants something else."""

    def fail() -> None:
        raise ModelDefectError(2, "a wheel came off")

    with pytest.raises(ModelDefectError, match=r"2 defects of the model.*a wheel came off"):
        in_fork(fail)


def test_a_fork_that_is_killed_is_named() -> None:
    """It says nothing, and nobody waits for it."""
    with pytest.raises(ChildProcessError, match="was killed"):
        in_fork(lambda: os.kill(os.getpid(), signal.SIGKILL))


@pytest.mark.parametrize(
    ("fault", "helps", "does_not"),
    [
        ("regional_carrier_outage", "offer_other_operator", "longer_commands"),
        ("generic_500", "roll_back_platform", "wake_again_sooner"),
        ("bad_firmware_cohort", "offer_other_firmware", "roll_back_platform"),
    ],
)
def test_a_mitigation_helps_where_it_acts_on_the_cause(
    tmp_path: Path, fault: str, helps: str, does_not: str
) -> None:
    """The right one saves rentals, another one does not."""
    of = world(tmp_path, fault)
    nothing = lost(of, None)
    assert nothing > 0
    assert lost(of, MITIGATIONS[helps]) < nothing
    assert lost(of, MITIGATIONS[does_not]) >= nothing


def test_more_customers_than_cars_serve_are_counted_and_not_played(tmp_path: Path) -> None:
    """A car is rented once an hour at most: each customer that is played stands for several."""
    values = scenario("generic_500")
    values["customers"]["stages"][0]["rate_per_s"] = 1.0
    busy = world_of(tmp_path, values)

    (counts,) = play_world(busy, [None], 1)

    assert busy.scale == pytest.approx(3_600 / 40, rel=0.1)
    assert counts.customers == pytest.approx(1_800, rel=0.3)


def test_tasks_in_any_order_give_the_same_counts(tmp_path: Path) -> None:
    """Workers of Dask report as they are done."""
    one = world(tmp_path, "generic_500")
    options = {"rollback": MITIGATIONS["roll_back_platform"], "idle": MITIGATIONS["halt_release"]}
    seen: list[int] = []

    def backwards(tasks: Any) -> Any:
        return [(task, play_task(task)) for task in reversed(tasks)]

    seeds = range(1, 4)
    there = play_all([one], options, seeds=seeds, play=backwards, on_played=seen.append)
    here = play_all(
        [one], options, seeds=seeds, play=partial(play_here, jobs=2), on_played=seen.append
    )

    assert there == here
    assert there["idle"] == there[NOTHING]
    assert there["rollback"] == [
        [play_world(one, [options["rollback"]], seed)[0] for seed in seeds]
    ]
    assert sum(seen) == 2 * 2 * len(seeds)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Keep the futures of an outage, with a mitigation that helps and one that acts elsewhere."""
    folder = tmp_path_factory.mktemp("kept")
    options = {
        "other": MITIGATIONS["offer_other_operator"],
        "idle": MITIGATIONS["roll_back_platform"],
    }
    one = world(folder, "regional_carrier_outage")
    return [*keep_futures([one], options, seed=1, folder=folder)]


def test_a_future_is_kept_as_a_run_with_its_report(kept: list[Path]) -> None:
    """One of each mitigation and world; what acts only elsewhere is not played."""
    assert [path.parts[-2:] for path in kept] == [(NOTHING, "world-1"), ("other", "world-1")]
    assert all((path / "report.html").exists() for path in kept)
    gave_up = [(path / "customers.jsonl").read_text().count("gave_up") for path in kept]
    assert gave_up[0] > gave_up[1]
    for path, name, title in zip(
        kept,
        (f"{NOTHING}-world-1", "other-world-1"),
        ("Do nothing", "Offer cars of another operator only"),
        strict=True,
    ):
        shown = read_json(path / "manifest.json")
        assert (shown["name"], shown["mitigation"]) == (name, title)
        page = (path / "report.html").read_text()
        assert name in page
        assert title in page


def test_a_kept_future_is_played_again_from_its_manifest(kept: list[Path], tmp_path: Path) -> None:
    """The command that its report names gives the same unlocks; a live run is refused."""
    _, path = kept
    manifest = str(path / "manifest.json")

    again = ("run", manifest, "--out", str(tmp_path / "again"))
    code, _, stderr = run_here("fleet_sim", *again, "--mode", "virtual", "--check-digest", manifest)
    refused, _, why = run_here("fleet_sim", *again)

    assert code == 0, stderr
    assert f"fleet-sim run {manifest} --mode virtual" in (path / "report.html").read_text()
    assert read_json(tmp_path / "again" / "manifest.json")["name"] == "other-world-1"
    assert refused == 2
    assert "add --mode virtual" in why


def test_what_only_ends_other_modes_changes_nothing(tmp_path: Path) -> None:
    """It need not be played; a platform's failure is no reason to avoid cars."""
    of = world(tmp_path, "generic_500")

    assert changes_something(MITIGATIONS["roll_back_platform"], of)
    assert not changes_something(MITIGATIONS["roll_back_firmware"], of)
    assert not changes_something(MITIGATIONS["take_cars_out"], of)
    assert not changes_something(MITIGATIONS["ask_offline_cars"], of)


def test_a_scenario_without_customers_is_refused(tmp_path: Path) -> None:
    """Lost rentals are what futures count."""
    file = tmp_path / "scenario.yaml"
    values = scenario("generic_500")
    del values["customers"], values["faults"]
    load = {"stages": [{"kind": "constant", "rate_per_s": 1, "duration_s": 9}]}
    file.write_text(yaml_text(values | {"load": load}))

    with pytest.raises(ConfigError, match="no customers"):
        read_worlds(file)


def test_an_error_in_a_world_names_its_line(tmp_path: Path) -> None:
    """The worlds of a file are checked as scenarios are."""
    file = tmp_path / "worlds.yaml"
    file.write_text(yaml_text({"worlds": [{"weight": 1, "scenario": scenario("generic_5000")}]}))

    with pytest.raises(ConfigError, match=r"worlds\.yaml:\d+: .*generic_5000"):
        read_worlds(file)


def counts(*lost_of: int, sms: int = 0) -> list[FutureCounts]:
    """Return the counts of futures of a hundred customers."""
    return [FutureCounts(100, each, 50.0, sms, 10) for each in lost_of]


def ranked(
    played: dict[str, list[list[FutureCounts]]], weights: list[float]
) -> dict[str, RankedMitigation]:
    """Return the mitigations by name, the best first; none costs anything."""
    found = rank_mitigations(played, weights, costs={}, sms_price=0.0)
    return {each.name: each for each in found}


def test_ranking_weighs_worlds_and_says_what_is_no_better() -> None:
    """A mitigation that helps in the likely world comes first; chance alone is no gain."""
    played = {
        NOTHING: [counts(20, 22, 18), counts(20, 21, 19)],
        "of_likely": [counts(2, 3, 1), counts(20, 21, 19)],
        "of_unlikely": [counts(20, 22, 18), counts(2, 3, 1)],
        "by_chance": [counts(19, 24, 17), counts(21, 20, 19)],
    }

    ranked = rank_mitigations(played, [0.8, 0.2], costs={"of_likely": 3.0}, sms_price=0.05)

    assert [each.name for each in ranked][:2] == ["of_likely", "of_unlikely"]
    by_name = {each.name: each for each in ranked}
    assert by_name["of_likely"].lost.mean == pytest.approx(0.8 * 2 + 0.2 * 20)
    assert by_name["of_likely"].is_better
    assert not by_name["by_chance"].is_better
    assert not by_name[NOTHING].is_better
    assert by_name["of_likely"].cost == pytest.approx(3.0)


def test_bounds_hold_the_doubt_about_the_world() -> None:
    """One future is within them, whichever world is the real one."""
    played = {
        NOTHING: [counts(20, 22, 18), counts(20, 22, 18)],
        "of_one": [counts(0, 2, 1), counts(20, 22, 18)],
    }
    of_one = ranked(played, [0.5, 0.5])["of_one"]
    assert of_one.saved.low < 0.0
    assert of_one.saved.high > 19.0


def test_bounds_hold_a_loss_that_no_seed_had() -> None:
    """Only who changes nothing at all saves nothing for sure."""
    played = {
        NOTHING: [counts(0, 0, 0)],
        "same": [counts(0, 0, 0)],
        "acts": [counts(0, 0, 0, sms=1)],
    }
    found = ranked(played, [1.0])
    assert found["same"].saved.low == found["same"].saved.high == 0.0
    assert found["acts"].saved.low < -1.0 < 1.0 < found["acts"].saved.high


def test_many_mitigations_are_not_better_by_chance() -> None:
    """The more are tried, the more one must save; one that changes nothing counts for none."""
    nothing = [counts(20, 22, 18, 21)]
    lucky = [counts(17, 20, 15, 20)]

    def better(others: list[list[FutureCounts]]) -> list[str]:
        played = {NOTHING: nothing, "a": lucky, **{f"b{n}": others for n in range(40)}}
        return [name for name, each in ranked(played, [1.0]).items() if each.is_better]

    assert better(nothing) == ["a"]
    assert better([counts(20, 22, 18, 20)]) == []


def test_a_saving_that_differs_much_between_seeds_is_one_all_the_same() -> None:
    """A severe failure loses more than a mild one, and the mitigation ends both."""
    nothing, ended = counts(2, 14, 5, 23, 3, 9), counts(0, 1, 0, 1, 0, 1)
    played = {NOTHING: [nothing], "ends": [ended], **{f"b{n}": [counts(*range(6))] for n in "abcd"}}
    many_each = {
        name: [[each.scaled(25.0) for each in world] for world in worlds]
        for name, worlds in {
            NOTHING: [counts(1, 0, 0, 1, 0, 1)],
            "ends": [counts(*6 * [0])],
        }.items()
    }

    assert ranked(played, [1.0])["ends"].is_better
    assert not ranked(many_each, [1.0])["ends"].is_better  # three customers are few


@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (19, 2.093)]
)
def test_bounds_of_few_seeds_are_wide(freedom: int, expected: float) -> None:
    """Two seeds say next to nothing of the spread (table of Student's t, 97.5 %)."""
    assert student_t(0.975, freedom) == pytest.approx(expected, abs=0.001)


def test_cars_that_come_back_while_no_command_works_stay_open(tmp_path: Path) -> None:
    """Customers came before; whoever finds a car that could not be locked gets in at once."""
    values = scenario("planned_maintenance_window", only_commands=True)
    values["faults"][0]["target"] = {}
    one = world_of(tmp_path, values)

    assert 0.3 < one.away < 0.9
    assert lost(one, None) < lost(msgspec.structs.replace(one, away=0.0), None)


def test_boxes_get_new_settings_and_go_on(tmp_path: Path) -> None:
    """Connecting anew for a setting loses nobody who would not be lost without it."""
    of = world(tmp_path, "generic_500")

    assert lost(of, MITIGATIONS["shorter_keepalive"]) <= lost(of, None) + 1
