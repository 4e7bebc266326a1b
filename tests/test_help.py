"""Both programs answer to `-h` as to `--help`, and import little for it."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from tests.helpers.own_commands import PROGRAMS
from tests.helpers.places import ROOT

MAX_MODULES = 200
"""Imported for an answer without a command: 115 of Python and click, 60 to read the version."""
MAX_MODULES_TO_DIAGNOSE = 500
LINE_LETTERS = 80
COUNT = """\
import atexit, importlib, sys
atexit.register(lambda: print("modules:", *sorted(sys.modules), file=sys.stderr))
program = sys.argv[0] = sys.argv.pop(1)
importlib.import_module(program.replace("-", "_") + ".__main__").main()
"""


def command_lines() -> list[tuple[str, ...]]:
    """Return each program by itself, and with each of its commands."""
    lines: list[tuple[str, ...]] = []
    for program, group in PROGRAMS.items():
        context = click.Context(group)
        lines += [(program,), *((program, name) for name in group.list_commands(context))]
    return lines


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_h_is_help(words: tuple[str, ...]) -> None:
    """The same text, and exit code 0."""
    program, *command = words
    short = CliRunner().invoke(PROGRAMS[program], [*command, "-h"])
    long = CliRunner().invoke(PROGRAMS[program], [*command, "--help"])
    assert short.exit_code == 0
    assert short.output == long.output
    assert "-h, --help" in short.output


def imported_by(program: str, *words: str, **variables: str) -> set[str]:
    """Return the modules that a program has imported at the end of a command line."""
    line = [sys.executable, "-c", COUNT, program, *words]
    run = subprocess.run(
        line, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    return set(run.stderr.rpartition("modules:")[2].split())


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("words", [["-h"], ["--version"], ["rnu"], []], ids=str)
def test_an_answer_without_a_command_imports_none(program: str, words: list[str]) -> None:
    """Help, version and a mistyped command need click alone."""
    modules = imported_by(program, *words)
    assert "click" in modules
    assert len(modules) <= MAX_MODULES
    assert not modules & {"pydantic", "asyncio", "msgspec", "rich"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_completion_of_a_command_imports_none(program: str) -> None:
    """A shell asks for it while somebody waits."""
    variable = f"_{program.replace('-', '_')}_complete".upper()
    modules = imported_by(
        program, **{variable: "bash_complete", "COMP_WORDS": f"{program} r", "COMP_CWORD": "1"}
    )
    assert "click.shell_completion" in modules
    assert len(modules) <= MAX_MODULES


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_command_has_its_line(program: str) -> None:
    """A module with a command of its name is listed, in one line."""
    group = PROGRAMS[program]
    context = click.Context(group)
    listed = group.list_commands(context)
    for name in listed:
        assert group.resolve_command(context, [name])[1] is not None
    folder = ROOT / program.replace("-", "_") / "commands"
    shown = CliRunner().invoke(group, ["-h"]).output.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in shown if line] == listed
    assert all(len(line) < LINE_LETTERS for line in shown)
    modules = [folder / f"{name.replace('-', '_')}.py" for name in listed]
    assert [path for path in modules if not path.is_file()] == []


def test_a_diagnosis_imports_no_server() -> None:
    """A support agent waits for it: it reads a store, and needs neither event loop nor HTTP."""
    modules = imported_by("platform-probe", "diagnose", "-h")
    assert "duckdb" in modules
    unneeded = {"asyncio", "aiohttp", "multiprocessing", "prometheus_client", "rich", "ssl"}
    assert not modules & unneeded
    assert len(modules) <= MAX_MODULES_TO_DIAGNOSE


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "sweep",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("boxes", "check", "shrink", "test")
        ),
    ],
)
def test_a_command_that_starts_runs_does_not_import_the_monitor(command: str) -> None:
    """The run does, in a process of its own or when it begins; it draws its report in the end."""
    modules = imported_by("fleet-sim", command, "-h")
    of_monitor = {"aiohttp", "platform_probe", "prometheus_client", "structlog"}
    of_reports = set() if command == "sweep" else {"duckdb", "jinja2"}
    assert not modules & {"cryptography", *of_monitor, *of_reports}
