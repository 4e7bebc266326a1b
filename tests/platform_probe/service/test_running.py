"""A monitor says how much it has learned while a large fleet's retained messages come."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from platform_probe.measure.probe import Probe
from platform_probe.outputs.logs import Logger
from platform_probe.service import running
from platform_probe.service.running import Run
from platform_probe.settings.monitor import ProbeSettings


class _Learner:
    """Stands for a probe, and its connection, that hears of `cars`, one each time it is asked."""

    is_connected = is_done = is_idle = True
    refusal = None

    def __init__(self, cars: int) -> None:
        self.connection = self
        self._heard = iter(range(1, cars + 1))
        self._retained = 0

    @property
    def retained(self) -> int:
        """One more, until all have come."""
        self._retained = next(self._heard, self._retained)
        return self._retained

    def begin_load(self) -> float:
        """Begin at once."""
        return 0.0

    def counts(self) -> dict[str, int]:
        """Nothing was opened."""
        return {"sent": 0}

    def _nothing(self) -> None:
        """Do nothing."""

    watch_itself = connect = stop = close = _nothing


@pytest.fixture(autouse=True)
def _own_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the garbage collector of the tests as it is."""
    monkeypatch.setattr(running, "calm_garbage_collector", lambda **_: None)


async def _said(cars: int, capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    settings = ProbeSettings.model_validate({"exit_when_done": True})
    probe = cast("Probe", _Learner(cars))
    await Run(settings, probe, cast("Logger", None), 9464, lambda: None).run()
    return [msgspec.json.decode(line) for line in capfd.readouterr().out.splitlines()]


async def test_it_is_ready_when_all_is_learned(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Until then each second it says how many messages have come."""
    monkeypatch.setattr(running, "SETTLE_S", 0.001)
    monkeypatch.setattr(running, "PROGRESS_S", 0.0)
    said = await _said(50, capfd)
    *learning, ready, done = said
    assert (ready["event"], done["event"]) == ("ready", "done")
    assert {line["event"] for line in learning} == {"learning"}
    counts = [line["retained"] for line in learning]
    assert counts == sorted(counts)
    assert counts[-1] == 50


async def test_what_is_retained_without_end_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Somebody publishes again and again with the flag; the load begins all the same."""
    monkeypatch.setattr(running, "SETTLE_S", 0.001)
    monkeypatch.setattr(running, "MAX_SETTLE_S", 0.05)
    said = await _said(10**9, capfd)
    assert [line["event"] for line in said] == ["ready", "done"]
