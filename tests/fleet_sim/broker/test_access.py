"""Who may do what at a private mosquitto: the files that say so."""

from __future__ import annotations

from pathlib import Path

from fleet_sim.broker.access import MONITOR_USER, PLATFORM_USER, BrokerAccess, rule_lines
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


def test_what_boxes_are_denied_the_users_are_not() -> None:
    """The rules of who has no name stand before those of the first user."""
    lines = rule_lines(["cars/car-1/command"]).splitlines()
    denial = lines.index("topic deny cars/car-1/command")
    assert denial < lines.index(f"user {MONITOR_USER}") < lines.index(f"user {PLATFORM_USER}")
    assert lines.count("topic readwrite #") == 3
    assert lines.count("topic read $SYS/broker/log/#") == 1


def test_what_is_closed_the_users_are_denied() -> None:
    """Both of them, and nobody without a name: a box may still read it."""
    lines = rule_lines((), ["cars/car-1/command"]).splitlines()
    assert lines.count("topic deny cars/car-1/command") == 2
    assert lines.index("topic deny cars/car-1/command") > lines.index(f"user {MONITOR_USER}")
