"""Tries the PromQL of a board: at a Prometheus, else with promtool."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fleet_wire.errors import ConfigError
from fleet_wire.printing import json_text
from platform_probe.boards.form import RANGE, Board, Panel
from platform_probe.store.duck import Rows
from platform_probe.texts.times import HOUR_S
from platform_probe.web.console.prometheus import Prometheus, SeriesQuestion

_BEFORE_PROBLEM: Final = "could not parse expression: "
"""The words of promtool before a problem."""


def promql_answers(board: Board, url: str | None) -> Mapping[int, Rows | ConfigError | None] | None:
    """Return the answer to each panel that asks Prometheus, by the panel's `id`.

    promtool knows no series: None is what it finds nothing wrong with. The whole is None where
    there is neither a Prometheus nor promtool. Raises `ConfigError` for what is no URL.
    """
    if url is not None and not url.startswith(("http://", "https://")):
        raise ConfigError([f"--prometheus {url}: expected http://HOST:PORT"])
    panels = [panel for panel in board.panels if panel.promql is not None]
    promtool = shutil.which("promtool")
    answers: Sequence[Rows | ConfigError | None]
    if url is not None:
        answers = asyncio.run(_series(url, panels, board.hours * HOUR_S))
    elif promtool is not None:
        answers = [_promtool_problem(promtool, panel) for panel in panels]
    else:
        return None if panels else {}
    return dict(zip(map(id, panels), answers, strict=True))


async def _series(url: str, panels: Sequence[Panel], long_s: float) -> list[Rows | ConfigError]:
    prometheus = Prometheus(url)
    now_s = time.time()
    try:
        return await prometheus.ask(
            [SeriesQuestion(each, now_s - long_s, now_s) for each in panels]
        )
    finally:
        await prometheus.close()


def _promtool_problem(promtool: str, panel: Panel) -> ConfigError | None:
    """Return what promtool says of PromQL as a rule; None where it is right."""
    rule = {"record": "board", "expr": (panel.promql or "").replace(RANGE, "1h")}
    with tempfile.TemporaryDirectory(prefix="promql-") as directory:
        file = Path(directory) / "rules.yaml"
        file.write_text(json_text({"groups": [{"name": "board", "rules": [rule]}]}), "utf-8")
        run = subprocess.run(  # noqa: S603 - a program of PATH, and a file of ours
            [promtool, "check", "rules", file], capture_output=True, text=True, check=False
        )
    problem = run.stderr.rpartition(_BEFORE_PROBLEM)[2].strip()
    return ConfigError([problem]) if run.returncode else None
