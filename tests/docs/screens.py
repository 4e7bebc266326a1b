"""Takes the pictures of the console from a run in virtual time: `python -m tests.docs.screens`.

Fonts differ between machines, so no test compares these pictures: take them anew when the pages
have changed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import ViewportSize, sync_playwright

from fleet_sim.scenario.loading import load_scenario
from tests.helpers.commands import lines
from tests.helpers.places import ROOT
from tests.helpers.virtual_runs import SCENARIOS, run_virtually

IMAGES = ROOT / "docs" / "images"
SIZE = ViewportSize(width=1280, height=1000)


@contextmanager
def console_of(run: Path) -> Iterator[str]:
    """Serve the console over a run; yield its address."""
    command = [sys.executable, "-m", "platform_probe", "console", "--run", str(run)]
    command += ["--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(word for line in process.stdout for word in line.split() if "://" in word)
        finally:
            process.terminate()


def pages_of(run: Path) -> dict[str, str]:
    """Return the paths of the pages, by the names of their pictures."""
    incident = next(iter(lines(run / "incidents.jsonl")))
    failed = next(one for one in lines(run / "attempts.jsonl") if one["cause"] == "box_offline")
    return {
        "console.png": f"/unlock/{failed['attempt_id']}",
        "incident.png": f"/incident/{incident['incident_id']}",
    }


def main() -> None:
    """Run a city with a failed operator, and take the pictures."""
    scenario = load_scenario(SCENARIOS["operator_in_a_city"])
    with TemporaryDirectory() as parent, sync_playwright() as playwright:
        run = Path(parent) / "city"
        run_virtually(scenario, run, seed=scenario.seed or 1)
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        with console_of(run) as address:
            page = browser.new_page(viewport=SIZE)
            for name, path in pages_of(run).items():
                answer = page.goto(address.rstrip("/.") + path)
                assert answer is not None, path
                assert answer.ok, path
                page.screenshot(path=str(IMAGES / name))
                sys.stdout.write(f"{name}\n")
        browser.close()


if __name__ == "__main__":
    main()
