"""What the commands that judge runs share: results for a build server, and a last line that tells.

A person who looks at the end of a log, or at a mail with its last line, shall see what failed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec

import click
from rich.console import Console

from fleet_sim.results.junit import Suite, write_junit
from fleet_wire.command_line import EXPECTATION_FAILED
from fleet_wire.errors import ConfigError

P = ParamSpec("P")


def verdict_options(command: Callable[P, None]) -> Callable[P, None]:
    """Add `--junit` and `--json`."""
    command = click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print the result as JSON on stdout, and all else on stderr.",
    )(command)
    return click.option(
        "--junit",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write the result as JUnit XML, for a build server.",
    )(command)


def console_for(*, as_json: bool) -> Console:
    """Return where progress and words go: stdout, unless that is for JSON."""
    return Console(stderr=as_json)


def check_place(junit: Path | None) -> None:
    """Make the directory of the file. Raises `ConfigError`: before the runs, not after them."""
    if junit is not None:
        try:
            junit.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError([f"--junit {junit}: {error.strerror}"]) from None


def write_verdicts(junit: Path | None, name: str, suites: Sequence[Suite]) -> None:
    """Write the file of `--junit`. Raises `ConfigError`."""
    if junit is not None:
        try:
            write_junit(junit, name, suites)
        except OSError as error:
            raise ConfigError([f"--junit {junit}: {error.strerror}"]) from None


def exit_unless_fine(failures: Sequence[str], *, to_stderr: bool = False) -> None:
    """Exit with 1 where something failed, and say what in the last line; the first of several."""
    if failures:
        first = " ".join(failures[0].split())
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        click.echo(f"✗ {first}{more}", err=to_stderr)
        sys.exit(EXPECTATION_FAILED)
