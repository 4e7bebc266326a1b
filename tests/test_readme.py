"""README and other pages tell the truth: commands run, files and links exist."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess
from tests.docs.site_hooks import anchor_of
from tests.helpers.brokers import running_mosquitto
from tests.helpers.places import ROOT
from tests.helpers.reader import NOT_RUN, Reader, typed_lines

PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "tests" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
RUN_ELSEWHERE = {
    "api.md": "tests/test_docs_api.py, against the platform that it starts",
    "first-failure-mode.md": "tests/test_docs_faults.py, in a copy of the project",
    "packages.md": "tests/test_docs_packages.py, without a network",
    "replay.md": "tests/test_docs_in_order.py",
    "teach.md": "tests/test_docs_in_order.py",
    "truth-adapter.md": "tests/test_docs_truth.py",
    "truth.md": "tests/test_docs_truth.py",
    "what-if.md": "tests/test_docs_in_order.py",
    "your-first-board.md": "tests/test_docs_boards.py",
}
TYPED = [
    (page, line)
    for page in PAGES
    if page.name not in RUN_ELSEWHERE
    for line in typed_lines(page)
    if not ("sweep" in line and page.name == "sweeps.md" and "--set" in line)  # minutes: see
    # tests/fleet_sim/sweeps/test_plan.py, which plans each of their runs
]
FOLDERS = "bench|deploy|docs|fleet_sim|fleet_wire|platform_probe|scenarios|tests"
PLACE = re.compile(rf"`((?:{FOLDERS})/[^`]*)`(?!\]\()")
"""But not the text of a link."""


def found_in_pages(pattern: re.Pattern[str]) -> list[tuple[Path, str]]:
    """Return each page with each match in it."""
    return [(page, it) for page in PAGES for it in pattern.findall(page.read_text("utf-8"))]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Return somebody who types what the pages say, each line where the ones before were typed."""
    return Reader(tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def broker() -> Iterator[BrokerProcess]:
    """Run the broker that the pages' examples lead to."""
    with running_mosquitto() as process:
        yield process


@pytest.mark.broker
@pytest.mark.parametrize(("page", "line"), TYPED)
def test_the_command_runs(
    page: Path, line: str, reader: Reader, broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of each page, as it stands, from its files to its exit code."""
    del page
    reader.types(line, monkeypatch, broker)


def test_there_are_commands_to_run() -> None:
    """The blocks are found: a change of form must not empty the test over them."""
    programs = Counter(line.partition(" ")[0] for _, line in TYPED)
    assert programs["fleet-sim"] > 15
    assert programs["platform-probe"] >= 1
    assert programs.keys() >= {"make", *NOT_RUN}


def test_links_lead_somewhere() -> None:
    """Every link is a file of this project, and a heading in it where it names one."""
    links = found_in_pages(re.compile(r"\]\((?!https:)([^)]+)\)"))
    assert len(links) > 100
    assert [
        f"{page.name}: {link}" for page, link in links if not _leads_somewhere(page, link)
    ] == []


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not anchor or anchor in _anchors_of(target))


@cache
def _anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {anchor_of(heading, "-") for heading in headings}


def test_places_are_there() -> None:
    """Every path that a page names leads somewhere."""
    places = found_in_pages(PLACE)
    assert len(places) > 100
    lost = [f"{page.name}: {place}" for page, place in places if not (ROOT / place).exists()]
    assert lost == []
