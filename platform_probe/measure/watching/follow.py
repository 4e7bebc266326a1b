"""Reads a tailed file now and then, a few lines at a time: the unlocks go first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from platform_probe.measure.watching.tailed_file import TailedFile

LOOK_S: Final = 0.1
"""How often it is looked whether something was appended."""
AT_ONCE: Final = 160
"""Lines that are taken before the unlocks have their turn again: about 1.5 ms."""
AT_ONCE_WATCHING: Final = 320
"""The same if all unlocks are others', and heard some milliseconds late anyway under load.

Lines handled together find their code in the processor's caches, see docs/decisions/0011.
"""


async def follow(
    file: TailedFile,
    take: Callable[[Sequence[bytes]], None],
    on_problem: Callable[[str], None],
    *,
    at_once: int = AT_ONCE,
    on_taken: Callable[[bool], object] = bool,
) -> None:
    """Hand on all lines of a file, until cancelled.

    `on_problem` gets the reason why it cannot be read.

    The unlocks have their turn after `at_once` lines. `on_taken` is called whenever all lines that
    were read are handled, with whether that was the end of the file. Lines that were read before a
    cancellation are handled first.
    """
    while True:
        lines = file.read()
        left = lines
        try:
            while left:
                now, left = left[:at_once], left[at_once:]
                take(now)
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            take(left)
            on_taken(False)  # noqa: FBT003 - the only argument
            raise
        on_taken(not lines)
        if file.problem is not None:
            on_problem(file.problem)
        await asyncio.sleep(0 if lines else LOOK_S)
