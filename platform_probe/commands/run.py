"""The command `platform-probe run`: the probe, until it is stopped."""

from __future__ import annotations

import asyncio
from typing import Any

import click
import uvloop

from platform_probe.commands.settings_options import settings_of, settings_options
from platform_probe.service.service import serve


@click.command()
@settings_options
def run(**options: Any) -> None:
    """Run the probe until it is stopped, or until its load is over.

    \b
    Only watch what the platform sends, and serve metrics:
      platform-probe run --broker mqtt://broker:1883
    Unlock each car in cars.txt once an hour, and lock it again:
      platform-probe run --broker mqtt://broker:1883 --vehicles cars.txt --every 3600
    Everything from a file, but another port:
      platform-probe run --config probe.yaml --listen 127.0.0.1:9500

    On stdout it reports one JSON object a line: `ready`, then `progress` each second, `stopping`
    after a signal, then `done`.
    The log goes to stderr; each unlock is one line of attempts.jsonl in the output directory.
    After SIGTERM or Ctrl-C it starts no more unlocks. It waits for those in flight, for the
    deadline at most, and as long again for cars that it locks. A second Ctrl-C stops it at once.

    Exit codes: 0 after an orderly end, 2 for wrong settings, for a broker that refuses us or is
    away for longer than `--wait`, or for a limit of the machine.
    """  # noqa: D301 - click's own escape
    settings = settings_of(options)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
