"""Who may do what at a private mosquitto: the files that say so."""

from __future__ import annotations

from pathlib import Path

from fleet_sim.broker.access import MONITOR_USER, PLATFORM_USER, BrokerAccess
from fleet_wire.links.link import BrokerAddress

BROKER = BrokerAddress(scheme="mqtt", host="127.0.0.1", port=1883)


def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """They stand in the run's directory, which others may read."""
    access = BrokerAccess(tmp_path / "broker")
    files = [path for path in (tmp_path / "broker").iterdir() if path.is_file()]
    assert sorted(path.name for path in files) == ["access_rules", "passwords"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    text = (tmp_path / "broker" / "passwords").read_text()
    for user in (MONITOR_USER, PLATFORM_USER):
        address = access.address_of(user, BROKER)
        assert address.username == user
        assert address.password is not None
        assert address.password not in text
        assert f"{user}:$7$" in text


def test_each_run_has_passwords_of_its_own(tmp_path: Path) -> None:
    """Nobody can know them from another."""
    one, other = (BrokerAccess(tmp_path / name).address_of("monitor", BROKER) for name in "ab")
    assert one.password != other.password
