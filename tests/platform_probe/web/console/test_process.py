"""The console as a program, and as the monitor's child."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from platform_probe.__main__ import main
from platform_probe.settings.console import ConsoleSettings
from platform_probe.web.console import child as child_of_monitor
from platform_probe.web.console.child import ConsoleChild
from tests.helpers.consoles import Visitor
from tests.helpers.waiting import PATIENCE_S

PROGRAM = (sys.executable, "-m", "platform_probe")


@contextmanager
def started(*arguments: str, said: str, cwd: Path) -> Iterator[str]:
    """Start the program, and give what it says after `said`; it ends well when told to."""
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd
    )
    assert process.stdout is not None
    try:
        seen = ""
        for line in process.stdout:
            seen += line
            if said in line:
                yield line.partition(said)[2].strip().strip('"}')
                break
        else:
            raise AssertionError(seen)
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0


def test_it_serves_a_store_to_whom_it_made_a_token(console_store: Path, tmp_path: Path) -> None:
    """The line goes into the file, the token to the person; it ends when told to."""
    done = CliRunner().invoke(main, ["console", "--new-token", "amelie:support"])
    first, _, line = done.stdout.splitlines()
    (tmp_path / "tokens.txt").write_text(line)
    arguments = ("--store", str(console_store), "--listen", "127.0.0.1:0", "--tokens", "tokens.txt")
    with started("console", *arguments, said="the console is at ", cwd=tmp_path) as url:
        visitor = Visitor(url)
        assert visitor.get("/").status == 303
        assert visitor.log_in(first.partition(": ")[2]).status == 303
        assert "amelie, Support" in visitor.get("/").text
        assert visitor.get("/search?q=booking-33").status == 303
        assert visitor.get("/booking/booking-33").status == 200
    assert (tmp_path / "probe-data" / "console_audit.jsonl").exists()


async def test_a_child_ends_with_the_monitor(
    console_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its input ends, whatever ended the monitor; when it ends by itself, that is told."""
    monkeypatch.setattr(child_of_monitor, "END_WITHIN_S", 60.0)  # an idle process waits for others
    urls: list[str] = []
    told: list[str] = []
    child = ConsoleChild(
        ConsoleSettings(listen="127.0.0.1:0"),
        directory=console_store, zone="UTC", audit_file=tmp_path / "audit.jsonl",
    )  # fmt: skip
    child.start(complain=lambda event, *_, **__: told.append(event), tell=urls.append)
    while not urls:  # noqa: ASYNC110 - what it says comes over a pipe
        await asyncio.sleep(0.02)
    process = child._child.process
    assert process is not None
    assert os.getpriority(os.PRIO_PROCESS, process.pid) >= 10
    assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE
    await child.close()
    assert process.returncode == 0
    assert told == []


@pytest.mark.long
async def test_a_child_that_cannot_start_is_told(tmp_path: Path) -> None:
    """The monitor goes on."""
    told: list[tuple[str, object]] = []
    child = ConsoleChild(
        ConsoleSettings(listen="127.0.0.1:0"),
        directory=tmp_path, zone="UTC", audit_file=tmp_path / "audit.jsonl",
    )  # fmt: skip
    child.start(
        complain=lambda event, _, **fields: told.append((event, fields.get("reason"))),
        tell=lambda _: None,
    )
    while "console_ended" not in [event for event, _ in told]:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await child.close()

    assert "neither a store" in str(told[-1][1])


def test_the_monitor_starts_it(tmp_path: Path) -> None:
    """Over its records, where there is no store; no broker is needed for looking."""
    arguments = ("run", "--broker", "mqtt://127.0.0.1:1", "--listen", "127.0.0.1:0")
    more = ("--console", "127.0.0.1:0", "--out", str(tmp_path / "records"))
    with started(*arguments, *more, said='"url":"', cwd=tmp_path) as url:
        assert Visitor(url.partition('"')[0]).get("/").status == 200
