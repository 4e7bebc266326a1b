"""Tests of `fleet_sim.broker.certificates`, on a real mosquitto."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.broker import certificates
from fleet_sim.broker.certificates import BadCertificates
from fleet_sim.broker.process import start_broker
from tests.helpers.waiting import eventually


@pytest.mark.broker
@pytest.mark.parametrize(
    ("is_expired", "alert"), [(True, "certificate expired"), (False, "bad certificate")]
)
async def test_the_broker_logs_the_alert(tmp_path: Path, *, is_expired: bool, alert: str) -> None:
    """As the model of a broker does, and as the monitor reads it."""
    bad = BadCertificates(tmp_path / "tls")
    with start_broker("mosquitto", tmp_path, config=bad.config()) as broker:

        def is_logged() -> bool:
            bad.refuse(is_expired)  # of some handshakes that fail mosquitto 2.0 says nothing
            return f"alert {alert}" in broker.log_text()

        await eventually(is_logged)
        await eventually(lambda: not bad._refusals)


async def test_refusals_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where many boxes try at once, or the broker is away, no more than so many wait."""
    monkeypatch.setattr(certificates, "MAX_WAITING", 3)
    bad = BadCertificates(tmp_path)
    for _ in range(10):
        bad.refuse(is_expired=True)
    assert len(bad._refusals) == 3
    await eventually(lambda: not bad._refusals)
