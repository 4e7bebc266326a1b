"""Tune the garbage collector of a process that has finished its setup and serves."""

from __future__ import annotations

import gc


def calm_garbage_collector(*, young: int, middle: int, old: int) -> None:
    """Freeze all present objects, and make the garbage collector run less often.

    The thresholds are those of `gc.set_threshold`. `young`: net new objects between two runs over
    the youngest generation; `middle`: such runs between two over the survivors of one; `old`: those
    between two over all the rest. Python's own 700 to 2,000 objects suit programs that make cycles;
    https://docs.python.org/3/library/gc.html.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, middle, old)
