"""A process beside this one: what it prints, its restart, and its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from fleet_wire import child_process
from fleet_wire.child_process import ChildProcess


class Config(msgspec.Struct):
    """What the process reads first."""

    text: str


class Parent:
    """A child, and what its parent has heard."""

    def __init__(self, module: str) -> None:
        self.lines: list[str] = []
        self.ends: list[tuple[str, float]] = []
        self.child = ChildProcess(
            module,
            Config("it works"),
            on_line=lambda line: self.lines.append(line.decode().strip()),
            on_end=lambda reason, wait_s: self.ends.append((reason, wait_s)),
        )

    async def hears(self, lines: int) -> None:
        """Wait for so many lines."""
        while len(self.lines) < lines:  # noqa: ASYNC110 - what it prints comes over a pipe
            await asyncio.sleep(0.01)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of modules that a child may be."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


async def test_it_reads_its_configuration_and_ends_with_its_input(folder: Path) -> None:
    """Its lines arrive, and an end that was asked for is no end to report."""
    (folder / "obedient.py").write_text(
        "import sys\nprint(sys.stdin.readline(), flush=True)\nsys.stdin.read()\n"
    )
    parent = Parent("obedient")
    parent.child.start()
    await parent.hears(1)
    assert await parent.child.close(within_s=60.0)
    assert (parent.lines[0], parent.ends) == ('{"text":"it works"}', [])


async def test_it_is_started_again_later_each_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is its exit code; a process that keeps ending gets longer waits."""
    monkeypatch.setattr(child_process, "RESTART_AFTER_S", (0.0, 0.001))
    (folder / "brief.py").write_text("print('here', flush=True)\nraise SystemExit(3)\n")
    parent = Parent("brief")
    parent.child.start()
    await parent.hears(3)
    await parent.child.close(within_s=60.0)
    assert parent.ends[:2] == [("exit code 3", 0.0), ("exit code 3", 0.001)]


async def test_one_that_does_not_end_is_killed(folder: Path) -> None:
    """The caller hears that it had to be."""
    (folder / "stubborn.py").write_text(
        "import time\nprint('here', flush=True)\nwhile True:\n    time.sleep(1.0)\n"
    )
    parent = Parent("stubborn")
    parent.child.start()
    await parent.hears(1)
    assert not await parent.child.close(within_s=0.05)
    assert parent.child.process is None


async def test_one_that_never_began_needs_no_end() -> None:
    """A service may fail before it starts the child."""
    assert await Parent("nothing").child.close(within_s=60.0)
