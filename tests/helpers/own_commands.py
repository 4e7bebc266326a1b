"""Our command lines in this process: parsed as the programs parse them, or run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import click
from click.testing import CliRunner

import fleet_sim.__main__
import platform_probe.__main__

PROGRAMS: dict[str, click.Group] = {
    "fleet-sim": fleet_sim.__main__.main,
    "platform-probe": platform_probe.__main__.main,
}


def accept(words: Sequence[str]) -> click.Context:
    """Parse a command line without running it; return the subcommand's context."""
    program, *arguments = words
    group = PROGRAMS[program]
    with group.make_context(program, [*arguments]) as context:
        name, command, rest = group.resolve_command(context, arguments)
        assert command is not None
        return command.make_context(name, rest, parent=context)


def run_here(module: str, *words: object) -> tuple[int, str, str]:
    """Run one of our commands as `commands.run` does, but in this process.

    For what neither serves nor waits: a process of its own imports longer than most of that takes.
    """
    result = CliRunner().invoke(PROGRAMS[module.replace("_", "-")], [*map(str, words)])
    return result.exit_code, result.stdout, result.stderr


def said_here(module: str, command: str, home: Path, pattern: str = "") -> list[str]:
    """Run a command line as `run_here` does; return what it said, line by line.

    That is its exit code, unless it is 0, and its lines that match. `HOME` stands for a directory.
    """
    words = shlex.split(command.replace("HOME", str(home)))
    code, stdout, stderr = run_here(module, *words)
    lines = f"{stdout}{stderr}".replace(str(home), "HOME").splitlines()
    said = [one.rstrip() for one in lines if one.strip() and re.search(pattern, one)]
    return [f"exit code {code}", *said] if code else said
