"""Both programs answer to `-h` as to `--help`, in each of their commands."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from tests.helpers.own_commands import PROGRAMS


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
