"""What the garbage collector leaves alone."""

from __future__ import annotations

import gc
import subprocess
import sys

from fleet_wire.garbage import all_frozen


def test_what_was_frozen_before_stays_frozen() -> None:
    """A worker of tests has frozen the tests: looking through them would be most of its work."""
    gc.freeze()
    most = gc.get_freeze_count() // 2  # a few may be freed meanwhile
    with all_frozen():
        assert gc.get_freeze_count() > most
    assert gc.get_freeze_count() > most > 0


def test_nothing_stays_frozen_where_nothing_was() -> None:
    """All objects are frozen meanwhile; afterwards they can be garbage."""
    code = """
import gc
from fleet_wire.garbage import all_frozen
assert not gc.get_freeze_count()
with all_frozen():
    assert gc.get_freeze_count() > 1_000
assert not gc.get_freeze_count()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
