"""Examples of the docs are files that run, and pages include them."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest

from fleet_sim.mitigations.form import load_mitigations
from fleet_sim.scenario.loading import load_scenario, scenario_schema
from fleet_wire.config.file import load_document
from fleet_wire.contract.causes import Outcome
from fleet_wire.contract.platform_log import decode_event
from fleet_wire.doors.form import load_door
from fleet_wire.profiles.loading import load_profile
from platform_probe.measure.watching.otlp_receiver import LOGS_PATH
from platform_probe.settings.monitor import load_settings
from tests.helpers.fleet_places import open_all, virtual_place
from tests.helpers.own_wires import DESCRIPTORS
from tests.helpers.pages import EXAMPLES, INCLUSION
from tests.helpers.places import ROOT
from tests.helpers.virtual_runs import broken_expectations, run_virtually

PAGES = sorted((ROOT / "docs").rglob("*.md"))
FILES = [path for path in sorted(EXAMPLES.rglob("*")) if path.is_file()]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
OF_FILES = {"conf", "ini", "python", "toml", "yaml"}
"""Languages of blocks whose text is a file."""
MOST_LINES = 3
"""A block with more lines than this is a file."""


def run_scenario(path: Path, directory: Path) -> None:
    """Run a scenario in virtual time; its expectations hold, and it fits the JSON Schema."""
    jsonschema.validate(load_document(path).values, scenario_schema())
    scenario = load_scenario(path)
    summary = run_virtually(scenario, directory / "run", seed=scenario.seed or 1)
    assert broken_expectations(summary) == []


def open_cars(path: Path, directory: Path) -> None:
    """Open simulated cars that speak a profile."""
    shutil.copy(DESCRIPTORS, directory / "fleet.binpb")
    shutil.copy(path, directory)
    profile = load_profile(str(directory / path.name))

    async def outcomes() -> set[Outcome]:
        async with virtual_place(profile, directory) as place:
            return {attempt.outcome for attempt in await open_all(place)}

    assert asyncio.run(outcomes()) == {Outcome.OK}


def use_settings(path: Path, directory: Path) -> None:
    """Load settings, where every file that they name is there."""
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"/etc/[\w-]+/([\w.-]+)", text):
        (directory / name).write_text("authorization: made up for this\n", encoding="utf-8")
    copy = directory / path.name
    copy.write_text(re.sub(r"/etc/[\w-]+(?=/)", str(directory), text), encoding="utf-8")
    assert load_settings(copy).model_fields_set


def use_door(path: Path, directory: Path) -> None:
    """Load a door file, with its secret and its bookings."""
    (directory / "token.txt").write_text("secret", encoding="utf-8")
    (directory / "bookings.txt").write_text("car-1 b-1\n", encoding="utf-8")
    shutil.copy(path, directory)
    assert load_door(directory / path.name, more_names=("booking_id", "token")).form.unlock


def post_log(path: Path, directory: Path) -> None:
    """Find that a collector posts where the monitor listens."""
    del directory
    exporter = load_document(path).values["exporters"]["otlphttp/unlockpath"]
    assert urlsplit(exporter["logs_endpoint"]).path == LOGS_PATH
    assert exporter["headers"]["authorization"].startswith("Bearer ")


def read_log(path: Path, directory: Path) -> None:
    """Read the lines of a platform's log."""
    del directory
    steps = [decode_event(line).event for line in path.read_bytes().splitlines()]
    assert steps == ["requested", "answered"]


def use_mitigation(path: Path, directory: Path) -> None:
    """Load a mitigation."""
    del directory
    assert path.stem in load_mitigations([path])


RUN_HERE: dict[str, Callable[[Path, Path], None]] = {
    "collector": post_log,
    "doors": use_door,
    "mitigations": use_mitigation,
    "platform_log": read_log,
    "profiles": open_cars,
    "scenarios": run_scenario,
    "settings": use_settings,
}
"""What runs the files of a folder."""
RUN_ELSEWHERE = {
    "alertmanager": "test_docs_messages.py",
    "boards": "test_docs_boards.py",
    "ci/github_action.yml": "deploy/test_ci.py",
    "ci/github_job.yml": "deploy/test_ci.py",
    "ci/gitlab.yml": "deploy/test_ci.py",
    "first_failure_mode": "test_docs_faults.py",
    "home_assistant": "live/test_truth.py",
    "kubernetes": "deploy/test_kubernetes.py",
    "mosquitto": "live/test_boxes.py",
    "packages": "test_docs_packages.py",
    "programs/compare_drill.py": "test_docs_programs.py",
    "programs/make_vehicle_keys.py": "deploy/test_systemd.py",
    "programs/naive_app.py": "fleet_sim/truth/test_run.py",
    "programs/press_button.sh": "test_docs_messages.py",
    "programs/sweep_means.py": "test_docs_programs.py",
    "programs/unlock.py": "test_docs_programs.py",
    "programs/verify_webhook.py": "test_docs_messages.py",
    "slack": "test_docs_messages.py",
    "systemd": "test_docs_messages.py",
    "trial": "test_docs_trial.py",
    "webhooks": "test_docs_messages.py",
}
"""Which test runs what else there is."""


def folder_of(path: Path) -> str:
    """Return the folder of an example below docs/examples."""
    return path.relative_to(EXAMPLES).parts[0]


@pytest.mark.parametrize(
    "path",
    [pytest.param(one, id=one.stem) for one in FILES if folder_of(one) in RUN_HERE],
)
def test_the_example_runs(path: Path, tmp_path: Path) -> None:
    """As it stands."""
    RUN_HERE[folder_of(path)](path, tmp_path)


def test_every_example_is_run() -> None:
    """Here, or by a test that names it or its folder."""
    names = {path.relative_to(EXAMPLES).as_posix(): folder_of(path) for path in FILES}
    left = {name: folder for name, folder in names.items() if folder not in RUN_HERE}
    found = {name if name in RUN_ELSEWHERE else folder for name, folder in left.items()}
    assert found == RUN_ELSEWHERE.keys()
    silent = [
        what
        for what, test in RUN_ELSEWHERE.items()
        if Path(what).name not in (ROOT / "tests" / test).read_text(encoding="utf-8")
    ]
    assert silent == []


def test_pages_include_every_example() -> None:
    """And link to it just before, for readers whose page shows the line and not the file."""
    included = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in INCLUSION.finditer(text):
            target = ROOT / match[1]
            before = text[: match.start()].rsplit("\n\n", 2)[-2]
            link = target.relative_to(ROOT / "docs").as_posix()
            assert f"]({link})" in before, f"{page.name}: no link to {match[1]}"
            included.add(target)
    assert [path for path in FILES if path not in included] == []


def test_files_are_not_pasted() -> None:
    """A block of a page is a command, an output, or at most three lines of a file."""
    pasted = [
        f"{page.name}: {body.partition(chr(10))[0]}"
        for page in PAGES
        for language, body in BLOCK.findall(page.read_text(encoding="utf-8"))
        if language in OF_FILES and body.count("\n") > MOST_LINES
    ]
    assert pasted == []


@pytest.mark.parametrize(
    "text",
    [
        body
        for page in PAGES
        for language, body in BLOCK.findall(page.read_text(encoding="utf-8"))
        if language == "yaml" and not body.startswith(("--8<--", "faults:"))
    ],
)
def test_short_settings_can_be_used(text: str, tmp_path: Path) -> None:
    """What stands in a page itself are settings, but for faults."""
    path = tmp_path / "probe.yaml"
    path.write_text(text, encoding="utf-8")
    use_settings(path, tmp_path)
