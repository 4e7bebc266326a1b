"""Tests of `fleet_sim.platform.repeats`; what a phone sees of it is in `gateway.txt`."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.platform import repeats
from fleet_sim.platform.open_requests import OpenRequest
from fleet_sim.platform.operations import Answer, Operation, Request
from fleet_sim.platform.repeats import Repeats
from fleet_wire.contract.trace_context import TraceContext

KEY = ("anna", "k")
DONE = Answer(status=201, body={"booking_id": "b1"})


def asked(**what: Any) -> OpenRequest:
    """Return a request under way."""
    request = Request(operation=Operation.BOOK, token="t", **what)  # noqa: S106 - of nobody
    return OpenRequest(
        request, lambda _: None, request_id="r", parent=TraceContext("t", "s"), began_s=0.0
    )


def test_keys_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """When they are old, or too many; never while the first is under way."""
    kept = Repeats(remember_s=100)
    first = asked()
    kept.register(first, KEY, 0.0)
    assert kept.register(asked(), KEY, 500.0) == (False, None)
    kept.store_answer(first, DONE)
    assert kept.register(asked(), KEY, 500.0) == (True, None)
    monkeypatch.setattr(repeats, "MAX_KEYS", 1)
    second = asked()
    kept.register(second, ("bert", "k"), 501.0)
    kept.store_answer(second, DONE)
    assert len(kept._known) == 2  # anna's is under way
