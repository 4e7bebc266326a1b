"""README and other pages tell the truth: commands are accepted, files and links exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.helpers.own_commands import PROGRAMS, accept
from tests.helpers.places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    line for block in BLOCKS for line in block.splitlines() if line.partition(" ")[0] in PROGRAMS
]
PLACES_OF_THE_READER = ("runs/RUN/", "my.yaml", "cars.txt")
"""What a reader has, and this test has not."""
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "tests" / "README.md",
    ROOT / "docs" / "ci.md",
    ROOT / "docs" / "faults.md",
    ROOT / "docs" / "scenarios.md",
)
FOLDERS = "bench|deploy|docs|fleet_sim|fleet_wire|platform_probe|scenarios|tests"
PLACE = re.compile(rf"`((?:{FOLDERS})/[^`]*)`(?!:\n\n```)")
"""But not the name of a file that the page itself gives in full."""


def found_in_pages(pattern: re.Pattern[str]) -> list[tuple[Path, str]]:
    """Return each page with each match in it."""
    return [(page, it) for page in PAGES for it in pattern.findall(page.read_text("utf-8"))]


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_is_one_that_we_accept(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command with its options is parsed as the program does, and its files are there."""
    words = shlex.split(line.split(" > ", maxsplit=1)[0], comments=True)
    for number, word in enumerate(words):
        if word.startswith("scenarios/"):
            assert Path(word).exists(), word
            words[number] = str(Path(word).resolve())
        elif word.startswith(PLACES_OF_THE_READER):
            place = tmp_path / word
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("")
    monkeypatch.chdir(tmp_path)
    assert accept(words).info_name == words[1]


def test_there_are_commands_to_check() -> None:
    """The blocks are found: a change of form must not empty this test."""
    assert len(COMMANDS) > 10


@pytest.mark.parametrize(("page", "link"), found_in_pages(re.compile(r"\]\(([^)]+)\)")))
def test_the_link_leads_somewhere(page: Path, link: str) -> None:
    """Every link is a file of this project, and a heading in it where it names one."""
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    assert target.exists()
    if anchor:
        headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), flags=re.MULTILINE)
        assert anchor in [heading.lower().replace(" ", "-") for heading in headings]


@pytest.mark.parametrize(("page", "place"), found_in_pages(PLACE))
def test_the_place_is_there(page: Path, place: str) -> None:
    """Every path that a page names leads somewhere."""
    assert (ROOT / place).exists(), page
