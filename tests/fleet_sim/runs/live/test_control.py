"""The socket on which running boxes take drills."""

from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from fleet_sim.runs.live import control
from fleet_sim.runs.live.control import MOST_BYTES, ask, served
from fleet_sim.runs.live.drills import DrillReply, DrillRequest
from fleet_wire.errors import ConfigError, UnlockpathError

REQUEST = DrillRequest(fault="door_frozen", for_s=1.0, target=("share=0.5",))


def struck(request: DrillRequest) -> DrillReply:
    """Answer as boxes do."""
    assert request == REQUEST
    return DrillReply(injection=0, struck=2, boxes=5)


async def asked(path: Path) -> DrillReply:
    """Ask from another thread, as the command does from another process."""
    return await asyncio.to_thread(ask, path, REQUEST)


async def test_a_request_is_answered(tmp_path: Path) -> None:
    """As often as somebody asks; the file is its owner's alone, and gone in the end."""
    path = tmp_path / "socket"
    async with served(path, struck):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for _ in range(2):
            assert await asked(path) == DrillReply(injection=0, struck=2, boxes=5)
    assert not path.exists()
    with pytest.raises(ConfigError, match=r"socket: no such socket; start `fleet-sim run` or"):
        ask(path, REQUEST)


async def test_the_socket_of_a_process_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    """After kill -9 the file is still there, and whoever asks is told."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with pytest.raises(ConfigError, match="the boxes that listened there are gone"):
        ask(path, REQUEST)
    async with served(path, struck):
        assert (await asked(path)).struck == 2


async def test_nothing_of_others_is_taken(tmp_path: Path) -> None:
    """Neither a file nor the socket of another process; a bad path is said, too."""
    path, file = tmp_path / "socket", tmp_path / "file"
    file.write_text("precious")
    for bad, problem in (
        (file, "is there already, and is no socket"),
        (tmp_path / "none" / "socket", "No such file or directory"),
        (tmp_path / ("x" * 120), "too long"),
        (tmp_path / "a\0b", "null"),
    ):
        with pytest.raises(ConfigError, match=problem):
            async with served(bad, struck):
                pass
    assert file.read_text() == "precious"
    async with served(path, struck):
        with pytest.raises(ConfigError, match="another process serves it"):
            async with served(path, struck):
                pass
        assert (await asked(path)).struck == 2


@pytest.mark.parametrize("line", [b"", b"{", b"\xff\n", b'{"fault": 1}\n', b"x" * MOST_BYTES * 2])
async def test_nonsense_is_answered_or_dropped(line: bytes, tmp_path: Path) -> None:
    """And the next one is served."""
    path = tmp_path / "socket"
    async with served(path, struck):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line)
        writer.write_eof()
        answer = await reader.read()
        assert b"not a request" in answer or not answer
        writer.close()
        assert (await asked(path)).struck == 2


async def test_a_defect_of_ours_is_an_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The boxes go on, and their log has the traceback."""

    def fail(_request: DrillRequest) -> DrillReply:
        raise ValueError("defect")

    async with served(tmp_path / "socket", fail):
        reply = await asked(tmp_path / "socket")
    assert reply.problems == ("the boxes could not begin it; their log says why",)
    assert "ValueError: defect" in caplog.text


def test_what_answers_otherwise_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that hangs, and a file that is no socket."""
    monkeypatch.setattr(control, "PATIENCE_S", 0.05)
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(UnlockpathError, match=r"socket: no answer in 0\.05 s"):
            ask(path, REQUEST)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file: the boxes that listened there are gone"):
        ask(tmp_path / "file", REQUEST)
