"""Code for the commands that serve until they are stopped."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO, Final, NamedTuple, cast

from rich.console import Console

from fleet_wire.background import BackgroundText

_STDOUT: Final = 1
_STDERR: Final = 2


class Outputs(NamedTuple):
    """The outputs of a command that serves; a stalled reader blocks nothing."""

    output: BackgroundText
    errors: BackgroundText
    console: Console
    """In front of `output`."""


@contextmanager
def outputs_in_background() -> Iterator[Outputs]:
    """Yield where to write as long as the block lasts; warnings of the log go to `errors`."""
    with closing(BackgroundText(_STDOUT)) as output, closing(BackgroundText(_STDERR)) as errors:
        logging.basicConfig(level=logging.WARNING, stream=errors)
        console = Console(file=cast("IO[str]", output), highlight=False)
        yield Outputs(output, errors, console)
