"""Journals that releases recorded, and what is judged of them.

`tests/journals/RELEASE/SCENARIO/` has the journal of a run, and `judgements.txt`: the first mode of
each unlock, and each incident.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from platform_probe.journal.segments import COMPLETE, segment_path, segments_in
from platform_probe.judge.weights import shipped_ranking
from platform_probe.judge_process.outlets import judge_of
from platform_probe.judge_process.recordings import recording_at
from platform_probe.settings.monitor import ProbeSettings
from tests.helpers.places import ROOT
from tests.helpers.virtual_runs import SCENARIOS, run_virtually

PLACE: Final = ROOT / "tests" / "journals"
JUDGEMENTS: Final = "judgements.txt"
RECORDED: Final = ("carrier_outage", "client_id_takeover", "slow_database", "underground_garage")
"""A radio network, a broker, a platform and a place that fail."""
SEED: Final = 1
RENEW: Final = "python -m tests.journals --renew"


def recorded_journals() -> list[Path]:
    """Return the directories of all journals, by release."""
    return sorted(path.parent for path in PLACE.glob(f"*/*/{JUDGEMENTS}"))


@contextmanager
def unpacked(directory: Path) -> Iterator[Path]:
    """Yield a directory with the segments of a journal that is compressed here."""
    with tempfile.TemporaryDirectory() as place:
        for packed in directory.glob("*.gz"):
            Path(place, packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
        yield Path(place)


def expected_judgements(directory: Path) -> str:
    """Return what is committed of a journal."""
    return (directory / JUDGEMENTS).read_text(encoding="utf-8")


def found_judgements(directory: Path) -> str:
    """Return what is judged of a journal today, a line for each incident and each unlock."""
    judge = judge_of(ProbeSettings(client_id=f"virtual/{SEED}"), shipped_ranking())
    modes: dict[str, str] = {}
    incidents: dict[str, str] = {}
    with unpacked(directory) as journal:
        for entry in recording_at(journal).entries(0.0):
            for judgement in judge.apply(entry):
                if isinstance(judgement, Diagnosis):
                    modes[judgement.attempt_id] = judgement.first.mode
                elif isinstance(judgement, Incident):
                    said = f"{judgement.kind} cars={judgement.cars} {judgement.title}"
                    incidents[judgement.incident_id] = said
    lines = [f"incident {said}" for said in incidents.values()]
    lines += [f"unlock {attempt_id} {mode}" for attempt_id, mode in sorted(modes.items())]
    return "".join(f"{line}\n" for line in lines)


def renew(directory: Path) -> None:
    """Write what is judged of a journal today."""
    (directory / JUDGEMENTS).write_text(found_judgements(directory), encoding="utf-8")


def record(release: str) -> None:
    """Record journals of this release. Raises `FileExistsError` where there are some."""
    for name in RECORDED:
        directory = PLACE / release / name
        directory.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as place:
            run = Path(place) / name
            run_virtually(load_scenario(SCENARIOS[name]), run, seed=SEED, journal=True)
            for segment in segments_in(run / "journal"):
                packed = gzip.compress(segment.path.read_bytes(), 9, mtime=0)
                segment_path(directory, segment.number, f"{COMPLETE}.gz").write_bytes(packed)
        renew(directory)
