"""Tests of `fleet_sim.platform.repeats`; what a phone sees of it is in `test_gateway`."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.platform import answers, repeats
from fleet_sim.platform.open_requests import OpenRequest
from fleet_sim.platform.operations import Answer, Operation, Request
from fleet_sim.platform.repeats import Repeats
from fleet_wire.contract import problems
from fleet_wire.contract.trace_context import TraceContext
from tests.helpers.platform_bench import sent_command

KEY = ("anna", "k")
DONE = Answer(status=201, body={"booking_id": "b1"})


def asked(**what: Any) -> OpenRequest:
    """Return a request under way."""
    request = Request(operation=Operation.BOOK, token="t", **what)  # noqa: S106 - of nobody
    return OpenRequest(
        request, lambda _: None, request_id="r", parent=TraceContext("t", "s"), began_s=0.0
    )


def test_who_repeats_is_given_the_command_of_the_first() -> None:
    """As soon as there is one, however the first is answered."""
    kept = Repeats(remember_s=100)
    first, second, third = asked(), asked(), asked()
    kept.register(first, KEY, 0.0)
    kept.register(second, KEY, 1.0)
    first.command = command = sent_command()
    assert kept.commanded(first) == [second]
    assert kept.store_answer(first, answers.of_problem(problems.VEHICLE_SILENT)) == []
    assert kept.register(third, KEY, 2.0) == (False, None)
    assert second.command is third.command is command
    assert kept.commanded(asked()) == []  # it has no key


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
