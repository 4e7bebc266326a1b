"""Reads the pages of the docs: code blocks, the rows of tables, and commands."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from click.testing import CliRunner, Result

from fleet_sim.__main__ import main
from tests.helpers.places import ROOT

REST_OF_A_SCENARIO = {
    "description": "description: What a page shows a part of.\n",
    "fleet": "fleet:\n  groups: [{ name: car, count: 10, box: { radio: { technology: gsm } } }]\n",
    "load": "load:\n  stages: [{ kind: constant, rate_per_s: 1, duration_s: 30 }]\n",
}


EXAMPLES = ROOT / "docs" / "examples"
"""Files that pages include."""
INCLUSION = re.compile(r'^--8<-- "([^":]+)(?::(\d+):(\d+))?"$', re.MULTILINE)
"""A line of a page that stands for a file, or for some of its lines."""


def page(name: str) -> str:
    """Return the text of a page of the docs with the files that it includes."""
    return INCLUSION.sub(_included, (ROOT / "docs" / name).read_text(encoding="utf-8"))


def _included(match: re.Match[str]) -> str:
    name, first, last = match.groups()
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return "\n".join(lines[int(first) - 1 : int(last)] if first else lines)


def section(text: str, title: str) -> str:
    """Return what stands under a heading, up to the next heading of any level."""
    return re.split(r"^#+ .*\n", text.split(f"# {title}\n", maxsplit=1)[1], flags=re.MULTILINE)[0]


def example_files(folder: str) -> dict[str, str]:
    """Return the texts of a folder of examples, by their paths in it."""
    return {
        path.relative_to(EXAMPLES / folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((EXAMPLES / folder).rglob("*.*"))
        if path.is_file() and path.suffix != ".pyc"
    }


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks in a language; "" is for those without."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def run_in_shell(block: str, place: Path) -> str:
    """Run a block of a page in a shell, with our commands, and return what it prints."""
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", block], cwd=place, env={**os.environ, "PATH": path}, check=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return done.stdout


def files(text: str) -> dict[str, str]:
    """Return the files that a page gives in full: a path on a line, then a block with the text."""
    found = re.findall(
        r"^\[?`(\S+)`(?:\]\(\S+\))?:\n\n```\w+\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE
    )
    return dict(found)


def commands(text: str) -> list[str]:
    """Return the commands of the console blocks."""
    shown = "".join(blocks(text, "console"))
    return [line.removeprefix("$ ") for line in shown.splitlines() if line.startswith("$ ")]


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row of the tables, without the head; a row is one line."""
    found = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    rules = [number for number, row in enumerate(found) if set("".join(row)) == {"-"}]
    heads = {number - 1 for number in rules}
    return [row for number, row in enumerate(found) if number not in heads | {*rules}]


def as_scenario(text: str) -> str:
    """Return a whole scenario that has a part of one, a block that begins with a key of it."""
    if text.startswith("description:"):
        return text
    key = text.partition(":")[0]
    return "".join(rest for name, rest in REST_OF_A_SCENARIO.items() if name != key) + text


def write_scenario_with(directory: Path, text: str) -> Path:
    """Write a scenario with a part of one as `my.yaml`, the name that the pages use."""
    path = directory / "my.yaml"
    path.write_text(as_scenario(text), encoding="utf-8")
    return path


def fleet_sim(*arguments: str) -> Result:
    """Run a command of `fleet-sim` in this process."""
    return CliRunner().invoke(main, arguments)
