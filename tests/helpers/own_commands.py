"""Our command lines in this process: parsed as the programs parse them, or run."""

from __future__ import annotations

from collections.abc import Sequence

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
