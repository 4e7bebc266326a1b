"""Command lines of ours that stand in files and pages, parsed as the programs parse them."""

from __future__ import annotations

from collections.abc import Sequence

import click

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
