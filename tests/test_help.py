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


WORK = {"pydantic", "asyncio", "msgspec", "rich"}
SERVERS = {"asyncio", "aiohttp", "multiprocessing", "prometheus_client", "rich", "ssl"}
MONITOR = {"aiohttp", "cryptography", "platform_probe", "prometheus_client", "structlog"}
REPORTS = {"duckdb", "jinja2"}
MODULES = {
    **{f"{program} {words}": (200, WORK)
       for program in PROGRAMS for words in ("-h", "--version", "rnu", "")},
    "platform-probe diagnose -h": (500, SERVERS),
    "fleet-sim run -h": (700, MONITOR | REPORTS),
    "fleet-sim sweep -h": (700, MONITOR),
}  # fmt: skip
"""How many modules each line imports at most, and which it never does.

Without a command that is 115 modules of Python and click, and 60 to read the version. A diagnosis
reads a store, and needs neither event loop nor HTTP. A run starts the monitor in another process or
when it begins, and draws its report in the end.
"""


@pytest.mark.parametrize("line", MODULES)
def test_an_answer_imports_little(line: str) -> None:
    """Somebody waits for it."""
    most, never = MODULES[line]
    modules = imported_by(*line.split())
    assert "click" in modules
    assert len(modules) <= most
    assert not modules & never


@pytest.mark.parametrize("program", PROGRAMS)
def test_completion_of_a_command_imports_none(program: str) -> None:
    """A shell asks for it while somebody waits."""
    variable = f"_{program.replace('-', '_')}_complete".upper()
    words = {variable: "bash_complete", "COMP_WORDS": f"{program} r", "COMP_CWORD": "1"}
    modules = imported_by(program, **words)
    assert "click.shell_completion" in modules
    assert not modules & WORK


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
