"""Code for the commands that judge runs: results for a build server, and a telling last line.

A person who looks at the end of a log, or at a mail with its last line, shall see what failed.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from fleet_sim.commands.option_objects import joined
from fleet_sim.results import readable
from fleet_sim.results.junit import Suite, write_junit
from fleet_sim.results.markdown import markdown_of
from fleet_wire.command_line import EXPECTATION_FAILED, INTERRUPTED
from fleet_wire.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictOptions:
    """The places for the result of a command that judges."""

    junit: Path | None
    markdown: Path | None
    as_json: bool

    def check_places(self) -> None:
        """Make the directories of the files. Raises `ConfigError`: before the runs, not after."""
        for name, path in (("junit", self.junit), ("markdown", self.markdown)):
            if path is not None:
                with _named(f"--{name} {path}"):
                    path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, suites: Sequence[Suite]) -> None:
        """Write the files of `--junit` and `--markdown`. Raises `ConfigError`."""
        if self.junit is not None:
            with _named(f"--junit {self.junit}"):
                write_junit(self.junit, name, suites)
        if self.markdown is not None:
            with _named(f"--markdown {self.markdown}"):
                self.markdown.write_text(markdown_of(name, suites), encoding="utf-8")

    def exit_unless_fine(self, failures: Sequence[str]) -> None:
        """See `exit_unless_fine`; stdout is for the result as JSON."""
        exit_unless_fine(failures, to_stderr=self.as_json)


verdict_options = joined(
    "verdicts",
    VerdictOptions,
    click.option(
        "--junit",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write the result as JUnit XML, for a build server.",
    ),
    click.option(
        "--markdown",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write the result as Markdown, for the page of a build or of a merge request.",
    ),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print the result as JSON on stdout, and all else on stderr.",
    ),
)


@contextmanager
def _named(option: str) -> Iterator[None]:
    """Turn an error of a file into one that names the option."""
    try:
        yield
    except OSError as error:
        raise ConfigError([f"{option}: {error.strerror}"]) from None


@contextmanager
def interruptible(words: Callable[[], str]) -> Iterator[None]:
    """Exit with 130 when SIGTERM or Ctrl-C comes in the block, and say these words."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's `&` would ignore the first
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(words(), err=True)
        sys.exit(INTERRUPTED)


def exit_if_interrupted(after_s: float | None) -> None:
    """Exit with 130 where a run was interrupted after so many seconds; None: it was not."""
    if after_s is not None:
        click.echo(f"fleet-sim: {readable.interrupted(after_s)}", err=True)
        sys.exit(INTERRUPTED)


def exit_unless_fine(failures: Sequence[str], *, to_stderr: bool = False) -> None:
    """Exit with 1 where something failed, and say what in the last line; the first of several."""
    if failures:
        first = " ".join(failures[0].split())
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        click.echo(f"✗ {first}{more}", err=to_stderr)
        sys.exit(EXPECTATION_FAILED)
