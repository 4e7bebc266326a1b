"""How a command ends when something is wrong: in plain words, and with its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from fleet_wire.errors import UnlockpathError

EXPECTATION_FAILED = 1
USAGE_ERROR = 2
INTERRUPTED = 130

P = ParamSpec("P")


def plain_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Print our own errors without a traceback, and exit with 2."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except UnlockpathError as error:
            click.echo(f"fleet-sim: {error}", err=True)
            sys.exit(USAGE_ERROR)
        except BrokenPipeError:
            raise  # who reads the output has seen enough: click ends without a word
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"fleet-sim: {where}{error.strerror or error}", err=True)
            sys.exit(USAGE_ERROR)

    return wrapped
