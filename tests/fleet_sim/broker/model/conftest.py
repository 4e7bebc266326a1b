"""Fixtures of the broker model's tests."""

from __future__ import annotations

import pytest

from tests.helpers.broker_place import Place


@pytest.fixture
def place() -> Place:
    """Give a broker with mosquitto's limits."""
    return Place()
