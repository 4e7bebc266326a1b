"""What decides the bytes of a run is compared, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.runs.source_digest import (
    ALSO_DECIDE,
    DECIDES_NOTHING,
    PACKAGES,
    digest_of_sources,
    source_digest,
    versions,
)
from tests.helpers.places import ROOT

MODULES = (
    "fleet_sim/cars/box.py",
    "fleet_sim/commands/run.py",
    "fleet_sim/results/report_page.py",
    "fleet_wire/randomness.py",
    "platform_probe/measure/load/plan.py",
    "platform_probe/outputs/metrics.py",
)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return a directory with the three packages, a few modules each."""
    for name in MODULES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "decides"),
    [
        ("fleet_wire/randomness.py", True),
        ("platform_probe/measure/load/plan.py", True),
        ("fleet_sim/new.py", True),
        ("fleet_sim/commands/run.py", False),
        ("fleet_sim/results/report_page.py", False),
        ("platform_probe/outputs/metrics.py", False),
    ],
)
def test_a_change_of_what_decides_changes_the_digest(
    name: str, sources: Path, *, decides: bool
) -> None:
    """Cars, wire and probe decide together, a new module too; a better report decides nothing.

    Text that moves from one module to the next is a change.
    """
    before = digest_of_sources(sources / package for package in PACKAGES)
    text = (sources / MODULES[0]).read_text(encoding="utf-8")
    (sources / name).write_text(text, encoding="utf-8")
    (sources / MODULES[0]).write_text("" if decides else text, encoding="utf-8")
    assert (digest_of_sources(sources / package for package in PACKAGES) != before) is decides


def test_what_is_left_out_is_there() -> None:
    """A name in the list that fits nothing would be a mistake."""
    names = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    ]
    for beginning in DECIDES_NOTHING:
        assert any(name.startswith(beginning) for name in names), beginning


def test_the_version_names_the_source() -> None:
    """0.1.0 alone is the same at every commit."""
    assert source_digest() == digest_of_sources(ROOT / package for package in PACKAGES)
    assert f"(source {source_digest()})" in versions()["unlockpath"]
    assert set(versions()) == {"unlockpath", *ALSO_DECIDE}
