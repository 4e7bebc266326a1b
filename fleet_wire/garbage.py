"""The garbage collector of a process that has set up what it keeps, and now serves."""

from __future__ import annotations

import gc


def calm_garbage_collector(*, young: int, middle: int, old: int) -> None:
    """Let the collector pass over all that there is, and look seldom at what is yet to come.

    `young`: objects made, less those freed, between two runs over the youngest; `middle`: of these
    runs between two over those that survived one; `old`: of those between two over all the rest, as
    `gc.set_threshold` has them. Python's own 700 to 2,000 objects suit programs that make cycles;
    https://docs.python.org/3/library/gc.html.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, middle, old)
