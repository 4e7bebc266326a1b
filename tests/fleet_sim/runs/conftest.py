"""What tests of runs share."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console


@pytest.fixture
def pipe() -> Console:
    """Return a console that is no terminal."""
    return Console(file=StringIO(), force_terminal=False, width=100)
