"""docs/fidelity.md: the model beside published measurements."""

from __future__ import annotations

from bench.fidelity.page import page
from bench.fidelity.rows import all_rows


def page_of_fidelity() -> str:
    """Return the page."""
    return page(all_rows())
