"""Stores that the tests of a file only read are opened once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from platform_probe.commands import asking
from tests.helpers.stores import KeptStores


@pytest.fixture(scope="module")
def kept_stores() -> Iterator[KeptStores]:
    """Give the stores of a file's tests; each is added by whoever makes it."""
    with pytest.MonkeyPatch.context() as patch:
        stores = KeptStores()
        patch.setattr(asking, "Source", stores.source)
        yield stores
        stores.close()
