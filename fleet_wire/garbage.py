"""Keep the garbage collector from looking through what lives long."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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


@contextmanager
def all_frozen() -> Iterator[None]:
    """Keep the garbage collector from all present objects until the end of the block.

    Objects that somebody has frozen before stay frozen afterwards. Python thaws all or none, so in
    that case no others are frozen.
    """
    is_first = not gc.get_freeze_count()
    if is_first:
        gc.freeze()
    try:
        yield
    finally:
        if is_first:
            gc.unfreeze()
