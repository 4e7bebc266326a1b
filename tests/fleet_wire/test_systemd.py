"""A service under systemd: what it says, when, and that it needs no systemd."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_wire.systemd import service_of_systemd
from tests.helpers.waiting import eventually


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Listen where systemd would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "notify"))
        one.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.delenv("WATCHDOG_USEC", raising=False)
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield one


def said_to(listener: socket.socket) -> list[str]:
    """Return what has come."""
    said = []
    while True:
        try:
            said.append(listener.recv(100).decode())
        except BlockingIOError:
            return said


@pytest.mark.parametrize("is_named", [False, True])
async def test_its_loop_turns(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, *, is_named: bool
) -> None:
    """With one it hears again and again, and no more after the end."""
    monkeypatch.setenv("WATCHDOG_USEC", "3000")
    if is_named:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    said: list[str] = []

    def has_turned() -> bool:
        said.extend(said_to(listener))
        return said.count("WATCHDOG=1") > 2

    with service_of_systemd():
        await eventually(has_turned)
    said.extend(said_to(listener))
    assert (said[0], said[-1]) == ("READY=1", "STOPPING=1")


@pytest.mark.parametrize("watchdog", [{}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}])
async def test_it_is_up_until_it_ends(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, watchdog: dict[str, str]
) -> None:
    """Without a watchdog, or with that of a parent, systemd hears of the two moments alone."""
    for name, value in watchdog.items():
        monkeypatch.setenv(name, value)
    with service_of_systemd():
        assert said_to(listener) == ["READY=1"]
    assert said_to(listener) == ["STOPPING=1"]


@pytest.mark.parametrize("address", [None, "/nowhere/at/all", "@nobody-listens-here"])
async def test_it_needs_no_systemd(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens the service goes on."""
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    with service_of_systemd():
        pass


async def test_an_abstract_socket_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name begins with @ in the variable, and with a zero byte for the kernel."""
    name = f"unlockpath-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(f"\0{name}")
        one.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        with service_of_systemd():
            assert said_to(one) == ["READY=1"]
