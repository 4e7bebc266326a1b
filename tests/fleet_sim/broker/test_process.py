"""The private broker child."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fleet_sim.broker import process as broker_process
from fleet_sim.broker.process import BrokerKind, start_broker
from fleet_wire.errors import BrokerUnreachableError, ConfigError
from tests.helpers.waiting import wait_for


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("kind", [pytest.param("mosquitto", marks=pytest.mark.broker), "iotcore"])
def test_starts_accepts_and_stops(kind: BrokerKind, tmp_path: Path) -> None:
    """A started broker accepts at its address, and no longer once it is stopped."""
    with start_broker(kind, tmp_path) as broker:
        assert broker.kind == kind
        assert broker.poll() is None
        assert _accepts(broker.address.port)
    assert broker.poll() is not None
    assert not _accepts(broker.port)


def test_auto_falls_back_to_iotcore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mosquitto `auto` starts iotcore, and says so and how many boxes it carries."""
    monkeypatch.setattr(broker_process, "_SEARCH_PATH", str(tmp_path))
    with start_broker("auto", tmp_path) as broker:
        assert (broker.kind, broker.max_boxes) == ("iotcore", 2_000)
        assert "mosquitto is not installed, so at most 2000 boxes" in broker.description
        assert _accepts(broker.port)


def test_mosquitto_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for mosquitto where there is none says how to install it."""
    monkeypatch.setattr(broker_process, "_SEARCH_PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt install mosquitto"):
        start_broker("mosquitto", tmp_path)


@pytest.mark.parametrize("lowest", ["10001", "1024", ""])
def test_free_port_is_none_that_clients_get(
    lowest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands below the kernel's range; where nothing does, the kernel chooses."""
    ports = tmp_path / "ip_local_port_range"
    ports.write_text(f"{lowest}\t60999\n" if lowest else "")
    monkeypatch.setattr(broker_process, "_PORTS_OF_CLIENTS", ports)
    monkeypatch.setattr(broker_process, "_is_free", lambda port: port == 10_000)
    assert (broker_process.free_port() == 10_000) == (lowest == "10001")


@pytest.mark.broker
def test_free_port_that_is_taken_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a port was not free after all, the next one is tried."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        ports = iter([other.getsockname()[1], broker_process.free_port()])
        monkeypatch.setattr(broker_process, "free_port", lambda: next(ports))
        with start_broker("mosquitto", tmp_path) as broker:
            assert broker.port != other.getsockname()[1]


@pytest.mark.broker
def test_broken_configuration_shows_the_log(tmp_path: Path) -> None:
    """A broker that ends at once is an error with the end of its log."""
    with pytest.raises(BrokerUnreachableError, match="no_such_option"):
        start_broker("mosquitto", tmp_path, config="no_such_option 1\n")


@pytest.mark.broker
def test_stops_even_when_it_is_stopped(tmp_path: Path) -> None:
    """`stop` ends a child that SIGSTOP holds; until then one sees whether it is held."""
    broker = start_broker("mosquitto", tmp_path)
    broker.stop_reading()
    wait_for(lambda: broker.is_stopped)
    broker.continue_reading()
    wait_for(lambda: not broker.is_stopped)
    broker.stop_reading()
    broker.stop()
    assert broker.poll() is not None
