"""The console as a process: by itself, or beside the monitor.

It is a nice process of its own, so that dozens of viewers do not disturb the timing of unlocks. A
child of the monitor (`python -m platform_probe.web.console.process`) runs on spare CPU. It reads
one line of JSON, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop

from fleet_wire.child_process import be_nice, config_from_parent, input_end, tell_parent
from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import Document
from fleet_wire.errors import UnlockpathError
from fleet_wire.web.server import at_url
from platform_probe.settings.console import ConsoleSettings
from platform_probe.tell.posting import MonitorAddress
from platform_probe.texts.times import zone_named
from platform_probe.web.console.application import Console
from platform_probe.web.console.console_reply import ChildConfig, ConsoleReply


async def serve_console(
    directory: Path,
    settings: ConsoleSettings,
    *,
    zone: str,
    audit_file: Path,
    say: Callable[[str], None],
    trouble: Callable[[str], None],
    monitor: MonitorAddress | None = None,
    until: asyncio.Event | None = None,
) -> None:
    """Serve pages until told to stop.

    `say` gets the address of the pages, `trouble` errors of a page. `monitor` takes labels.

    Raises `ConfigError` for what cannot be read, `LimitError` where the port cannot be had.
    """
    console = Console(
        directory,
        settings,
        zone_named(zone),
        audit_file=audit_file,
        trouble=trouble,
        monitor=monitor,
    )
    server = console.server()
    stop = asyncio.Event() if until is None else until
    if until is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        port = await server.start(settings.host, settings.port)
        say(at_url(settings.host, port))
        await stop.wait()
    finally:
        await console.close()
        await server.stop()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run it as nice as that is allowed."""
    be_nice()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def _as_child(config: ChildConfig) -> None:
    document = Document(path=Path("settings"), values=config.settings, lines={})
    await serve_console(
        Path(config.directory),
        validated_model(document, ConsoleSettings),
        zone=config.zone,
        audit_file=Path(config.audit_file),
        say=lambda url: tell_parent(ConsoleReply(url=url)),
        trouble=lambda problem: tell_parent(ConsoleReply(problem=problem)),
        monitor=config.monitor,
        until=input_end(),
    )


def main() -> None:
    """Run as a child of the monitor."""
    config = config_from_parent(ChildConfig)
    if sys.platform == "linux":
        with suppress(OSError):
            # A process that is only nice may keep its slice when the monitor has an unlock to time.
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        run(_as_child(config))
    except (UnlockpathError, OSError) as error:
        tell_parent(ConsoleReply(problem=str(error)))
        sys.exit(2)


if __name__ == "__main__":
    main()
